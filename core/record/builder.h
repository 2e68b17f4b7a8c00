#pragma once
// Builds record batches of format v2 (rules A1-A8).

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/record/batch.h"
#include "core/record/compression.h"

namespace ksim {

struct BatchOptions {
  int64_t base_offset = 0;
  int32_t leader_epoch = kNoLeaderEpoch;
  Compression compression = Compression::none;
  std::optional<int32_t> compression_level;  // the codec's default if absent
  // Under log_append_time all records read as `log_append_time_ms`.
  TimestampType timestamp_type = TimestampType::create_time;
  int64_t log_append_time_ms = kNoTimestamp;
  int64_t producer_id = kNoProducerId;
  int16_t producer_epoch = kNoProducerEpoch;
  int32_t base_sequence = kNoSequence;
  bool transactional = false;
  bool control = false;
  std::optional<int64_t> delete_horizon_ms;  // the cleaner's alone (rule A4)
};

// What build() reads; nothing of it is kept.
struct RecordInput {
  int64_t timestamp_ms = kNoTimestamp;
  std::optional<Bytes> key;
  std::optional<Bytes> value;
  std::span<const RecordHeader> headers;
};

// An upper bound of what the record takes in a batch of its own, header of the batch included: what a
// producer holds against max.request.size (rule G7).
size_t record_size_upper_bound(const RecordInput& record);

// One batch in the making. Records are encoded when they are appended; compression, producer fields and
// checksum come with build().
class BatchBuilder {
 public:
  explicit BatchBuilder(const BatchOptions& options);

  // Takes the next offset.
  void append(const RecordInput& record) { append_at(next_offset_, record); }
  // Offsets rise strictly; gaps are legal (compaction). Within one batch they span at most 2^31-1.
  void append_at(int64_t offset, const RecordInput& record);
  // Already encoded headers, as RecordView gives them.
  void append_at(int64_t offset, const RecordView& record);

  bool empty() const { return record_count_ == 0; }
  int32_t record_count() const { return record_count_; }
  int64_t next_offset() const { return next_offset_; }
  // Header and records before compression: what the batch takes at most (but for incompressible input under
  // a codec, which adds its framing).
  size_t uncompressed_bytes() const { return buffer_.size(); }
  // How many bytes the record would add, before compression.
  size_t size_with(const RecordInput& record) const;
  int64_t max_timestamp_ms() const { return max_timestamp_ms_; }

  // Producer id, epoch and base sequence are often known only when a batch is first sent (rule G12).
  void set_producer(int64_t producer_id, int16_t producer_epoch, int32_t base_sequence);
  // Keeps last offset and sequence of a batch whose last records were removed (rule A6): the cleaner's.
  void set_last_offset(int64_t offset);

  // The finished batch; the builder is empty of it afterwards. At least one record.
  ByteBuffer build();

 private:
  struct Encoding;
  void append_encoded(int64_t offset, int64_t timestamp_ms, const Encoding& record);

  BatchOptions options_;
  ByteBuffer buffer_;  // room for the header, then the records
  int64_t next_offset_;
  int64_t last_offset_ = -1;
  int64_t base_timestamp_ms_ = kNoTimestamp;
  int64_t max_timestamp_ms_ = kNoTimestamp;
  int32_t record_count_ = 0;
};

// All records in one batch.
ByteBuffer build_batch(const BatchOptions& options, std::span<const RecordInput> records);

// What the cleaner leaves of a batch whose records are all gone but whose sequence or transaction must be
// remembered (rule A16).
ByteBuffer build_empty_batch(const BatchView& original);

// The records of a batch spread over batches of at most `target_bytes` before compression (one record
// always goes), offsets from 0 in each, sequences contiguous from the original base (rule G15).
Result<std::vector<ByteBuffer>> split_batch(const BatchView& batch, size_t target_bytes);

}  // namespace ksim
