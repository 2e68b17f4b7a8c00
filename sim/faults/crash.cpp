// crash: the process dies at once (kill -9); the page cache survives. It is started again when the fault
// ends.

#include <fmt/format.h>

#include "sim/faults/all.h"
#include "sim/faults/kept_down.h"

namespace ksim::sim {
namespace {

Began begin_crash(FaultStage& stage, const FaultPlan&, const std::vector<SimNode*>& targets, uint64_t) {
  std::vector<SimNode*> nodes;
  std::string effect;
  for (SimNode* node : targets) {
    if (!node->alive()) continue;
    effect += fmt::format("{}{} died{}", effect.empty() ? "" : "; ", node->name(), stage.role_of(*node));
    stage.crash(*node);
    nodes.push_back(node);
  }
  if (nodes.empty()) return already_down(targets);
  return {std::make_unique<KeptDown>(std::move(nodes)), std::move(effect)};
}

}  // namespace

FaultKind crash_fault() {
  return {
      "crash", "the process dies at once; what it wrote stays in the page cache; started again at the end",
      {},      begin_crash,
      false,   true};
}

}  // namespace ksim::sim
