// restart: stopped in order and started again with other settings, which the node keeps from then on.

#include "sim/faults/all.h"
#include "sim/faults/kept_down.h"
#include "sim/faults/settings.h"

namespace ksim::sim {
namespace {

Began begin_restart(FaultStage& stage, const FaultPlan& plan, const std::vector<SimNode*>& targets,
                    uint64_t) {
  const std::string text = parameter(plan, "set", std::string());
  const Properties settings = parse_settings(text).value();  // the plan was checked
  for (SimNode* node : targets) {
    if (node->alive()) stage.configure(*node, settings);
  }
  Began began = ask_to_stop(stage, targets);
  if (began.took_effect) began.effect += ", to have " + text;
  return began;
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
