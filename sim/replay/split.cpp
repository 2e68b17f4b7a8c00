#include "sim/replay/split.h"

#include <algorithm>

#include <fmt/format.h>

namespace ksim::sim {
namespace {

// Cut into pieces that fit a column.
std::vector<std::string> folded(const std::string& line, size_t width) {
  std::vector<std::string> pieces;
  for (size_t at = 0; at < line.size() || pieces.empty();) {
    size_t end = std::min(line.size(), at + width);
    if (end < line.size()) {
      const size_t space = line.rfind(' ', end);
      if (space != std::string::npos && space > at) end = space;
    }
    pieces.push_back((pieces.empty() ? "" : "  ") + line.substr(at, end - at));
    at = end + (end < line.size() && line[end] == ' ' ? 1 : 0);
  }
  return pieces;
}

}  // namespace

Split split_of(const std::vector<std::string>& first, const std::vector<std::string>& second,
               size_t lines_before, size_t lines_after) {
  Split split;
  const size_t shorter = std::min(first.size(), second.size());
  while (split.at < shorter && first[split.at] == second[split.at]) ++split.at;
  split.differs = split.at < first.size() || split.at < second.size();
  const auto piece = [](const std::vector<std::string>& lines, size_t from, size_t to) {
    std::vector<std::string> out;
    for (size_t i = from; i < std::min(to, lines.size()); ++i) out.push_back(lines[i]);
    return out;
  };
  split.before = piece(first, split.at - std::min(split.at, lines_before), split.at);
  split.first = piece(first, split.at, split.at + lines_after);
  split.second = piece(second, split.at, split.at + lines_after);
  return split;
}

std::string side_by_side(const Split& split, size_t width) {
  const size_t column = std::max<size_t>(width, 60) / 2 - 2;
  std::string out;
  for (const std::string& line : split.before) out += "    " + line + "\n";
  const std::string rule(column, '-');
  out += fmt::format("{:-<{}}-+-{}\n", "first ", column, fmt::format("{:-<{}}", "second ", column));
  for (size_t i = 0; i < std::max(split.first.size(), split.second.size()); ++i) {
    const std::string ended = "(the run has ended)";
    const auto pieces_of = [&](const std::vector<std::string>& lines) {
      return folded(i < lines.size() ? lines[i] : i == lines.size() ? ended : "", column - 2);
    };
    const std::vector<std::string> left = pieces_of(split.first), right = pieces_of(split.second);
    for (size_t row = 0; row < std::max(left.size(), right.size()); ++row) {
      const std::string a = row < left.size() ? left[row] : "", b = row < right.size() ? right[row] : "";
      std::string line = fmt::format("{:<{}} | {}", a, column, b);
      while (line.ends_with(' ')) line.pop_back();
      out += line + "\n";
    }
  }
  return out;
}

}  // namespace ksim::sim
