#pragma once
// The file that a swarm keeps: what is in it, and what is something else.

#include <string>

#include "core/base/result.h"
#include "sim/swarm/swarm.h"

namespace ksim::sim {

// Errors: INVALID_REQUEST "FILE is a recorded run, not a campaign", or that it is damaged.
Result<void> check_campaign(const std::string& file, const std::string& image);
Result<Swarm> load_campaign(const std::string& file, const std::string& image);

}  // namespace ksim::sim
