// new_address: the broker dies at once and comes back, when the fault ends, under another port. Whoever knows
// the old one has to learn the new one.

#include <fmt/format.h>

#include "sim/faults/all.h"
#include "sim/faults/kept_down.h"

namespace ksim::sim {
namespace {

Began begin_new_address(FaultStage& stage, const FaultPlan&, const std::vector<SimNode*>& targets, uint64_t) {
  std::vector<SimNode*> nodes;
  std::string effect;
  for (SimNode* node : targets) {
    if (!node->alive() || !stage.move(*node)) continue;
    effect += fmt::format("{}{} died{}, to come back under another port", effect.empty() ? "" : "; ",
                          node->name(), stage.role_of(*node));
    stage.crash(*node);
    nodes.push_back(node);
  }
  if (nodes.empty())
    return no_effect(join_names(targets) + ": down already, no broker, or the last at its first port");
  return {std::make_unique<KeptDown>(std::move(nodes)), std::move(effect)};
}

}  // namespace

FaultKind new_address_fault() {
  return {
      "new_address",
      "the broker dies and comes back under another port, but for one that stays where clients first look",
      {},
      begin_new_address};
}

}  // namespace ksim::sim
