#pragma once
// Plans beside a plan: what a guided swarm tries where fresh seeds bring nothing new.

#include "sim/plan/plan.h"

namespace ksim::sim {

// Changes some few things of `plan`: a fault comes, goes, strikes at another moment, elsewhere or for longer,
// a setting or the interleaving is another. Parts come from `donor`, a plan of the same scenario. The same
// numbers make the same plan. Whether it is one that can be run (check_plan.h), the caller finds out.
void mutate(Plan& plan, const Plan& donor, uint64_t mutation, const Vocabulary& words);

}  // namespace ksim::sim
