// Requests that wait: until there is something to answer, or their time is over (rules D22, D30).

#include "core/node/test_cluster.h"

namespace ksim::node {
namespace {

class Waiting : public testing::TestWithParam<size_t> {};
INSTANTIATE_TEST_SUITE_P(Shards, Waiting, testing::Values(1, 3));

TEST_P(Waiting, AWaitingFetchIsAnsweredByAnAppend) {
  TestCluster cluster(with(2, GetParam()));
  cluster.create_topic(1, {1, 2});
  cluster.run_for(seconds(1));
  ASSERT_TRUE(cluster.client([&](Env& env) {
    auto reader = connect(env, 1);
    auto writer = connect(env, 1);
    Scope scope(env);
    const Instant began = env.now();
    Instant answered;
    scope.spawn("reader", [&] {
      const Seen seen = fetch(env, *reader, 0, {.max_wait_ms = 20'000});
      answered = env.now();
      EXPECT_EQ(seen.values, std::vector<std::string>{"late"});
    });
    env.sleep(seconds(3));
    EXPECT_EQ(produce(env, *writer, 0, batch_of({"late"})).error, ErrorCode::NONE);
    scope.join();
    EXPECT_GE((answered - began).ms(), 3000);
    EXPECT_LT((answered - began).ms(), 4000);
    const Instant again = env.now();
    const Seen none = fetch(env, *reader, 0, {.offset = 1, .max_wait_ms = 700});
    EXPECT_TRUE(none.values.empty());
    EXPECT_GE((env.now() - again).ms(), 700);
  }));
}

TEST_P(Waiting, ALargeMinBytesWaitsForEnough) {
  TestCluster cluster(with(1, GetParam()));
  cluster.create_topic(1, {1});
  cluster.run_for(seconds(1));
  ASSERT_TRUE(cluster.client([&](Env& env) {
    auto reader = connect(env, 1);
    auto writer = connect(env, 1);
    Scope scope(env);
    size_t got = 0;
    scope.spawn("reader", [&] {
      got = fetch(env, *reader, 0, {.max_wait_ms = 20'000, .min_bytes = 900}).values.size();
    });
    for (int i = 0; i < 8; ++i) {
      env.sleep(seconds(1));
      EXPECT_EQ(got, 0u) << i;
      EXPECT_EQ(produce(env, *writer, 0, batch_of({std::string(50, 'v')})).error, ErrorCode::NONE);
    }
    scope.join();
    EXPECT_GE(got, 7u);
  }));
}

TEST_P(Waiting, AWaitingProduceHearsOfTheLostLeadership) {
  TestCluster cluster(with(2, GetParam()));
  cluster.create_topic(1, {1, 2});
  cluster.run_for(seconds(1));
  cluster.pause_broker(2);
  ASSERT_TRUE(cluster.client([&](Env& env) {
    auto leader = connect(env, 1);
    Scope scope(env);
    ErrorCode error = ErrorCode::NONE;
    scope.spawn("writer", [&] { error = produce(env, *leader, 0, batch_of({"x"})).error; });
    env.sleep(seconds(1));
    cluster.change(0, std::nullopt, 2);
    scope.join();
    EXPECT_EQ(error, ErrorCode::NOT_LEADER_OR_FOLLOWER);
  }));
}

TEST_P(Waiting, AProduceThatIsNotReplicatedInTimeIsAnsweredInTime) {
  TestCluster cluster(with(2, GetParam()));
  cluster.create_topic(1, {1, 2});
  cluster.run_for(seconds(1));
  cluster.pause_broker(2);
  ASSERT_TRUE(cluster.client([&](Env& env) {
    auto leader = connect(env, 1);
    const Instant began = env.now();
    EXPECT_EQ(produce(env, *leader, 0, batch_of({"all"}), -1, seconds(2)).error,
              ErrorCode::REQUEST_TIMED_OUT);
    EXPECT_GE((env.now() - began).ms(), 2000);
    EXPECT_LT((env.now() - began).ms(), 2500);
    const Instant again = env.now();
    EXPECT_EQ(produce(env, *leader, 0, batch_of({"one"}), 1, seconds(2)).offset, 1);
    EXPECT_LT((env.now() - again).ms(), 500) << "acks=1 waits for nobody";
  }));
  EXPECT_EQ(cluster.replica(1)->log()->high_watermark(), 0);
  cluster.unpause_broker(2);
  cluster.run_for(seconds(5));
  EXPECT_EQ(cluster.replica(2)->log()->log_end_offset(), 2) << "what timed out commits all the same";
  EXPECT_EQ(cluster.replica(1)->log()->high_watermark(), 2);
}

// flush.messages=1: what comes while a flush is under way waits for the next one, all of it together.
TEST_P(Waiting, AProduceIsAnsweredWhenItIsFlushed) {
  TestCluster cluster(with(1, GetParam()));
  cluster.create_topic(1, {1});
  cluster.set_config("flush.messages", "1");
  cluster.run_for(seconds(1));
  constexpr int kWriters = 10;
  ASSERT_TRUE(cluster.client([&](Env& env) {
    for (const int16_t acks : {int16_t{1}, int16_t{-1}}) {
      Scope scope(env);
      for (int k = 0; k < kWriters; ++k) {
        scope.spawn(
            "writer",
            [&] {
              auto writer = connect(env, 1);
              const Produced written = produce(env, *writer, 0, batch_of({"x"}), acks);
              EXPECT_EQ(written.error, ErrorCode::NONE);
              EXPECT_GT(cluster.replica(1)->log()->recovery_point(), written.offset);
            },
            static_cast<uint64_t>(k));
      }
      scope.join();
    }
  }));
  EXPECT_EQ(cluster.replica(1)->log()->high_watermark(), 2 * kWriters);
}

// It stands in the log: an error that says that it was never written would be a lie (found by storm 261).
TEST_P(Waiting, AProduceIsAnsweredAsWrittenWhenAnotherLeadsBeforeItIsFlushed) {
  TestCluster cluster(with(2, GetParam()));
  cluster.create_topic(1, {1, 2});
  cluster.set_config("flush.messages", "1");
  cluster.run_for(seconds(1));
  sim::DiskTrouble stalled;
  stalled.stalled_until = Instant{0} + seconds(1'000'000);
  sim::Device& device = cluster.broker_node(1).device();
  const auto trouble = device.add_trouble(stalled);
  ASSERT_TRUE(cluster.client([&](Env& env) {
    auto writer = connect(env, 1);
    Scope scope(env);
    Produced written;
    scope.spawn("writer", [&] { written = produce(env, *writer, 0, batch_of({"x"}), 1, seconds(20)); });
    env.sleep(seconds(1));
    EXPECT_FALSE(scope.empty()) << "it is not flushed yet";
    cluster.change(0, std::nullopt, 2);
    env.sleep(seconds(1));
    device.remove_trouble(trouble);
    scope.join();
    EXPECT_EQ(written.error, ErrorCode::NONE);
    EXPECT_EQ(written.offset, 0);
  }));
}

// Its copy of what it appended as the leader is not kept before that: the new leader must not count it.
TEST_P(Waiting, WhoeverLedFetchesFromTheNewLeaderOnceItHasFlushed) {
  TestCluster cluster(with(2, GetParam()));
  cluster.create_topic(1, {1, 2});
  cluster.set_config("flush.messages", "1");
  cluster.run_for(seconds(1));
  sim::DiskTrouble slow;
  slow.slow_per_mille = 1'000'000'000;  // what must be written at once never comes to an end
  sim::Device& device = cluster.broker_node(1).device();
  ASSERT_TRUE(cluster.client([&](Env& env) {
    auto writer = connect(env, 1);
    ASSERT_EQ(produce(env, *writer, 0, batch_of({"x"})).error, ErrorCode::NONE);
    const auto trouble = device.add_trouble(slow);
    Scope scope(env);
    scope.spawn("writer", [&] { produce(env, *writer, 0, batch_of({"y"}), 1, seconds(20)); });
    env.sleep(seconds(1));
    ASSERT_EQ(cluster.replica(2)->log()->log_end_offset(), 2);
    cluster.change(0, std::nullopt, 2);
    env.sleep(seconds(2));
    EXPECT_EQ(cluster.replica(1)->log()->recovery_point(), 1);
    EXPECT_EQ(cluster.replica(2)->log()->high_watermark(), 1);
    device.remove_trouble(trouble);
    env.sleep(seconds(2));
    EXPECT_EQ(cluster.replica(1)->log()->recovery_point(), 2);
    EXPECT_EQ(cluster.replica(2)->log()->high_watermark(), 2);
    scope.join();
  }));
}

TEST_P(Waiting, AcksNoneIsNotAnsweredAndAnErrorClosesTheConnection) {
  TestCluster cluster(with(2, GetParam()));
  cluster.create_topic(1, {1, 2});
  cluster.run_for(seconds(1));
  ASSERT_TRUE(cluster.client([&](Env& env) {
    auto leader = connect(env, 1);
    Scope scope(env);
    scope.spawn("none", [&] { static_cast<void>(produce(env, *leader, 0, batch_of({"x"}), 0, seconds(5))); });
    env.sleep(seconds(1));
    auto reader = connect(env, 1);
    EXPECT_EQ(fetch(env, *reader, 0).values, std::vector<std::string>{"x"});
    EXPECT_FALSE(scope.empty()) << "no answer";
    auto follower = connect(env, 2);
    const Instant began = env.now();
    EXPECT_EQ(produce(env, *follower, 0, batch_of({"y"}), 0).error, ErrorCode::NETWORK_EXCEPTION);
    EXPECT_LT((env.now() - began).ms(), 1000) << "closed, not timed out";
    scope.close();
  }));
}

TEST_P(Waiting, AFetchEndsAtOnceWhenItsLeaderIsDeposed) {
  TestCluster cluster(with(2, GetParam()));
  cluster.create_topic(1, {1, 2});
  cluster.run_for(seconds(1));
  ASSERT_TRUE(cluster.client([&](Env& env) {
    auto reader = connect(env, 1);
    Scope scope(env);
    const Instant began = env.now();
    Seen seen;
    scope.spawn("reader", [&] { seen = fetch(env, *reader, 0, {.max_wait_ms = 20'000, .leader_epoch = 0}); });
    env.sleep(seconds(1));
    cluster.change(0, std::nullopt, 2);
    scope.join();
    EXPECT_EQ(seen.error, ErrorCode::FENCED_LEADER_EPOCH);
    EXPECT_LT((env.now() - began).ms(), 2000);
  }));
}

TEST_P(Waiting, RequestsOfADeletedTopicAreAnswered) {
  TestCluster cluster(with(2, GetParam()));
  cluster.create_topic(1, {1, 2});
  cluster.run_for(seconds(1));
  cluster.pause_broker(2);
  ASSERT_TRUE(cluster.client([&](Env& env) {
    auto reader = connect(env, 1);
    auto writer = connect(env, 1);
    Scope scope(env);
    Seen seen;
    Produced produced;
    const Instant began = env.now();
    scope.spawn("reader", [&] { seen = fetch(env, *reader, 0, {.max_wait_ms = 20'000}); });
    scope.spawn("writer", [&] { produced = produce(env, *writer, 0, batch_of({"x"}), -1, seconds(20)); });
    env.sleep(seconds(1));
    cluster.delete_topic();
    scope.join();
    EXPECT_NE(seen.error, ErrorCode::NONE);
    EXPECT_NE(produced.error, ErrorCode::NONE);
    EXPECT_LT((env.now() - began).ms(), 2000);
  }));
}

}  // namespace
}  // namespace ksim::node
