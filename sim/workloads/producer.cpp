// Sends records one after the other, each with an id of its own, and notes what it was told of each.

#include "core/client/producer.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "core/base/assert.h"
#include "core/client/partitioner.h"
#include "sim/workloads/client_config.h"
#include "sim/workloads/state.h"

namespace ksim::sim {
namespace {

constexpr uint64_t kHeadersEvery = 7;  // records
// Not always the same: it could keep step with followers' fetches, and always come when they are late.
constexpr int64_t kLeastBetweenProofsMs = 200;
constexpr int64_t kMostBetweenProofsMs = 1'000;

Outcome outcome_of(client::Outcome outcome) {
  switch (outcome) {
    case client::Outcome::written:
      return Outcome::ok;
    case client::Outcome::not_written:
      return Outcome::failed;
    case client::Outcome::unknown:
      break;
  }
  return Outcome::unknown;
}

class ProducerProcess final : public ClientProcess {
 public:
  ProducerProcess(WorkloadState& state, const ProducerPlan& plan, Env& env)
      : ClientProcess(state),
        plan_(plan),
        env_(env),
        starts_in_(state.left_of(plan.starts)),
        session_(state.next_session++),
        dice_(env.random, Stream::workload, session_) {}

  void run(size_t) override {
    const auto config = producer_config(plan_.config, state_.bootstrap);
    if (!config.ok()) return give_up(config.error().message);
    std::unique_ptr<client::Producer> producer = begin(*config);
    env_.sleep(starts_in_);
    const std::vector<const TopicPlan*> topics = state_.topics_of(plan_);
    uint64_t n = 1;  // of this session
    for (uint64_t all = 1; wants_more(all);) {
      // One to twice the mean less one, so that the mean is kept.
      const uint64_t burst = plan_.burst == 1 ? 1 : 1 + dice_.below(2 * uint64_t{plan_.burst} - 1);
      const TopicPlan& topic = *topics[topics.size() == 1 ? 0 : dice_.below(topics.size())];
      const auto place = static_cast<int32_t>(dice_.below(static_cast<uint64_t>(topic.partitions)));
      for (uint64_t i = 0; i < burst && wants_more(all); ++i, ++n, ++all) send(*producer, topic, place, n);
      // Half to one and a half times the interval.
      if (plan_.interval.ns > 0) {
        env_.sleep({plan_.interval.ns / 2 +
                    static_cast<int64_t>(dice_.below(static_cast<uint64_t>(plan_.interval.ns)))});
      }
      if (plan_.renew_every == 0 || n <= plan_.renew_every || !wants_more(all)) continue;
      // What has no answer by then gets none.
      producer->close(env_.after(milliseconds(200)));
      session_ = state_.next_session++;
      producer = begin(*config);
      n = 1;
    }
    static_cast<void>(producer->flush(env_.after(seconds(3600))));
    if (plan_.records == 0 && !asked_to_stop()) prove_life(*producer, n);
    producer->close(env_.after(seconds(60)));
    ended();
  }

 private:
  std::unique_ptr<client::Producer> begin(const client::ProducerConfig& config) {
    auto producer = client::Producer::create(env_, config);
    ENSURE(producer.ok());  // the plan was looked at
    state_.observer.on_session(
        {session_, plan_.name, config.acks, config.enable_idempotence,
         static_cast<uint32_t>(config.max_in_flight_requests_per_connection),
         milliseconds(config.max_block_ms) + milliseconds(config.delivery_timeout_ms)});
    beliefs_.emplace(state_, session_);
    return std::move(producer).value();
  }

  // Everything is healed: the same session must still get a record into every partition, however impatient it
  // is. The run does not end before, and L says what it waits for.
  void prove_life(client::Producer& producer, uint64_t n) {
    const std::vector<TopicPartition> all = state_.partitions_of(plan_);
    std::set<TopicPartition> wanted(all.begin(), all.end());
    for (;;) {
      std::map<TopicPartition, client::SendResult> told;
      for (const TopicPartition& partition : wanted) send_to(producer, partition, n++, told);
      static_cast<void>(producer.flush(env_.after(seconds(3600))));
      std::string& waits = state_.unproven[plan_.name];
      waits.clear();
      for (const auto& [partition, result] : told) {
        const PartitionId id = state_.observer.names().id(partition.topic, partition.partition);
        if (result.outcome == client::Outcome::written || state_.observer.view().offline_permitted(id)) {
          wanted.erase(partition);
        } else {
          waits = fmt::format("{} gets no record into {}: {}", plan_.name, partition.to_string(),
                              to_string(result.error));
        }
      }
      if (wanted.empty() || asked_to_stop()) return;
      const auto more_ms = dice_.below(kMostBetweenProofsMs - kLeastBetweenProofsMs);
      env_.sleep(milliseconds(kLeastBetweenProofsMs + static_cast<int64_t>(more_ms)));
    }
  }

  void give_up(const std::string& why) {
    state_.observer.on_violation("PLAN", state_.world.now(), plan_.name, why);
    ended();
  }

  bool wants_more(uint64_t n) const { return !winding_up() && (plan_.records == 0 || n <= plan_.records); }

  void send(client::Producer& producer, const TopicPlan& topic, int32_t place, uint64_t n) {
    // The partition is chosen here, so that the note of the call can name it. A key chooses it by a rule that
    // everybody knows, so the producer is left to find it, unless a partition more would change it meanwhile.
    const std::string key = plan_.keyed ? fmt::format("key-{}", dice_.below(64)) : std::string();
    const int32_t partition =
        plan_.keyed ? client::partition_for_key(as_bytes(key), topic.partitions) : place;
    const bool large = plan_.large_every > 0 && n % plan_.large_every == 0;
    send_record(producer, {topic.name, partition}, n, key,
                size_t{plan_.record_bytes} * (large ? kLargeTimes : 1), [](const client::SendResult&) {});
  }

  // A small one, which no limit that an administrator may have set keeps out.
  void send_to(client::Producer& producer, const TopicPartition& partition, uint64_t n,
               std::map<TopicPartition, client::SendResult>& told) {
    send_record(producer, partition, n, {}, sizeof(RecordId),
                [&told, partition](const client::SendResult& result) { told[partition] = result; });
  }

  // An administrator may give it more partitions, and then a key goes elsewhere.
  bool grows(const std::string& topic) const {
    return std::any_of(state_.plan.admins.begin(), state_.plan.admins.end(), [&](const AdminPlan& admin) {
      return admin.topic == topic &&
             std::find(admin.calls.begin(), admin.calls.end(), "create_partitions") != admin.calls.end();
    });
  }

  template <class Told>
  void send_record(client::Producer& producer, const TopicPartition& partition, uint64_t n,
                   const std::string& key, size_t bytes, Told tell) {
    const RecordId id = make_record_id(session_, n);
    value_.assign(bytes, static_cast<uint8_t>(n));
    store_be(value_.data(), id);
    client::ProducerRecord record;
    record.topic = partition.topic;
    if (key.empty() || grows(partition.topic)) record.partition = partition.partition;
    record.timestamp_ms = env_.clock.wall().ms();
    if (!key.empty()) record.key = as_bytes(key);
    record.value = Bytes(value_);
    const std::array<RecordHeader, 2> headers{
        {{"n", Bytes(value_).first(sizeof id)}, {"none", std::nullopt}}};
    if (n % kHeadersEvery == 0) record.headers = headers;
    SendOp op;
    op.session = session_;
    op.partition = state_.observer.names().id(partition.topic, partition.partition);
    op.record = id;
    op.invoked = state_.world.now();
    op.content_hash = content_hash(record.key, record.value, record.headers);
    if (!state_.observer.view().promise_of(op.partition).append_time) op.timestamp_ms = *record.timestamp_ms;
    const int64_t number = state_.send_invoked(plan_.name, op);
    static_cast<void>(
        producer.send(record, [this, op, number, tell](const client::SendResult& result) mutable {
          op.completed = state_.world.now();
          op.outcome = outcome_of(result.outcome);
          op.error = result.error;
          op.offset = result.offset;
          if (!result.message.empty() && !told_) {
            told_ = true;
            env_.emit(LogLine{2, "producer", result.message});
          }
          state_.send_completed(plan_.name, number, op);
          tell(result);
        }));
    look(producer, partition);
  }

  void look(const client::Producer& producer, const TopicPartition& partition) {
    const auto epoch = producer.metadata().last_seen_epoch(partition);
    if (epoch) beliefs_->look(partition.topic, partition.partition, *epoch);
  }

  const ProducerPlan& plan_;
  Env& env_;
  Duration starts_in_;
  uint32_t session_;
  Dice dice_;
  std::optional<BeliefWatch> beliefs_;  // of this session
  ByteBuffer value_;
  bool told_ = false;  // of the first failure
};

}  // namespace

ProcessFactory producer_process(WorkloadState& state, const ProducerPlan& plan) {
  return [&state, &plan](const std::vector<Env*>& shards) {
    return std::make_unique<ProducerProcess>(state, plan, *shards[0]);
  };
}

}  // namespace ksim::sim
