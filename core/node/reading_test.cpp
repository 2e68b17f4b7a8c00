// What readers ask: fetch sessions, limits, offsets, and where epochs end (rules D25-D33, D57-D59).

#include "core/node/test_cluster.h"

namespace ksim::node {
namespace {

class Reading : public testing::TestWithParam<size_t> {};
INSTANTIATE_TEST_SUITE_P(Shards, Reading, testing::Values(1, 3));

TEST_P(Reading, TheFirstBatchComesWholeHoweverSmallTheLimit) {
  TestCluster cluster(with(1, GetParam()));
  cluster.create_topic(1, {1});
  cluster.run_for(seconds(1));
  ASSERT_TRUE(cluster.client([&](Env& env) {
    auto broker = connect(env, 1);
    for (int i = 0; i < 3; ++i)
      EXPECT_EQ(produce(env, *broker, 0, batch_of({std::string(5000, 'v')})).error, ErrorCode::NONE);
    EXPECT_EQ(fetch(env, *broker, 0, {.max_bytes = 10}).offsets, std::vector<int64_t>{0});
    EXPECT_EQ(fetch(env, *broker, 0, {.offset = 1, .max_bytes = 6000}).offsets, std::vector<int64_t>{1});
    EXPECT_EQ(fetch(env, *broker, 0, {.max_bytes = 1 << 20}).offsets.size(), 3u);
  }));
}

TEST_P(Reading, ASessionTellsOnlyWhatChanged) {
  TestCluster cluster(with(1, GetParam()));
  cluster.create_topic(1, {1});
  cluster.run_for(seconds(1));
  ASSERT_TRUE(cluster.client([&](Env& env) {
    auto reader = connect(env, 1);
    auto writer = connect(env, 1);
    const Seen opened = fetch(env, *reader, 0, {.session_epoch = 0});
    ASSERT_EQ(opened.top_error, ErrorCode::NONE);
    ASSERT_NE(opened.session_id, 0);
    EXPECT_TRUE(opened.mentioned);
    const int32_t id = opened.session_id;
    EXPECT_FALSE(
        fetch(env, *reader, 0, {.session_id = id, .session_epoch = 1, .name_partition = false}).mentioned);
    EXPECT_EQ(produce(env, *writer, 0, batch_of({"x"})).error, ErrorCode::NONE);
    const Seen more = fetch(env, *reader, 0, {.session_id = id, .session_epoch = 2, .name_partition = false});
    EXPECT_EQ(more.values, std::vector<std::string>{"x"});
    EXPECT_EQ(more.session_id, id);
    EXPECT_EQ(fetch(env, *reader, 0, {.session_id = id, .session_epoch = 9}).top_error,
              ErrorCode::INVALID_FETCH_SESSION_EPOCH);
    EXPECT_EQ(fetch(env, *reader, 0, {.session_id = id + 1, .session_epoch = 1}).top_error,
              ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
    const Seen closed = fetch(env, *reader, 0, {.session_id = id, .session_epoch = -1});
    EXPECT_EQ(closed.top_error, ErrorCode::NONE);
    EXPECT_EQ(fetch(env, *reader, 0, {.session_id = id, .session_epoch = 3}).top_error,
              ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
  }));
}

TEST_P(Reading, AReaderWhoseLogPartsIsToldWhere) {
  TestCluster cluster(with(1, GetParam()));
  cluster.create_topic(1, {1});
  cluster.run_for(seconds(1));
  ASSERT_TRUE(cluster.client([&](Env& env) {
    auto broker = connect(env, 1);
    EXPECT_EQ(produce(env, *broker, 0, batch_of({"a", "b"})).error, ErrorCode::NONE);
    cluster.change(0, std::nullopt, 1);  // leader epoch 1 begins at 2
    env.sleep(milliseconds(200));
    EXPECT_EQ(produce(env, *broker, 0, batch_of({"c"})).offset, 2);

    const Seen parted = fetch(env, *broker, 0, {.offset = 3, .last_fetched_epoch = 0});
    EXPECT_EQ(parted.error, ErrorCode::NONE);
    EXPECT_EQ(parted.diverging_epoch, 0);
    EXPECT_EQ(parted.diverging_end, 2);
    EXPECT_TRUE(parted.values.empty());
    EXPECT_EQ(fetch(env, *broker, 0, {.offset = 2, .last_fetched_epoch = 0}).values,
              std::vector<std::string>{"c"});
    EXPECT_EQ(fetch(env, *broker, 0, {.offset = 1, .last_fetched_epoch = 7}).error,
              ErrorCode::OFFSET_OUT_OF_RANGE);

    EXPECT_EQ(epoch_end(env, *broker, 0, -1, 0).end_offset, 2);
    EXPECT_EQ(epoch_end(env, *broker, 0, 1, 1).end_offset, 3);
    EXPECT_EQ(epoch_end(env, *broker, 0, -1, 5).end_offset, -1);
    EXPECT_EQ(epoch_end(env, *broker, 0, 0, 0).error, ErrorCode::FENCED_LEADER_EPOCH);
    EXPECT_EQ(epoch_end(env, *broker, 0, 2, 0).error, ErrorCode::UNKNOWN_LEADER_EPOCH);
    EXPECT_EQ(fetch(env, *broker, 0, {.leader_epoch = 0}).error, ErrorCode::FENCED_LEADER_EPOCH);
    EXPECT_EQ(fetch(env, *broker, 0, {.leader_epoch = 2}).error, ErrorCode::UNKNOWN_LEADER_EPOCH);
  }));
}

TEST_P(Reading, OffsetsByTimeAndByName) {
  TestCluster cluster(with(2, GetParam()));
  cluster.create_topic(1, {1, 2});
  cluster.run_for(seconds(1));
  ASSERT_TRUE(cluster.client([&](Env& env) {
    auto leader = connect(env, 1);
    ASSERT_EQ(produce(env, *leader, 0, batch_of({"a", "b"})).error, ErrorCode::NONE);
    cluster.pause_broker(2);
    ASSERT_EQ(produce(env, *leader, 0, batch_of({"c"}), 1).error, ErrorCode::NONE);
    EXPECT_EQ(list_offset(env, *leader, 0, broker::kLatestTimestamp).offset, 2) << "not the log end";
    EXPECT_EQ(list_offset(env, *leader, 0, broker::kEarliestTimestamp).offset, 0);
    EXPECT_EQ(list_offset(env, *leader, 0, 1'700'000'000'000).offset, 0);
    EXPECT_EQ(list_offset(env, *leader, 0, 1'700'000'000'001).offset, -1);
    EXPECT_EQ(list_offset(env, *leader, 0, broker::kEarliestTimestamp, -2).error,
              ErrorCode::FENCED_LEADER_EPOCH);
    auto follower = connect(env, 1);
    EXPECT_EQ(list_offset(env, *leader, 5, broker::kLatestTimestamp).error,
              ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
  }));
}

TEST_P(Reading, RecordsAreDeletedOnceAllReplicasHaveTakenTheNewStart) {
  TestCluster cluster(with(2, GetParam()));
  cluster.create_topic(1, {1, 2});
  cluster.run_for(seconds(1));
  ASSERT_TRUE(cluster.client([&](Env& env) {
    auto leader = connect(env, 1);
    for (int i = 0; i < 4; ++i)
      EXPECT_EQ(produce(env, *leader, 0, batch_of({"x", "y"})).error, ErrorCode::NONE);
    wire::DeleteRecordsPartition asked;
    asked.partition_index = 0;
    asked.offset = 3;
    wire::DeleteRecordsTopic topic;
    topic.name = "orders";
    topic.partitions = {&asked, 1};
    wire::DeleteRecordsRequest request;
    request.topics = {&topic, 1};
    request.timeout_ms = 30'000;
    auto reply = leader->call(request, env.after(seconds(40)));
    ASSERT_TRUE(reply.ok());
    EXPECT_EQ((*reply)->topics[0].partitions[0].error_code, 0);
    EXPECT_EQ((*reply)->topics[0].partitions[0].low_watermark, 3);
    EXPECT_EQ(fetch(env, *leader, 0).error, ErrorCode::OFFSET_OUT_OF_RANGE);
    EXPECT_EQ(fetch(env, *leader, 0, {.offset = 3}).offsets.front(), 3);
  }));
  EXPECT_EQ(cluster.replica(2)->log()->log_start_offset(), 3);
}

TEST_P(Reading, DeletionOfRecordsWaitsForAliveReplicasAndNoLonger) {
  TestCluster cluster(with(2, GetParam()));
  cluster.create_topic(1, {1, 2});
  cluster.run_for(seconds(1));
  ASSERT_TRUE(cluster.client([&](Env& env) {
    auto leader = connect(env, 1);
    ASSERT_EQ(produce(env, *leader, 0, batch_of({"a", "b", "c"})).error, ErrorCode::NONE);
    EXPECT_EQ(delete_records(env, *leader, 0, 9).error, ErrorCode::OFFSET_OUT_OF_RANGE);
    EXPECT_EQ(delete_records(env, *leader, 0, -5).error, ErrorCode::OFFSET_OUT_OF_RANGE);
    auto follower = connect(env, 2);
    EXPECT_EQ(delete_records(env, *follower, 0, 1).error, ErrorCode::NOT_LEADER_OR_FOLLOWER);
    cluster.pause_broker(2);
    EXPECT_EQ(delete_records(env, *leader, 0, 2, seconds(3)).error, ErrorCode::REQUEST_TIMED_OUT);
    Scope scope(env);
    Deleted deleted;
    scope.spawn("delete", [&] { deleted = delete_records(env, *leader, 0, -1, seconds(20)); });
    env.sleep(seconds(1));
    cluster.fence(2);
    scope.join();
    EXPECT_EQ(deleted.error, ErrorCode::NONE) << "as soon as the other is not alive any more";
    EXPECT_EQ(deleted.low_watermark, 3) << "the high watermark";
  }));
}

}  // namespace
}  // namespace ksim::node
