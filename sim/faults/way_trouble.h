#pragma once
// Trouble with ways between machines, for as long as a fault lasts.

#include "sim/faults/fault.h"

namespace ksim::sim {

struct Way {
  SimNode* from;
  SimNode* to;
};

// Every way to and from the targets: to the rest of the cluster, and to its clients.
std::vector<Way> ways_around(FaultStage& stage, const std::vector<SimNode*>& targets,
                             bool with_clients = true);

class WaysTroubled final : public ActiveFault {
 public:
  WaysTroubled(World& world, const std::vector<Way>& ways, const LinkTrouble& trouble);
  std::string end(FaultStage& stage) override;  // what did not get through, or was slow

 private:
  struct Troubled {
    Way way;
    uint64_t number;
  };
  LinkToll toll(World& world) const;

  std::vector<Troubled> ways_;
  LinkToll before_;
};

}  // namespace ksim::sim
