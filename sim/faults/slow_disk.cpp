// slow_disk: everything the disk does takes `factor` times as long.

#include <fmt/format.h>

#include "sim/faults/all.h"
#include "sim/faults/disk_trouble.h"

namespace ksim::sim {
namespace {

Began begin_slow_disk(FaultStage&, const FaultPlan& plan, const std::vector<SimNode*>& targets, uint64_t) {
  const auto factor = static_cast<uint32_t>(parameter(plan, "factor", uint64_t{100}));
  DiskTrouble trouble;
  trouble.slow_per_mille = factor * 1000;
  return {std::make_unique<DiskTroubled>(targets, [&](SimNode&) { return trouble; }),
          fmt::format("disk of {} {} times as slow", join_names(targets), factor)};
}

}  // namespace

FaultKind slow_disk_fault() {
  return {"slow_disk", "everything the disk does takes `factor` times as long", {"factor"}, begin_slow_disk};
}

}  // namespace ksim::sim
