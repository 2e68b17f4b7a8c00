#pragma once
// Durations and near misses in what people type.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/units.h"

namespace ksim::sim {

// "250ms", "1.5s", "2m", "0s"; units ns, us, ms, s, m, h.
std::optional<Duration> parse_duration(std::string_view text);
// The shortest of the above that is exact.
std::string format_duration(Duration d);

// The candidate that is fewest edits away, if it is near enough to be meant.
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace ksim::sim
