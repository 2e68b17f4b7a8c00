#pragma once
// Which partition a record goes to (rules G1-G5; KIP-480, KIP-794). Pure: randomness comes in as draws.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/base/bytes.h"

namespace ksim::client {

// MurmurHash2 as the Java client computes it.
int32_t murmur2(Bytes bytes);

// Of all `partition_count` partitions, available or not.
int32_t partition_for_key(Bytes key, int32_t partition_count);

// One partition of a topic, as the sticky partitioner sees it.
struct PartitionLoad {
  int32_t partition = 0;
  int32_t queued_batches = 0;
};

// Records without a key stay on one partition until it has got about a batch, then move on to one drawn by
// the lengths of the queues. One for each topic.
class StickyPartitioner {
 public:
  explicit StickyPartitioner(int64_t batch_size_bytes) : batch_size_bytes_(batch_size_bytes) {}

  // The partition in use, if one was chosen.
  std::optional<int32_t> current() const { return current_; }
  // Chooses the next one. `available` have a leader; if none has, all `partition_count` are equal.
  int32_t choose(std::span<const int32_t> available, int32_t partition_count, uint64_t draw);
  // After an append to the current partition: true if the next record needs choose() again. `last_complete`
  // says that the partition's last batch takes no more, so that a switch leaves no half-filled batch behind.
  bool appended(int64_t bytes, bool last_complete);
  void forget_current() { current_.reset(); }
  bool wants_switch(bool last_complete) const {
    return produced_bytes_ >= 2 * batch_size_bytes_ ||
           (produced_bytes_ >= batch_size_bytes_ && last_complete);
  }

  // Queue lengths of the partitions that have a leader and were not left out for being slow; `known` counts
  // the partitions of the topic that have a queue. With `known` < `partition_count` (some never used), or
  // fewer than two of them, or all equal and none left out, there are no statistics (rule G4).
  void update_load(std::span<const PartitionLoad> loads, size_t known, int32_t partition_count);

 private:
  struct Weighted {
    int32_t partition;
    int64_t up_to;  // running sum of weights
  };

  int64_t batch_size_bytes_;
  std::optional<int32_t> current_;
  int64_t produced_bytes_ = 0;
  std::vector<Weighted> table_;  // empty: no statistics
};

}  // namespace ksim::client
