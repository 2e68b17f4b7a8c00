// Brokers of the real code in the simulated world, asked by clients of the wire (test_cluster.h).

#include <gtest/gtest.h>

#include "core/node/test_cluster.h"
#include "core/wire/messages/describe_topic_partitions.h"
#include "core/wire/messages/init_producer_id.h"
#include "core/wire/messages/metadata.h"

namespace ksim::node {
namespace {

class Shards : public testing::TestWithParam<size_t> {};
INSTANTIATE_TEST_SUITE_P(Shards, Shards, testing::Values(1, 3));

TEST_P(Shards, IdempotentRetriesAreAppendedOnce) {
  TestCluster cluster(with(2, GetParam()));
  cluster.create_topic(1, {1, 2});
  cluster.run_for(seconds(1));
  ASSERT_TRUE(cluster.client([&](Env& env) {
    auto leader = connect(env, 1);
    wire::InitProducerIdRequest init;
    init.transactional_id.reset();
    int64_t producer_id = -1;
    for (int i = 0; i < 20 && producer_id < 0; ++i) {
      auto reply = leader->call(init, env.after(seconds(10)));
      ASSERT_TRUE(reply.ok());
      if ((*reply)->error_code == 0) producer_id = (*reply)->producer_id;
      env.sleep(milliseconds(100));
    }
    ASSERT_GE(producer_id, 0);
    BatchOptions options;
    options.producer_id = producer_id;
    options.producer_epoch = 0;
    options.base_sequence = 0;
    const ByteBuffer first = batch_of({"a", "b"}, options);
    EXPECT_EQ(produce(env, *leader, 0, first).offset, 0);
    EXPECT_EQ(produce(env, *leader, 0, first).offset, 0);
    options.base_sequence = 5;
    EXPECT_EQ(produce(env, *leader, 0, batch_of({"e"}, options)).error,
              ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    options.base_sequence = 2;
    EXPECT_EQ(produce(env, *leader, 0, batch_of({"c"}, options)).offset, 2);
  }));
}

TEST_P(Shards, ARestartedBrokerLoadsItsLogsAndServes) {
  TestCluster cluster(with(1, GetParam()));
  cluster.create_topic(4, {1});
  cluster.run_for(seconds(1));
  const auto write = [&](Env& env) {
    auto broker = connect(env, 1);
    for (int32_t partition = 0; partition < 4; ++partition)
      EXPECT_EQ(produce(env, *broker, partition, batch_of({"x"})).error, ErrorCode::NONE);
  };
  ASSERT_TRUE(cluster.client(write));
  cluster.run_for(seconds(10));
  cluster.crash_broker(1);
  cluster.start_broker(1);
  cluster.run_for(seconds(5));
  ASSERT_TRUE(cluster.client(write));
  ASSERT_TRUE(cluster.client([&](Env& env) {
    auto broker = connect(env, 1);
    for (int32_t partition = 0; partition < 4; ++partition)
      EXPECT_EQ(fetch(env, *broker, partition).values, (std::vector<std::string>{"x", "x"}));
  }));
}

TEST_P(Shards, AClientThatHasJustHeardOfALeaderIsNotRefusedByIt) {
  TestCluster cluster(with(1, GetParam()));
  ASSERT_TRUE(cluster.client([&](Env& env) {
    auto broker = connect(env, 1);
    cluster.create_topic(4, {1});
    for (int32_t partition = 0; partition < 4; ++partition) {
      ErrorCode error = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
      while (error == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) {
        error = produce(env, *broker, partition, batch_of({"x"})).error;
        env.sleep(microseconds(20));
      }
      EXPECT_EQ(error, ErrorCode::NONE) << partition;
    }
  }));
}

TEST_P(Shards, PagesOfTopicsBeginAtATopicThatIsAskedFor) {
  TestCluster cluster(with(1, GetParam()));
  cluster.create_topic(3, {1});
  cluster.run_for(seconds(1));
  ASSERT_TRUE(cluster.client([&](Env& env) {
    auto broker = connect(env, 1);
    wire::DescribeTopicPartitionsRequestTopicRequest topic;
    topic.name = "orders";
    wire::DescribeTopicPartitionsRequest request;
    request.topics = {&topic, 1};
    request.response_partition_limit = 10;
    const auto asked = [&](std::string_view name, int32_t index) {
      request.cursor.emplace();
      request.cursor->topic_name = name;
      request.cursor->partition_index = index;
      auto reply = broker->call(request, env.after(seconds(10)));
      EXPECT_TRUE(reply.ok());
      EXPECT_EQ((*reply)->topics.size(), 1u);
      const auto& answer = (*reply)->topics[0];
      return std::pair(error_code_of(answer.error_code), answer.partitions.size());
    };
    EXPECT_EQ(asked("orders", 1), std::pair(ErrorCode::NONE, size_t{2}));
    EXPECT_EQ(asked("orders", -1), std::pair(ErrorCode::INVALID_REQUEST, size_t{0}));
    EXPECT_EQ(asked("nowhere", 0), std::pair(ErrorCode::INVALID_REQUEST, size_t{0}));
  }));
}

TEST_P(Shards, MetadataAndVersionsTellOfTheCluster) {
  TestCluster cluster(with(2, GetParam()));
  cluster.create_topic(2, {1, 2});
  cluster.run_for(seconds(1));
  ASSERT_TRUE(cluster.client([&](Env& env) {
    auto broker = connect(env, 2);
    wire::MetadataRequest request;
    request.topics.reset();
    auto reply = broker->call(request, env.after(seconds(10)));
    ASSERT_TRUE(reply.ok());
    EXPECT_EQ((*reply)->cluster_id, "test-cluster");
    ASSERT_EQ((*reply)->brokers.size(), 2u);
    EXPECT_EQ((*reply)->brokers[1].host, "b2");
    ASSERT_EQ((*reply)->topics.size(), 1u);
    EXPECT_EQ((*reply)->topics[0].name, "orders");
    ASSERT_EQ((*reply)->topics[0].partitions.size(), 2u);
    EXPECT_EQ((*reply)->topics[0].partitions[1].leader_id, 2);
    wire::MetadataRequestTopic unknown;
    unknown.name = "nothing";
    request.topics = std::span<wire::MetadataRequestTopic>(&unknown, 1);
    request.allow_auto_topic_creation = false;
    reply = broker->call(request, env.after(seconds(10)));
    ASSERT_TRUE(reply.ok());
    EXPECT_EQ((*reply)->topics[0].error_code, static_cast<int16_t>(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
  }));
}

TEST_P(Shards, ATopicMadeAgainUnderItsNameStartsEmpty) {
  const Uuid second{77, 2};
  TestCluster cluster(with(2, GetParam()));
  cluster.create_topic(2, {1, 2});
  cluster.run_for(seconds(1));
  ASSERT_TRUE(cluster.client([&](Env& env) {
    auto broker = connect(env, 1);
    EXPECT_EQ(produce(env, *broker, 0, batch_of({"old"})).error, ErrorCode::NONE);
    cluster.delete_topic();
    env.sleep(milliseconds(200));
    EXPECT_EQ(produce(env, *broker, 0, batch_of({"x"})).error, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    EXPECT_EQ(fetch(env, *broker, 0).error, ErrorCode::UNKNOWN_TOPIC_ID);
    cluster.create_topic(2, {1, 2}, second);
    env.sleep(milliseconds(500));
    const Produced produced = produce(env, *broker, 0, batch_of({"new"}));
    EXPECT_EQ(produced.error, ErrorCode::NONE);
    EXPECT_EQ(produced.offset, 0);
    EXPECT_EQ(fetch(env, *broker, 0).error, ErrorCode::UNKNOWN_TOPIC_ID) << "by the old id";
    EXPECT_EQ(fetch(env, *broker, 0, {.topic = second}).values, std::vector<std::string>{"new"});
  }));
  cluster.run_for(seconds(1));
  EXPECT_EQ(cluster.replica(2, 0, second)->log()->log_end_offset(), 1);
  EXPECT_EQ(cluster.replica(2), nullptr);
  EXPECT_EQ(cluster.marks(Mark::replica_removed), 4);
}

// Deleted and made again in one publication: the namesakes may belong to different shards, one of which would
// rename the directory away that the other one has just made.
TEST_P(Shards, ATopicIsMadeAgainUnderItsNameAtOnce) {
  TestCluster cluster(with(1, GetParam()));
  Uuid now{77, 1};
  cluster.create_topic(4, {1}, now);
  cluster.run_for(seconds(1));
  ASSERT_TRUE(cluster.client([&](Env& env) {
    auto broker = connect(env, 1);
    for (uint64_t n = 2; n <= 12; ++n) {
      cluster.delete_topic(now);
      cluster.create_topic(4, {1}, now = {77, n});
      env.sleep(milliseconds(300));
      for (int32_t partition : {0, 1, 2, 3})
        ASSERT_EQ(produce(env, *broker, partition, batch_of({"new"})).offset, 0) << n;
    }
  }));
}

// The broker was away when the topic was deleted and made again: its old log must not be taken for the new
// one.
TEST_P(Shards, ALogOfAnOlderTopicOfTheSameNameIsNotTaken) {
  const Uuid second{77, 2};
  TestCluster cluster(with(2, GetParam()));
  cluster.create_topic(1, {1, 2});
  cluster.run_for(seconds(1));
  ASSERT_TRUE(cluster.client([&](Env& env) {
    auto broker = connect(env, 1);
    EXPECT_EQ(produce(env, *broker, 0, batch_of({"old", "old"})).error, ErrorCode::NONE);
  }));
  cluster.crash_broker(2);
  cluster.fence(2);
  cluster.delete_topic();
  cluster.create_topic(1, {1, 2}, second);
  cluster.run_for(seconds(1));
  ASSERT_TRUE(cluster.client([&](Env& env) {
    auto broker = connect(env, 1);
    EXPECT_EQ(produce(env, *broker, 0, batch_of({"new"}), 1).error, ErrorCode::NONE);
  }));
  cluster.start_broker(2);
  cluster.run_for(seconds(10));
  ASSERT_NE(cluster.replica(2, 0, second), nullptr);
  EXPECT_EQ(cluster.replica(2, 0, second)->log()->log_end_offset(), 1);
  EXPECT_GT(cluster.marks(Mark::log_stray), 0);
}

}  // namespace
}  // namespace ksim::node
