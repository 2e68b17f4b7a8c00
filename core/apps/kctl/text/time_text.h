#pragma once
// Points in time as people write them. UTC throughout: what a command means must not depend on whose machine
// it runs on.

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/base/units.h"

namespace ksim::kctl {

// Milliseconds since 1970 of "2026-01-31", "2026-01-31T12:00", "2026-01-31T12:00:05.250Z",
// "2026-01-31 12:00:05+02:00". INVALID_REQUEST with a sentence for anything else.
Result<int64_t> parse_time(std::string_view text);
// "2026-01-31T12:00:05.250Z"; "-" for what is no time (negative).
std::string format_time(int64_t ms);

// "250ms", "90s", "5m", "2h", "7d", or a number of seconds.
Result<Duration> parse_duration(std::string_view text);

}  // namespace ksim::kctl
