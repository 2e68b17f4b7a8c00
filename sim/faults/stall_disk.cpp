// stall_disk: the disk stops answering; what waits for it goes on when the fault ends.

#include <fmt/format.h>

#include "sim/faults/all.h"
#include "sim/faults/disk_trouble.h"

namespace ksim::sim {
namespace {

Began begin_stall_disk(FaultStage&, const FaultPlan&, const std::vector<SimNode*>& targets, uint64_t) {
  DiskTrouble trouble;
  trouble.stalled_until = Instant{0} + seconds(1'000'000);  // until the fault ends: far beyond any run
  return {std::make_unique<DiskTroubled>(targets, [&](SimNode&) { return trouble; }),
          fmt::format("disk of {} stopped answering", join_names(targets))};
}

}  // namespace

FaultKind stall_disk_fault() {
  return {"stall_disk", "the disk stops answering until the fault ends", {}, begin_stall_disk};
}

}  // namespace ksim::sim
