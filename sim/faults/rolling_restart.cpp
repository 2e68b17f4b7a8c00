// rolling_restart: each target in turn is stopped in order, stays down for `down`, is started again, and the
// next one follows `gap` later.

#include <fmt/format.h>

#include "sim/faults/all.h"

namespace ksim::sim {
namespace {

class Rolling final : public ActiveFault {
 public:
  // Whatever of the roll is still to come is dropped; the runner starts what is down.
  std::string end(FaultStage&) override {
    *cancelled = true;
    return {};
  }
  std::shared_ptr<bool> cancelled = std::make_shared<bool>(false);
};

Began begin(FaultStage& stage, const FaultPlan& plan, const std::vector<SimNode*>& targets, uint64_t key) {
  if (targets.empty()) return {};
  const Duration down = parameter(plan, "down", seconds(2));
  const Duration gap = parameter(plan, "gap", seconds(5));
  auto active = std::make_unique<Rolling>();
  Instant at = stage.world().now();
  uint64_t n = 0;
  for (SimNode* node : targets) {
    const auto cancelled = active->cancelled;
    stage.world().at(at, mix64(key, ++n), [&stage, node, cancelled] {
      if (!*cancelled && node->alive()) stage.stop(*node);
    });
    stage.world().at(at + down, mix64(key, ++n), [&stage, node, cancelled] {
      if (!*cancelled) stage.start(*node);
    });
    at = at + down + gap;
  }
  return {std::move(active), fmt::format("stopped and started in turn: {}", join_names(targets))};
}

}  // namespace

FaultKind rolling_restart_fault() {
  return {"rolling_restart",
          "each target in turn is stopped in order and started again",
          {"down", "gap"},
          begin,
          true};
}

}  // namespace ksim::sim
