// pause: the process is frozen (SIGSTOP) while the world goes on; it continues with stale beliefs.

#include <fmt/format.h>

#include "sim/faults/all.h"

namespace ksim::sim {
namespace {

class Paused final : public ActiveFault {
 public:
  explicit Paused(std::vector<SimNode*> nodes) : nodes_(std::move(nodes)) {}
  std::string end(FaultStage&) override {
    for (SimNode* node : nodes_) {
      if (node->paused()) node->unpause();
    }
    return "continued " + join_names(nodes_);
  }

 private:
  std::vector<SimNode*> nodes_;
};

Began begin_pause(FaultStage& stage, const FaultPlan&, const std::vector<SimNode*>& targets, uint64_t) {
  std::vector<SimNode*> nodes;
  std::string effect;
  for (SimNode* node : targets) {
    if (!node->alive() || node->paused()) continue;
    effect += fmt::format("{}{} froze{}", effect.empty() ? "" : "; ", node->name(), stage.role_of(*node));
    node->pause();
    nodes.push_back(node);
  }
  if (nodes.empty()) return {};
  return {std::make_unique<Paused>(std::move(nodes)), std::move(effect)};
}

}  // namespace

FaultKind pause_fault() {
  return {"pause",
          "the process is frozen while the world goes on, then continues with stale beliefs",
          {},
          begin_pause,
          true};
}

}  // namespace ksim::sim
