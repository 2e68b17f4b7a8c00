#pragma once
// Producer id, epochs and sequences (rules G12-G22; invariant P1). Pure.
//
// For each partition it knows the batches that have a sequence and are not resolved, in the order in which
// they got them. A batch keeps its sequence through all retries; only an epoch bump gives it a new one, and
// only where the error that asks for the bump proves that none of those batches was written or will be. If an
// earlier attempt of one of them was never answered there is no such proof (rule G19): they then fail as
// unknown rather than risk being written twice. Where one behind it is acknowledged a batch gets no new
// sequence either: it would be written in the wrong order.

#include <map>
#include <optional>
#include <vector>

#include "core/base/topic_partition.h"
#include "core/client/producer_batch.h"

namespace ksim::client {

class Idempotence {
 public:
  // ---- the producer's id ----
  ProducerIdAndEpoch producer() const { return producer_; }
  bool needs_producer_id() const { return !producer_.is_valid(); }
  void set_producer_id(ProducerIdAndEpoch producer) { producer_ = producer; }

  // ---- draining ----
  bool has_in_flight(const TopicPartition& partition) const;
  // Rule G13.
  bool may_drain(const ProducerBatch& batch) const;
  // At the first drain: gives the batch producer and sequence and tracks it.
  void assign(const BatchRef& batch);

  // ---- answers ----
  // An attempt with these sequences, sent to the leader of this epoch, was written; also for batches that
  // were given up meanwhile.
  void acknowledged(const TopicPartition& partition, ProducerIdAndEpoch producer, int32_t last_sequence,
                    int64_t last_offset, std::optional<int32_t> leader_epoch);
  // An attempt was refused or lost, or the next one goes over a new connection: whoever gets it may know
  // nothing of this producer.
  void not_acknowledged(const TopicPartition& partition);
  void remove(const ProducerBatch& batch);
  // Puts the pieces of a split batch in its place (rule G15).
  void replace(const ProducerBatch& batch, const std::vector<BatchRef>& pieces);
  // OUT_OF_ORDER_SEQUENCE_NUMBER (rule G17) and UNKNOWN_PRODUCER_ID (G18) on a batch that may be retried;
  // true: it is. Asks for an epoch bump where the sequences cannot go on. False: a batch behind it is
  // acknowledged, so that its sequence will not be taken any more, and a new one would turn the order round.
  // (Kafka's sends it until its time is up.)
  bool out_of_order(const ProducerBatch& batch);
  bool unknown_producer_id(const ProducerBatch& batch, int64_t log_start_offset);
  // An attempt from before the last bump turns out to be written, against all proof: what was sequenced anew
  // behind it cannot be told from what may be written.
  void written_before_bump(const ProducerBatch& batch);
  // The batch failed for good while others behind it have sequences (rule G22).
  void failed(const ProducerBatch& batch);
  // The batch was given up without knowing whether its sequence was taken (rule G21).
  void given_up(const ProducerBatch& batch);

  // ---- between requests (rule G19) ----
  struct Bump {
    bool happened = false;
    std::vector<BatchRef> to_fail;  // as unknown: they could be written twice
  };
  // Resolves sequences whose partitions have nothing in flight, then bumps the epoch if anything asked for
  // it.
  Bump resolve_and_bump();
  bool bump_requested() const { return bump_requested_; }

  // The lowest unresolved batch of the partition, or null.
  const ProducerBatch* first_in_flight(const TopicPartition& partition) const;

 private:
  struct Partition {
    ProducerIdAndEpoch producer;  // of next_sequence
    int32_t next_sequence = 0;
    std::optional<int32_t> last_acked;
    // An answer has shown that the leader of this epoch knows this producer id.
    int64_t known_id = kNoProducerId;
    std::optional<int32_t> known_in;
    int64_t last_acked_offset = -1;
    uint64_t next_drain_order = 1;
    std::vector<BatchRef> in_flight;
    // What follows each batch that was given up, while there are others in flight.
    std::vector<int32_t> unresolved_from;
    bool rewrite = false;         // the bump that was asked for concerns this partition
    bool rewrite_unsafe = false;  // without proof that nothing of in_flight was written

    bool is_next(int32_t sequence) const {
      return sequence == (last_acked ? add_sequence(*last_acked, 1) : 0);
    }
    // A later one is acknowledged.
    bool overtaken(const ProducerBatch& batch) const;
    // Of those in flight. A broker that lost its log may have taken one without those before it, so each
    // counts, not the refused one alone.
    bool none_written() const;
  };

  Partition* find(const TopicPartition& partition);
  const Partition* find(const TopicPartition& partition) const;
  void request_bump(Partition& partition, bool proof);
  void restart(Partition& partition, Bump& bump);

  ProducerIdAndEpoch producer_;
  bool bump_requested_ = false;
  std::map<TopicPartition, Partition> partitions_;
};

}  // namespace ksim::client
