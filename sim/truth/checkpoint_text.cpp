#include "sim/truth/checkpoint_text.h"

#include <charconv>

namespace ksim::sim {
namespace {

// Takes what stands before `end` off the front of `text`; nothing if `end` is not there.
std::optional<std::string_view> take_until(std::string_view& text, char end) {
  const size_t at = text.find(end);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view taken = text.substr(0, at);
  text.remove_prefix(at + 1);
  return taken;
}

std::optional<int64_t> number(std::string_view text) {
  int64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<std::string> read_text(const DiskPeek& disks, int32_t node, std::string_view path,
                                     DiskPeek::Layer layer) {
  const auto size = disks.size(node, path, layer);
  if (!size) return std::nullopt;
  std::string text(*size, ' ');
  text.resize(disks.read(node, path, 0, {reinterpret_cast<uint8_t*>(text.data()), text.size()}, layer));
  return text;
}

std::optional<std::map<std::string, int64_t>> parse_checkpoint_text(std::string_view text) {
  std::map<std::string, int64_t> entries;
  const auto version = take_until(text, '\n');
  const auto count = take_until(text, '\n');
  if (!version || *version != "0" || !count) return std::nullopt;
  while (!text.empty()) {
    const auto topic = take_until(text, ' ');
    const auto partition = take_until(text, ' ');
    const auto offset = take_until(text, '\n');
    if (!topic || !partition || !offset || !number(*offset)) return std::nullopt;
    entries[std::string(*topic).append("-").append(*partition)] = *number(*offset);
  }
  if (number(*count) != static_cast<int64_t>(entries.size())) return std::nullopt;
  return entries;
}

std::optional<int64_t> checkpointed(const DiskPeek& disks, int32_t node, std::string_view path,
                                    std::string_view log, DiskPeek::Layer layer) {
  const auto text = read_text(disks, node, path, layer);
  const auto entries = text ? parse_checkpoint_text(*text) : std::nullopt;
  if (!entries) return std::nullopt;
  const auto entry = entries->find(std::string(log));
  return entry == entries->end() ? std::nullopt : std::optional(entry->second);
}

}  // namespace ksim::sim
