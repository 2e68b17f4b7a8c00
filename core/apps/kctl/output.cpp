#include "core/apps/kctl/output.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>

#include <fmt/format.h>

namespace ksim::kctl {
namespace {

const char* escape_of(Style style) {
  switch (style) {
    case Style::heading:
      return "\x1b[1m";
    case Style::good:
      return "\x1b[32m";
    case Style::bad:
      return "\x1b[31m";
    case Style::faint:
      return "\x1b[2m";
    case Style::plain:
      break;
  }
  return "";
}

// Characters, not bytes: those that continue one in UTF-8 take no room.
size_t width(std::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("-+.0123456789%") == std::string_view::npos;
}

}  // namespace

void Table::add(std::vector<Cell> row) {
  row.resize(headings_.size());
  rows_.push_back(std::move(row));
}

std::string Table::render(bool colours) const {
  const size_t columns = headings_.size();
  std::vector<size_t> widths(columns);
  std::vector<bool> numbers(columns, !rows_.empty());
  for (size_t i = 0; i < columns; ++i) {
    widths[i] = width(headings_[i]);
    for (const auto& row : rows_) {
      widths[i] = std::max(widths[i], width(row[i].text));
      if (!is_number(row[i].text) && row[i].text != "-") numbers[i] = false;
    }
  }
  std::string out;
  const auto put = [&](const std::vector<Cell>& row) {
    std::string line;
    for (size_t i = 0; i < columns; ++i) {
      const std::string blanks(widths[i] - width(row[i].text), ' ');
      if (i > 0) line += "  ";
      if (numbers[i]) line += blanks;
      line += coloured(row[i].text, row[i].style, colours);
      if (!numbers[i]) line += blanks;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  };
  std::vector<Cell> heading;
  for (const std::string& text : headings_) heading.emplace_back(text, Style::heading);
  put(heading);
  for (const auto& row : rows_) put(row);
  return out;
}

std::string coloured(std::string_view text, Style style, bool colours) {
  if (!colours || style == Style::plain || text.empty()) return std::string(text);
  return fmt::format("{}{}\x1b[0m", escape_of(style), text);
}

std::string human_bytes(int64_t bytes) {
  constexpr std::array<const char*, 6> kUnits{"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  if (bytes < 0) return "-";
  if (bytes < 1024) return fmt::format("{} B", bytes);
  auto amount = static_cast<double>(bytes);
  size_t unit = 0;
  while (amount >= 1000 && unit + 1 < kUnits.size()) {
    amount /= 1024;
    ++unit;
  }
  return fmt::format("{:.1f} {}", amount, kUnits[unit]);
}

std::string counted(int64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

void Output::text(std::string_view text) {
  if (broken_ || text.empty()) return;
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) note_failure();
}

void Output::line(std::string_view text) {
  this->text(text);
  this->text("\n");
}

void Output::flush() {
  if (!broken_ && std::fflush(stdout) != 0) note_failure();
}

void Output::note_failure() {
  broken_ = true;
  reader_left_ = errno == EPIPE;
}

}  // namespace ksim::kctl
