// slow_disk: everything the disk does takes `factor` times as long.

#include <fmt/format.h>

#include "sim/faults/all.h"

namespace ksim::sim {
namespace {

class Slowed final : public ActiveFault {
 public:
  explicit Slowed(std::vector<SimNode*> nodes) : toll_(std::move(nodes)) {}
  std::string end(FaultStage&) override {
    std::string what = toll_.text();
    for (SimNode* node : toll_.nodes()) {
      DiskTrouble trouble = node->device().trouble();
      trouble.slow_per_mille = 1000;
      node->device().set_trouble(trouble);
    }
    return what;
  }

 private:
  TollSince toll_;
};

Began begin_slow_disk(FaultStage&, const FaultPlan& plan, const std::vector<SimNode*>& targets, uint64_t) {
  if (targets.empty()) return {};
  const auto factor = static_cast<uint32_t>(parameter(plan, "factor", uint64_t{100}));
  for (SimNode* node : targets) {
    DiskTrouble trouble = node->device().trouble();
    trouble.slow_per_mille = factor * 1000;
    node->device().set_trouble(trouble);
  }
  return {std::make_unique<Slowed>(targets),
          fmt::format("disk of {} {} times as slow", join_names(targets), factor)};
}

}  // namespace

FaultKind slow_disk_fault() {
  return {"slow_disk", "everything the disk does takes `factor` times as long", {"factor"}, begin_slow_disk};
}

}  // namespace ksim::sim
