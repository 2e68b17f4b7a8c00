#pragma once
// Storms over brokers with two log directories, of which one may be lost: they go on with the other.

#include "sim/plan/plan.h"

namespace ksim::sim {

inline constexpr const char* kSecondDirectory = "data-2";

// Gives some clusters a second directory; true: this one.
bool give_two_directories(uint64_t seed, Properties& config);
// In most of them a broker comes back and finds its second directory lost, often when it is the last one in
// sync. `up`: by then a cluster without faults takes records.
void lose_directory(uint64_t seed, Duration up, Plan& plan);

}  // namespace ksim::sim
