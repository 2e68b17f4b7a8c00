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

Began already_down(const std::vector<SimNode*>& targets) {
  return no_effect(join_names(targets) + (targets.size() == 1 ? " is down already" : " are down already"));
}

}  // namespace ksim::sim
