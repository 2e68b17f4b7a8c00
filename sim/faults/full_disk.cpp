// full_disk: the disk has no more space than it holds now. A broker whose only log directory fails stops
// itself: it is started again when the fault ends.

#include <fmt/format.h>

#include "sim/faults/all.h"
#include "sim/faults/disk_trouble.h"

namespace ksim::sim {
namespace {

Began begin_full_disk(FaultStage&, const FaultPlan&, const std::vector<SimNode*>& targets, uint64_t) {
  const auto full = [](SimNode& node) {
    DiskTrouble trouble;
    trouble.capacity_bytes = node.device().image().used_bytes();
    return trouble;
  };
  return {std::make_unique<DiskTroubled>(targets, full),
          fmt::format("disk of {} is full", join_names(targets))};
}

}  // namespace

FaultKind full_disk_fault() {
  return {
      "full_disk", "the disk has no more space than it holds now, until the fault ends", {}, begin_full_disk};
}

}  // namespace ksim::sim
