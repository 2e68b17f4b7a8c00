#pragma once
// Two runs beside one another: up to where they are the same, and how they go on.

#include <string>
#include <vector>

namespace ksim::sim {

struct Split {
  bool differs = false;
  size_t at = 0;                           // lines that are the same
  std::vector<std::string> before;         // the last of these
  std::vector<std::string> first, second;  // how each goes on
};

Split split_of(const std::vector<std::string>& first, const std::vector<std::string>& second,
               size_t lines_before = 5, size_t lines_after = 6);
// In two columns, as wide as `width` lets them be.
std::string side_by_side(const Split& split, size_t width);

}  // namespace ksim::sim
