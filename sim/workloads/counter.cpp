// A counter in the first partition of a topic: who adds one appends a record, and its value is where the log
// ends. Small on purpose: copy it for a workload of your own (sim/EXTENDING.md).

#include "sim/workloads/counter.h"

#include "core/client/consumer.h"
#include "core/client/producer.h"
#include "sim/workloads/all.h"
#include "sim/workloads/client_config.h"
#include "sim/workloads/state.h"

namespace ksim::sim {
namespace {

class CounterProcess final : public PlayingClient {
 public:
  CounterProcess(WorkloadState& state, const WorkloadPlan& plan, uint32_t number, Env& env)
      : PlayingClient(state),
        plan_(plan),
        number_(number),
        env_(env),
        dice_(env.random, Stream::workload, mix64(number, 7)),
        id_(state.observer.names().id(plan.topic, 0)) {}

 private:
  void play() override {
    const Properties settings = {
        {"acks", "all"}, {"request.timeout.ms", "2000"}, {"delivery.timeout.ms", "10000"}};
    auto producer = client::Producer::create(env_, producer_config(settings, state_.bootstrap).value());
    auto consumer = client::Consumer::create(env_, consumer_config({}, state_.bootstrap).value());
    const uint64_t reads_every = parameter(plan_, "reads_every", uint64_t{5});
    env_.sleep(plan_.starts);
    for (uint64_t n = 1; !winding_up(); ++n) {
      add(**producer, n);
      if (n % reads_every == 0) read(**consumer);
      env_.sleep({plan_.interval.ns / 2 +
                  static_cast<int64_t>(dice_.below(static_cast<uint64_t>(plan_.interval.ns) + 1))});
    }
    (*producer)->close(env_.after(seconds(60)));
    (*consumer)->close();
  }

  void add(client::Producer& producer, uint64_t n) {
    CounterAdd fact{id_, mix64(number_, n), now()};
    state_.observer.on_own_fact(fact);  // before anything can come of it
    client::ProducerRecord record;
    record.topic = plan_.topic;
    record.partition = 0;
    record.value = as_bytes("+1");
    const client::SendResult result = producer.send(record).wait();
    fact.outcome = result.outcome == client::Outcome::written       ? Outcome::ok
                   : result.outcome == client::Outcome::not_written ? Outcome::failed
                                                                    : Outcome::unknown;
    fact.offset = result.offset;
    state_.observer.on_own_fact(fact);
  }

  void read(client::Consumer& consumer) {
    const TopicPartition partition{plan_.topic, 0};
    const auto ends = consumer.end_offsets({partition}, env_.after(seconds(5)));
    if (!ends.ok() || !ends->contains(partition)) return;
    state_.observer.on_own_fact(CounterRead{id_, number_, ends->at(partition), now()});
  }

  const WorkloadPlan& plan_;
  uint64_t number_;
  Env& env_;
  Dice dice_;
  PartitionId id_;
};

}  // namespace

WorkloadKind counter_workload() {
  WorkloadKind kind;
  kind.name = "counter";
  kind.text = "adds to a counter, which is the end of a log, and reads it now and then";
  kind.parameters = {{"reads_every", WorkloadParameter::Type::number}};
  kind.make = [](WorkloadState& state, const WorkloadPlan& plan) -> ProcessFactory {
    return [&state, &plan](const std::vector<Env*>& shards) {
      return std::make_unique<CounterProcess>(state, plan, state.new_driver(), *shards[0]);
    };
  };
  return kind;
}

}  // namespace ksim::sim
