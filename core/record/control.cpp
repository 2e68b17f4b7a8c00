#include "core/record/control.h"

#include <string>

namespace ksim {

namespace {

constexpr int16_t kControlKeyVersion = 0;
constexpr int16_t kEndTxnMarkerVersion = 0;
constexpr size_t kEndTxnMarkerBytes = 6;

}  // namespace

ByteBuffer control_key(ControlType type) {
  ByteBuffer key(4);
  store_be<int16_t>(key.data(), kControlKeyVersion);
  store_be<int16_t>(key.data() + 2, static_cast<int16_t>(type));
  return key;
}

Result<ControlType> parse_control_key(const std::optional<Bytes>& key) {
  if (!key || key->size() < 4) return fail(ErrorCode::CORRUPT_MESSAGE, "control record: short key");
  const auto version = load_be<int16_t>(key->data());
  if (version < 0)
    return fail(ErrorCode::CORRUPT_MESSAGE, "control record: key version " + std::to_string(version));
  const auto type = load_be<int16_t>(key->data() + 2);
  if (type < 0 || type > static_cast<int16_t>(ControlType::kraft_voters)) return ControlType::unknown;
  return static_cast<ControlType>(type);
}

Result<ControlType> control_type_of(const BatchView& batch) {
  RecordCursor records(batch);
  RecordView record;
  TRY_ASSIGN(const bool found, records.next(record));
  if (!found) return fail(ErrorCode::CORRUPT_MESSAGE, "control batch without records");
  return parse_control_key(record.key);
}

Result<EndTxnMarker> parse_end_txn_marker(const RecordView& record) {
  TRY_ASSIGN(const ControlType type, parse_control_key(record.key));
  if (type != ControlType::abort && type != ControlType::commit)
    return fail(ErrorCode::CORRUPT_MESSAGE, "control record: not a transaction marker");
  if (!record.value || record.value->size() < kEndTxnMarkerBytes)
    return fail(ErrorCode::CORRUPT_MESSAGE, "transaction marker: short value");
  if (load_be<int16_t>(record.value->data()) < 0)
    return fail(ErrorCode::CORRUPT_MESSAGE, "transaction marker: negative version");
  return EndTxnMarker{type, load_be<int32_t>(record.value->data() + 2)};
}

ByteBuffer build_end_txn_marker(const EndTxnMarkerBatch& batch) {
  ENSURE(batch.marker.type == ControlType::abort || batch.marker.type == ControlType::commit);
  ENSURE(batch.producer_id >= 0 && batch.producer_epoch >= 0);
  BatchOptions options;
  options.base_offset = batch.base_offset;
  options.leader_epoch = batch.leader_epoch;
  options.producer_id = batch.producer_id;
  options.producer_epoch = batch.producer_epoch;
  options.transactional = true;
  options.control = true;
  uint8_t value[kEndTxnMarkerBytes];
  store_be<int16_t>(value, kEndTxnMarkerVersion);
  store_be<int32_t>(value + 2, batch.marker.coordinator_epoch);
  const ByteBuffer key = control_key(batch.marker.type);
  RecordInput record;
  record.timestamp_ms = batch.timestamp_ms;
  record.key = Bytes(key);
  record.value = Bytes(value);
  return build_batch(options, {&record, 1});
}

ByteBuffer build_control_batch(std::span<const ControlRecord> records, int64_t timestamp_ms,
                               int64_t base_offset, int32_t leader_epoch) {
  BatchOptions options;
  options.base_offset = base_offset;
  options.leader_epoch = leader_epoch;
  options.control = true;
  BatchBuilder builder(options);
  for (const ControlRecord& control : records) {
    const ByteBuffer key = control_key(control.type);
    RecordInput record;
    record.timestamp_ms = timestamp_ms;
    record.key = Bytes(key);
    record.value = control.value;
    builder.append(record);
  }
  return builder.build();
}

}  // namespace ksim
