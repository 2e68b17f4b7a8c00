#pragma once
// What a leader checks in a produced batch before it appends it (rules D11-D14), and what it changes.

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "core/record/batch.h"

namespace ksim {

// Who made the batch. Only clients are held to rules that the broker's own batches break on purpose: control
// records, offsets that do not start at 0.
enum class AppendOrigin : uint8_t { client, coordinator, raft_leader };

struct ValidationRules {
  AppendOrigin origin = AppendOrigin::client;
  size_t max_message_bytes = 1'048'588;    // max.message.bytes: the whole batch
  std::optional<Compression> compression;  // compression.type; absent: "producer", as it came
  std::optional<int32_t> compression_level;
  TimestampType timestamp_type = TimestampType::create_time;  // message.timestamp.type
  int64_t timestamp_before_max_ms = std::numeric_limits<int64_t>::max();
  int64_t timestamp_after_max_ms = 3'600'000;
  bool compacted = false;  // cleanup.policy holds "compact": records need keys
};

struct RecordError {
  int32_t index = 0;  // of the record in the batch
  std::string message;
};

struct BatchRejection {
  ErrorCode code = ErrorCode::INVALID_RECORD;
  std::string message;
  std::vector<RecordError> record_errors;  // for Produce responses from version 8 on
};

// A batch fit to be appended. Base offset and leader epoch are given to it in place, outside the checksum,
// once the append knows them.
class ValidatedBatch {
 public:
  ValidatedBatch(MutableBytes in_place, int64_t log_append_time_ms)
      : in_place_(in_place), log_append_time_ms_(log_append_time_ms) {}
  ValidatedBatch(ByteBuffer rebuilt, int64_t log_append_time_ms)
      : rebuilt_(std::move(rebuilt)), log_append_time_ms_(log_append_time_ms) {}
  ValidatedBatch(ValidatedBatch&&) noexcept = default;
  ValidatedBatch& operator=(ValidatedBatch&&) noexcept = default;
  ValidatedBatch(const ValidatedBatch&) = delete;
  ValidatedBatch& operator=(const ValidatedBatch&) = delete;

  // The frame's own bytes, or those of the rebuilt batch, which lives here.
  MutableBytes bytes() { return rebuilt_.empty() ? in_place_ : MutableBytes(rebuilt_); }
  BatchView view() { return BatchView(bytes()); }
  bool was_rebuilt() const { return !rebuilt_.empty(); }
  // For the Produce response: the append time under LogAppendTime, else -1 (rule D14).
  int64_t log_append_time_ms() const { return log_append_time_ms_; }

  void assign(int64_t base_offset, int32_t leader_epoch) {
    BatchEditor editor(bytes());
    editor.set_base_offset(base_offset);
    editor.set_leader_epoch(leader_epoch);
  }

 private:
  MutableBytes in_place_;
  ByteBuffer rebuilt_;
  int64_t log_append_time_ms_;
};

// Rule D7's part that reads the records of a Produce request from version 3 on: INVALID_RECORD unless they
// hold exactly one batch, of magic 2.
Result<BatchView> single_batch(Bytes records);

// `records` hold one batch of magic 2 (single_batch). It is changed in place where timestamps are the
// broker's to set; rebuilt where codec or offset deltas cannot stay.
Result<ValidatedBatch, BatchRejection> validate_batch(MutableBytes records, const ValidationRules& rules,
                                                      int64_t now_ms);

}  // namespace ksim
