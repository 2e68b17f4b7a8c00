#pragma once
// How a plan came to be: drawn with a seed, then changed by mutations (mutate.h), each of which is a number.
// As text "17", or "17+3f2a+91bc"; so it stands wherever ksim takes a seed.

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ksim::sim {

struct Lineage {
  uint64_t seed = 1;
  std::vector<uint32_t> mutations;  // in the order in which they are made

  auto operator<=>(const Lineage&) const = default;
};

std::string to_string(const Lineage& lineage);
// Empty: it is no such text.
std::optional<Lineage> parse_lineage(std::string_view text);

}  // namespace ksim::sim
