#pragma once
// Machines that a fault keeps down.

#include "sim/faults/fault.h"

namespace ksim::sim {

// Each of them is started when the last fault that keeps it down has ended.
class KeptDown final : public ActiveFault {
 public:
  explicit KeptDown(std::vector<SimNode*> nodes);
  std::string end(FaultStage& stage) override;

 private:
  std::vector<SimNode*> nodes_;
};

// Asks those that are up to stop in order, and keeps them down.
Began ask_to_stop(FaultStage& stage, const std::vector<SimNode*>& targets);

// "broker-1 is down already": of targets none of which is up.
Began already_down(const std::vector<SimNode*>& targets);

}  // namespace ksim::sim
