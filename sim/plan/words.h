#pragma once
// Durations and names as people type them.

#include <optional>
#include <string>
#include <string_view>

#include "core/base/nearest.h"
#include "core/base/units.h"

namespace ksim::sim {

// "250ms", "1.5s", "2m", "0s"; units ns, us, ms, s, m, h.
std::optional<Duration> parse_duration(std::string_view text);
// The shortest of the above that is exact.
std::string format_duration(Duration d);
// A name that can stand in a report and in a file's name as it is: letters, digits and ._- .
bool is_plain_name(std::string_view text);

}  // namespace ksim::sim
