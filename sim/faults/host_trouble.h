#pragma once
// Trouble with the network stacks of machines, for as long as a fault lasts.

#include <functional>

#include "sim/faults/fault.h"

namespace ksim::sim {

class HostsTroubled final : public ActiveFault {
 public:
  // `trouble` is asked for each machine; `toll` is what a host counts of it.
  HostsTroubled(const std::vector<SimNode*>& nodes, const std::function<HostTrouble(SimNode&)>& trouble,
                uint64_t Host::*toll);
  HostsTroubled(const std::vector<SimNode*>& nodes, const HostTrouble& trouble, uint64_t Host::*toll)
      : HostsTroubled(
            nodes, [&trouble](SimNode&) { return trouble; }, toll) {}
  std::string end(FaultStage& stage) override;  // how often it was felt

 private:
  struct Troubled {
    SimNode* node;
    uint64_t number;
  };
  uint64_t felt() const;

  std::vector<Troubled> nodes_;
  uint64_t Host::*toll_;
  uint64_t before_ = 0;
};

}  // namespace ksim::sim
