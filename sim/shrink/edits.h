#pragma once
// The steps that a shrinking plan can take. Each is tried on its own; what it names may be gone by then.

#include <functional>
#include <string>
#include <vector>

#include "sim/plan/plan.h"
#include "sim/shrink/shrink.h"

namespace ksim::sim {

struct Edit {
  std::string what;
  std::function<bool(Plan&)> apply;  // false: it would change nothing
};

std::vector<Edit> shorter(const Plan& plan);
std::vector<Edit> without_nodes(const Plan& plan);
// Production's sizes, an even network, the simplest interleaving.
std::vector<Edit> plainer(const Plan& plan);
std::vector<Edit> weaker_workload(const Plan& plan);
std::vector<Edit> weaker_faults(const Plan& plan);

// A setting of Kafka's and whose it is: "cluster", "broker-2", "topic orders", "producer-1".
struct SettingPlace {
  std::string owner;
  std::string key;
  bool operator==(const SettingPlace&) const = default;
};
std::vector<SettingPlace> settings_of(const Plan& plan);
// Null: there is no such owner.
Properties* settings_of_owner(Plan& plan, const std::string& owner);
Plan without_setting(Plan plan, const SettingPlace& setting);

// Marks that one node reached shortly before a fault struck it and nobody else, the nearest first.
std::vector<FaultTrigger> triggers_near(const FaultSeen& fault, const std::vector<MarkSeen>& marks);

}  // namespace ksim::sim
