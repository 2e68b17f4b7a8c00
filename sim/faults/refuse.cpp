// refuse: new connections to the target are refused; those that are there go on.

#include <fmt/format.h>

#include "sim/faults/all.h"
#include "sim/faults/host_trouble.h"

namespace ksim::sim {
namespace {

Began begin_refuse(FaultStage&, const FaultPlan&, const std::vector<SimNode*>& targets, uint64_t) {
  HostTrouble trouble;
  trouble.refuses = true;
  return {std::make_unique<HostsTroubled>(targets, trouble, &Host::refusals),
          fmt::format("{}: new connections are refused", join_names(targets))};
}

}  // namespace

FaultKind refuse_fault() {
  return {
      "refuse", "new connections to the target are refused, those that are there go on", {}, begin_refuse};
}

}  // namespace ksim::sim
