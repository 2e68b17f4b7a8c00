#include "sim/faults/host_trouble.h"

#include <fmt/format.h>

namespace ksim::sim {

HostsTroubled::HostsTroubled(const std::vector<SimNode*>& nodes,
                             const std::function<HostTrouble(SimNode&)>& trouble, uint64_t Host::*toll)
    : toll_(toll) {
  for (SimNode* node : nodes) nodes_.push_back({node, node->host().troubles.add(trouble(*node))});
  before_ = felt();
}

uint64_t HostsTroubled::felt() const {
  uint64_t sum = 0;
  for (const Troubled& troubled : nodes_) sum += troubled.node->host().*toll_;
  return sum;
}

std::string HostsTroubled::end(FaultStage&) {
  for (const Troubled& troubled : nodes_) troubled.node->host().troubles.remove(troubled.number);
  return fmt::format("felt {} times", felt() - before_);
}

}  // namespace ksim::sim
