#include "sim/plan/words.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace ksim::sim {
namespace {

struct Unit {
  std::string_view name;
  int64_t ns;
};
constexpr std::array<Unit, 6> kUnits{{{"h", 3'600'000'000'000},
                                      {"m", 60'000'000'000},
                                      {"s", 1'000'000'000},
                                      {"ms", 1'000'000},
                                      {"us", 1'000},
                                      {"ns", 1}}};

size_t edits(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
  int64_t whole = 0;
  int64_t fraction = 0;
  int64_t scale = 1;
  size_t i = 0;
  while (i < text.size() && text[i] >= '0' && text[i] <= '9' && i < 12)
    whole = whole * 10 + (text[i++] - '0');
  if (i == 0) return std::nullopt;
  if (i < text.size() && text[i] == '.') {
    const size_t begin = ++i;
    while (i < text.size() && text[i] >= '0' && text[i] <= '9' && i - begin < 9) {
      fraction = fraction * 10 + (text[i++] - '0');
      scale *= 10;
    }
    if (i == begin) return std::nullopt;
  }
  for (const Unit& unit : kUnits) {
    if (text.substr(i) != unit.name) continue;
    if (whole > Duration::max().ns / unit.ns - 1) return std::nullopt;
    // Multiplying first would overflow for nine digits of hours: divide what divides.
    const int64_t part = unit.ns >= scale ? fraction * (unit.ns / scale) : fraction * unit.ns / scale;
    return Duration{whole * unit.ns + part};
  }
  return std::nullopt;
}

std::string format_duration(Duration d) {
  if (d.ns == 0) return "0s";
  if (d.ns >= 1'000'000'000) {
    std::string text = fmt::format("{}.{:09}", d.ns / 1'000'000'000, d.ns % 1'000'000'000);
    while (text.back() == '0') text.pop_back();
    if (text.back() == '.') text.pop_back();
    return text + "s";
  }
  for (const Unit& unit : kUnits) {
    if (unit.ns <= 1'000'000'000 && d.ns % unit.ns == 0)
      return fmt::format("{}{}", d.ns / unit.ns, unit.name);
  }
  return fmt::format("{}ns", d.ns);
}

std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::optional<std::string> best;
  size_t fewest = std::max<size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const size_t distance = edits(word, candidate);
    if (distance < fewest) {
      fewest = distance;
      best = candidate;
    }
  }
  return best;
}

}  // namespace ksim::sim
