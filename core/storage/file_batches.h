#pragma once
// Walks the batches of a segment file through a window of memory. Formats v0 and v1, which old clusters have
// left in their logs, are understood as far as their headers go (rules A17, A19).

#include "core/io/disk.h"
#include "core/record/batch.h"

namespace ksim::storage {

struct BatchHeader {
  uint64_t position = 0;
  uint64_t size_bytes = 0;
  int64_t base_offset = 0;  // v0, v1: the last offset; the first stands inside
  int64_t last_offset = 0;
  int64_t max_timestamp_ms = kNoTimestamp;
  int32_t leader_epoch = kNoLeaderEpoch;
  int8_t magic = 2;
};

class FileBatches {
 public:
  static constexpr size_t kLookupWindow = 8 * 1024;
  static constexpr size_t kScanWindow = 256 * 1024;

  // Walks [position, end) of `file`, which outlives this, reading at least `window_bytes` at a time.
  FileBatches(File& file, uint64_t position, uint64_t end, size_t window_bytes);

  // False: no further complete batch before `end`, or before where the file ends by now; position() tells
  // where the walk stopped. CORRUPT_MESSAGE for a size or magic that cannot be.
  Result<bool> next();
  const BatchHeader& header() const { return header_; }
  uint64_t position() const { return position_; }  // after the batch
  // The header of a batch of magic 2; until the next call of anything.
  BatchView view() const;
  // The whole batch; until the next call of anything.
  Result<Bytes> whole();

 private:
  // Makes [at, at + size_bytes) readable; less at the end of the file.
  IoResult<Bytes> window(uint64_t at, uint64_t size_bytes);

  File& file_;
  uint64_t position_;
  uint64_t end_;
  size_t window_bytes_;
  ByteBuffer buffer_;
  uint64_t buffer_at_ = 0;
  size_t buffered_ = 0;
  BatchHeader header_;
};

// The checksum of an entry of any format matches. `entry` is the whole entry.
bool checksum_matches(Bytes entry);

}  // namespace ksim::storage
