// A client without core/client that speaks the wire as a hostile or a broken client would, and has every
// answer held against the rules (Q1). What it is acknowledged goes into the ledger like any other record.

#include "sim/workloads/raw_intruder.h"
#include "sim/workloads/raw_producer.h"
#include "sim/workloads/raw_reader.h"

namespace ksim::sim {
namespace {

constexpr uint32_t kFirstReader = 10'000;  // numbers of consumers are below

class RawDriverProcess final : public ClientProcess {
 public:
  RawDriverProcess(WorkloadState& state, const RawDriverPlan& plan, uint32_t number, Env& env)
      : ClientProcess(state),
        plan_(plan),
        env_(env),
        starts_in_(state.left_of(plan.starts)),
        wire_(state, plan, number, env),
        producer_(wire_),
        reader_(wire_, kFirstReader + number),
        intruder_(wire_) {
    state.observer.on_reader(kFirstReader + number, plan.name);
  }

  void run(size_t) override {
    env_.sleep(starts_in_);
    while (!winding_up()) {
      const uint64_t choice = wire_.dice().below(100);
      if (choice < 55) {
        producer_.act();
      } else if (choice < 88) {
        reader_.act();
      } else {
        intruder_.act();
      }
      // Half to one and a half times the interval.
      env_.sleep({plan_.interval.ns / 2 +
                  static_cast<int64_t>(wire_.dice().below(static_cast<uint64_t>(plan_.interval.ns) + 1))});
    }
    producer_.finish();
    ended();
  }

 private:
  const RawDriverPlan& plan_;
  Env& env_;
  Duration starts_in_;
  RawWire wire_;
  RawProducer producer_;
  RawReader reader_;
  RawIntruder intruder_;
};

}  // namespace

ProcessFactory raw_driver_process(WorkloadState& state, const RawDriverPlan& plan) {
  return [&state, &plan](const std::vector<Env*>& shards) {
    return std::make_unique<RawDriverProcess>(state, plan, state.new_driver(), *shards[0]);
  };
}

}  // namespace ksim::sim
