#pragma once
// Trouble with ways between machines, for as long as a fault lasts.

#include "sim/faults/fault.h"

namespace ksim::sim {

struct Way {
  SimNode* from;
  SimNode* to;
};

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
