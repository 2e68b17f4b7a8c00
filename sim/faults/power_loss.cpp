// power_loss: machines lose their power at the same instant. What was not synced is lost, kept, reordered or
// torn by a draw; their connections stay half open. They are switched on again when the fault ends.

#include <fmt/format.h>

#include "sim/faults/all.h"

namespace ksim::sim {
namespace {

class Dark final : public ActiveFault {
 public:
  explicit Dark(std::vector<SimNode*> nodes) : nodes_(std::move(nodes)) {}
  std::string end(FaultStage& stage) override {
    for (SimNode* node : nodes_) stage.start(*node);
    return "started " + join_names(nodes_);
  }

 private:
  std::vector<SimNode*> nodes_;
};

Began begin_power_loss(FaultStage& stage, const FaultPlan&, const std::vector<SimNode*>& targets, uint64_t) {
  std::vector<SimNode*> nodes;
  std::string effect;
  for (SimNode* node : targets) {
    if (!node->alive()) continue;
    const Image::Unsynced unsynced = node->device().image().unsynced();
    effect +=
        fmt::format("{}{} lost power{}, with {} bytes in {} files not synced", effect.empty() ? "" : "; ",
                    node->name(), stage.role_of(*node), unsynced.bytes, unsynced.files);
    nodes.push_back(node);
  }
  if (nodes.empty()) return {};
  stage.power_loss(nodes);
  return {std::make_unique<Dark>(std::move(nodes)), std::move(effect)};
}

}  // namespace

FaultKind power_loss_fault() {
  return {"power_loss", "machines lose power together: unsynced data is lost, reordered or torn", {}, begin_power_loss};
}

}  // namespace ksim::sim
