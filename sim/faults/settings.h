#pragma once
// Settings of a node as one parameter of a fault: "num.replica.fetchers=2, log.segment.bytes=1048576".

#include <string_view>

#include "core/base/result.h"
#include "sim/plan/plan.h"

namespace ksim::sim {

// Errors: INVALID_REQUEST for what has no key, and for keys that a node cannot change: what it is, where it
// is, and what the judge holds the cluster to.
Result<Properties> parse_settings(std::string_view text);

}  // namespace ksim::sim
