#include <gtest/gtest.h>

#include "core/client/consumer_core.h"
#include "core/client/testing.h"
#include "core/record/builder.h"

namespace ksim::client {
namespace {

using testing::at;
using testing::kFirst;
using testing::kSecond;

// What a core that reads two partitions, each in a fetch session by now, asks of their leaders while records
// of the first one wait in it.
class ConsumerFetches : public ::testing::Test {
 protected:
  using Nodes = std::vector<int32_t>;
  using Fetches = std::vector<ConsumerCore::Fetch>;

  void led_by(int32_t first, int32_t second) {
    metadata.want_topic("t", at(0));
    metadata.update(testing::TestMetadata("t", testing::kId, {{first, 0}, {second, 0}}).response, 12, at(0),
                    0);
    core.assign({kFirst, kSecond}, at(0));
    core.begin_round([](int32_t) { return true; });
    for (const TopicPartition& partition : {kFirst, kSecond}) core.seek(partition, 0, {});
    for (const ConsumerCore::Fetch& fetch : fetches()) {
      std::vector<int32_t> all;
      for (const FetchSession::Asked& asked : fetch.request.to_send) all.push_back(asked.partition.partition);
      answer(fetch.node, all, {});
    }
    EXPECT_EQ(poll(), 0U);
    asked();
  }
  Fetches fetches() {
    return core.fetches([](int32_t) { return true; }, at(1));
  }
  Nodes asked() {
    Nodes nodes;
    for (const ConsumerCore::Fetch& fetch : fetches()) nodes.push_back(fetch.node);
    return nodes;
  }
  static ByteBuffer records(int count) {
    ByteBuffer batches;
    for (int i = 0; i < count; ++i) {
      BatchOptions options;
      options.base_offset = i;
      options.leader_epoch = 0;
      RecordInput record;
      record.timestamp_ms = 1;
      record.value = as_bytes("value");
      const ByteBuffer batch = build_batch(options, {&record, 1});
      batches.insert(batches.end(), batch.begin(), batch.end());
    }
    return batches;
  }
  void answer(int32_t node, const std::vector<int32_t>& partitions, ByteBuffer bytes) {
    const auto frame = std::make_shared<ByteBuffer>(std::move(bytes));
    wire::Arena arena;
    wire::FetchResponse response;
    response.session_id = 77;
    response.responses = arena.make_array<wire::FetchableTopicResponse>(1);
    response.responses[0].topic_id = testing::kId;
    response.responses[0].partitions = arena.make_array<wire::FetchResponsePartitionData>(partitions.size());
    for (size_t i = 0; i < partitions.size(); ++i) {
      response.responses[0].partitions[i].partition_index = partitions[i];
      response.responses[0].partitions[i].records.bytes = *frame;
    }
    core.fetch_answered(node, response, frame, at(1));
  }
  void first_has(ByteBuffer bytes) { answer(0, {0}, std::move(bytes)); }
  size_t poll() {
    ConsumerRecords records;
    EXPECT_TRUE(core.collect(records, 1, at(1)).ok());
    return records.size();
  }

  ConsumerConfig config;
  testing::TestRandom random;
  MetadataCache metadata{300'000, {100, 1000}};
  ConsumerCore core{config, metadata, random, 7};
};

TEST_F(ConsumerFetches, wait_until_all_of_the_node_is_handed_out) {
  led_by(0, 0);
  first_has(records(2));
  EXPECT_EQ(asked(), Nodes{});
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(poll(), 1U);
    EXPECT_EQ(asked(), Nodes{});
  }
  EXPECT_EQ(poll(), 0U);
  const Fetches next = fetches();
  ASSERT_EQ(next.size(), 1U);
  ASSERT_EQ(next[0].request.to_send.size(), 1U);  // the other one is asked for where it was
  EXPECT_EQ(next[0].request.to_send[0].partition, kFirst);
  EXPECT_EQ(next[0].request.to_send[0].target.offset, 2);
  EXPECT_TRUE(next[0].request.to_forget.empty());
}

TEST_F(ConsumerFetches, of_other_nodes_wait_for_nothing) {
  led_by(0, 1);
  first_has(records(2));
  EXPECT_EQ(asked(), Nodes{});
  core.fetch_failed(1);
  EXPECT_EQ(asked(), Nodes{1});
}

TEST_F(ConsumerFetches, do_not_wait_for_what_is_paused_or_has_no_place) {
  led_by(0, 0);
  first_has(records(2));
  EXPECT_EQ(poll(), 1U);
  PartitionPosition& first = *core.subscriptions().find(kFirst);
  first.paused = true;
  EXPECT_EQ(asked(), Nodes{0});
  core.fetch_failed(0);
  first.paused = false;
  EXPECT_EQ(asked(), Nodes{});
  first.request_reset(AutoOffsetReset::latest);
  EXPECT_EQ(asked(), Nodes{0});
}

TEST_F(ConsumerFetches, do_not_wait_for_what_was_thrown_away) {
  led_by(0, 0);
  ByteBuffer damaged = records(1);
  damaged.back() = static_cast<uint8_t>(damaged.back() ^ 1);
  first_has(std::move(damaged));
  ConsumerRecords none;
  EXPECT_EQ(core.collect(none, 1, at(1)).error().fault, ConsumerFault::corrupt_record);
  const Fetches next = fetches();
  ASSERT_EQ(next.size(), 1U);
  EXPECT_TRUE(next[0].request.to_forget.empty());
}

}  // namespace
}  // namespace ksim::client
