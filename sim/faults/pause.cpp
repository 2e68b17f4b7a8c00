// pause: the process is frozen (SIGSTOP) while the world goes on; it continues with stale beliefs.

#include <algorithm>

#include <fmt/format.h>

#include "sim/faults/all.h"

namespace ksim::sim {
namespace {

class Paused final : public ActiveFault {
 public:
  explicit Paused(const std::vector<SimNode*>& nodes) {
    for (SimNode* node : nodes) {
      node->pause();
      frozen_.push_back({node, node->incarnation()});
    }
  }
  std::string end(FaultStage&) override {
    std::string what;
    for (const Frozen& frozen : frozen_) {
      const std::string& name = frozen.node->name();
      const bool lives = frozen.lives();
      if (lives) frozen.node->unpause();
      what += fmt::format("{}{}", what.empty() ? "" : "; ",
                          !lives                  ? name + " died frozen"
                          : frozen.node->paused() ? name + " stays frozen for another fault"
                                                  : "continued " + name);
    }
    return what;
  }
  bool is_over_without(const SimNode&) override {
    return std::none_of(frozen_.begin(), frozen_.end(), [](const Frozen& frozen) { return frozen.lives(); });
  }

 private:
  struct Frozen {
    SimNode* node;
    uint32_t incarnation;
    bool lives() const { return node->alive() && node->incarnation() == incarnation; }
  };
  std::vector<Frozen> frozen_;
};

Began begin_pause(FaultStage& stage, const FaultPlan&, const std::vector<SimNode*>& targets, uint64_t) {
  std::vector<SimNode*> nodes;
  std::string effect;
  for (SimNode* node : targets) {
    if (!node->alive()) continue;
    effect += fmt::format("{}{} {}{}", effect.empty() ? "" : "; ", node->name(),
                          node->paused() ? "was frozen already" : "froze", stage.role_of(*node));
    nodes.push_back(node);
  }
  if (nodes.empty()) return no_effect(join_names(targets) + ": no process to freeze");
  return {std::make_unique<Paused>(nodes), std::move(effect)};
}

}  // namespace

FaultKind pause_fault() {
  return {"pause", "the process is frozen while the world goes on, then continues with stale beliefs",
          {},      begin_pause,
          true,    true};
}

}  // namespace ksim::sim
