#pragma once
// Small helpers for the text files of a log directory.

#include <charconv>
#include <optional>
#include <string_view>
#include <vector>

namespace ksim::storage {

// The whole of `text` as a decimal number.
template <class T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Lines without their ends (\n or \r\n); what follows the last end counts if it is not empty.
std::vector<std::string_view> split_lines(std::string_view text);
// Words between runs of blanks and tabs.
std::vector<std::string_view> split_words(std::string_view line);

}  // namespace ksim::storage
