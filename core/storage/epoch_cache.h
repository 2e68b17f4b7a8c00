#pragma once
// Which leader epoch wrote which offsets (rules A82, A83), and its file `leader-epoch-checkpoint` (rule A40).

#include <optional>
#include <string_view>
#include <vector>

#include "core/io/disk.h"
#include "core/storage/log_types.h"

namespace ksim::storage {

// Entries rise strictly in epoch and in start offset. Pure: whoever changes it writes the file.
class EpochCache {
 public:
  EpochCache() = default;
  // Takes entries as a file gave them, dropping what breaks the order.
  explicit EpochCache(const std::vector<EpochEntry>& entries);

  const std::vector<EpochEntry>& entries() const { return entries_; }
  std::optional<int32_t> latest_epoch() const;
  // The epoch is at least 0, and so is the offset. Nothing changes if `epoch` is the latest and starts at or
  // before `start_offset`; otherwise conflicting entries go. True if something changed.
  bool assign(int32_t epoch, int64_t start_offset);
  bool would_assign(int32_t epoch, int64_t start_offset) const;
  // Removes entries that start at or after `end_offset`. True if there were any.
  bool truncate_from_end(int64_t end_offset);
  // Removes entries that end at or before `start_offset`; the one that covers it then starts there.
  bool truncate_from_start(int64_t start_offset);
  // Removes entries above `epoch`. True if there were any.
  bool remove_above(int32_t epoch);
  bool clear();

  EpochEndOffset end_offset_for(int32_t epoch, int64_t log_end_offset) const;
  std::optional<int32_t> epoch_for_offset(int64_t offset) const;

 private:
  std::vector<EpochEntry> entries_;
};

constexpr std::string_view kEpochFileName = "leader-epoch-checkpoint";
// A missing file is an empty cache. CORRUPT_MESSAGE for a malformed one.
Result<EpochCache> read_epoch_file(Disk& disk, std::string_view directory);
Result<void> write_epoch_file(Disk& disk, std::string_view directory, const EpochCache& cache);

}  // namespace ksim::storage
