// wipe_disk: the machine is replaced by one with an empty disk. It is started when the fault ends.

#include <fmt/format.h>

#include "sim/faults/all.h"
#include "sim/faults/kept_down.h"

namespace ksim::sim {
namespace {

Began begin_wipe_disk(FaultStage& stage, const FaultPlan&, const std::vector<SimNode*>& targets, uint64_t) {
  std::string effect;
  for (SimNode* node : targets) {
    const uint64_t bytes = node->device().image().used_bytes();
    effect += fmt::format("{}{} got an empty disk in place of one with {} bytes{}",
                          effect.empty() ? "" : "; ", node->name(), bytes, stage.role_of(*node));
    stage.replace_disk(*node, {});
  }
  return {std::make_unique<KeptDown>(targets), std::move(effect)};
}

}  // namespace

FaultKind wipe_disk_fault() {
  return {"wipe_disk",
          "the machine is replaced by one with an empty disk, which is started when the fault ends",
          {},
          begin_wipe_disk,
          true};
}

}  // namespace ksim::sim
