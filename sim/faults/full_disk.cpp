// full_disk: the disk has no more space than it holds now. A broker whose only log directory fails stops
// itself: it is started again when the fault ends.

#include <fmt/format.h>

#include "sim/faults/all.h"

namespace ksim::sim {
namespace {

class Troubled final : public ActiveFault {
 public:
  explicit Troubled(std::vector<SimNode*> nodes) : toll_(std::move(nodes)) {}
  std::string end(FaultStage& stage) override {
    std::string what = toll_.text();
    for (SimNode* node : toll_.nodes()) {
      DiskTrouble trouble = node->device().trouble();
      trouble.capacity_bytes = ~0ULL;
      node->device().set_trouble(trouble);
      if (!node->running()) stage.start(*node);
    }
    return what;
  }

 private:
  TollSince toll_;
};

Began begin_full_disk(FaultStage&, const FaultPlan&, const std::vector<SimNode*>& targets, uint64_t) {
  if (targets.empty()) return {};
  for (SimNode* node : targets) {
    DiskTrouble trouble = node->device().trouble();
    trouble.capacity_bytes = node->device().image().used_bytes();
    node->device().set_trouble(trouble);
  }
  return {std::make_unique<Troubled>(targets), fmt::format("disk of {} is full", join_names(targets))};
}

}  // namespace

FaultKind full_disk_fault() {
  return {"full_disk", "the disk has no more space than it holds now, until the fault ends", {}, begin_full_disk};
}

}  // namespace ksim::sim
