#include "sim/faults/disk_trouble.h"

#include <fmt/format.h>

namespace ksim::sim {

DiskTroubled::DiskTroubled(const std::vector<SimNode*>& nodes,
                           const std::function<DiskTrouble(SimNode&)>& trouble) {
  for (SimNode* node : nodes) nodes_.push_back({node, node->device().add_trouble(trouble(*node))});
  before_ = toll();
}

DiskToll DiskTroubled::toll() const {
  DiskToll sum;
  for (const Troubled& troubled : nodes_) {
    const DiskToll toll = troubled.node->device().toll();
    sum.waits += toll.waits;
    sum.waited_ns += toll.waited_ns;
    sum.refused += toll.refused;
    sum.failed += toll.failed;
  }
  return sum;
}

std::string DiskTroubled::end(FaultStage& stage) {
  const DiskToll now = toll();
  const int64_t ms = (now.waited_ns - before_.waited_ns) / 1'000'000;
  std::string what = fmt::format("{} operations waited {}.{:03} s for the disk", now.waits - before_.waits,
                                 ms / 1000, ms % 1000);
  if (now.refused > before_.refused)
    what += fmt::format(", {} found no space", now.refused - before_.refused);
  if (now.failed > before_.failed) what += fmt::format(", {} failed", now.failed - before_.failed);
  for (const Troubled& troubled : nodes_) {
    troubled.node->device().remove_trouble(troubled.number);
    const bool well = !troubled.node->device().in_trouble() && !troubled.node->kept_down();
    if (!well) continue;
    if (!troubled.node->running()) {
      stage.start(*troubled.node);
      what += fmt::format("; started {}, which had stopped", troubled.node->name());
    } else if (stage.take_back(*troubled.node)) {
      what += fmt::format("; {} starts anew, with the directory that it had given up", troubled.node->name());
    }
  }
  return what;
}

}  // namespace ksim::sim
