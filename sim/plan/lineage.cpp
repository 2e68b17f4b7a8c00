#include "sim/plan/lineage.h"

#include <charconv>

#include <fmt/format.h>

namespace ksim::sim {
namespace {

template <class T>
bool parse_whole(std::string_view text, T& into, int base) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into, base);
  return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

std::string to_string(const Lineage& lineage) {
  std::string text = std::to_string(lineage.seed);
  for (const uint32_t mutation : lineage.mutations) text += fmt::format("+{:x}", mutation);
  return text;
}

std::optional<Lineage> parse_lineage(std::string_view text) {
  Lineage lineage;
  size_t plus = text.find('+');
  if (!parse_whole(text.substr(0, plus), lineage.seed, 10)) return std::nullopt;
  while (plus != std::string_view::npos) {
    text = text.substr(plus + 1);
    plus = text.find('+');
    if (!parse_whole(text.substr(0, plus), lineage.mutations.emplace_back(), 16)) return std::nullopt;
  }
  return lineage;
}

}  // namespace ksim::sim
