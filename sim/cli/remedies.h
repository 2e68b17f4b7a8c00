#pragma once
// Variants of a plan in which one setting is another one: what might have averted what `ksim explain`
// explains.

#include <string>
#include <vector>

#include "sim/explain/explain.h"
#include "sim/plan/plan.h"

namespace ksim::sim {

struct Remedies {
  std::vector<std::string> settings;  // "min.insync.replicas=2"
  std::vector<Plan> plans;            // of each
  std::vector<std::string> in_force;  // settings of the list that the plan has already
};

// From a closed list: acks, min.insync.replicas, flush.messages, unclean elections, replication, retries,
// eligible leader replicas; for a partition that was unavailable the opposites, and the times that the page
// blames; and without what stops nodes, or without any fault.
Remedies remedies_for(const Plan& plan, const Explanation& page);

}  // namespace ksim::sim
