#pragma once
// Trouble with the network stacks of machines, for as long as a fault lasts.

#include "sim/faults/fault.h"

namespace ksim::sim {

class HostsTroubled final : public ActiveFault {
 public:
  HostsTroubled(const std::vector<SimNode*>& nodes, const HostTrouble& trouble);
  std::string end(FaultStage& stage) override;  // how often it was felt

 private:
  struct Troubled {
    SimNode* node;
    uint64_t number;
  };
  uint64_t felt() const;

  std::vector<Troubled> nodes_;
  uint64_t before_ = 0;
};

}  // namespace ksim::sim
