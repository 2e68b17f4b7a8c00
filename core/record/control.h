#pragma once
// Control records (rules A20-A23): transaction markers, and the framing of the metadata log's own records,
// whose values are messages that the caller encodes.

#include <cstdint>
#include <span>

#include "core/record/builder.h"

namespace ksim {

enum class ControlType : int16_t {
  abort = 0,
  commit = 1,
  leader_change = 2,
  snapshot_header = 3,
  snapshot_footer = 4,
  kraft_version = 5,
  kraft_voters = 6,
  unknown = -1,  // of a later version: to be skipped
};

// The four bytes of a control record's key.
ByteBuffer control_key(ControlType type);
// CORRUPT_MESSAGE for keys too short or with a negative version.
Result<ControlType> parse_control_key(const std::optional<Bytes>& key);
// Of the first record of a control batch.
Result<ControlType> control_type_of(const BatchView& batch);

struct EndTxnMarker {
  ControlType type = ControlType::abort;  // or commit
  int32_t coordinator_epoch = 0;
};
Result<EndTxnMarker> parse_end_txn_marker(const RecordView& record);

struct EndTxnMarkerBatch {
  int64_t producer_id = kNoProducerId;
  int16_t producer_epoch = kNoProducerEpoch;
  EndTxnMarker marker;
  int64_t timestamp_ms = 0;
  int64_t base_offset = 0;
  int32_t leader_epoch = kNoLeaderEpoch;
};
// Control and transactional, exactly one record, no sequence.
ByteBuffer build_end_txn_marker(const EndTxnMarkerBatch& batch);

struct ControlRecord {
  ControlType type = ControlType::unknown;
  Bytes value;  // a flexible message of version 0, its own field `Version` first
};
// Control, not transactional, no producer.
ByteBuffer build_control_batch(std::span<const ControlRecord> records, int64_t timestamp_ms,
                               int64_t base_offset, int32_t leader_epoch);

}  // namespace ksim
