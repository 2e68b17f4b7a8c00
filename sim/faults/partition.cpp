// partition: the targets and the rest of the cluster cannot reach each other; clients still reach both.
// Nothing is refused: segments are held and sent again until their sender gives up.

#include <algorithm>

#include <fmt/format.h>

#include "sim/faults/all.h"

namespace ksim::sim {
namespace {

struct Cut {
  SimNode* from;
  SimNode* to;
};

class Apart final : public ActiveFault {
 public:
  explicit Apart(std::vector<Cut> cuts) : cuts_(std::move(cuts)) {}
  std::string end(FaultStage& stage) override {
    for (const Cut& cut : cuts_)
      stage.world().fabric().trouble(cut.from->host(), cut.to->host()).blocked = false;
    return fmt::format("{} ways open again", cuts_.size());
  }

 private:
  std::vector<Cut> cuts_;
};

Began cut_off(FaultStage& stage, const std::vector<SimNode*>& targets, bool in, bool out) {
  std::vector<Cut> cuts;
  for (SimNode* node : targets) {
    for (SimNode* other : stage.others(*node, false)) {
      if (std::find(targets.begin(), targets.end(), other) != targets.end()) continue;
      if (in) cuts.push_back({other, node});
      if (out) cuts.push_back({node, other});
    }
  }
  // A way that another fault has cut already is that fault's to open.
  std::erase_if(cuts, [&](const Cut& cut) {
    return stage.world().fabric().trouble(cut.from->host(), cut.to->host()).blocked;
  });
  if (cuts.empty()) return {};
  for (const Cut& cut : cuts) stage.world().fabric().trouble(cut.from->host(), cut.to->host()).blocked = true;
  std::string effect = fmt::format("{} cut off from the cluster ({}, {} ways)", join_names(targets),
                                   in && out ? "both ways"
                                   : in      ? "hears nothing"
                                             : "is not heard",
                                   cuts.size());
  return {std::make_unique<Apart>(std::move(cuts)), std::move(effect)};
}

Began begin_both(FaultStage& stage, const FaultPlan&, const std::vector<SimNode*>& targets, uint64_t) {
  return cut_off(stage, targets, true, true);
}

Began begin_one(FaultStage& stage, const FaultPlan& plan, const std::vector<SimNode*>& targets, uint64_t) {
  const auto direction = plan.parameters.find("direction");
  const bool in = direction == plan.parameters.end() || direction->second != "out";
  return cut_off(stage, targets, in, !in);
}

}  // namespace

FaultKind partition_fault() {
  return {"partition",
          "the target and the rest of the cluster cannot reach each other; clients reach both",
          {},
          begin_both};
}

FaultKind partition_one_way_fault() {
  return {"partition_one_way",
          "only one direction is cut: direction = \"in\" (hears nothing) or \"out\"",
          {"direction"},
          begin_one};
}

}  // namespace ksim::sim
