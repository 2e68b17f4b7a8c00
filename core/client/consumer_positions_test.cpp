#include <gtest/gtest.h>

#include "core/client/consumer_core.h"
#include "core/client/testing.h"

namespace ksim::client {
namespace {

using testing::at;
using testing::kFirst;

// A core whose one partition is led by node 0, and that asks where the end of its log is.
class ConsumerPositions : public ::testing::Test {
 protected:
  using Query = ConsumerCore::OffsetQuery;

  void SetUp() override {
    config.auto_offset_reset = AutoOffsetReset::latest;
    metadata.want_topic("t", at(0));
    metadata.update(testing::TestMetadata("t", testing::kId, {{0, 0}}).response, 12, at(0), 0);
    assign();
  }
  void assign() {
    core.assign({kFirst}, at(0));
    core.begin_round([](int32_t) { return true; });
  }
  void seek_to(AutoOffsetReset end) { position().request_reset(end); }
  Query lookup() {
    const std::vector<Query> queries = core.resets([](int32_t) { return true; }, at(1));
    EXPECT_EQ(queries.size(), 1U);
    return queries.empty() ? Query{} : queries[0];
  }
  void answer(const Query& query, int64_t offset, int32_t epoch = -1) {
    wire::Arena arena;
    wire::ListOffsetsResponse response;
    response.topics = arena.make_array<wire::ListOffsetsTopicResponse>(1);
    response.topics[0].name = "t";
    response.topics[0].partitions = arena.make_array<wire::ListOffsetsPartitionResponse>(1);
    response.topics[0].partitions[0].offset = offset;
    response.topics[0].partitions[0].leader_epoch = epoch;
    core.reset_answered(query, response, at(2));
  }
  PartitionPosition& position() { return *core.subscriptions().find(kFirst); }
  // -1: it has none.
  int64_t place() { return position().position() ? position().position()->offset : -1; }

  ConsumerConfig config;
  testing::TestRandom random;
  MetadataCache metadata{300'000, {100, 1000}};
  ConsumerCore core{config, metadata, random, 7};
};

TEST_F(ConsumerPositions, come_with_the_answer) {
  answer(lookup(), 5);
  EXPECT_EQ(place(), 5);
}

TEST_F(ConsumerPositions, do_not_come_with_the_answer_to_a_reset_to_the_other_end) {
  const Query end = lookup();
  seek_to(AutoOffsetReset::earliest);
  answer(end, 5);
  EXPECT_EQ(place(), -1);
  answer(lookup(), 0);
  EXPECT_EQ(place(), 0);
}

// More is committed by the time of the second one.
TEST_F(ConsumerPositions, do_not_come_with_the_answer_to_an_earlier_reset_to_the_same_end) {
  const Query before = lookup();
  ASSERT_TRUE(core.seek(kFirst, 3, {}));
  seek_to(AutoOffsetReset::latest);
  answer(before, 5);
  EXPECT_EQ(place(), -1);
  const Query after = lookup();
  answer(before, 5);
  EXPECT_EQ(place(), -1);
  answer(after, 8);
  EXPECT_EQ(place(), 8);
}

// Its leader's epoch, too, is one of the topic that is gone: that of the new one may never come to it.
TEST_F(ConsumerPositions, do_not_come_with_an_answer_about_the_topic_that_had_the_name_before) {
  const Query before = lookup();
  metadata.update(testing::TestMetadata("t", Uuid{9, 9}, {{0, 0}}).response, 12, at(1), 0);
  answer(before, 5, 3);
  EXPECT_EQ(place(), -1);
  EXPECT_TRUE(metadata.leader(kFirst).has_leader());
}

TEST_F(ConsumerPositions, do_not_come_with_the_answer_of_an_earlier_assignment) {
  const Query before = lookup();
  core.assign({}, at(1));
  assign();
  const Query after = lookup();
  answer(before, 5);
  EXPECT_EQ(place(), -1);
  answer(after, 8);
  EXPECT_EQ(place(), 8);
}

TEST_F(ConsumerPositions, wait_after_a_failure_of_what_they_wait_for_only) {
  const Query before = lookup();
  ASSERT_TRUE(core.seek(kFirst, 3, {}));
  core.reset_failed(before, at(2));
  EXPECT_EQ(position().not_before, Instant{});
  seek_to(AutoOffsetReset::latest);
  core.reset_failed(lookup(), at(2));
  EXPECT_GT(position().not_before, at(2));
  EXPECT_LT(position().not_before, at(2 + 1000));
}

}  // namespace
}  // namespace ksim::client
