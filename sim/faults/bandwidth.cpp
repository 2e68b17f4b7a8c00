// bandwidth: no more than `bytes_per_second` get through on each way to and from the target.

#include <algorithm>

#include <fmt/format.h>

#include "sim/faults/all.h"
#include "sim/faults/way_trouble.h"

namespace ksim::sim {
namespace {

Began begin_bandwidth(FaultStage& stage, const FaultPlan& plan, const std::vector<SimNode*>& targets,
                      uint64_t) {
  LinkTrouble trouble;
  trouble.bytes_per_second = std::max<uint64_t>(1'000, parameter(plan, "bytes_per_second", uint64_t{20'000}));
  return {std::make_unique<WaysTroubled>(stage.world(), ways_around(stage, targets), trouble),
          fmt::format("{}: {} bytes a second on each way, no more", join_names(targets),
                      trouble.bytes_per_second)};
}

}  // namespace

FaultKind bandwidth_fault() {
  return {"bandwidth",
          "no more than `bytes_per_second` (at least 1000) get through on each way to and from the target",
          {"bytes_per_second"},
          begin_bandwidth,
          false,
          true};
}

}  // namespace ksim::sim
