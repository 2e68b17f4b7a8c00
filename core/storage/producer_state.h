#pragma once
// What a log knows of idempotent and transactional producers (rules A33-A38, D15-D21): sequences, the last
// five batches of each for finding duplicates, and the transactions that hold back the last stable offset.
// Pure: the log does the reading and writing.

#include <array>
#include <map>
#include <optional>
#include <vector>

#include "core/base/result.h"
#include "core/record/batch.h"
#include "core/storage/log_types.h"

namespace ksim::storage {

struct BatchMetadata {
  int64_t last_offset = -1;
  int64_t timestamp_ms = kNoTimestamp;
  int32_t last_sequence = kNoSequence;
  int32_t offset_delta = 0;

  int64_t first_offset() const { return last_offset - offset_delta; }
  int32_t first_sequence() const {
    return last_sequence == kNoSequence ? kNoSequence : subtract_sequence(last_sequence, offset_delta);
  }
  bool operator==(const BatchMetadata& other) const {
    return last_offset == other.last_offset && timestamp_ms == other.timestamp_ms &&
           last_sequence == other.last_sequence && offset_delta == other.offset_delta;
  }
};

constexpr size_t kBatchesKept = 5;

struct ProducerEntry {
  int16_t epoch = kNoProducerEpoch;
  int32_t coordinator_epoch = -1;
  int64_t last_timestamp_ms = kNoTimestamp;
  int64_t txn_first_offset = -1;  // of the open transaction; -1: none
  // Oldest first; at least the last batch of this epoch. With `whole`, all of the last five.
  std::array<BatchMetadata, kBatchesKept> batches;
  uint8_t batch_count = 0;
  // False: taken from a snapshot, which holds one batch; the others are read from the log when a sequence
  // does not fit (see needs_older_batches).
  bool whole = true;

  const BatchMetadata* last_batch() const { return batch_count == 0 ? nullptr : &batches[batch_count - 1U]; }
  int32_t last_sequence() const { return batch_count == 0 ? kNoSequence : last_batch()->last_sequence; }
  void add_batch(const BatchMetadata& batch);
  void set_epoch(int16_t new_epoch);  // forgets the batches if it differs
  const BatchMetadata* find(int32_t first_sequence, int32_t last_sequence) const;
};

// The result of looking at a batch before it is appended.
struct ProducerCheck {
  bool duplicate = false;
  BatchMetadata original;  // of a duplicate
};

struct CompletedTransaction {
  int64_t producer_id = kNoProducerId;
  int64_t first_offset = -1;
  int64_t last_offset = -1;  // of the marker
  bool aborted = false;
};

class ProducerState {
 public:
  using Producers = std::map<int64_t, ProducerEntry>;
  const Producers& producers() const { return producers_; }
  const ProducerEntry* find(int64_t producer_id) const;
  // Every offset below is accounted for.
  int64_t end_offset() const { return end_offset_; }
  void set_end_offset(int64_t offset) { end_offset_ = offset; }
  void clear(int64_t end_offset);

  // ---- before an append on the leader ----
  // The sequence of `batch` does not continue what is known, but it may be one of the batches that a snapshot
  // did not keep (rule A35).
  bool needs_older_batches(const BatchView& batch) const;
  // What the log has of the producer's current epoch, oldest first: then its cache is whole.
  void set_batches(int64_t producer_id, const std::vector<BatchMetadata>& batches);
  // Rules D15, D18-D20. Failures: INVALID_PRODUCER_EPOCH, OUT_OF_ORDER_SEQUENCE_NUMBER, INVALID_TXN_STATE,
  // TRANSACTION_COORDINATOR_FENCED, CORRUPT_MESSAGE for a marker that cannot be read.
  Result<ProducerCheck> check(const BatchView& batch, AppendOrigin origin, uint64_t guard,
                              bool verify_transactions) const;

  // ---- after it was written, on a follower, or at load: no checks ----
  // A transaction's end is returned, and must then be given to complete() once it is in the transaction
  // index.
  Result<std::optional<CompletedTransaction>> apply(const BatchView& batch, int64_t segment_base,
                                                    uint64_t position);
  void complete(const CompletedTransaction& transaction);
  // Rule A33: what the entry in the transaction index gives as last stable offset.
  int64_t last_stable_offset_after(const CompletedTransaction& transaction) const;

  // ---- marks ----
  // First offset of the earliest transaction that is open, or whose marker lies at or above the high
  // watermark.
  const LogOffsetMetadata* first_unstable() const;
  void high_watermark_moved(int64_t high_watermark) { forget_replicated(high_watermark); }
  void log_start_moved(int64_t log_start_offset);

  // ---- verification of a transaction's first batch (rules D18, D19) ----
  Result<uint64_t> start_verification(int64_t producer_id, int32_t sequence, int16_t epoch, int64_t now_ms);

  void remove_expired(int64_t now_ms, int64_t expiration_ms);

  // ---- snapshots (rules A34, A35) ----
  ByteBuffer encode_snapshot() const;
  // Replaces the state. Expired producers are left out. CORRUPT_MESSAGE: the state is unchanged.
  Result<void> load_snapshot(Bytes bytes, int64_t end_offset, int64_t now_ms, int64_t expiration_ms);

 private:
  struct OpenTransaction {
    int64_t producer_id = kNoProducerId;
    LogOffsetMetadata first;
    int64_t last_offset = -1;
  };
  struct Verification {
    uint64_t guard = 0;
    int64_t created_ms = 0;
    int32_t lowest_sequence = 0;
    int16_t epoch = kNoProducerEpoch;
  };
  Result<void> check_sequence(const BatchView& batch, const ProducerEntry* known) const;
  Result<void> check_marker(const BatchView& batch, const ProducerEntry* known) const;
  void forget_replicated(int64_t offset);

  Producers producers_;
  std::map<int64_t, OpenTransaction> ongoing_;       // by first offset
  std::map<int64_t, OpenTransaction> unreplicated_;  // decided, marker not yet below the high watermark
  std::map<int64_t, Verification> verifications_;    // by producer id
  int64_t end_offset_ = 0;
  uint64_t last_guard_ = 0;
};

}  // namespace ksim::storage
