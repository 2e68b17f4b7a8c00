#include "sim/faults/kept_down.h"

#include <fmt/format.h>

namespace ksim::sim {

KeptDown::KeptDown(std::vector<SimNode*> nodes) : nodes_(std::move(nodes)) {
  for (SimNode* node : nodes_) node->keep_down();
}

std::string KeptDown::end(FaultStage& stage) {
  std::string what;
  for (SimNode* node : nodes_) {
    node->let_go();
    const bool stopping = node->alive();
    stage.start(*node);
    what += fmt::format("{}{}", what.empty() ? "" : "; ",
                        node->kept_down() ? node->name() + " stays down for another fault"
                        : stopping        ? node->name() + " starts as soon as it has stopped"
                                          : "started " + node->name());
  }
  return what;
}

Began ask_to_stop(FaultStage& stage, const std::vector<SimNode*>& targets) {
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

Began already_down(const std::vector<SimNode*>& targets) {
  return no_effect(join_names(targets) + (targets.size() == 1 ? " is down already" : " are down already"));
}

}  // namespace ksim::sim
