// slow_reader: the target takes what arrives only after a `pause`: windows fill, and those who write to it
// wait.

#include <fmt/format.h>

#include "sim/faults/all.h"
#include "sim/faults/host_trouble.h"

namespace ksim::sim {
namespace {

Began begin_slow_reader(FaultStage&, const FaultPlan& plan, const std::vector<SimNode*>& targets, uint64_t) {
  const Duration pause = parameter(plan, "pause", milliseconds(200));
  HostTrouble trouble;
  trouble.read_pause_ns = pause.ns;
  return {std::make_unique<HostsTroubled>(targets, trouble, &Host::slow_reads),
          fmt::format("{}: waits {} ms before each read", join_names(targets), pause.ms())};
}

}  // namespace

FaultKind slow_reader_fault() {
  return {"slow_reader",
          "the target waits for `pause` before it takes what has arrived: who writes to it has to wait",
          {"pause"},
          begin_slow_reader,
          false,
          true};
}

}  // namespace ksim::sim
