#include "sim/faults/way_trouble.h"

#include <fmt/format.h>

namespace ksim::sim {

std::vector<Way> ways_around(FaultStage& stage, const std::vector<SimNode*>& targets, bool with_clients) {
  std::vector<Way> ways;
  for (SimNode* node : targets) {
    for (SimNode* other : stage.others(*node, with_clients)) {
      ways.push_back({node, other});
      ways.push_back({other, node});
    }
  }
  return ways;
}

WaysTroubled::WaysTroubled(World& world, const std::vector<Way>& ways, const LinkTrouble& trouble) {
  for (const Way& way : ways)
    ways_.push_back({way, world.fabric().add_trouble(way.from->host(), way.to->host(), trouble)});
  before_ = toll(world);
}

LinkToll WaysTroubled::toll(World& world) const {
  LinkToll sum;
  for (const Troubled& troubled : ways_) {
    const LinkToll toll = world.fabric().toll(troubled.way.from->host(), troubled.way.to->host());
    sum.held += toll.held;
    sum.delayed += toll.delayed;
  }
  return sum;
}

std::string WaysTroubled::end(FaultStage& stage) {
  const LinkToll now = toll(stage.world());
  std::string what;
  if (now.held > before_.held)
    what = fmt::format("{} transmissions did not get through", now.held - before_.held);
  if (now.delayed > before_.delayed)
    what += fmt::format("{}{} were slow", what.empty() ? "" : ", ", now.delayed - before_.delayed);
  if (what.empty()) what = "nothing was on these ways";
  size_t still = 0;
  for (const Troubled& troubled : ways_) {
    const Host& from = troubled.way.from->host();
    const Host& to = troubled.way.to->host();
    stage.world().fabric().remove_trouble(from, to, troubled.number);
    if (stage.world().fabric().trouble(from, to).blocked) ++still;
  }
  if (still > 0) what += fmt::format("; {} of {} ways stay cut by other faults", still, ways_.size());
  return what;
}

}  // namespace ksim::sim
