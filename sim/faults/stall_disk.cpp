// stall_disk: the disk stops answering; what waits for it goes on when the fault ends.

#include <fmt/format.h>

#include "sim/faults/all.h"

namespace ksim::sim {
namespace {

class Stalled final : public ActiveFault {
 public:
  explicit Stalled(std::vector<SimNode*> nodes) : toll_(std::move(nodes)) {}
  std::string end(FaultStage&) override {
    std::string what = toll_.text();
    for (SimNode* node : toll_.nodes()) {
      DiskTrouble trouble = node->device().trouble();
      trouble.stalled_until = Instant{0};
      node->device().set_trouble(trouble);
    }
    return what;
  }

 private:
  TollSince toll_;
};

Began begin_stall_disk(FaultStage&, const FaultPlan&, const std::vector<SimNode*>& targets, uint64_t) {
  if (targets.empty()) return {};
  // Until end() says otherwise: far beyond any run.
  for (SimNode* node : targets) {
    DiskTrouble trouble = node->device().trouble();
    trouble.stalled_until = Instant{0} + seconds(1'000'000);
    node->device().set_trouble(trouble);
  }
  return {std::make_unique<Stalled>(targets),
          fmt::format("disk of {} stopped answering", join_names(targets))};
}

}  // namespace

FaultKind stall_disk_fault() {
  return {"stall_disk", "the disk stops answering until the fault ends", {}, begin_stall_disk};
}

}  // namespace ksim::sim
