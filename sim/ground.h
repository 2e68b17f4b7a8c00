#pragma once
// What all parts of a simulated world stand on, and the life of one simulated process.

#include "core/io/scheduler.h"
#include "sim/cpu.h"
#include "sim/digest.h"
#include "sim/keyed_random.h"
#include "sim/memory.h"
#include "sim/policy.h"

namespace ksim::sim {

struct Ground {
  SimPolicy& policy;
  Scheduler& scheduler;
  Digest& digest;
  const KeyedRandom& random;
  RunMemory& memory;

  Instant now() const { return policy.now(); }
};

// From the start of a process to its end. A crash cuts it first: from then on every call through its Env
// fails and leaves no trace, though stacks are still unwound and objects destroyed.
class Life {
 public:
  Life(Scheduler& scheduler, uint64_t key, uint32_t number)
      : scheduler_(scheduler), key_(key), number_(number) {}
  Life(const Life&) = delete;
  Life& operator=(const Life&) = delete;

  bool alive() const { return alive_; }
  void cut() { alive_ = false; }
  uint64_t key() const { return key_; }        // of the node and this incarnation
  uint32_t number() const { return number_; }  // counts from 1
  // First of all in a seam call that may wait. A fiber of a dead process does not come back from here, it is
  // unwound; false: dead, and the caller stands where it cannot be unwound.
  bool enter() { return alive_ || leave(); }

 private:
  bool leave() {
    if (!scheduler_.can_wait()) return false;
    static_cast<void>(scheduler_.park_uncancellable(Instant::never(), "dead process"));
    static_cast<void>(scheduler_.park(Instant::never(), "dead process"));
    return false;
  }

  Scheduler& scheduler_;
  uint64_t key_;
  uint32_t number_;
  bool alive_ = true;
};

}  // namespace ksim::sim
