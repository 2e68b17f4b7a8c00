// clog: what is sent to or from the target arrives when the fault is over, all of it, and not before. Unlike
// under a partition nothing is sent again and nobody gives up: the bytes of connections that their ends have
// long closed arrive beside those of the connections that came after them.

#include <fmt/format.h>

#include "sim/faults/all.h"
#include "sim/faults/way_trouble.h"

namespace ksim::sim {
namespace {

constexpr Duration kDefault = seconds(10);  // of one that lasts until the run heals everything

Began begin_clog(FaultStage& stage, const FaultPlan& plan, const std::vector<SimNode*>& targets, uint64_t) {
  LinkTrouble trouble;
  trouble.not_before = stage.world().now() + plan.lasts.value_or(kDefault);
  return {std::make_unique<WaysTroubled>(stage.world(), ways_around(stage, targets), trouble),
          fmt::format("{}: nothing arrives before {:.3f} s", join_names(targets),
                      static_cast<double>(trouble.not_before.ns) / 1e9)};
}

}  // namespace

FaultKind clog_fault() {
  return {"clog", "what is sent to or from the target arrives when the fault is over, and nothing is lost",
          {},     begin_clog,
          false,  true};
}

}  // namespace ksim::sim
