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

// From a closed list: acks, min.insync.replicas, flush.messages, unclean elections, replication, retries; for
// a partition that was unavailable their opposites; and without what stops nodes, or without any fault.
Remedies remedies_for(const Plan& plan, const Explanation& page);

// Of the image of a recorded run, kept in `file`: its first question's answer, remedies tried.
Result<Explanation> explain_recording(const std::string& file, const std::string& image);

}  // namespace ksim::sim
