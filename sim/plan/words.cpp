#include "sim/plan/words.h"

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

bool is_plain_name(std::string_view text) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  return !text.empty() && text.size() <= 200 && text.find_first_not_of(kPlain) == std::string_view::npos;
}

}  // namespace ksim::sim
