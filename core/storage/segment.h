#pragma once
// One segment of a log: its file of batches and its indexes (rules A24-A33). Whoever changes it holds the
// log's lock; reading needs none.
//
// Invariants: batches lie end to end from 0 to size_bytes(), offsets rise, all within [base, base + 2^31-1];
// what the indexes say lies below size_bytes().

#include <optional>
#include <string>
#include <vector>

#include "core/base/log_knowledge.h"
#include "core/base/units.h"
#include "core/io/disk.h"
#include "core/storage/file_batches.h"
#include "core/storage/index.h"
#include "core/storage/log_types.h"
#include "core/storage/txn_index.h"

namespace ksim::storage {

// "00000000000000000042.log" for 42 and ".log".
std::string segment_file_name(int64_t base_offset, std::string_view suffix);
// 42 again, of that name, of those of its indexes and snapshots, and of those that end in ".deleted",
// ".cleaned" or ".swap" besides.
std::optional<int64_t> offset_of_file_name(std::string_view name);
constexpr std::string_view kLogSuffix = ".log";
constexpr std::string_view kIndexSuffix = ".index";
constexpr std::string_view kTimeIndexSuffix = ".timeindex";
constexpr std::string_view kTxnIndexSuffix = ".txnindex";
constexpr std::string_view kSnapshotSuffix = ".snapshot";
constexpr std::string_view kDeletedSuffix = ".deleted";
constexpr std::string_view kCleanedSuffix = ".cleaned";
constexpr std::string_view kSwapSuffix = ".swap";

// Which index files a directory listing has for a segment, with their sizes.
struct SegmentFiles {
  std::optional<uint64_t> index_bytes;
  std::optional<uint64_t> time_index_bytes;
  std::optional<uint64_t> txn_index_bytes;
};

// Where a batch lies.
struct BatchLocation {
  int64_t base_offset = 0;
  int64_t last_offset = 0;
  uint64_t position = 0;
  uint64_t size_bytes = 0;
};

// Sees each batch of a segment that is rebuilt, in order. False: this batch is not to be kept, nor what
// follows.
class BatchVisitor {
 public:
  virtual Result<bool> visit(const BatchHeader& header, Bytes whole) = 0;

 protected:
  ~BatchVisitor() = default;
};

class Segment {
 public:
  // A new file; one of that name is replaced.
  static IoResult<std::shared_ptr<Segment>> create(Disk& disk, const std::string& directory,
                                                   int64_t base_offset, WallTime now);
  // An existing one; indexes that are missing begin empty.
  static IoResult<std::shared_ptr<Segment>> open(Disk& disk, const std::string& directory,
                                                 int64_t base_offset, const SegmentFiles& files,
                                                 WallTime now);

  // False: an index is missing, or says what cannot be (rule A77).
  IoResult<bool> indexes_usable(const SegmentFiles& files);

  int64_t base_offset() const { return base_offset_; }
  uint64_t size_bytes() const { return size_bytes_; }
  const FileRef& file() const { return file_; }

  // ---- what the active segment needs before it grows ----
  // Loads the indexes, the largest timestamp, and the first batch's. `next_offset` follows the last batch.
  Result<void> prepare_for_append(int64_t next_offset);
  int64_t roll_jitter_ms() const { return roll_jitter_ms_; }
  void set_roll_jitter(int64_t jitter_ms) { roll_jitter_ms_ = jitter_ms; }
  // Rule A67. Needs prepare_for_append().
  bool should_roll(const LogConfig& config, uint64_t more_bytes, int64_t max_timestamp_ms,
                   int64_t last_offset, int64_t now_ms) const;

  // `batches`: whole batches of magic 2 with their final offsets. Writes them, then takes note of them
  // without a further wait; on failure nothing is noted.
  IoResult<void> append(Bytes batches, int64_t index_interval_bytes);
  void add_aborted(const AbortedTxnEntry& entry);
  // The final entry of the time index (rule A31). Needs prepare_for_append().
  void close_indexes();

  // ---- lookups ----
  // The first batch whose last offset is at or above `offset`; nothing if there is none.
  Result<std::optional<BatchLocation>> locate(int64_t offset);
  // The first record at or after the timestamp whose offset is at or above `from` and below `end`.
  Result<std::optional<TimestampAndOffset>> locate_timestamp(int64_t timestamp_ms, int64_t from, int64_t end);
  // The first record with the largest timestamp.
  Result<std::optional<TimestampAndOffset>> locate_max_timestamp();
  // Offset one past the last batch; base_offset() if there is none. The walk must end at the end of the file:
  // CORRUPT_MESSAGE otherwise.
  Result<int64_t> read_next_offset();
  Result<TimestampOffset> largest();  // (-1, base) without timestamps
  Result<int64_t> largest_timestamp_or_mtime();
  // Rule D33: the upper bound of the offsets in [position, position + size).
  Result<std::optional<int64_t>> upper_bound_offset(uint64_t position, uint64_t size_bytes);
  Result<bool> collect_aborted(int64_t from, int64_t up_to, std::vector<AbortedTransaction>& found);

  LogFacts::Indexes index_facts() const;

  // ---- changes of shape ----
  // Forgets everything from `location` on, in memory: size, indexes. Needs the indexes loaded.
  IoResult<void> load_indexes();
  void cut_before(const BatchLocation& location);
  // The file follows, durably (call after cut_before()), and the largest timestamp of what is left is looked
  // up.
  Result<void> truncate_file();
  // Walks all batches up to the first that is torn, damaged or refused, and rebuilds the three indexes for
  // what lies before it, which size_bytes() then is. Returns how many bytes are left over; truncate_file()
  // removes them. KAFKA_STORAGE_ERROR also for offsets beyond base + 2^31-1, which Kafka before 1.0 could
  // write (A80). `flushed_to`: the batches below are on the disk. Of the others an earlier process may have
  // failed to sync some, which the system shows nevertheless and no later sync takes to the disk: the next
  // sync here writes them once more first.
  Result<uint64_t> rebuild(BatchVisitor& visitor, int64_t index_interval_bytes, int64_t flushed_to);

  // ---- files ----
  // What was written so far is on disk when this returns: the batches alone, or the indexes too. Whoever cuts
  // the file waits until it is over.
  IoResult<void> sync_batches();
  IoResult<void> sync();
  bool needs_sync() const { return batches_dirty_ || indexes_dirty_; }
  IoResult<void> save_indexes_atomically();
  void age();  // gives back memory that was not used since the last call
  // Renames the files to .deleted; returns their new paths.
  IoResult<std::vector<std::string>> mark_deleted();
  bool deleted() const { return deleted_; }
  void set_directory(const std::string& directory);

 private:
  Segment(Disk& disk, const std::string& directory, int64_t base_offset, WallTime now);
  void note_batch(const BatchView& batch, uint64_t position, int64_t index_interval_bytes);
  void reset_for_rebuild();
  IoResult<void> write_again();
  const BatchLocation* find_recent(int64_t offset) const;
  std::string path_of(std::string_view suffix) const;

  Disk& disk_;
  std::string directory_;
  int64_t base_offset_;
  FileRef file_;
  OffsetIndex offset_index_;
  TimeIndex time_index_;
  TxnIndex txn_index_;

  uint64_t size_bytes_ = 0;
  uint64_t bytes_since_index_ = 0;
  std::optional<TimestampOffset> largest_;
  std::optional<int64_t> first_timestamp_ms_;  // of the first batch
  int64_t created_ms_;
  int64_t roll_jitter_ms_ = 0;
  uint64_t found_from_ = 0;  // [from, to): bytes that recovery has found, to be written again
  uint64_t found_to_ = 0;
  bool batches_dirty_ = false;  // changed since the last sync
  bool indexes_dirty_ = false;
  bool deleted_ = false;
  bool used_ = false;  // an index was looked at since the last age()
  // The newest batches, for readers near the end: no disk is asked where those lie.
  std::vector<BatchLocation> recent_;
};

}  // namespace ksim::storage
