#pragma once
// The processor of one shard of one incarnation: its fibers take virtual time, one after another, so that
// overload and queueing occur; it can be frozen (a paused process) and stopped (a dead one).

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/io/scheduler.h"
#include "sim/clock/node_clock.h"
#include "sim/latency.h"
#include "sim/troubles.h"

namespace ksim::sim {

class SimPolicy;

// What is wrong with the processors of a machine.
struct CpuTrouble {
  uint32_t slow_per_mille = 1000;  // scales what everything costs
  int64_t late_ns = 0;             // timers are up to so much late
  void worsen(const CpuTrouble& other) {
    slow_per_mille = std::max(slow_per_mille, other.slow_per_mille);
    late_ns = std::max(late_ns, other.late_ns);
  }
};

class Cpu final : public Timer {
 public:
  // `troubles` are the machine's, and outlive it.
  Cpu(Scheduler& scheduler, SimPolicy& policy, const NodeClock& clock, const Troubles<CpuTrouble>& troubles,
      uint64_t key)
      : scheduler_(scheduler), policy_(policy), clock_(clock), troubles_(troubles), key_(key) {}
  ~Cpu() { scheduler_.cancel_timer(*this); }

  const NodeClock& clock() const { return clock_; }
  Instant local_now() const { return clock_.local_now(); }
  const CpuTrouble& trouble() const { return troubles_.felt(); }
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
  const Troubles<CpuTrouble>& troubles_;
  uint64_t key_;
  std::vector<Held> held_;
  Instant busy_until_{0};
  int64_t charged_ns_ = 0;
  bool frozen_ = false;
  bool stopped_ = false;
};

}  // namespace ksim::sim
