// restart: stopped in order and started again with other settings, which the node keeps from then on.

#include <fmt/format.h>

#include "sim/faults/all.h"
#include "sim/faults/kept_down.h"
#include "sim/faults/settings.h"

namespace ksim::sim {
namespace {

Began begin_restart(FaultStage& stage, const FaultPlan& plan, const std::vector<SimNode*>& targets,
                    uint64_t) {
  const Result<Properties> settings = parse_settings(parameter(plan, "set", std::string()));
  std::vector<SimNode*> nodes;
  std::string effect;
  for (SimNode* node : targets) {
    if (!node->alive()) continue;
    effect += fmt::format("{}{} was asked to stop{}", effect.empty() ? "" : "; ", node->name(),
                          stage.role_of(*node));
    stage.configure(*node, settings.ok() ? *settings : Properties{});
    stage.stop(*node);
    nodes.push_back(node);
  }
  if (nodes.empty()) return already_down(targets);
  return {std::make_unique<KeptDown>(std::move(nodes)),
          fmt::format("{}, to have {}", effect, parameter(plan, "set", std::string()))};
}

}  // namespace

FaultKind restart_fault() {
  return {
      "restart",
      "the process is stopped in order and started at the end with other settings: set = \"key=value, ...\"",
      {"set"},
      begin_restart,
      true};
}

}  // namespace ksim::sim
