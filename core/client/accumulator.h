#pragma once
// Records waiting to be sent: one queue of batches for each partition (rules G3-G9). Pure.

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/client/config.h"
#include "core/client/idempotence.h"
#include "core/client/metadata_cache.h"
#include "core/client/partitioner.h"
#include "core/client/producer_batch.h"
#include "core/io/random.h"

namespace ksim::client {

class Accumulator {
 public:
  // `idempotence` may be null. All must outlive the accumulator.
  Accumulator(const ProducerConfig& config, const MetadataCache& metadata, Idempotence* idempotence,
              Random& random, uint64_t entity);

  // ---- filling ----
  struct Appended {
    bool done = false;
    int64_t memory_needed = 0;  // of buffer.memory, if not done: take it and append again
    bool wake_sender = false;   // a batch was completed or begun
    int32_t partition = -1;
  };
  // The topic's metadata must be known. `memory` bytes were granted to it for a new batch, 0 if none; what
  // is not used of it is to be given back by the caller (memory_used tells).
  Appended append(const ProducerRecord& record, const RecordInput& input, const DeliveryRef& delivery,
                  Instant now, int64_t memory, int64_t& memory_used);
  void close() { closed_ = true; }
  void begin_flush() { ++flushes_; }
  void end_flush() { --flushes_; }

  // ---- sending ----
  struct Ready {
    std::vector<int32_t> nodes;  // leaders with something to send, ascending
    Instant next_check = Instant::never();
    std::set<std::string> unknown_leader_topics;
  };
  // `memory_exhausted`: somebody waits for buffer.memory.
  Ready ready(Instant now, bool memory_exhausted);
  // The batches of one request to that node, at most one for each partition, encoded and with sequences.
  std::vector<BatchRef> drain(int32_t node, Instant now);
  // What is drained for this node from now on goes over a new connection.
  void reconnected(int32_t node);
  // Whether the node could take batches when some were ready (rule G5).
  void note_node(int32_t node, Instant now, bool drained);

  // ---- afterwards ----
  // The attempt of a drained batch has ended.
  void attempt_ended(const ProducerBatch& batch) { --queue(batch.partition()).outstanding; }
  void queue_again(const BatchRef& batch, Instant now);
  void queue_pieces(const std::vector<BatchRef>& pieces);  // of a split batch, in front of what is behind it
  void remove(const ProducerBatch& batch);                 // from its queue, if it is there
  void mute(const TopicPartition& partition) { queue(partition).muted = true; }
  void unmute(const TopicPartition& partition) { queue(partition).muted = false; }
  // Takes the batches out of the queues that were created before `before` (in order).
  std::vector<BatchRef> take_expired(Instant now, Duration delivery_timeout);
  std::vector<BatchRef> take_all();
  Instant oldest_created() const;  // never() if nothing is queued
  bool has_queued() const;

  BatchOptions batch_options() const;
  CompressionEstimate& estimate(const std::string& topic) { return topic_state(topic).estimate; }

 private:
  struct Queue {
    std::deque<BatchRef> batches;
    bool muted = false;
    int32_t outstanding = 0;  // attempts on their way, all to one node
    int32_t outstanding_node = kNoNode;
  };
  struct Topic {
    Topic(int64_t batch_size, Compression compression) : sticky(batch_size), estimate(compression) {}
    StickyPartitioner sticky;
    CompressionEstimate estimate;
    std::map<int32_t, Queue> queues;
  };
  struct NodeTimes {
    Instant ready_at;
    Instant drained_at;
  };

  Topic& topic_state(std::string_view topic);
  Queue& queue(const TopicPartition& partition) {
    return topic_state(partition.topic).queues[partition.partition];
  }
  int32_t choose_partition(const ProducerRecord& record, Topic& topic);
  bool last_complete(const Topic& topic, int32_t partition) const;
  void check_topic(const std::string& name, Topic& topic, Instant now, bool memory_exhausted, Ready& ready);
  bool can_drain(const ProducerBatch& batch, const Queue& queue, int32_t node) const;
  bool node_is_slow(int32_t node) const;

  const ProducerConfig& config_;
  const MetadataCache& metadata_;
  Idempotence* idempotence_;
  Dice partition_dice_;
  Dice jitter_dice_;
  ExponentialBackoff backoff_;
  std::map<std::string, Topic, std::less<>> topics_;
  std::map<int32_t, NodeTimes> node_times_;
  std::map<int32_t, TopicPartition> drain_after_;  // by node: where the last drain stopped
  uint64_t next_serial_ = 1;
  int flushes_ = 0;
  bool closed_ = false;

 public:
  uint64_t last_serial() const { return next_serial_ - 1; }
};

}  // namespace ksim::client
