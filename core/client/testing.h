#pragma once
// Helpers of this directory's tests.

#include <memory>
#include <string>
#include <vector>

#include "core/base/hash.h"
#include "core/client/metadata_cache.h"
#include "core/client/producer_types.h"
#include "core/io/random.h"
#include "core/wire/arena.h"

namespace ksim::client::testing {

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
