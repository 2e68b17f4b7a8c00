#include "core/storage/checkpoint.h"

#include "core/storage/text.h"

namespace ksim::storage {
namespace {

Failure<Error> malformed(std::string_view line) {
  return fail(ErrorCode::CORRUPT_MESSAGE, "malformed line in checkpoint: " + std::string(line));
}

}  // namespace

Result<std::vector<std::string_view>> parse_checkpoint(std::string_view text) {
  std::vector<std::string_view> lines = split_lines(text);
  if (lines.empty()) return lines;
  const auto version = parse_number<int32_t>(lines[0]);
  if (!version) return malformed(lines[0]);
  if (*version != 0) {
    return fail(ErrorCode::CORRUPT_MESSAGE, "unknown checkpoint version " + std::to_string(*version));
  }
  if (lines.size() == 1) return std::vector<std::string_view>{};
  const auto count = parse_number<int32_t>(lines[1]);
  if (!count) return malformed(lines[1]);
  lines.erase(lines.begin(), lines.begin() + 2);
  if (*count < 0 || lines.size() != static_cast<size_t>(*count)) {
    return fail(ErrorCode::CORRUPT_MESSAGE, "checkpoint declares " + std::to_string(*count) +
                                                " entries and has " + std::to_string(lines.size()));
  }
  return lines;
}

std::string format_checkpoint(const std::vector<std::string>& entries) {
  std::string text = "0\n" + std::to_string(entries.size()) + "\n";
  for (const std::string& entry : entries) text.append(entry).append("\n");
  return text;
}

Result<OffsetMap> parse_offset_map(std::string_view text) {
  TRY_ASSIGN(const auto lines, parse_checkpoint(text));
  OffsetMap offsets;
  for (std::string_view line : lines) {
    const auto words = split_words(line);
    if (words.size() != 3) return malformed(line);
    const auto partition = parse_number<int32_t>(words[1]);
    const auto offset = parse_number<int64_t>(words[2]);
    if (!partition || *partition < 0 || !offset || *offset < 0) return malformed(line);
    offsets[{std::string(words[0]), *partition}] = *offset;
  }
  return offsets;
}

std::string format_offset_map(const OffsetMap& offsets) {
  std::vector<std::string> entries;
  entries.reserve(offsets.size());
  for (const auto& [key, offset] : offsets) {
    entries.push_back(key.topic + " " + std::to_string(key.partition) + " " + std::to_string(offset));
  }
  return format_checkpoint(entries);
}

Result<OffsetMap> read_offset_map(Disk& disk, std::string_view path) {
  auto content = read_file(disk, path);
  if (!content.ok()) {
    if (content.error() == IoError::not_found) return OffsetMap{};
    return fail(Error(content.error(), "reading " + std::string(path)));
  }
  return parse_offset_map(as_text(*content));
}

Result<void> write_offset_map(Disk& disk, std::string_view path, const OffsetMap& offsets) {
  const std::string text = format_offset_map(offsets);
  const auto written = write_file_atomically(disk, path, as_bytes(text));
  if (!written.ok()) return fail(Error(written.error(), "writing " + std::string(path)));
  return {};
}

}  // namespace ksim::storage
