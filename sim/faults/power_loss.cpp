// power_loss: machines lose their power at the same instant. What was not synced is lost, kept, reordered or
// torn by a draw; their connections stay half open. They are switched on again when the fault ends.

#include <fmt/format.h>

#include "sim/faults/all.h"
#include "sim/faults/kept_down.h"

namespace ksim::sim {
namespace {

Began begin_power_loss(FaultStage& stage, const FaultPlan&, const std::vector<SimNode*>& targets, uint64_t) {
  std::vector<SimNode*> nodes;
  std::string effect;
  for (SimNode* node : targets) {
    // A machine whose process is down still has a page cache to lose.
    if (!node->host().powered) continue;
    const Image::Unsynced unsynced = node->device().image().unsynced();
    effect +=
        fmt::format("{}{}{} lost power{}, with {} bytes in {} files not synced", effect.empty() ? "" : "; ",
                    node->name(), node->alive() ? "" : ", whose process was down,", stage.role_of(*node),
                    unsynced.bytes, unsynced.files);
    nodes.push_back(node);
  }
  if (nodes.empty()) return already_down(targets);
  stage.power_loss(nodes);
  return {std::make_unique<KeptDown>(std::move(nodes)), std::move(effect)};
}

}  // namespace

FaultKind power_loss_fault() {
  return {"power_loss", "machines lose power together: unsynced data is lost, reordered or torn",
          {},           begin_power_loss,
          false,        true};
}

}  // namespace ksim::sim
