#pragma once
// Trouble with the processors of machines, for as long as a fault lasts. A process that is started meanwhile
// feels it too.

#include <algorithm>

#include "sim/faults/fault.h"

namespace ksim::sim {

class CpusTroubled final : public ActiveFault {
 public:
  CpusTroubled(const std::vector<SimNode*>& nodes, const CpuTrouble& trouble) {
    for (SimNode* node : nodes) nodes_.push_back({node, node->cpu_troubles().add(trouble)});
  }
  std::string end(FaultStage&) override {
    for (const Troubled& troubled : nodes_) troubled.node->cpu_troubles().remove(troubled.number);
    return {};
  }

 private:
  struct Troubled {
    SimNode* node;
    uint64_t number;
  };
  std::vector<Troubled> nodes_;
};

}  // namespace ksim::sim
