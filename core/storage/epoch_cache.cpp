#include "core/storage/epoch_cache.h"

#include <algorithm>

#include "core/storage/checkpoint.h"
#include "core/storage/text.h"

namespace ksim::storage {

EpochCache::EpochCache(const std::vector<EpochEntry>& entries) {
  for (const EpochEntry& entry : entries) assign(entry.epoch, entry.start_offset);
}

std::optional<int32_t> EpochCache::latest_epoch() const {
  if (entries_.empty()) return std::nullopt;
  return entries_.back().epoch;
}

bool EpochCache::would_assign(int32_t epoch, int64_t start_offset) const {
  return entries_.empty() || entries_.back().epoch != epoch || start_offset < entries_.back().start_offset;
}

bool EpochCache::assign(int32_t epoch, int64_t start_offset) {
  ENSURE(epoch >= 0 && start_offset >= 0, "an epoch entry with a negative number");
  if (!would_assign(epoch, start_offset)) return false;
  while (!entries_.empty() &&
         (entries_.back().epoch >= epoch || entries_.back().start_offset >= start_offset)) {
    entries_.pop_back();
  }
  entries_.push_back({epoch, start_offset});
  return true;
}

bool EpochCache::truncate_from_end(int64_t end_offset) {
  const size_t before = entries_.size();
  while (!entries_.empty() && entries_.back().start_offset >= end_offset) entries_.pop_back();
  return entries_.size() != before;
}

bool EpochCache::truncate_from_start(int64_t start_offset) {
  const auto after = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const EpochEntry& e) { return e.start_offset > start_offset; });
  if (after == entries_.begin()) return false;
  const auto covering = after - 1;
  if (covering == entries_.begin() && covering->start_offset == start_offset) return false;
  covering->start_offset = start_offset;
  entries_.erase(entries_.begin(), covering);
  return true;
}

bool EpochCache::remove_above(int32_t epoch) {
  const size_t before = entries_.size();
  while (!entries_.empty() && entries_.back().epoch > epoch) entries_.pop_back();
  return entries_.size() != before;
}

bool EpochCache::clear() {
  const bool had = !entries_.empty();
  entries_.clear();
  return had;
}

EpochEndOffset EpochCache::end_offset_for(int32_t epoch, int64_t log_end_offset) const {
  if (epoch < 0 || entries_.empty()) return {};
  if (entries_.back().epoch == epoch) return {epoch, log_end_offset};
  const auto higher =
      std::find_if(entries_.begin(), entries_.end(), [&](const EpochEntry& e) { return e.epoch > epoch; });
  if (higher == entries_.end()) return {};
  if (higher == entries_.begin()) return {epoch, higher->start_offset};
  return {(higher - 1)->epoch, higher->start_offset};
}

std::optional<int32_t> EpochCache::epoch_for_offset(int64_t offset) const {
  const auto after = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const EpochEntry& e) { return e.start_offset > offset; });
  if (after == entries_.begin()) return std::nullopt;
  return (after - 1)->epoch;
}

Result<EpochCache> read_epoch_file(Disk& disk, std::string_view directory) {
  const std::string path = join_path(directory, kEpochFileName);
  const auto content = read_file(disk, path);
  if (!content.ok()) {
    if (content.error() == IoError::not_found) return EpochCache{};
    return fail(Error(content.error(), "reading " + path));
  }
  TRY_ASSIGN(const auto lines, parse_checkpoint(as_text(*content)));
  std::vector<EpochEntry> entries;
  for (std::string_view line : lines) {
    const auto words = split_words(line);
    const auto epoch = words.size() == 2 ? parse_number<int32_t>(words[0]) : std::nullopt;
    const auto start = words.size() == 2 ? parse_number<int64_t>(words[1]) : std::nullopt;
    if (!epoch || !start || *epoch < 0 || *start < 0) {
      return fail(ErrorCode::CORRUPT_MESSAGE, "malformed line in " + path + ": " + std::string(line));
    }
    entries.push_back({*epoch, *start});
  }
  return EpochCache(entries);
}

Result<void> write_epoch_file(Disk& disk, std::string_view directory, const EpochCache& cache) {
  std::vector<std::string> lines;
  for (const EpochEntry& entry : cache.entries()) {
    lines.push_back(std::to_string(entry.epoch) + " " + std::to_string(entry.start_offset));
  }
  const std::string path = join_path(directory, kEpochFileName);
  const std::string text = format_checkpoint(lines);
  const auto written = write_file_atomically(disk, path, as_bytes(text));
  if (!written.ok()) return fail(Error(written.error(), "writing " + path));
  return {};
}

}  // namespace ksim::storage
