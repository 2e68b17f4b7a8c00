#pragma once
// Which step a violation accuses, by the words in which its checker tells it.

#include <string_view>

namespace ksim::sim {

struct Wrong {
  std::string_view checker;
  std::string_view says;  // in its message; empty: whatever it says
  std::string_view kind;  // of the wrong step
  std::string_view rule;
  std::string_view text;  // of the rule
};

// Of a checker that is not known: one whose kind is empty.
const Wrong& wrong_of(std::string_view checker, std::string_view message);

}  // namespace ksim::sim
