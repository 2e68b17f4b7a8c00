// stop: SIGTERM, a controlled shutdown; started again when the fault ends. A client completes what is open
// and closes, and comes again as another session.

#include "sim/faults/all.h"
#include "sim/faults/kept_down.h"

namespace ksim::sim {
namespace {

Began begin_stop(FaultStage& stage, const FaultPlan&, const std::vector<SimNode*>& targets, uint64_t) {
  return ask_to_stop(stage, targets);
}

}  // namespace

FaultKind stop_fault() {
  return {"stop", "the process is asked to stop in order (controlled shutdown) and started again at the end",
          {},     begin_stop,
          true,   true};
}

}  // namespace ksim::sim
