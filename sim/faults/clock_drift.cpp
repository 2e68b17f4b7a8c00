// clock_drift: both clocks run fast by `ppm` millionths, or ("-20000") slow, until the fault ends.

#include <cstdlib>

#include <fmt/format.h>

#include "sim/faults/all.h"

namespace ksim::sim {
namespace {

class Drifting final : public ActiveFault {
 public:
  Drifting(World& world, const std::vector<SimNode*>& nodes, int32_t ppb)
      : began_(world.now()), nodes_(nodes), ppb_(ppb) {
    for (SimNode* node : nodes_) node->add_drift(ppb_);
  }
  std::string end(FaultStage& stage) override {
    for (SimNode* node : nodes_) node->add_drift(-ppb_);
    const int64_t off_ms = (stage.world().now() - began_).ns / 1'000'000 * std::abs(ppb_) / 1'000'000'000;
    return fmt::format("{} ms {} by then", off_ms, ppb_ < 0 ? "behind" : "ahead");
  }

 private:
  Instant began_;
  std::vector<SimNode*> nodes_;
  int32_t ppb_;
};

Began begin_clock_drift(FaultStage& stage, const FaultPlan& plan, const std::vector<SimNode*>& targets,
                        uint64_t) {
  const std::string text = parameter(plan, "ppm", std::string("20000"));
  const auto ppm = static_cast<int32_t>(std::strtol(text.c_str(), nullptr, 10));
  return {std::make_unique<Drifting>(stage.world(), targets, ppm * 1000),
          fmt::format("clocks of {} run {} by {} ppm", join_names(targets), ppm < 0 ? "slow" : "fast",
                      std::abs(ppm))};
}

}  // namespace

FaultKind clock_drift_fault() {
  return {"clock_drift",
          "both clocks run fast by `ppm` millionths (negative: slow, at most 50000) until the fault ends",
          {"ppm"},
          begin_clock_drift,
          true,
          true};
}

}  // namespace ksim::sim
