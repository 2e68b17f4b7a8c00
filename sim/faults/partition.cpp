// partition: the targets and the rest of the cluster cannot reach each other; clients still reach both.
// With `peer` only what that names is out of reach: "controllers", "leader(orders-0)", "producer-1".
// Nothing is refused: segments are held and sent again until their sender gives up.

#include <algorithm>

#include <fmt/format.h>

#include "sim/faults/all.h"
#include "sim/faults/way_trouble.h"

namespace ksim::sim {
namespace {

bool has(const std::vector<SimNode*>& nodes, const SimNode* node) {
  return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

Began cut_off(FaultStage& stage, const FaultPlan& plan, const std::vector<SimNode*>& targets, uint64_t key,
              bool in, bool out) {
  const auto named = plan.parameters.find("peer");
  const bool all = named == plan.parameters.end();
  std::vector<SimNode*> peers;
  if (!all) peers = stage.resolve(named->second, key);
  if (!all && peers.empty()) return no_effect(fmt::format("there was no {} then", named->second));
  std::vector<Way> ways;
  size_t already = 0;
  const auto cut = [&](SimNode* from, SimNode* to) {
    if (stage.world().fabric().trouble(from->host(), to->host()).blocked) ++already;
    ways.push_back({from, to});
  };
  for (SimNode* node : targets) {
    for (SimNode* other : stage.others(*node, !all)) {
      if (has(targets, other) || (!all && !has(peers, other))) continue;
      if (in) cut(other, node);
      if (out) cut(node, other);
    }
  }
  if (ways.empty()) return no_effect(join_names(targets) + ": there is nobody on the other side");
  std::string effect = fmt::format("{} cut off from {} ({}, {} ways)", join_names(targets),
                                   all ? "the cluster" : join_names(peers),
                                   in && out ? "both ways"
                                   : in      ? "hears nothing"
                                             : "is not heard",
                                   ways.size());
  if (already > 0) effect += fmt::format(", {} of them were cut already", already);
  return {std::make_unique<WaysTroubled>(stage.world(), ways, LinkTrouble{.blocked = true}),
          std::move(effect)};
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
      begin_both,
      false,
      true};
}

FaultKind partition_one_way_fault() {
  return {"partition_one_way",
          "only one direction is cut: direction = \"in\" (hears nothing) or \"out\"; from all or only from "
          "`peer`",
          {"direction", "peer"},
          begin_one,
          false,
          true};
}

}  // namespace ksim::sim
