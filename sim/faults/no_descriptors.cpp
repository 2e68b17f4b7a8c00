// no_descriptors: the process has no file descriptor left (EMFILE). It accepts no connection and opens none,
// and hears of that at once; those that are open go on, and whoever has dialled waits to be accepted. Files
// are opened as ever.

#include <algorithm>

#include <fmt/format.h>

#include "sim/faults/all.h"
#include "sim/faults/host_trouble.h"

namespace ksim::sim {
namespace {

// Descriptors are the process's own: with its death all is over.
class WithoutDescriptors final : public ActiveFault {
 public:
  explicit WithoutDescriptors(const std::vector<SimNode*>& nodes)
      : troubled_(nodes, trouble_of, &Host::shortages) {
    for (SimNode* node : nodes) short_.push_back({node, node->incarnation()});
  }
  std::string end(FaultStage& stage) override { return troubled_.end(stage); }
  bool is_over_without(const SimNode&) override {
    return std::none_of(short_.begin(), short_.end(), [](const Short& one) {
      return one.node->alive() && one.node->incarnation() == one.incarnation;
    });
  }

 private:
  struct Short {
    SimNode* node;
    uint32_t incarnation;
  };
  static HostTrouble trouble_of(SimNode& node) {
    HostTrouble trouble;
    trouble.no_descriptors_in = node.incarnation();
    return trouble;
  }

  HostsTroubled troubled_;
  std::vector<Short> short_;
};

Began begin_no_descriptors(FaultStage&, const FaultPlan&, const std::vector<SimNode*>& targets, uint64_t) {
  std::vector<SimNode*> nodes;
  std::copy_if(targets.begin(), targets.end(), std::back_inserter(nodes),
               [](const SimNode* node) { return node->alive(); });
  if (nodes.empty()) return no_effect(join_names(targets) + ": no process that could want descriptors");
  return {std::make_unique<WithoutDescriptors>(nodes),
          fmt::format("{}: no descriptor is left for another connection", join_names(nodes))};
}

}  // namespace

FaultKind no_descriptors_fault() {
  return {"no_descriptors",
          "the process has no file descriptor left (EMFILE): it accepts no connection and opens none, those "
          "that are there go on",
          {},
          begin_no_descriptors,
          false,
          true};
}

}  // namespace ksim::sim
