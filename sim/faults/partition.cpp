// partition: the targets and the rest of the cluster cannot reach each other; clients still reach both.
// With `peer` only what that names is out of reach: "controllers", "leader(orders-0)".
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

bool has(const std::vector<SimNode*>& nodes, const SimNode* node) {
  return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

Began cut_off(FaultStage& stage, const FaultPlan& plan, const std::vector<SimNode*>& targets, uint64_t key,
              bool in, bool out) {
  const auto named = plan.parameters.find("peer");
  std::vector<SimNode*> peers;
  if (named != plan.parameters.end()) peers = stage.resolve(named->second, key);
  std::vector<Cut> cuts;
  for (SimNode* node : targets) {
    for (SimNode* other : stage.others(*node, false)) {
      if (has(targets, other)) continue;
      if (named != plan.parameters.end() && !has(peers, other)) continue;
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
  std::string effect = fmt::format("{} cut off from {} ({}, {} ways)", join_names(targets),
                                   named == plan.parameters.end() ? "the cluster" : join_names(peers),
                                   in && out ? "both ways"
                                   : in      ? "hears nothing"
                                             : "is not heard",
                                   cuts.size());
  return {std::make_unique<Apart>(std::move(cuts)), std::move(effect)};
}

Began begin_both(FaultStage& stage, const FaultPlan& plan, const std::vector<SimNode*>& targets,
                 uint64_t key) {
  return cut_off(stage, plan, targets, key, true, true);
}

Began begin_one(FaultStage& stage, const FaultPlan& plan, const std::vector<SimNode*>& targets,
                uint64_t key) {
  const auto direction = plan.parameters.find("direction");
  const bool in = direction == plan.parameters.end() || direction->second != "out";
  return cut_off(stage, plan, targets, key, in, !in);
}

}  // namespace

FaultKind partition_fault() {
  return {
      "partition",
      "the target and the rest of the cluster, or only `peer`, cannot reach each other; clients reach both",
      {"peer"},
      begin_both};
}

FaultKind partition_one_way_fault() {
  return {"partition_one_way",
          "only one direction is cut: direction = \"in\" (hears nothing) or \"out\"; from all or only from "
          "`peer`",
          {"direction", "peer"},
          begin_one};
}

}  // namespace ksim::sim
