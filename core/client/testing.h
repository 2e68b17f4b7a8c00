#pragma once
// Helpers of this directory's tests.

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/hash.h"
#include "core/client/metadata_cache.h"
#include "core/client/producer_types.h"
#include "core/io/random.h"
#include "core/record/batch.h"
#include "core/wire/arena.h"

namespace ksim::client::testing {

inline constexpr Uuid kId{1, 1};
inline const TopicPartition kFirst{"t", 0};
inline const TopicPartition kSecond{"t", 1};

inline Instant at(int64_t ms) { return Instant{ms * 1'000'000}; }

class TestRandom final : public Random {
 public:
  explicit TestRandom(uint64_t seed = 1) : seed_(seed) {}
  uint64_t draw(Stream stream, uint64_t entity, uint64_t counter) override {
    return mix64(mix64(seed_, static_cast<uint64_t>(stream)), entity, counter);
  }

 private:
  uint64_t seed_;
};

struct TestPartition {
  int32_t leader = 0;
  int32_t epoch = 0;
  ErrorCode error = ErrorCode::NONE;
};

// A Metadata response with brokers 0..2 and one topic.
class TestMetadata {
 public:
  TestMetadata(std::string topic, Uuid id, std::vector<TestPartition> partitions) : topic_(std::move(topic)) {
    response.brokers = arena_.make_array<wire::MetadataResponseBroker>(3);
    for (int32_t i = 0; i < 3; ++i) {
      response.brokers[static_cast<size_t>(i)].node_id = i;
      response.brokers[static_cast<size_t>(i)].host = "broker";
      response.brokers[static_cast<size_t>(i)].port = 9000 + i;
    }
    response.topics = arena_.make_array<wire::MetadataResponseTopic>(1);
    wire::MetadataResponseTopic& entry = response.topics[0];
    entry.name = topic_;
    entry.topic_id = id;
    entry.partitions = arena_.make_array<wire::MetadataResponsePartition>(partitions.size());
    for (size_t i = 0; i < partitions.size(); ++i) {
      entry.partitions[i].partition_index = static_cast<int32_t>(i);
      entry.partitions[i].leader_id = partitions[i].leader;
      entry.partitions[i].leader_epoch = partitions[i].epoch;
      entry.partitions[i].error_code = static_cast<int16_t>(partitions[i].error);
    }
  }

  wire::MetadataResponse response;

 private:
  std::string topic_;
  wire::Arena arena_;
};

// A broker's rules for sequences (rule D15), in one partition.
class SequenceModel {
 public:
  struct Verdict {
    ErrorCode error = ErrorCode::NONE;
    int64_t duplicate_of = -1;  // base offset of the batch it repeats
  };
  // What becomes of a batch that would be appended at `base_offset`.
  Verdict judge(const BatchView& batch, int64_t base_offset) {
    if (!batch.has_producer_id()) return {};
    Entry& entry = producers_[batch.producer_id()];
    const bool same_epoch = batch.producer_epoch() == entry.epoch;
    for (const auto& known : entry.batches)
      if (same_epoch && batch.base_sequence() == known[0] && batch.last_sequence() == known[1])
        return {ErrorCode::NONE, known[2]};
    if (batch.producer_epoch() < entry.epoch) return {ErrorCode::INVALID_PRODUCER_EPOCH, -1};
    const bool gap = same_epoch ? batch.base_sequence() != add_sequence(entry.last_sequence, 1)
                                : entry.epoch != kNoProducerEpoch && batch.base_sequence() != 0;
    if (gap) return {ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1};
    if (!same_epoch) entry.batches.clear();
    entry.epoch = batch.producer_epoch();
    entry.last_sequence = batch.last_sequence();
    entry.batches.push_back({batch.base_sequence(), batch.last_sequence(), base_offset});
    if (entry.batches.size() > 5) entry.batches.pop_front();
    return {};
  }

 private:
  struct Entry {
    int16_t epoch = kNoProducerEpoch;
    int32_t last_sequence = kNoSequence;
    std::deque<std::array<int64_t, 3>> batches;  // first sequence, last sequence, base offset
  };
  std::map<int64_t, Entry> producers_;
};

class TestDelivery final : public Delivery {
 public:
  void complete(const SendResult& r) override {
    ++completions;
    result = r;
  }
  int completions = 0;
  SendResult result;
};

}  // namespace ksim::client::testing
