// full_disk: the disk has no more space than it holds now, and `room` bytes. A broker whose only log
// directory fails stops itself: it is started again when the fault ends.

#include <fmt/format.h>

#include "sim/faults/all.h"
#include "sim/faults/disk_trouble.h"

namespace ksim::sim {
namespace {

Began begin_full_disk(FaultStage&, const FaultPlan& plan, const std::vector<SimNode*>& targets, uint64_t) {
  const uint64_t room = parameter(plan, "room", uint64_t{0});
  const auto full = [room](SimNode& node) {
    DiskTrouble trouble;
    trouble.capacity_bytes = node.device().image().used_bytes() + room;
    return trouble;
  };
  return {std::make_unique<DiskTroubled>(targets, full),
          room == 0 ? fmt::format("disk of {} is full", join_names(targets))
                    : fmt::format("disk of {} has {} bytes left", join_names(targets), room)};
}

}  // namespace

FaultKind full_disk_fault() {
  return {"full_disk",
          "the disk has no more space than it holds now, and `room` bytes, until the fault ends",
          {"room"},
          begin_full_disk};
}

}  // namespace ksim::sim
