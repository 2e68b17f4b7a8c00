#pragma once
// limits = "tiny": small sizes, drawn for each seed.

#include <cstdint>

#include "sim/plan/plan.h"

namespace ksim::sim {

Limits tiny_limits(uint64_t seed);
// Configuration that goes with them, as far as its own limits permit; keys that are there stay.
void add_tiny_settings(uint64_t seed, Properties& config);

}  // namespace ksim::sim
