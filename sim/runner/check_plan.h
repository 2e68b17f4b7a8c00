#pragma once
// What can be known to be wrong with a plan before it runs: targets that do not exist, words that a fault
// does not take, and configurations that Kafka's own code refuses.

#include <optional>
#include <string>

#include "sim/plan/plan.h"

namespace ksim::sim {

// One line that says what is wrong, and where in the text of this name it stands; nothing if the plan can
// run. `for_kafka` is false for plans whose nodes run something else.
std::optional<std::string> what_is_wrong(const Plan& plan, const std::string& name, bool for_kafka);

}  // namespace ksim::sim
