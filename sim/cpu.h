#pragma once
// The processor of one shard of one incarnation: its fibers take virtual time, one after another, so that
// overload and queueing occur; it can be frozen (a paused process) and stopped (a dead one).

#include <cstdint>
#include <vector>

#include "core/io/scheduler.h"
#include "sim/clock/node_clock.h"

namespace ksim::sim {

class SimPolicy;

class Cpu final : public Timer {
 public:
  Cpu(Scheduler& scheduler, SimPolicy& policy, const NodeClock& clock, uint64_t key)
      : scheduler_(scheduler), policy_(policy), clock_(clock), key_(key) {}
  ~Cpu() { scheduler_.cancel_timer(*this); }

  const NodeClock& clock() const { return clock_; }
  Instant local_now() const { return clock_.local_now(); }
  uint64_t key() const { return key_; }
  // Virtual time that the running fiber uses up beside its own cost: transfers that do not park.
  void charge_ns(int64_t ns) { charged_ns_ += ns; }

  void freeze() { frozen_ = true; }
  void thaw();
  // Nothing runs here any more; the scheduler's kill() ends what is left.
  void stop();
  bool stopped() const { return stopped_; }
  size_t held() const { return held_.size(); }

  // ---- for the policy ----
  bool admit(Fiber& fiber);
  void ran(int64_t cost_ns);
  void fire() override;

 private:
  struct Held {
    uint64_t priority;
    uint64_t key;
    Fiber* fiber;
  };
  void hold(Fiber& fiber);
  void release_one();
  void arm();

  Scheduler& scheduler_;
  SimPolicy& policy_;
  const NodeClock& clock_;
  uint64_t key_;
  std::vector<Held> held_;
  Instant busy_until_{0};
  int64_t charged_ns_ = 0;
  bool frozen_ = false;
  bool stopped_ = false;
};

}  // namespace ksim::sim
