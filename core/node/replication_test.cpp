// A leader and its followers: acknowledgements, the high watermark, and how replicas come to agree again
// after a change of leaders (rules D22, D37-D42, D46-D53).

#include "core/node/test_cluster.h"

namespace ksim::node {
namespace {

class Replication : public testing::TestWithParam<size_t> {};
INSTANTIATE_TEST_SUITE_P(Shards, Replication, testing::Values(1, 3));

TEST_P(Replication, AcksAllIsAnsweredOnceTheFollowerHasIt) {
  TestCluster cluster(with(2, GetParam()));
  cluster.create_topic(4, {1, 2});
  cluster.run_for(seconds(1));
  ASSERT_TRUE(cluster.client([&](Env& env) {
    std::unique_ptr<rpc::RpcConnection> brokers[] = {connect(env, 1), connect(env, 2)};
    ASSERT_TRUE(brokers[0] && brokers[1]);
    for (int32_t partition = 0; partition < 4; ++partition) {
      auto& leader = *brokers[partition % 2];
      for (int64_t i = 0; i < 5; ++i) {
        const Produced produced = produce(env, leader, partition, batch_of({"a" + std::to_string(i), "b"}));
        ASSERT_EQ(produced.error, ErrorCode::NONE) << to_string(produced.error);
        EXPECT_EQ(produced.offset, 2 * i);
      }
      const Seen seen = fetch(env, leader, partition, {.offset = 3});
      EXPECT_EQ(seen.error, ErrorCode::NONE);
      EXPECT_EQ(seen.high_watermark, 10);
      EXPECT_EQ(seen.offsets, (std::vector<int64_t>{3, 4, 5, 6, 7, 8, 9}));
      EXPECT_EQ(seen.values[1], "a2");
      EXPECT_EQ(list_offset(env, leader, partition, broker::kLatestTimestamp).offset, 10);
      EXPECT_EQ(list_offset(env, leader, partition, broker::kEarliestTimestamp).offset, 0);
    }
  }));
  cluster.run_for(seconds(2));
  for (int32_t partition = 0; partition < 4; ++partition) {
    for (int32_t broker : {1, 2}) {
      EXPECT_EQ(cluster.replica(broker, partition)->log()->log_end_offset(), 10);
      EXPECT_EQ(cluster.replica(broker, partition)->log()->high_watermark(), 10);
    }
  }
}

TEST_P(Replication, WrongBrokersRefuseAndHint) {
  TestCluster cluster(with(3, GetParam()));
  cluster.create_topic(1, {1, 2});
  cluster.run_for(seconds(1));
  ASSERT_TRUE(cluster.client([&](Env& env) {
    auto follower = connect(env, 2);
    auto stranger = connect(env, 3);
    EXPECT_EQ(produce(env, *follower, 0, batch_of({"x"})).error, ErrorCode::NOT_LEADER_OR_FOLLOWER);
    EXPECT_EQ(produce(env, *stranger, 0, batch_of({"x"})).error, ErrorCode::NOT_LEADER_OR_FOLLOWER);
    EXPECT_EQ(produce(env, *stranger, 7, batch_of({"x"})).error, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    EXPECT_EQ(produce(env, *stranger, 0, batch_of({"x"}), 5).error, ErrorCode::INVALID_REQUIRED_ACKS);
    auto leader = connect(env, 1);
    EXPECT_EQ(fetch(env, *leader, 0, {.leader_epoch = 9}).error, ErrorCode::UNKNOWN_LEADER_EPOCH);
    EXPECT_EQ(fetch(env, *leader, 0, {.offset = 1}).error, ErrorCode::OFFSET_OUT_OF_RANGE);
  }));
}

TEST_P(Replication, ASilentFollowerLeavesTheIsrAndComesBack) {
  TestCluster cluster(with(2, GetParam(), "replica.lag.time.max.ms=3000\n"));
  cluster.create_topic(1, {1, 2});
  cluster.run_for(seconds(1));
  cluster.pause_broker(2);
  ASSERT_TRUE(cluster.client([&](Env& env) {
    auto leader = connect(env, 1);
    const Instant began = env.now();
    EXPECT_EQ(produce(env, *leader, 0, batch_of({"x"})).error, ErrorCode::NONE);
    EXPECT_GE((env.now() - began).ms(), 2000) << "acknowledged only after the shrink";
  }));
  EXPECT_EQ(cluster.partition(0).isr, std::vector<int32_t>{1});
  cluster.unpause_broker(2);
  cluster.run_for(seconds(40));
  EXPECT_EQ(cluster.partition(0).isr, (std::vector<int32_t>{1, 2}));
  EXPECT_EQ(cluster.replica(2)->log()->high_watermark(), 1);
}

// An answer of the dead machine would be waited for as long as replica.socket.timeout.ms.
TEST_P(Replication, ALeaderThatLostPowerAndLeadsAgainIsAskedAnew) {
  TestCluster cluster(with(3, GetParam()));
  cluster.create_topic(1, {1, 2, 3});
  cluster.run_for(seconds(1));
  cluster.power_loss(1);
  cluster.fence(1);
  EXPECT_EQ(cluster.partition(0).leader, 2);
  cluster.run_for(seconds(1));
  cluster.start_broker(1);
  cluster.run_for(seconds(3));
  ASSERT_EQ(cluster.partition(0).isr, (std::vector<int32_t>{1, 2, 3}));
  cluster.change(0, std::nullopt, 1);
  cluster.run_for(seconds(1));
  ASSERT_TRUE(cluster.client([&](Env& env) {
    auto leader = connect(env, 1);
    EXPECT_EQ(produce(env, *leader, 0, batch_of({"x"}), -1, seconds(5)).error, ErrorCode::NONE);
  }));
}

TEST_P(Replication, MinIsrRefusesBeforeAndAfterTheAppend) {
  TestCluster cluster(with(2, GetParam(), "replica.lag.time.max.ms=3000\n"));
  cluster.create_topic(1, {1, 2});
  cluster.set_config("min.insync.replicas", "2");
  cluster.run_for(seconds(1));
  cluster.pause_broker(2);
  ASSERT_TRUE(cluster.client([&](Env& env) {
    auto leader = connect(env, 1);
    EXPECT_EQ(produce(env, *leader, 0, batch_of({"x"}), -1, seconds(6)).error, ErrorCode::REQUEST_TIMED_OUT)
        << "the shrink is committed, and the watermark does not move below min ISR";
    EXPECT_EQ(produce(env, *leader, 0, batch_of({"y"})).error, ErrorCode::NOT_ENOUGH_REPLICAS);
    EXPECT_EQ(produce(env, *leader, 0, batch_of({"z"}), 1).error, ErrorCode::NONE);
    EXPECT_TRUE(fetch(env, *leader, 0).values.empty());
  }));
  cluster.unpause_broker(2);
  cluster.run_for(seconds(40));
  EXPECT_EQ(cluster.replica(1)->log()->high_watermark(), 2);
}

TEST_P(Replication, ADivergedFollowerTruncatesToItsLeader) {
  TestCluster cluster(with(2, GetParam()));
  cluster.create_topic(1, {1, 2});
  cluster.run_for(seconds(1));
  ASSERT_TRUE(cluster.client([&](Env& env) {
    auto first = connect(env, 1);
    EXPECT_EQ(produce(env, *first, 0, batch_of({"kept"})).error, ErrorCode::NONE);
  }));
  cluster.crash_broker(2);
  ASSERT_TRUE(cluster.client([&](Env& env) {
    auto first = connect(env, 1);
    EXPECT_EQ(produce(env, *first, 0, batch_of({"lost", "lost"}), 1).error, ErrorCode::NONE);
  }));
  cluster.crash_broker(1);
  cluster.fence(1);
  EXPECT_EQ(cluster.partition(0).leader, 2);
  cluster.start_broker(2);
  cluster.run_for(seconds(2));
  ASSERT_TRUE(cluster.client([&](Env& env) {
    auto second = connect(env, 2);
    EXPECT_EQ(list_offset(env, *second, 0, broker::kLatestTimestamp).offset, 1);
    const Produced produced = produce(env, *second, 0, batch_of({"new"}));
    EXPECT_EQ(produced.error, ErrorCode::NONE);
    EXPECT_EQ(produced.offset, 1);
  }));
  cluster.start_broker(1);
  cluster.run_for(seconds(30));
  EXPECT_EQ(cluster.partition(0).isr, (std::vector<int32_t>{1, 2}));
  EXPECT_EQ(cluster.replica(1)->log()->log_end_offset(), 2);
  EXPECT_EQ(cluster.replica(1)->log()->high_watermark(), 2);
  cluster.change(0, std::nullopt, 1);
  cluster.run_for(seconds(2));
  ASSERT_TRUE(cluster.client([&](Env& env) {
    auto first = connect(env, 1);
    EXPECT_EQ(fetch(env, *first, 0).values, (std::vector<std::string>{"kept", "new"}));
  }));
}

// KIP-101: a follower that falls behind its own high watermark's worth of knowledge must not cut what its
// leader has. The follower has the record, but has not yet heard that it is committed.
TEST_P(Replication, AFollowerKeepsWhatItsLeaderHasThoughItsOwnWatermarkIsLower) {
  TestCluster cluster(with(2, GetParam()));
  cluster.create_topic(1, {1, 2});
  cluster.run_for(seconds(1));
  ASSERT_TRUE(cluster.client([&](Env& env) {
    auto first = connect(env, 1);
    for (int i = 0; i < 3; ++i) ASSERT_EQ(produce(env, *first, 0, batch_of({"x"})).error, ErrorCode::NONE);
  }));
  // The follower's watermark comes with its next fetch; a restart takes it back to the last checkpoint.
  cluster.crash_broker(2);
  cluster.fence(2);
  cluster.start_broker(2);
  cluster.run_for(milliseconds(300));
  cluster.crash_broker(1);
  cluster.change(0, std::vector<int32_t>{2}, 2);
  cluster.run_for(seconds(1));
  ASSERT_TRUE(cluster.client([&](Env& env) {
    auto second = connect(env, 2);
    EXPECT_EQ(list_offset(env, *second, 0, broker::kLatestTimestamp).offset, 3);
    EXPECT_EQ(fetch(env, *second, 0).values.size(), 3u);
  }));
  EXPECT_EQ(cluster.marks(Mark::follower_truncated_below_watermark), 0);
}

TEST_P(Replication, AnUncleanLeaderMakesTheOthersCutBelowTheirWatermark) {
  TestCluster cluster(with(2, GetParam()));
  cluster.create_topic(1, {1, 2});
  cluster.run_for(seconds(1));
  cluster.pause_broker(2);
  cluster.run_for(seconds(1));  // its fetch that waited at the leader is answered, with nothing
  cluster.change(0, std::vector<int32_t>{1}, std::nullopt);
  ASSERT_TRUE(cluster.client([&](Env& env) {
    auto first = connect(env, 1);
    // A replica that has been caught up until now holds the high watermark, in the ISR or not, for 30 s.
    EXPECT_EQ(produce(env, *first, 0, batch_of({"a", "b", "c"}), -1, seconds(60)).error, ErrorCode::NONE);
  }));
  EXPECT_EQ(cluster.replica(1)->log()->high_watermark(), 3);
  cluster.change(0, std::vector<int32_t>{2}, 2);
  cluster.unpause_broker(2);
  cluster.run_for(seconds(10));
  EXPECT_GT(cluster.marks(Mark::follower_truncated_below_watermark), 0);
  EXPECT_EQ(cluster.replica(1)->log()->log_end_offset(), 0);
  EXPECT_EQ(cluster.replica(1)->log()->high_watermark(), 0);
  ASSERT_TRUE(cluster.client([&](Env& env) {
    auto second = connect(env, 2);
    EXPECT_EQ(produce(env, *second, 0, batch_of({"new"})).error, ErrorCode::NONE);
  }));
  cluster.run_for(seconds(2));
  EXPECT_EQ(cluster.replica(1)->log()->log_end_offset(), 1);
  EXPECT_EQ(cluster.partition(0).isr, (std::vector<int32_t>{1, 2}));
}

TEST_P(Replication, AFollowerBehindItsLeadersLogStartBeginsThere) {
  TestCluster cluster(with(2, GetParam()));
  cluster.create_topic(1, {1, 2});
  cluster.run_for(seconds(1));
  cluster.crash_broker(2);
  cluster.fence(2);
  ASSERT_TRUE(cluster.client([&](Env& env) {
    auto first = connect(env, 1);
    for (int i = 0; i < 4; ++i)
      ASSERT_EQ(produce(env, *first, 0, batch_of({"x", "y"})).error, ErrorCode::NONE);
    const Deleted deleted = delete_records(env, *first, 0, 4);
    EXPECT_EQ(deleted.error, ErrorCode::NONE) << "a fenced replica is not waited for";
    EXPECT_EQ(deleted.low_watermark, 4);
  }));
  cluster.start_broker(2);
  cluster.run_for(seconds(10));
  EXPECT_GT(cluster.marks(Mark::follower_behind_log_start), 0);
  EXPECT_EQ(cluster.replica(2)->log()->log_start_offset(), 4);
  EXPECT_EQ(cluster.replica(2)->log()->log_end_offset(), 8);
}

// Its log start is of the log that the unclean election took away: what its leader has below, it lacks.
TEST_P(Replication, AFollowerThatIsCutBelowItsLogStartBeginsAtItsLeaders) {
  TestCluster cluster(with(2, GetParam()));
  cluster.create_topic(1, {1, 2});
  cluster.run_for(seconds(1));
  ASSERT_TRUE(cluster.client([&](Env& env) {
    auto first = connect(env, 1);
    EXPECT_EQ(produce(env, *first, 0, batch_of({"a", "b"})).error, ErrorCode::NONE);
  }));
  cluster.crash_broker(2);
  cluster.fence(2);
  ASSERT_TRUE(cluster.client([&](Env& env) {
    auto first = connect(env, 1);
    EXPECT_EQ(produce(env, *first, 0, batch_of({"x", "x", "x"})).error, ErrorCode::NONE);
    EXPECT_EQ(delete_records(env, *first, 0, 5).low_watermark, 5);
  }));
  cluster.change(0, std::vector<int32_t>{2}, 2);
  cluster.start_broker(2);
  cluster.run_for(seconds(10));
  EXPECT_EQ(cluster.partition(0).isr, (std::vector<int32_t>{1, 2}));
  cluster.change(0, std::nullopt, 1);
  cluster.run_for(seconds(2));
  ASSERT_TRUE(cluster.client([&](Env& env) {
    auto first = connect(env, 1);
    EXPECT_EQ(fetch(env, *first, 0).values, (std::vector<std::string>{"a", "b"}));
  }));
}

// What it has its leader never had, and has deleted. Where it goes on, no batch of its leader's begins.
TEST_P(Replication, AFollowerGoesOnInsideABatchAtItsLeadersLogStart) {
  TestCluster cluster(with(2, GetParam()));
  cluster.create_topic(1, {1, 2});
  cluster.run_for(seconds(1));
  cluster.crash_broker(2);
  ASSERT_TRUE(cluster.client([&](Env& env) {
    auto first = connect(env, 1);
    EXPECT_EQ(produce(env, *first, 0, batch_of({"lost", "lost"}), 1).error, ErrorCode::NONE);
  }));
  cluster.crash_broker(1);
  cluster.fence(1);
  cluster.start_broker(2);
  cluster.run_for(seconds(2));
  ASSERT_TRUE(cluster.client([&](Env& env) {
    auto second = connect(env, 2);
    EXPECT_EQ(produce(env, *second, 0, batch_of({"a", "b", "c", "d"})).error, ErrorCode::NONE);
    EXPECT_EQ(delete_records(env, *second, 0, 2).low_watermark, 2);
  }));
  cluster.start_broker(1);
  cluster.run_for(seconds(30));
  EXPECT_EQ(cluster.partition(0).isr, (std::vector<int32_t>{1, 2}));
  EXPECT_EQ(cluster.replica(1)->log()->log_start_offset(), 2);
  EXPECT_EQ(cluster.replica(1)->log()->log_end_offset(), 4);
}

TEST_P(Replication, AFollowerThatKnowsNothingBeginsAtItsLeadersLogStart) {
  TestCluster cluster(with(3, GetParam()));
  cluster.create_topic(1, {1, 2, 3});
  cluster.run_for(seconds(1));
  for (int32_t id : {2, 3}) cluster.crash_broker(id), cluster.fence(id);
  ASSERT_TRUE(cluster.client([&](Env& env) {
    auto first = connect(env, 1);
    EXPECT_EQ(produce(env, *first, 0, batch_of({"x", "x"})).error, ErrorCode::NONE);
    EXPECT_EQ(delete_records(env, *first, 0, 2).low_watermark, 2);
  }));
  cluster.start_broker(2);
  cluster.run_for(seconds(10));
  ASSERT_EQ(cluster.replica(2)->log()->log_start_offset(), 2) << "as its leader's, and it is empty";
  cluster.crash_broker(1);
  cluster.pause_broker(2);
  cluster.change(0, std::vector<int32_t>{3}, 3);
  cluster.start_broker(3);
  cluster.run_for(seconds(1));
  ASSERT_TRUE(cluster.client([&](Env& env) {
    auto third = connect(env, 3);
    EXPECT_EQ(produce(env, *third, 0, batch_of({"a", "b"}), 1).error, ErrorCode::NONE);
    EXPECT_EQ(produce(env, *third, 0, batch_of({"c"}), 1).error, ErrorCode::NONE);
  }));
  cluster.unpause_broker(2);
  cluster.run_for(seconds(10));
  EXPECT_EQ(cluster.replica(2)->log()->log_start_offset(), 0);
  EXPECT_EQ(cluster.replica(2)->log()->log_end_offset(), 3);
  EXPECT_EQ(cluster.partition(0).isr, (std::vector<int32_t>{2, 3}));
}

// Rule D46: a new leader may not yet know how far its predecessor had committed.
TEST_P(Replication, TheLatestOffsetIsUnknownUntilTheNewLeadersWatermarkIsThere) {
  TestCluster cluster(with(2, GetParam(), "replica.lag.time.max.ms=3000\n"));
  cluster.create_topic(1, {1, 2});
  cluster.run_for(seconds(1));
  ASSERT_TRUE(cluster.client([&](Env& env) {
    auto first = connect(env, 1);
    ASSERT_EQ(produce(env, *first, 0, batch_of({"x"})).error, ErrorCode::NONE);
    cluster.pause_broker(1);
    cluster.change(0, std::nullopt, 2);
    env.sleep(milliseconds(100));
    auto second = connect(env, 2);
    EXPECT_EQ(cluster.replica(2)->log()->log_end_offset(), 1);
    if (cluster.replica(2)->log()->high_watermark() < 1) {
      EXPECT_EQ(list_offset(env, *second, 0, broker::kLatestTimestamp).error,
                ErrorCode::OFFSET_NOT_AVAILABLE);
    }
    env.sleep(seconds(6));
    EXPECT_EQ(list_offset(env, *second, 0, broker::kLatestTimestamp).offset, 1) << "the ISR is one";
  }));
}

}  // namespace
}  // namespace ksim::node
