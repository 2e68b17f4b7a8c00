#include "core/record/validator.h"

#include <algorithm>

#include "core/record/builder.h"

namespace ksim {

namespace {

Failure<BatchRejection> reject(ErrorCode code, std::string message) {
  return {{code, std::move(message), {}}};
}

// Rule D11 and the first half of D12: the header alone, and the checksum.
Result<void, BatchRejection> check_header(const BatchView& batch, const ValidationRules& rules) {
  const bool from_client = rules.origin == AppendOrigin::client;
  if (from_client && batch.base_offset() != 0)
    return reject(ErrorCode::INVALID_RECORD, "base offset " + std::to_string(batch.base_offset()));
  if (batch.size_bytes() > rules.max_message_bytes)
    return reject(ErrorCode::MESSAGE_TOO_LARGE, "batch of " + std::to_string(batch.size_bytes()) +
                                                    " bytes, max.message.bytes is " +
                                                    std::to_string(rules.max_message_bytes));
  if (!batch.crc_matches()) return reject(ErrorCode::CORRUPT_MESSAGE, "checksum mismatch");
  if (!batch.compression())
    return reject(ErrorCode::UNSUPPORTED_COMPRESSION_TYPE, "codec " + std::to_string(batch.codec()));
  if (!from_client) return {};
  const int64_t offsets = static_cast<int64_t>(batch.last_offset_delta()) + 1;
  if (offsets <= 0 || batch.record_count() <= 0 || offsets != batch.record_count())
    return reject(ErrorCode::INVALID_RECORD, std::to_string(batch.record_count()) + " records for " +
                                                 std::to_string(offsets) + " offsets");
  if (batch.is_control()) return reject(ErrorCode::INVALID_RECORD, "clients do not write control records");
  if (batch.has_producer_id() && batch.base_sequence() < 0)
    return reject(ErrorCode::INVALID_RECORD, "base sequence " + std::to_string(batch.base_sequence()));
  return {};
}

// a - b > limit, for any a and b.
bool exceeds(int64_t a, int64_t b, int64_t limit) {
  int64_t difference = 0;
  return a > b && (__builtin_sub_overflow(a, b, &difference) || difference > limit);
}

// Second half of D12. The failing records, and what decides between leaving the batch and rebuilding it.
struct RecordChecks {
  BatchRejection rejection;
  bool timestamp_error = false;
  bool consecutive = true;
  int64_t max_timestamp_ms = kNoTimestamp;
  int32_t count = 0;

  void add_error(ErrorCode code, std::string message) {
    timestamp_error = timestamp_error || code == ErrorCode::INVALID_TIMESTAMP;
    rejection.record_errors.push_back({count, std::move(message)});
  }

  void check(const BatchView& batch, const RecordView& record, const ValidationRules& rules, int64_t now_ms) {
    if (rules.compacted && !record.key && !batch.is_control())
      return add_error(ErrorCode::INVALID_RECORD, "a compacted topic needs keys");
    const bool append_time = batch.timestamp_type() == TimestampType::log_append_time;
    const int64_t timestamp_ms = append_time ? batch.max_timestamp_ms() : record.timestamp_ms;
    if (rules.timestamp_type == TimestampType::create_time && timestamp_ms != kNoTimestamp) {
      if (exceeds(now_ms, timestamp_ms, rules.timestamp_before_max_ms) ||
          exceeds(timestamp_ms, now_ms, rules.timestamp_after_max_ms))
        return add_error(ErrorCode::INVALID_TIMESTAMP, "timestamp " + std::to_string(timestamp_ms) +
                                                           " is out of range at " + std::to_string(now_ms));
    } else if (append_time) {
      // Apache Kafka lets it pass in a CreateTime topic, and stores the batch as one.
      return add_error(ErrorCode::INVALID_TIMESTAMP, "producers do not set LogAppendTime");
    }
    max_timestamp_ms = std::max(max_timestamp_ms, timestamp_ms);
    if (record.offset_delta != count) consecutive = false;
  }
};

// A stream whose checksum is right but which cannot be read was made wrong: repeating it will not help, so
// it is no CORRUPT_MESSAGE, which clients retry.
Failure<BatchRejection> unreadable(const Error& error) {
  return reject(ErrorCode::INVALID_RECORD, error.message);
}

Result<RecordChecks, BatchRejection> check_records(const BatchView& batch, const ValidationRules& rules,
                                                   int64_t now_ms) {
  RecordChecks checks;
  RecordCursor records(batch);
  for (RecordView record; records.advance(record); ++checks.count) checks.check(batch, record, rules, now_ms);
  if (records.failure()) return unreadable(*records.failure());
  if (checks.rejection.record_errors.empty()) return checks;
  BatchRejection rejection = std::move(checks.rejection);
  rejection.code = checks.timestamp_error ? ErrorCode::INVALID_TIMESTAMP : ErrorCode::INVALID_RECORD;
  rejection.message = std::to_string(rejection.record_errors.size()) +
                      " records refused, the first: " + rejection.record_errors.front().message;
  return Failure<BatchRejection>{std::move(rejection)};
}

Result<ByteBuffer, BatchRejection> rebuild(const BatchView& batch, const ValidationRules& rules,
                                           int64_t now_ms) {
  BatchOptions options;
  options.compression = rules.compression.value_or(*batch.compression());
  options.compression_level = rules.compression_level;
  options.timestamp_type = rules.timestamp_type;
  options.log_append_time_ms = now_ms;
  options.producer_id = batch.producer_id();
  options.producer_epoch = batch.producer_epoch();
  options.base_sequence = batch.base_sequence();
  options.transactional = batch.is_transactional();
  options.control = batch.is_control();
  BatchBuilder builder(options);
  RecordCursor records(batch);
  for (RecordView record; records.advance(record);) builder.append_at(builder.next_offset(), record);
  if (records.failure()) return unreadable(*records.failure());
  ByteBuffer rebuilt = builder.build();
  if (rebuilt.size() > rules.max_message_bytes)
    return reject(ErrorCode::MESSAGE_TOO_LARGE, "recompressed batch of " + std::to_string(rebuilt.size()) +
                                                    " bytes, max.message.bytes is " +
                                                    std::to_string(rules.max_message_bytes));
  return rebuilt;
}

}  // namespace

Result<BatchView> single_batch(Bytes records) {
  BatchCursor cursor(records);
  BatchView batch;
  auto first = cursor.next(batch);
  if (!first.ok()) {
    if (first.error().code == ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT)
      return fail(ErrorCode::INVALID_RECORD, "produce takes record batches of magic 2 only");
    // Damage on a disk, but here it is what the client wrote: as Apache Kafka's, any offset but 0 is invalid.
    if (first.error().code == ErrorCode::CORRUPT_MESSAGE && has_impossible_base(records) &&
        load_be<int8_t>(records.data() + BatchLayout::magic) == 2)
      return fail(ErrorCode::INVALID_RECORD, first.error().message);
    return fail(std::move(first).error());
  }
  if (!*first) return fail(ErrorCode::INVALID_RECORD, "produce needs one record batch a partition, got none");
  BatchView second;
  const auto more = cursor.next(second);
  if (!more.ok() || *more)
    return fail(ErrorCode::INVALID_RECORD, "produce takes exactly one record batch a partition");
  return batch;
}

Result<ValidatedBatch, BatchRejection> validate_batch(MutableBytes records, const ValidationRules& rules,
                                                      int64_t now_ms) {
  const BatchView batch{Bytes(records)};
  if (!batch.is_whole()) return reject(ErrorCode::CORRUPT_MESSAGE, "incomplete batch");
  TRY(check_header(batch, rules));
  TRY_ASSIGN(const RecordChecks checks, check_records(batch, rules, now_ms));
  const bool append_time = rules.timestamp_type == TimestampType::log_append_time;
  const int64_t log_append_time_ms = append_time ? now_ms : kNoTimestamp;
  // Control records stay as they are under any codec (they are the broker's own).
  const bool same_codec =
      !rules.compression || *rules.compression == *batch.compression() || batch.is_control();
  if (same_codec && checks.consecutive) {
    const MutableBytes in_place = records.first(batch.size_bytes());
    BatchEditor(in_place).set_max_timestamp(rules.timestamp_type,
                                            append_time ? now_ms : checks.max_timestamp_ms);
    return ValidatedBatch(in_place, log_append_time_ms);
  }
  TRY_ASSIGN(ByteBuffer rebuilt, rebuild(batch, rules, now_ms));
  return ValidatedBatch(std::move(rebuilt), log_append_time_ms);
}

}  // namespace ksim
