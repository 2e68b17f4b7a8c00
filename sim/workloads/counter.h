#pragma once
// What the workload "counter" tells and the checker X1 judges (sim/EXTENDING.md walks through both).

#include <cstdint>

#include "sim/history/facts.h"

namespace ksim::sim {

// One was added to the counter: told when it is invoked, and again when it completed.
struct CounterAdd {
  PartitionId partition = 0;
  uint64_t number = 0;  // of the add, unique in the run
  Instant invoked;
  Outcome outcome = Outcome::pending;
  int64_t offset = -1;  // where it stands, if it was acknowledged
};

// The counter was read.
struct CounterRead {
  PartitionId partition = 0;
  uint64_t reader = 0;  // who reads, unique in the run
  int64_t value = 0;
  Instant completed;
};

}  // namespace ksim::sim
