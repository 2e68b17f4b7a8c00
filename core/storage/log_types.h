#pragma once
// The plain values that go in and out of a log.

#include <cstdint>
#include <limits>
#include <vector>

#include "core/io/file_slice.h"

namespace ksim::storage {

// Topic configuration in effect, in Kafka's words and with Kafka's defaults (kafka-inventory, topic configs).
struct LogConfig {
  int64_t segment_bytes = 1 << 30;
  int64_t segment_ms = 7LL * 24 * 3600 * 1000;
  int64_t segment_jitter_ms = 0;
  int64_t segment_index_bytes = 10 << 20;
  int64_t index_interval_bytes = 4096;
  int64_t flush_messages = std::numeric_limits<int64_t>::max();
  int64_t flush_ms = std::numeric_limits<int64_t>::max();
  int64_t retention_bytes = -1;
  int64_t retention_ms = 7LL * 24 * 3600 * 1000;
  int64_t file_delete_delay_ms = 60'000;
  int64_t max_compaction_lag_ms = std::numeric_limits<int64_t>::max();
  int64_t producer_id_expiration_ms = 86'400'000;
  int64_t max_message_bytes = 1'048'588;
  bool cleanup_delete = true;
  bool cleanup_compact = false;
  bool verify_transactions = true;  // transaction.partition.verification.enable

  // Rule A68: what bounds the age of a segment's first record.
  int64_t max_segment_ms() const {
    return cleanup_compact && max_compaction_lag_ms < segment_ms ? max_compaction_lag_ms : segment_ms;
  }
};

// An offset and where it lies: the base offset of its segment and the byte position in it.
struct LogOffsetMetadata {
  int64_t offset = 0;
  int64_t segment_base = -1;  // -1: only the offset is known
  uint64_t position = 0;

  bool offset_only() const { return segment_base < 0; }
  bool on_older_segment_than(const LogOffsetMetadata& other) const {
    return segment_base < other.segment_base;
  }
  bool on_same_segment_as(const LogOffsetMetadata& other) const { return segment_base == other.segment_base; }
  bool operator==(const LogOffsetMetadata& other) const {
    return offset == other.offset && segment_base == other.segment_base && position == other.position;
  }
};

enum class FetchIsolation : uint8_t { log_end, high_watermark, txn_committed };

// Who appends decides how much is checked (rules D15, D20, D21).
enum class AppendOrigin : uint8_t {
  client,       // sequences, epochs, transactions
  coordinator,  // epochs, transactions: offset commits and markers
  raft_leader,  // nothing of the above
  replication,  // the leader has decided
};

struct AbortedTransaction {
  int64_t producer_id = 0;
  int64_t first_offset = 0;
  bool operator==(const AbortedTransaction& other) const {
    return producer_id == other.producer_id && first_offset == other.first_offset;
  }
};

struct AppendInfo {
  int64_t first_offset = -1;
  int64_t last_offset = -1;
  // Under LogAppendTime the time in the batch; of a duplicate the original's timestamp; else -1 (rule D14).
  int64_t append_time_ms = -1;
  int64_t log_start_offset = -1;
  int64_t end_offset = -1;  // log end offset right after this append
  uint64_t size_bytes = 0;  // 0: nothing was appended
  int32_t last_leader_epoch = -1;
  bool duplicate = false;  // one of the producer's last five batches (rule D15): nothing was appended
  // flush.messages asks that the log be flushed up to here before the append counts; the keeper has been
  // told. -1: it does not, or that is done.
  int64_t flush_to = -1;
};

struct LogRead {
  LogOffsetMetadata start;        // of the offset asked for
  std::vector<FileSlice> slices;  // whole bytes of the log in order; at most one segment is touched
  uint64_t size_bytes = 0;        // their sum; the last batch may be cut
  bool first_batch_cut = false;   // the first batch alone is larger than what was asked for (rule D29)
  std::vector<AbortedTransaction> aborted;  // txn_committed only (rule D33)
};

struct EpochEntry {
  int32_t epoch = -1;
  int64_t start_offset = -1;
  bool operator==(const EpochEntry& other) const {
    return epoch == other.epoch && start_offset == other.start_offset;
  }
};

struct EpochEndOffset {
  int32_t epoch = -1;
  int64_t end_offset = -1;
  bool operator==(const EpochEndOffset& other) const {
    return epoch == other.epoch && end_offset == other.end_offset;
  }
};

struct TimestampAndOffset {
  int64_t timestamp_ms = -1;
  int64_t offset = -1;
  int32_t leader_epoch = -1;
};

}  // namespace ksim::storage
