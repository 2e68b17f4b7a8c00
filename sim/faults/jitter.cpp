// jitter: each segment to and from the target is up to `up_to` later, drawn: answers overtake each other
// between connections, never within one.

#include <fmt/format.h>

#include "sim/faults/all.h"
#include "sim/faults/way_trouble.h"

namespace ksim::sim {
namespace {

Began begin_jitter(FaultStage& stage, const FaultPlan& plan, const std::vector<SimNode*>& targets, uint64_t) {
  const Duration up_to = parameter(plan, "up_to", milliseconds(500));
  LinkTrouble trouble;
  trouble.jitter_ns = up_to.ns;
  return {std::make_unique<WaysTroubled>(stage.world(), ways_around(stage, targets), trouble),
          fmt::format("{}: what they send and get is up to {} ms late", join_names(targets), up_to.ms())};
}

}  // namespace

FaultKind jitter_fault() {
  return {"jitter",  "each segment to and from the target is up to `up_to` later than the one before it",
          {"up_to"}, begin_jitter,
          false,     true};
}

}  // namespace ksim::sim
