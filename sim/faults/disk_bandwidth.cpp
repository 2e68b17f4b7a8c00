// disk_bandwidth: the disk transfers no more than `bytes_per_second`.

#include <fmt/format.h>

#include "sim/faults/all.h"
#include "sim/faults/disk_trouble.h"

namespace ksim::sim {
namespace {

constexpr uint64_t kLeast = 1000;

Began begin_disk_bandwidth(FaultStage&, const FaultPlan& plan, const std::vector<SimNode*>& targets,
                           uint64_t) {
  DiskTrouble trouble;
  trouble.bytes_per_second = std::max(kLeast, parameter(plan, "bytes_per_second", uint64_t{100'000}));
  return {
      std::make_unique<DiskTroubled>(targets, [&](SimNode&) { return trouble; }),
      fmt::format("disk of {} transfers {} bytes a second", join_names(targets), trouble.bytes_per_second)};
}

}  // namespace

FaultKind disk_bandwidth_fault() {
  return {"disk_bandwidth",
          "the disk transfers no more than `bytes_per_second` (at least 1000)",
          {"bytes_per_second"},
          begin_disk_bandwidth};
}

}  // namespace ksim::sim
