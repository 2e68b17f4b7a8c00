#pragma once
// Trouble with the disks of machines, for as long as a fault lasts.

#include <functional>

#include "sim/faults/fault.h"

namespace ksim::sim {

class DiskTroubled final : public ActiveFault {
 public:
  // `trouble` is asked for each machine.
  DiskTroubled(const std::vector<SimNode*>& nodes, const std::function<DiskTrouble(SimNode&)>& trouble);
  // A broker without a good log directory stops itself, a controller too: it is started again. So is one that
  // has others left, to take back what it has given up.
  std::string end(FaultStage& stage) override;

 private:
  struct Troubled {
    SimNode* node;
    uint64_t number;
  };
  DiskToll toll() const;

  std::vector<Troubled> nodes_;
  DiskToll before_;
};

}  // namespace ksim::sim
