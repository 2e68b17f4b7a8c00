// stop: SIGTERM, a controlled shutdown; started again when the fault ends.

#include <fmt/format.h>

#include "sim/faults/all.h"
#include "sim/faults/kept_down.h"

namespace ksim::sim {
namespace {

Began begin_stop(FaultStage& stage, const FaultPlan&, const std::vector<SimNode*>& targets, uint64_t) {
  std::vector<SimNode*> nodes;
  std::string effect;
  for (SimNode* node : targets) {
    if (!node->alive()) continue;
    effect += fmt::format("{}{} was asked to stop{}", effect.empty() ? "" : "; ", node->name(),
                          stage.role_of(*node));
    stage.stop(*node);
    nodes.push_back(node);
  }
  if (nodes.empty()) return already_down(targets);
  return {std::make_unique<KeptDown>(std::move(nodes)), std::move(effect)};
}

}  // namespace

FaultKind stop_fault() {
  return {"stop",
          "the process is asked to stop in order (controlled shutdown) and started again at the end",
          {},
          begin_stop,
          true};
}

}  // namespace ksim::sim
