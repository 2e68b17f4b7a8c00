#include "core/client/metadata_cache.h"

#include <gtest/gtest.h>

#include "core/client/testing.h"

namespace ksim::client {
namespace {

using testing::at;
using testing::kFirst;
using testing::kId;
using testing::TestMetadata;

constexpr Uuid kOtherId{1, 2};

struct MetadataCacheTest : ::testing::Test {
  MetadataCacheTest() : cache(300'000, {100, 1000}) { cache.want_topic("t", at(0)); }
  bool take(const TestMetadata& metadata, int64_t now_ms, int16_t version = 12) {
    return cache.update(metadata.response, version, at(now_ms), 200);
  }
  MetadataCache cache;
};

TEST_F(MetadataCacheTest, older_leader_epochs_are_not_taken) {  // K2
  ASSERT_TRUE(take({"t", kId, {{1, 5}}}, 0));
  EXPECT_EQ(cache.leader(kFirst), (LeaderAndEpoch{1, 5}));
  take({"t", kId, {{2, 4}}}, 1);
  EXPECT_EQ(cache.leader(kFirst), (LeaderAndEpoch{1, 5}));
  take({"t", kId, {{2, 6}}}, 2);
  EXPECT_EQ(cache.leader(kFirst), (LeaderAndEpoch{2, 6}));
  EXPECT_EQ(cache.last_seen_epoch(kFirst), 6);
}

TEST_F(MetadataCacheTest, a_new_topic_of_the_name_starts_over_and_the_old_one_does_not_come_back) {
  take({"t", kId, {{1, 5}}}, 0);
  take({"t", kOtherId, {{2, 0}}}, 1);
  EXPECT_EQ(cache.leader(kFirst), (LeaderAndEpoch{2, 0}));
  take({"t", kId, {{1, 4}}}, 2);  // a broker that is behind
  EXPECT_EQ(cache.leader(kFirst), (LeaderAndEpoch{2, 0}));
}

// A broker that forwards to the controller names any broker in its place, each time another one.
TEST_F(MetadataCacheTest, another_controller_is_no_news_to_whoever_asks_again_and_again) {
  TestMetadata metadata{"t", kId, {{1, 5}}};
  for (int64_t n = 0; n < 4; ++n) {
    metadata.response.controller_id = static_cast<int32_t>(1 + n % 3);
    ASSERT_TRUE(take(metadata, n));
    cache.request_update();
  }
  EXPECT_GE(cache.next_update(), at(3 + 100)) << "it waits longer each time";
}

TEST_F(MetadataCacheTest, epochs_of_old_versions_are_not_trusted) {
  take({"t", kId, {{1, 5}}}, 0, 8);
  EXPECT_EQ(cache.leader(kFirst), (LeaderAndEpoch{1, std::nullopt}));
}

TEST_F(MetadataCacheTest, an_epoch_seen_elsewhere_unseats_the_leader_and_asks_again) {
  take({"t", kId, {{1, 5}}}, 0);
  EXPECT_FALSE(cache.update_requested());
  cache.saw_epoch(kFirst, kId, 5);
  EXPECT_FALSE(cache.update_requested());
  cache.saw_epoch(kFirst, kId, 7);
  EXPECT_TRUE(cache.update_requested());
  EXPECT_FALSE(cache.leader(kFirst).has_leader());
  take({"t", kId, {{1, 6}}}, 1);
  EXPECT_FALSE(cache.leader(kFirst).has_leader());
  take({"t", kId, {{2, 7}}}, 2);
  EXPECT_EQ(cache.leader(kFirst), (LeaderAndEpoch{2, 7}));
}

TEST_F(MetadataCacheTest, leaders_out_of_other_answers) {  // G24
  take({"t", kId, {{1, 5}}}, 0);
  EXPECT_FALSE(cache.update_leader(kFirst, kId, {2, 5}, nullptr));
  EXPECT_FALSE(cache.update_leader(kFirst, kId, {9, 6}, nullptr));
  EXPECT_TRUE(cache.update_leader(kFirst, kId, {2, 6}, nullptr));
  EXPECT_EQ(cache.leader(kFirst), (LeaderAndEpoch{2, 6}));
  const BrokerNode newcomer{9, {"nine", 9}, {}};
  EXPECT_TRUE(cache.update_leader(kFirst, kId, {9, 7}, &newcomer));
  EXPECT_EQ(cache.node(9)->endpoint.host, "nine");
}

// A late answer to a question about the topic that was there before: its epochs are not those of the
// namesake.
TEST_F(MetadataCacheTest, an_answer_about_another_topic_of_that_name_counts_for_nothing) {
  take({"t", kId, {{1, 5}}}, 0);
  take({"t", kOtherId, {{1, 0}}}, 1);
  cache.saw_epoch(kFirst, kId, 6);
  EXPECT_FALSE(cache.update_leader(kFirst, kId, {2, 7}, nullptr));
  EXPECT_FALSE(cache.update_requested());
  take({"t", kOtherId, {{2, 1}}}, 2);
  EXPECT_EQ(cache.leader(kFirst), (LeaderAndEpoch{2, 1}));
}

TEST_F(MetadataCacheTest, errors_keep_the_epochs_seen) {
  take({"t", kId, {{1, 5}}}, 0);
  TestMetadata gone("t", kId, {});
  gone.response.topics[0].error_code = static_cast<int16_t>(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
  take(gone, 1);
  EXPECT_EQ(cache.topic_error("t"), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
  EXPECT_TRUE(cache.update_requested());
  take({"t", kId, {{2, 4}}}, 2);
  EXPECT_FALSE(cache.leader(kFirst).has_leader());
  EXPECT_EQ(cache.partition_count("t"), 1);
}

TEST_F(MetadataCacheTest, tells_when_an_epoch_has_changed) {
  take({"t", kId, {{1, 5}}}, 0);
  const uint64_t before = cache.epochs_version();
  take({"t", kId, {{2, 5}}}, 1);
  EXPECT_EQ(cache.epochs_version(), before);
  cache.saw_epoch(kFirst, kId, 6);
  const uint64_t seen = cache.epochs_version();
  EXPECT_GT(seen, before);
  take({"t", kOtherId, {{1, 7}}}, 2);
  const uint64_t other = cache.epochs_version();
  EXPECT_GT(other, seen);
  take({"t", kId, {{1, 6}}}, 3);  // the namesake, of which nothing new was seen
  EXPECT_EQ(cache.last_seen_epoch(kFirst), 6);
  EXPECT_GT(cache.epochs_version(), other);
}

// Rule G35.
TEST_F(MetadataCacheTest, when_it_asks) {
  EXPECT_LE(cache.next_update(), at(0));
  cache.update_failed(at(0), 200);
  EXPECT_EQ(cache.next_update(), at(100));
  cache.update_failed(at(100), 200);
  EXPECT_EQ(cache.next_update(), at(300));
  take({"t", kId, {{1, 5}}}, 300);
  EXPECT_EQ(cache.next_update(), at(300'300));
  cache.request_update();
  EXPECT_EQ(cache.next_update(), at(300));
  take({"t", kId, {{1, 5}}}, 400);  // the same again, although asked for
  cache.request_update();
  take({"t", kId, {{1, 5}}}, 500);
  cache.request_update();
  EXPECT_EQ(cache.next_update(), at(600));
  cache.want_topic("u", at(600));
  EXPECT_TRUE(cache.update_requested());
}

TEST_F(MetadataCacheTest, answers_without_brokers_count_as_failed) {  // G36
  wire::MetadataResponse empty;
  EXPECT_FALSE(cache.update(empty, 12, at(0), 200));
  EXPECT_EQ(cache.next_update(), at(100));
}

TEST_F(MetadataCacheTest, unused_topics_are_forgotten_once_answered) {
  cache.forget_unused(at(400'000), milliseconds(300'000));
  EXPECT_TRUE(cache.is_wanted("t"));
  take({"t", kId, {{1, 5}}}, 0);
  cache.forget_unused(at(299'999), milliseconds(300'000));
  EXPECT_TRUE(cache.is_wanted("t"));
  cache.forget_unused(at(300'000), milliseconds(300'000));
  EXPECT_FALSE(cache.is_wanted("t"));
  EXPECT_EQ(cache.topic("t"), nullptr);
}

}  // namespace
}  // namespace ksim::client
