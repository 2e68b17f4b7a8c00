#include "sim/plan/directories.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/hash.h"
#include "sim/plan/draws.h"

namespace ksim::sim {

using Choice = std::vector<std::string>;

bool give_two_directories(uint64_t seed, Properties& config) {
  Draws draws(mix64(seed, hash_text("storm.directories")));
  // Before 3.7 no partition says where it stands: a broker has one directory then.
  const auto features = config.find("bootstrap.features");
  const bool old = features != config.end() &&
                   (features->second == "metadata.version=13" || features->second == "metadata.version=7");
  if (old || !draws.one_in(4)) return false;
  config["log.dirs"] = fmt::format("data,{}", kSecondDirectory);
  return true;
}

void lose_directory(uint64_t seed, Duration up, Plan& plan) {
  Draws draws(mix64(seed, hash_text("storm.lost_directory")));
  if (draws.one_in(3)) return;
  std::vector<std::string> brokers;
  for (const NodePlan& node : plan.cluster.nodes) {
    if (node.broker) brokers.push_back(machine_name(node));
  }
  FaultPlan down;
  down.kind = draws.of(Choice{"crash", "crash", "stop", "power_loss"});
  down.target = draws.of(brokers);
  down.trigger.at = up + draws.duration(milliseconds(300), plan.duration - up);
  down.lasts = draws.duration(milliseconds(20), seconds(1));
  FaultPlan lost;
  lost.kind = "disk_error";
  lost.target = down.target;
  lost.parameters = {{"what", draws.of(Choice{"read", "write", "all"})}, {"path", kSecondDirectory}};
  lost.trigger.at = *down.trigger.at + draws.duration(milliseconds(1), *down.lasts);
  lost.lasts = draws.duration(seconds(1), seconds(8));
  const bool last_in_sync = draws.one_in(2);
  for (const std::string& name : brokers) {
    if (!last_in_sync || name == down.target) continue;
    FaultPlan other = down;
    other.target = name;
    other.trigger.at = std::max(up, *down.trigger.at - draws.duration(milliseconds(50), seconds(2)));
    other.lasts = draws.duration(seconds(2), seconds(7));
    plan.faults.push_back(std::move(other));
  }
  plan.faults.push_back(std::move(down));
  plan.faults.push_back(std::move(lost));
}

}  // namespace ksim::sim
