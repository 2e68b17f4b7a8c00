// slow_timer: timers that the target sets meanwhile go off up to `up_to` late.

#include <fmt/format.h>

#include "sim/faults/all.h"
#include "sim/faults/cpu_trouble.h"

namespace ksim::sim {
namespace {

Began begin_slow_timer(FaultStage&, const FaultPlan& plan, const std::vector<SimNode*>& targets, uint64_t) {
  const Duration up_to = parameter(plan, "up_to", milliseconds(500));
  return {std::make_unique<CpusTroubled>(targets, CpuTrouble{1000, up_to.ns}),
          fmt::format("timers of {} go off up to {} ms late", join_names(targets), up_to.ms())};
}

}  // namespace

FaultKind slow_timer_fault() {
  return {"slow_timer", "timers that the target sets meanwhile go off up to `up_to` late",
          {"up_to"},    begin_slow_timer,
          false,        true};
}

}  // namespace ksim::sim
