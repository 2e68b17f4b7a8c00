// A leader and its ISR, with a follower that the test plays itself: broker 2 is registered and runs nowhere,
// so that what it has fetched, and when, is the test's choice (rules D40-D45).

#include "core/node/test_cluster.h"

namespace ksim::node {
namespace {

class IsrChanges : public testing::Test {
 protected:
  void begin(const std::string& properties, std::vector<int32_t> isr) {
    cluster_ = std::make_unique<TestCluster>(with(1, 2, properties));
    epoch_ = cluster_->register_broker(2);
    cluster_->create_topic(1, {1, 2});
    if (isr.size() != 2) cluster_->change(0, isr, std::nullopt);
    cluster_->run_for(seconds(1));
  }
  // What the follower asks for; it has everything before `offset`.
  Seen follow(Env& env, rpc::RpcConnection& leader, int64_t offset, int64_t broker_epoch = -2) {
    FetchOptions options;
    options.offset = offset;
    options.replica_id = 2;
    options.replica_epoch = broker_epoch == -2 ? epoch_ : broker_epoch;
    options.leader_epoch = leader_epoch_;
    return fetch(env, leader, 0, options);
  }
  const broker::Partition& leader() { return *cluster_->replica(1); }
  int64_t watermark() { return leader().log()->high_watermark(); }
  std::vector<int32_t> maximal() { return leader().isr().maximal_isr(); }
  bool in_flight() { return leader().isr().pending().has_value(); }

  std::unique_ptr<TestCluster> cluster_;
  int64_t epoch_ = -1;
  int32_t leader_epoch_ = 0;
};

TEST_F(IsrChanges, TheWatermarkIsWhatEveryMemberHas) {
  begin("", {1, 2});
  ASSERT_TRUE(cluster_->client([&](Env& env) {
    auto leader = connect(env, 1);
    ASSERT_EQ(produce(env, *leader, 0, batch_of({"a"}), 1).error, ErrorCode::NONE);
    ASSERT_EQ(produce(env, *leader, 0, batch_of({"b", "c"}), 1).error, ErrorCode::NONE);
    EXPECT_EQ(follow(env, *leader, 0).values.size(), 3u);
    EXPECT_EQ(watermark(), 0) << "served, which is not yet appended there";
    follow(env, *leader, 1);
    EXPECT_EQ(watermark(), 1);
    follow(env, *leader, 3);
    EXPECT_EQ(watermark(), 3);
    follow(env, *leader, 1);
    EXPECT_EQ(watermark(), 3) << "never back";
  }));
}

TEST_F(IsrChanges, AFollowerOfAnEarlierLifeOrNoneIsRefused) {
  begin("", {1, 2});
  const int64_t old_epoch = epoch_;
  epoch_ = cluster_->register_broker(2);  // another incarnation: it left the ISR
  cluster_->run_for(seconds(1));
  ASSERT_TRUE(cluster_->client([&](Env& env) {
    auto leader = connect(env, 1);
    EXPECT_EQ(follow(env, *leader, 0, old_epoch).error, ErrorCode::NOT_LEADER_OR_FOLLOWER);
    EXPECT_EQ(cluster_->partition(0).isr, std::vector<int32_t>{1});
    EXPECT_EQ(fetch(env, *leader, 0, {.leader_epoch = 0, .replica_id = 7}).error,
              ErrorCode::UNKNOWN_LEADER_EPOCH);
    EXPECT_EQ(fetch(env, *leader, 0, {.replica_id = 7}).error, ErrorCode::NOT_LEADER_OR_FOLLOWER);
    EXPECT_EQ(follow(env, *leader, 0).error, ErrorCode::NONE);
    env.sleep(milliseconds(300));
    EXPECT_EQ(cluster_->partition(0).isr, (std::vector<int32_t>{1, 2}));
  }));
}

TEST_F(IsrChanges, AFollowerJoinsAtTheWatermarkAndHoldsItFromTheProposalOn) {
  begin("", {1});
  ASSERT_TRUE(cluster_->client([&](Env& env) {
    auto leader = connect(env, 1);
    ASSERT_EQ(produce(env, *leader, 0, batch_of({"a", "b"})).error, ErrorCode::NONE);
    EXPECT_EQ(watermark(), 2);
    follow(env, *leader, 1);
    env.sleep(milliseconds(300));
    EXPECT_FALSE(in_flight()) << "below the watermark";
    EXPECT_EQ(cluster_->partition(0).isr, std::vector<int32_t>{1});

    cluster_->hold_alter_partition = true;
    follow(env, *leader, 2);
    EXPECT_TRUE(in_flight());
    EXPECT_EQ(maximal(), (std::vector<int32_t>{1, 2}));
    env.sleep(seconds(1));
    ASSERT_EQ(produce(env, *leader, 0, batch_of({"c"}), 1).error, ErrorCode::NONE);
    EXPECT_EQ(watermark(), 2) << "the controller may have added it: it counts";
    cluster_->hold_alter_partition = false;
    env.sleep(milliseconds(300));
    EXPECT_FALSE(in_flight());
    EXPECT_EQ(watermark(), 2);
    follow(env, *leader, 3);
    EXPECT_EQ(watermark(), 3);
  }));
}

TEST_F(IsrChanges, AMemberThatLeavesCountsUntilTheControllerHasSaidSo) {
  begin("replica.lag.time.max.ms=2000\n", {1, 2});
  cluster_->refuse_request = ErrorCode::STALE_BROKER_EPOCH;
  ASSERT_TRUE(cluster_->client([&](Env& env) {
    auto leader = connect(env, 1);
    ASSERT_EQ(produce(env, *leader, 0, batch_of({"a"}), 1).error, ErrorCode::NONE);
    env.sleep(seconds(6));
    EXPECT_TRUE(in_flight()) << "sent again and again, without an end";
    EXPECT_GT(cluster_->marks(Mark::alter_partition_failed), 10);
    EXPECT_EQ(watermark(), 0);
    cluster_->refuse_request = ErrorCode::NONE;
    env.sleep(milliseconds(300));
    EXPECT_FALSE(in_flight());
    EXPECT_EQ(cluster_->partition(0).isr, std::vector<int32_t>{1});
    EXPECT_EQ(watermark(), 1);
  }));
}

TEST_F(IsrChanges, ARefusedMemberIsTakenBackAndProposedAgain) {
  begin("replica.lag.time.max.ms=2000\n", {1});
  cluster_->refuse_partition = {ErrorCode::INELIGIBLE_REPLICA};
  ASSERT_TRUE(cluster_->client([&](Env& env) {
    auto leader = connect(env, 1);
    follow(env, *leader, 0);
    env.sleep(milliseconds(300));
    EXPECT_EQ(cluster_->marks(Mark::isr_ineligible), 1);
    EXPECT_FALSE(in_flight());
    EXPECT_EQ(maximal(), std::vector<int32_t>{1});
    follow(env, *leader, 0);
    env.sleep(milliseconds(300));
    EXPECT_EQ(maximal(), (std::vector<int32_t>{1, 2}));
  }));
}

TEST_F(IsrChanges, AnUnknownErrorSendsTheSameChangeAgain) {
  begin("", {1});
  cluster_->refuse_partition = {ErrorCode::UNKNOWN_SERVER_ERROR, ErrorCode::REQUEST_TIMED_OUT};
  ASSERT_TRUE(cluster_->client([&](Env& env) {
    auto leader = connect(env, 1);
    follow(env, *leader, 0);
    env.sleep(seconds(1));
    EXPECT_FALSE(in_flight());
    EXPECT_EQ(cluster_->alter_partitions, 3);
    EXPECT_EQ(cluster_->partition(0).isr, (std::vector<int32_t>{1, 2}));
  }));
}

TEST_F(IsrChanges, AStaleChangeWaitsForTheMetadata) {
  for (const ErrorCode refused : {ErrorCode::FENCED_LEADER_EPOCH, ErrorCode::INVALID_UPDATE_VERSION,
                                  ErrorCode::NEW_LEADER_ELECTED, ErrorCode::INVALID_REQUEST}) {
    begin("", {1});
    cluster_->refuse_partition = {refused};
    ASSERT_TRUE(cluster_->client([&](Env& env) {
      auto leader = connect(env, 1);
      ASSERT_EQ(produce(env, *leader, 0, batch_of({"a"})).error, ErrorCode::NONE);
      follow(env, *leader, 1);
      env.sleep(seconds(1));
      EXPECT_TRUE(in_flight()) << to_string(refused);
      EXPECT_EQ(cluster_->marks(Mark::isr_answer_stale), 1);
      EXPECT_EQ(cluster_->alter_partitions, 1) << "nothing more until the metadata says what is true";
      ASSERT_EQ(produce(env, *leader, 0, batch_of({"b"}), 1).error, ErrorCode::NONE);
      EXPECT_EQ(watermark(), 1) << "it may have been added";
      cluster_->change(0, std::vector<int32_t>{1}, 1);
      leader_epoch_ = 1;
      env.sleep(milliseconds(300));
      EXPECT_FALSE(in_flight());
      EXPECT_EQ(maximal(), std::vector<int32_t>{1});
    }));
    leader_epoch_ = 0;
  }
}

TEST_F(IsrChanges, AnAnswerThatNewerMetadataOvertookChangesNothing) {
  begin("", {1});
  cluster_->hold_alter_partition = true;
  ASSERT_TRUE(cluster_->client([&](Env& env) {
    auto leader = connect(env, 1);
    follow(env, *leader, 0);
    env.sleep(milliseconds(300));
    cluster_->change(0, std::vector<int32_t>{1}, 1);  // carried out, and undone with another leader epoch
    env.sleep(milliseconds(300));
    EXPECT_FALSE(in_flight());
    EXPECT_EQ(maximal(), std::vector<int32_t>{1});
    cluster_->hold_alter_partition = false;
    env.sleep(milliseconds(300));
    EXPECT_EQ(cluster_->marks(Mark::isr_answer_overridden), 1);
    EXPECT_EQ(maximal(), std::vector<int32_t>{1});
    EXPECT_EQ(this->leader().isr().partition_epoch(), cluster_->partition(0).partition_epoch);
  }));
}

TEST_F(IsrChanges, TheWatermarkStandsWhileTheIsrIsSmallerThanItMustBe) {
  begin("", {1, 2});
  cluster_->set_config("min.insync.replicas", "2");
  ASSERT_TRUE(cluster_->client([&](Env& env) {
    auto leader = connect(env, 1);
    Scope scope(env);
    Produced waiting;
    scope.spawn("writer", [&] { waiting = produce(env, *leader, 0, batch_of({"a"}), -1, seconds(20)); });
    env.sleep(seconds(1));
    cluster_->change(0, std::vector<int32_t>{1}, std::nullopt);
    env.sleep(seconds(1));
    EXPECT_EQ(watermark(), 0);
    auto other = connect(env, 1);
    EXPECT_EQ(produce(env, *other, 0, batch_of({"b"})).error, ErrorCode::NOT_ENOUGH_REPLICAS);
    cluster_->set_config("min.insync.replicas", "1");
    scope.join();
    EXPECT_EQ(waiting.error, ErrorCode::NONE);
    EXPECT_EQ(watermark(), 1);
  }));
}

// The watermark had passed the record before the ISR became too small.
TEST_F(IsrChanges, EnoughReplicasHadItButAreEnoughNoMore) {
  begin("", {1, 2});
  ASSERT_TRUE(cluster_->client([&](Env& env) {
    auto leader = connect(env, 1);
    Scope scope(env);
    Produced waiting;
    scope.spawn("writer", [&] { waiting = produce(env, *leader, 0, batch_of({"a"}), -1, seconds(20)); });
    env.sleep(seconds(1));
    cluster_->change(0, std::vector<int32_t>{1}, std::nullopt);
    scope.join();
    EXPECT_EQ(waiting.error, ErrorCode::NONE) << "one of one";
    cluster_->set_config("min.insync.replicas", "2");
    env.sleep(milliseconds(200));
    EXPECT_EQ(this->leader().acknowledged(1, 0), ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND);
  }));
}

}  // namespace
}  // namespace ksim::node
