#pragma once
// One batch of a producer from its first record to its end: written, failed or given up.

#include <memory>
#include <optional>
#include <vector>

#include "core/base/topic_partition.h"
#include "core/base/units.h"
#include "core/client/producer_types.h"
#include "core/record/builder.h"

namespace ksim::client {

// How well batches of a topic have compressed lately, in 1/1024: what is left of 1024 bytes. Grows at once
// with a worse batch, shrinks slowly with better ones.
class CompressionEstimate {
 public:
  explicit CompressionEstimate(Compression compression) : compression_(compression) {}
  size_t estimated_bytes(size_t uncompressed_bytes) const;
  void observed(size_t uncompressed_bytes, size_t compressed_bytes);
  void reset_to_none() { per_1024_ = 1024; }

 private:
  Compression compression_;
  size_t per_1024_ = 1024;
};

class ProducerBatch;
using BatchRef = std::shared_ptr<ProducerBatch>;

class ProducerBatch {
 public:
  struct Part {  // one record, in the order of the batch
    DeliveryRef delivery;
    int64_t timestamp_ms;
  };

  // `memory_bytes` were taken from buffer.memory for it and are what it may grow to; the first record always
  // fits.
  ProducerBatch(TopicPartition partition, const BatchOptions& options, size_t limit_bytes,
                size_t memory_bytes, Instant created_at, uint64_t serial);

  const TopicPartition& partition() const { return partition_; }
  Instant created_at() const { return created_at_; }
  // Batches of flush(): rises with the time of creation, the parts of a split batch share it.
  uint64_t serial() const { return serial_; }
  int32_t record_count() const { return record_count_; }
  size_t memory_bytes() const { return memory_bytes_; }

  // ---- filling ----
  bool try_append(const RecordInput& record, DeliveryRef delivery, const CompressionEstimate& estimate);
  bool is_full(const CompressionEstimate& estimate) const;
  size_t estimated_bytes(const CompressionEstimate& estimate) const;
  void close_for_appends() { closed_ = true; }
  // Encodes; afterwards the batch is bytes().
  void encode(CompressionEstimate& estimate);
  Bytes bytes() const { return encoded_; }

  // ---- idempotence (rule G12) ----
  bool has_sequence() const { return base_sequence_ != kNoSequence; }
  ProducerIdAndEpoch producer() const { return producer_; }
  int32_t base_sequence() const { return base_sequence_; }
  int32_t last_sequence() const { return add_sequence(base_sequence_, record_count_ - 1); }
  void set_sequence(ProducerIdAndEpoch producer, int32_t base_sequence);
  // Batches of a partition get their sequences in this order; it decides where a retried one is queued.
  uint64_t drain_order = 0;

  // Repeated, or a piece: those in front of the queue need not be in the order in which they were created.
  bool queued_in_front = false;

  // ---- attempts ----
  int32_t attempts = 0;        // that ended and are being repeated
  Instant ready_since;         // creation or the last failed attempt
  Instant retry_at;            // back-off ends; meaningful with attempts > 0
  bool outstanding = false;    // an attempt is on its way
  bool maybe_written = false;  // an attempt went unanswered or its answer leaves it open (rule G26)
  std::optional<int32_t> leader_epoch;
  int32_t attempts_at_leader_change = -1;
  // The leader to whom it would go now; a change since the last attempt makes back-off pointless (G8).
  void note_leader_epoch(std::optional<int32_t> epoch);
  bool leader_changed_for_retry() const { return attempts > 0 && attempts == attempts_at_leader_change; }
  bool backing_off(Instant now) const {
    return attempts > 0 && now < retry_at && !leader_changed_for_retry();
  }

  // ---- the end ----
  bool done() const { return done_; }
  // Whether its records can be in the log although it fails now.
  Outcome failure_outcome() const {
    return maybe_written || outstanding ? Outcome::unknown : Outcome::not_written;
  }
  // The records' deliveries, once; the batch is then done.
  std::vector<Part> finish();
  // Parts of at most `limit_bytes` with the deliveries of this one, which is then done (rule G15). Sequences
  // continue from the base of this one.
  std::vector<BatchRef> split(size_t limit_bytes, const BatchOptions& options);

 private:
  TopicPartition partition_;
  BatchBuilder builder_;
  ByteBuffer encoded_;
  std::vector<Part> parts_;
  size_t limit_bytes_;
  size_t memory_bytes_;
  Instant created_at_;
  uint64_t serial_;
  int32_t record_count_ = 0;
  ProducerIdAndEpoch producer_;
  int32_t base_sequence_ = kNoSequence;
  bool closed_ = false;
  bool done_ = false;
};

}  // namespace ksim::client
