// latency: every way to and from the target takes `factor` times as long, and `extra` longer.

#include <fmt/format.h>

#include "sim/faults/all.h"

namespace ksim::sim {
namespace {

class Slow final : public ActiveFault {
 public:
  Slow(std::vector<SimNode*> nodes, int64_t extra_ns, uint32_t factor)
      : nodes_(std::move(nodes)), extra_ns_(extra_ns), factor_(factor) {}
  void set(FaultStage& stage, bool on) const {
    for (SimNode* node : nodes_) {
      for (SimNode* other : stage.others(*node, true)) {
        for (LinkTrouble* trouble : {&stage.world().fabric().trouble(node->host(), other->host()),
                                     &stage.world().fabric().trouble(other->host(), node->host())}) {
          trouble->extra_latency_ns = on ? extra_ns_ : 0;
          trouble->slow_per_mille = on ? factor_ * 1000 : 1000;
        }
      }
    }
  }
  std::string end(FaultStage& stage) override {
    set(stage, false);
    return {};
  }

 private:
  std::vector<SimNode*> nodes_;
  int64_t extra_ns_;
  uint32_t factor_;
};

Began begin_latency(FaultStage& stage, const FaultPlan& plan, const std::vector<SimNode*>& targets, uint64_t) {
  if (targets.empty()) return {};
  const Duration extra = parameter(plan, "extra", Duration{0});
  const auto factor = static_cast<uint32_t>(parameter(plan, "factor", uint64_t{10}));
  auto active = std::make_unique<Slow>(targets, extra.ns, factor);
  active->set(stage, true);
  return {std::move(active),
          fmt::format("{}: {} times the latency and {} ms more", join_names(targets), factor, extra.ms())};
}

}  // namespace

FaultKind latency_fault() {
  return {"latency",
          "every way to and from the target takes `factor` times as long and `extra` longer",
          {"factor", "extra"},
          begin_latency};
}

}  // namespace ksim::sim
