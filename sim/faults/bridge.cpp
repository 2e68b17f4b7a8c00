// bridge: the cluster falls into two halves that do not reach each other; only the target sees both.

#include <fmt/format.h>

#include "sim/faults/all.h"
#include "sim/faults/way_trouble.h"

namespace ksim::sim {
namespace {

Began begin_bridge(FaultStage& stage, const FaultPlan&, const std::vector<SimNode*>& targets, uint64_t key) {
  std::vector<SimNode*> halves[2];
  size_t turn = key % 2;
  for (SimNode* other : stage.others(*targets.front(), false)) {
    bool bridges = false;
    for (const SimNode* node : targets) bridges = bridges || node == other;
    if (!bridges) halves[turn++ % 2].push_back(other);
  }
  if (halves[0].empty() || halves[1].empty())
    return no_effect(join_names(targets) + ": too few others to be two halves");
  std::vector<Way> ways;
  for (SimNode* one : halves[0]) {
    for (SimNode* other : halves[1]) {
      ways.push_back({one, other});
      ways.push_back({other, one});
    }
  }
  return {std::make_unique<WaysTroubled>(stage.world(), ways, LinkTrouble{.blocked = true}),
          fmt::format("only {} reaches both {} and {}", join_names(targets), join_names(halves[0]),
                      join_names(halves[1]))};
}

}  // namespace

FaultKind bridge_fault() {
  return {"bridge", "the cluster falls into two halves, and only the target reaches both", {}, begin_bridge};
}

}  // namespace ksim::sim
