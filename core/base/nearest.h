#pragma once
// What somebody who mistyped a word most likely meant.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ksim {

// The candidate that is fewest edits away, if it is near enough to be meant. Case does not count.
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates);
// `; did you mean "that"?`, or nothing.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace ksim
