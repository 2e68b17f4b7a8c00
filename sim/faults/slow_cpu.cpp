// slow_cpu: everything that the target computes takes `factor` times as long.

#include <fmt/format.h>

#include "sim/faults/all.h"
#include "sim/faults/cpu_trouble.h"

namespace ksim::sim {
namespace {

Began begin_slow_cpu(FaultStage&, const FaultPlan& plan, const std::vector<SimNode*>& targets, uint64_t) {
  const uint64_t factor = std::clamp<uint64_t>(parameter(plan, "factor", uint64_t{20}), 1, 10'000);
  return {std::make_unique<CpusTroubled>(targets, CpuTrouble{static_cast<uint32_t>(factor * 1000), 0}),
          fmt::format("processors of {} are {} times as slow", join_names(targets), factor)};
}

}  // namespace

FaultKind slow_cpu_fault() {
  return {"slow_cpu", "everything that the target computes takes `factor` times as long",
          {"factor"}, begin_slow_cpu,
          false,      true};
}

}  // namespace ksim::sim
