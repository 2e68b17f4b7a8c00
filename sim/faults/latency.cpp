// latency: every way to and from the target takes `factor` times as long, and `extra` longer.

#include <fmt/format.h>

#include "sim/faults/all.h"
#include "sim/faults/way_trouble.h"

namespace ksim::sim {
namespace {

Began begin_latency(FaultStage& stage, const FaultPlan& plan, const std::vector<SimNode*>& targets,
                    uint64_t) {
  const Duration extra = parameter(plan, "extra", Duration{0});
  const auto factor = static_cast<uint32_t>(parameter(plan, "factor", uint64_t{10}));
  LinkTrouble trouble;
  trouble.extra_latency_ns = extra.ns;
  trouble.slow_per_mille = factor * 1000;
  return {std::make_unique<WaysTroubled>(stage.world(), ways_around(stage, targets), trouble),
          fmt::format("{}: {} times the latency and {} ms more", join_names(targets), factor, extra.ms())};
}

}  // namespace

FaultKind latency_fault() {
  return {"latency",
          "every way to and from the target takes `factor` times as long and `extra` longer",
          {"factor", "extra"},
          begin_latency,
          false,
          true};
}

}  // namespace ksim::sim
