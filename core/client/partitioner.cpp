#include "core/client/partitioner.h"

#include <algorithm>

#include "core/base/assert.h"

namespace ksim::client {

int32_t murmur2(Bytes bytes) {
  constexpr uint32_t kSeed = 0x9747b28cU;
  constexpr uint32_t kMultiplier = 0x5bd1e995U;
  constexpr unsigned kShift = 24;
  uint32_t hash = kSeed ^ static_cast<uint32_t>(bytes.size());
  const size_t words = bytes.size() / 4;
  for (size_t i = 0; i < words; ++i) {
    const uint8_t* const at = bytes.data() + 4 * i;
    uint32_t word = static_cast<uint32_t>(at[0]) | static_cast<uint32_t>(at[1]) << 8 |
                    static_cast<uint32_t>(at[2]) << 16 | static_cast<uint32_t>(at[3]) << 24;
    word *= kMultiplier;
    word ^= word >> kShift;
    word *= kMultiplier;
    hash = (hash * kMultiplier) ^ word;
  }
  const Bytes tail = bytes.subspan(4 * words);
  if (!tail.empty()) {
    for (size_t i = tail.size(); i-- > 0;) hash ^= static_cast<uint32_t>(tail[i]) << (8 * i);
    hash *= kMultiplier;
  }
  hash ^= hash >> 13;
  hash *= kMultiplier;
  hash ^= hash >> 15;
  return static_cast<int32_t>(hash);
}

int32_t partition_for_key(Bytes key, int32_t partition_count) {
  ENSURE(partition_count > 0);
  return (murmur2(key) & 0x7fffffff) % partition_count;
}

int32_t StickyPartitioner::choose(std::span<const int32_t> available, int32_t partition_count,
                                  uint64_t draw) {
  ENSURE(partition_count > 0);
  produced_bytes_ = 0;
  if (!table_.empty()) {
    const auto at = static_cast<int64_t>(draw % static_cast<uint64_t>(table_.back().up_to));
    const auto chosen =
        std::find_if(table_.begin(), table_.end(), [at](const Weighted& entry) { return entry.up_to > at; });
    current_ = chosen->partition;
  } else if (!available.empty()) {
    current_ = available[draw % available.size()];
  } else {
    current_ = static_cast<int32_t>(draw % static_cast<uint64_t>(partition_count));
  }
  return *current_;
}

bool StickyPartitioner::appended(int64_t bytes, bool last_complete) {
  produced_bytes_ += bytes;
  if (!wants_switch(last_complete)) return false;
  current_.reset();
  return true;
}

void StickyPartitioner::update_load(std::span<const PartitionLoad> loads, size_t known,
                                    int32_t partition_count) {
  table_.clear();
  if (known < static_cast<size_t>(partition_count) || known < 2 || loads.empty()) return;
  int32_t longest = 0;
  bool all_equal = true;
  for (const PartitionLoad& load : loads) {
    longest = std::max(longest, load.queued_batches);
    all_equal = all_equal && load.queued_batches == loads.front().queued_batches;
  }
  if (all_equal && loads.size() == known) return;
  int64_t sum = 0;
  for (const PartitionLoad& load : loads) {
    sum += longest + 1 - load.queued_batches;
    table_.push_back({load.partition, sum});
  }
}

}  // namespace ksim::client
