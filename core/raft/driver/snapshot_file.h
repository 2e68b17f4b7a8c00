#pragma once
// Snapshots of the metadata log as files: names (rule A51), writing and reading (rule A52).

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/io/disk.h"
#include "core/raft/log_view.h"
#include "core/record/batch.h"

namespace ksim::raft {

// "00000000000000000042-0000000003.checkpoint"
std::string snapshot_name(OffsetAndEpoch id);
// Being written: "<id>-<unique>.checkpoint.part".
std::string partial_snapshot_name(OffsetAndEpoch id, uint64_t unique);
// Of a finished snapshot's name; none for other files.
std::optional<OffsetAndEpoch> parse_snapshot_name(std::string_view name);
bool is_snapshot_leftover(std::string_view name);  // .checkpoint.part or .checkpoint.deleted

// Finished snapshots in a directory with their sizes, by offset; leftovers are removed (rule A58).
Result<std::vector<SnapshotInfo>> load_snapshots(Disk& disk, std::string_view directory);

class SnapshotReader;

// A file that grows until freeze() gives it its name. Dropped before, it leaves a .part for the next start.
class RawSnapshotWriter {
 public:
  static Result<std::unique_ptr<RawSnapshotWriter>> create(Disk& disk, std::string_view directory,
                                                           OffsetAndEpoch id, uint64_t unique);
  OffsetAndEpoch id() const { return id_; }
  uint64_t size_bytes() const { return size_; }
  Result<void> append(Bytes bytes);
  // Reads what was written so far.
  Result<std::unique_ptr<SnapshotReader>> read_back() const;
  // When this returns the snapshot survives any crash under its name.
  Result<void> freeze();
  void abandon();  // removes what was written

 private:
  RawSnapshotWriter(Disk& disk, std::string_view directory, OffsetAndEpoch id, std::string part, FileRef file)
      : disk_(disk), directory_(directory), id_(id), part_(std::move(part)), file_(std::move(file)) {}

  Disk& disk_;
  std::string directory_;
  OffsetAndEpoch id_;
  std::string part_;
  FileRef file_;
  uint64_t size_ = 0;
};

// Frames records as a snapshot: header, data batches, footer; offsets count from 0.
class SnapshotWriter {
 public:
  static constexpr size_t kMaxBatchBytes = 8 << 20;

  // `last_contained_timestamp_ms` is the append time of the last batch the snapshot covers.
  static Result<std::unique_ptr<SnapshotWriter>> create(std::unique_ptr<RawSnapshotWriter> raw,
                                                        int64_t last_contained_timestamp_ms, int64_t now_ms,
                                                        size_t max_batch_bytes = kMaxBatchBytes);
  ~SnapshotWriter();
  OffsetAndEpoch id() const { return raw_->id(); }
  // Record values as in the log.
  Result<void> append(std::span<const Bytes> values);
  // The size of the finished file.
  Result<uint64_t> freeze();
  void abandon() { raw_->abandon(); }

 private:
  struct Batch;
  SnapshotWriter(std::unique_ptr<RawSnapshotWriter> raw, int64_t now_ms, size_t max_batch_bytes);
  Result<void> write_control(int16_t type, Bytes value);
  Result<void> drain();

  std::unique_ptr<RawSnapshotWriter> raw_;
  int64_t now_ms_;
  size_t max_batch_bytes_;
  int64_t next_offset_ = 0;
  std::unique_ptr<Batch> batch_;
};

// Reads a snapshot from its beginning, a batch at a time.
class SnapshotReader {
 public:
  static Result<std::unique_ptr<SnapshotReader>> open(Disk& disk, std::string_view directory,
                                                      OffsetAndEpoch id);
  OffsetAndEpoch id() const { return id_; }
  uint64_t size_bytes() const { return size_; }
  // Of the header; 0 before next() was called.
  int64_t last_contained_timestamp_ms() const { return last_contained_timestamp_ms_; }
  // The values of the next data batch, which live until the next call; false at the footer. A file that ends
  // before its footer, or whose checksums are wrong, is CORRUPT_MESSAGE.
  Result<bool> next(std::vector<Bytes>& values);

 private:
  friend class RawSnapshotWriter;
  SnapshotReader(OffsetAndEpoch id, FileRef file, uint64_t size)
      : id_(id), file_(std::move(file)), size_(size) {}
  Result<bool> read_batch(BatchView& batch);
  // True: it was the footer.
  Result<bool> take_control(const BatchView& batch);

  OffsetAndEpoch id_;
  FileRef file_;
  uint64_t size_;
  uint64_t position_ = 0;
  ByteBuffer buffer_;
  int64_t last_contained_timestamp_ms_ = 0;
};

}  // namespace ksim::raft
