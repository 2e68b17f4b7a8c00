#pragma once
// What two plans of the same run differ in, and which of it decides how the run ends.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sim/plan/plan.h"

namespace ksim::sim {

struct Difference {
  std::string what;                  // "topic orders: min.insync.replicas"
  std::string first;                 // as the first plan has it; "(default)" where it says nothing
  std::string second;                // as the second one has it
  std::function<void(Plan&)> apply;  // makes a plan like the second one in this
};

// Settings of Kafka's one by one; the rest of a plan as a whole where it differs: its nodes, topics, clients,
// faults, sizes, network, disk and interleaving.
std::vector<Difference> differences(const Plan& first, const Plan& second);

// The fewest of them, found by leaving out parts, with which `base` still ends as the second plan does. The
// function says which of some plans is the first to end so.
std::vector<Difference> deciding(
    const Plan& base, std::vector<Difference> all,
    const std::function<std::optional<size_t>(const std::vector<Plan>&)>& first_alike);

}  // namespace ksim::sim
