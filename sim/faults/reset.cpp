// reset: every open connection of the target, or only those with `peer`, is reset for both its ends, as by a
// firewall that has lost its table. What was on the way is lost.

#include <fmt/format.h>

#include "sim/faults/all.h"

namespace ksim::sim {
namespace {

Began begin_reset(FaultStage& stage, const FaultPlan& plan, const std::vector<SimNode*>& targets,
                  uint64_t key) {
  const auto named = plan.parameters.find("peer");
  size_t count = 0;
  for (SimNode* node : targets) {
    const std::vector<SimNode*> peers =
        named == plan.parameters.end() ? stage.others(*node, true) : stage.resolve(named->second, key);
    for (SimNode* peer : peers) {
      if (peer != node) count += stage.world().fabric().reset_between(node->host(), peer->host());
    }
  }
  if (count == 0) return no_effect(join_names(targets) + ": no connection to reset");
  return {nullptr, fmt::format("{}: {} connections were reset", join_names(targets), count)};
}

}  // namespace

FaultKind reset_fault() {
  return {"reset",  "every connection of the target, or only those with `peer`, is reset at once",
          {"peer"}, begin_reset,
          true,     true};
}

}  // namespace ksim::sim
