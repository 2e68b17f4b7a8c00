#include "core/broker/isr.h"

#include <gtest/gtest.h>

#include "core/broker/test_isr.h"

namespace ksim::broker {
namespace {

// Broker 1 leads a partition of replicas 1, 2, 3.
class IsrTest : public testing::Test {
 protected:
  IsrTest() {
    for (int32_t id : {1, 2, 3}) brokers.brokers[id] = {100 + id, false, false};
  }
  IsrContext context() const { return {brokers, 101, log, now}; }
  PartitionIsr::LeadResult lead(int32_t leader_epoch, int32_t partition_epoch, Ids isr) {
    const PartitionAssignment assignment{leader_epoch, partition_epoch, replicas, isr};
    auto result = isr_state.lead(assignment, context());
    apply(result.effects);
    return result;
  }
  ErrorCode fetch(int32_t id, int64_t offset, std::optional<int64_t> broker_epoch = std::nullopt) {
    FollowerFetch request;
    request.replica_id = id;
    request.broker_epoch = broker_epoch.value_or(100 + id);
    request.fetch_offset = offset;
    request.log_start_offset = 0;
    request.leader_end_at_read = log.end_offset;
    request.at = now;
    last = {};
    const ErrorCode error = isr_state.follower_fetched(request, context(), last);
    apply(last);
    return error;
  }
  void append(int64_t end) {
    log.end_offset = end;
    last = isr_state.advance(context());
    apply(last);
  }
  void check_lag() {
    last = isr_state.check_lag(context());
    apply(last);
  }
  void answer(ErrorCode error, int32_t partition_epoch = 0, Ids isr = {}, int32_t leader_epoch = 5) {
    ASSERT_TRUE(isr_state.pending().has_value());
    last = isr_state.answered({isr_state.pending()->number, error, leader_epoch, partition_epoch, isr},
                              context());
    apply(last);
  }
  void apply(const IsrEffects& effects) {
    isr_state.assert_invariants();
    if (effects.high_watermark) {
      ASSERT_GT(*effects.high_watermark, log.high_watermark);
      ASSERT_LE(*effects.high_watermark, log.end_offset);
      log.high_watermark = *effects.high_watermark;
    }
  }

  FakeBrokers brokers;
  Ids replicas{1, 2, 3};
  LeaderLog log;
  Instant now = Instant{} + seconds(1);
  PartitionIsr isr_state{1, seconds(30)};
  IsrEffects last;
};

TEST_F(IsrTest, OlderPartitionEpochIsIgnored) {
  lead(5, 9, {1, 2});
  EXPECT_FALSE(lead(5, 8, {1}).accepted);
  EXPECT_EQ(ids(isr_state.committed_isr()), (Ids{1, 2}));
  const PartitionAssignment older{5, 8, replicas, replicas};
  EXPECT_FALSE(isr_state.follow(older).accepted);
  EXPECT_TRUE(isr_state.is_leader());
}

TEST_F(IsrTest, HighWatermarkIsTheSmallestEndOfTheIsr) {
  lead(5, 1, {1, 2, 3});
  append(10);
  EXPECT_EQ(log.high_watermark, 0);
  fetch(2, 7);
  EXPECT_EQ(log.high_watermark, 0) << "replica 3 has not fetched";
  fetch(3, 4);
  EXPECT_EQ(log.high_watermark, 4);
  fetch(3, 2);
  EXPECT_EQ(log.high_watermark, 4) << "never down";
  fetch(3, 10);
  EXPECT_EQ(log.high_watermark, 7);
}

// Metadata that comes late shows a leader its next epoch only: who led in between may have had followers cut
// what they had told it.
TEST_F(IsrTest, WhatFollowersHaveToldCountsInTheNextEpochOnly) {
  lead(5, 1, {1, 2, 3});
  append(10);
  fetch(2, 10);
  EXPECT_EQ(log.high_watermark, 0) << "replica 3 has not fetched";
  lead(7, 3, {1, 2});
  append(12);
  EXPECT_EQ(log.high_watermark, 0) << "nobody knows what replica 2 has now";
  fetch(2, 8);
  EXPECT_EQ(log.high_watermark, 8);
  lead(8, 4, {1, 2});
  append(13);
  fetch(2, 12);
  EXPECT_EQ(log.high_watermark, 12);
}
TEST_F(IsrTest, WhatFollowersHaveToldCountsInTheNextEpoch) {
  lead(5, 1, {1, 2, 3});
  append(10);
  fetch(2, 10);
  lead(6, 2, {1, 2});
  EXPECT_EQ(log.high_watermark, 10);
}

TEST_F(IsrTest, AloneInTheIsrTheLeaderCommitsItself) {
  lead(5, 1, {1});
  append(3);
  EXPECT_EQ(log.high_watermark, 3);
}

TEST_F(IsrTest, TheLeaderCountsOnlyWhatItHasSettled) {
  lead(5, 1, {1, 2});
  log.settled_end = 4;
  append(10);
  fetch(2, 10);
  EXPECT_EQ(log.high_watermark, 4);
  log.settled_end = 10;
  append(10);
  EXPECT_EQ(log.high_watermark, 10);
}

TEST_F(IsrTest, NotAtAllWhileUnderMinIsr) {
  log.min_isr = 2;
  lead(5, 1, {1});
  append(3);
  EXPECT_EQ(log.high_watermark, 0);
  EXPECT_TRUE(isr_state.under_min_isr(2));
  EXPECT_EQ(isr_state.effective_min_isr(7), 3) << "never more than there are replicas";
  fetch(2, 3);  // expands: pending members count for min ISR only when committed (W20)
  ASSERT_TRUE(last.propose.has_value());
  EXPECT_EQ(log.high_watermark, 0);
  answer(ErrorCode::NONE, 2, {1, 2});
  EXPECT_EQ(log.high_watermark, 3);
}

TEST_F(IsrTest, PendingAdditionHoldsTheWatermarkAtOnce) {
  lead(5, 1, {1});
  append(10);
  fetch(2, 10);
  ASSERT_TRUE(last.propose.has_value());
  EXPECT_TRUE(last.propose->expands);
  EXPECT_EQ(ids(*last.propose), (Ids{1, 2}));
  EXPECT_EQ(last.propose->isr[0].broker_epoch, 101);
  EXPECT_EQ(last.propose->isr[1].broker_epoch, 102);
  EXPECT_EQ(ids(isr_state.maximal_isr()), (Ids{1, 2}));
  EXPECT_EQ(ids(isr_state.committed_isr()), (Ids{1}));
  append(12);
  EXPECT_EQ(log.high_watermark, 10);
}

TEST_F(IsrTest, PendingRemovalStillCounts) {
  lead(5, 1, {1, 2});
  append(10);
  fetch(2, 5);
  now = now + seconds(31);
  check_lag();
  ASSERT_TRUE(last.propose.has_value());
  EXPECT_FALSE(last.propose->expands);
  EXPECT_EQ(ids(*last.propose), (Ids{1}));
  append(11);
  EXPECT_EQ(log.high_watermark, 5);
  answer(ErrorCode::NONE, 2, {1});
  EXPECT_TRUE(last.committed);
  lead(5, 2, {1});
  EXPECT_EQ(log.high_watermark, 11);
}

// The controller may have raised the minimum before it answered, and have made an eligible replica of 3.
TEST_F(IsrTest, WhoHasLeftByAnAnswerCountsUntilTheMetadataSaysSo) {
  log.min_isr = 2;
  lead(5, 1, {1, 2, 3});
  append(10);
  fetch(3, 4);
  now = now + seconds(31);
  fetch(2, 10);
  check_lag();
  answer(ErrorCode::NONE, 2, {1, 2});
  EXPECT_EQ(ids(isr_state.committed_isr()), (Ids{1, 2}));
  EXPECT_EQ(log.high_watermark, 4);
  log.min_isr = 3;
  lead(5, 2, {1, 2});
  EXPECT_EQ(log.high_watermark, 4);
  log.min_isr = 2;
  append(11);
  EXPECT_EQ(log.high_watermark, 10);
}

TEST_F(IsrTest, CaughtUpNonMemberHoldsTheWatermarkUntilItLags) {
  lead(5, 1, {1, 2});
  append(10);
  fetch(2, 10);
  brokers.brokers[3].epoch = 999;  // as if metadata knew a newer incarnation: not eligible
  fetch(3, 10, kUnknownBrokerEpoch);
  ASSERT_TRUE(last.propose.has_value()) << "-1 skips the comparison of epochs";
  answer(ErrorCode::INELIGIBLE_REPLICA);
  EXPECT_FALSE(isr_state.pending().has_value());
  append(12);
  fetch(2, 12);
  EXPECT_EQ(log.high_watermark, 10);
  now = now + seconds(31);
  fetch(2, 12);
  EXPECT_EQ(log.high_watermark, 10) << "nothing moved";
  check_lag();
  EXPECT_EQ(log.high_watermark, 12) << "the periodic check looks again";
}

TEST_F(IsrTest, ExpandNeedsTheEpochStartAndTheWatermark) {
  log.end_offset = 20;
  log.high_watermark = 10;
  lead(5, 1, {1});
  EXPECT_EQ(isr_state.epoch_start_offset(), 20);
  EXPECT_EQ(log.high_watermark, 20) << "alone in the ISR";
  append(25);
  fetch(2, 24);
  EXPECT_FALSE(last.propose.has_value());
  fetch(2, 25);
  EXPECT_TRUE(last.propose.has_value());
}

TEST_F(IsrTest, ExpandWaitsForTheEpochStartWhereTheWatermarkIsBehind) {
  log.end_offset = 20;
  log.high_watermark = 10;
  lead(5, 1, {1, 3});  // 3 never fetches, so the watermark stays at 10
  fetch(2, 15);
  EXPECT_FALSE(last.propose.has_value());
  fetch(2, 20);
  EXPECT_TRUE(last.propose.has_value());
}

TEST_F(IsrTest, FencedStoppingAndUnknownBrokersDoNotJoin) {
  lead(5, 1, {1});
  append(4);
  brokers.brokers[2].fenced = true;
  fetch(2, 4);
  EXPECT_FALSE(last.propose.has_value());
  brokers.brokers[2] = {102, false, true};
  fetch(2, 4);
  EXPECT_FALSE(last.propose.has_value());
  brokers.brokers.erase(2);
  fetch(2, 4);
  EXPECT_FALSE(last.propose.has_value());
  brokers.brokers[2] = {101, false, false};  // the image is older than the fetch: not the same incarnation
  fetch(2, 4, 102);
  EXPECT_FALSE(last.propose.has_value());
  brokers.brokers[2] = {102, false, false};
  fetch(2, 4, 102);
  EXPECT_TRUE(last.propose.has_value());
}

TEST_F(IsrTest, StaleIncarnationAndStrangersAreRefused) {
  lead(5, 1, {1, 2});
  append(4);
  EXPECT_EQ(fetch(2, 4, 50), ErrorCode::NOT_LEADER_OR_FOLLOWER);
  EXPECT_EQ(isr_state.follower(2)->log_end_offset, kUnknownOffset);
  EXPECT_EQ(isr_state.check_follower(9, true), ErrorCode::UNKNOWN_LEADER_EPOCH);
  EXPECT_EQ(isr_state.check_follower(9, false), ErrorCode::NOT_LEADER_OR_FOLLOWER);
  EXPECT_EQ(isr_state.check_follower(2, true), ErrorCode::NONE);
}

TEST_F(IsrTest, CaughtUpTimeFollowsTheLeadersEndAtThePreviousFetch) {
  lead(5, 1, {1, 2});
  const Instant began = now;
  append(10);
  now = now + seconds(10);
  fetch(2, 5);
  EXPECT_EQ(isr_state.follower(2)->caught_up, began);
  const Instant second = now;
  append(20);
  now = now + seconds(10);
  fetch(2, 10);  // not at the end, but where the end was when it fetched before
  EXPECT_EQ(isr_state.follower(2)->caught_up, second);
  now = now + seconds(19);
  check_lag();
  EXPECT_FALSE(last.propose.has_value());
  now = now + seconds(2);
  check_lag();
  EXPECT_TRUE(last.propose.has_value());
}

TEST_F(IsrTest, OnlyOneChangeAtATime) {
  lead(5, 1, {1});
  append(4);
  fetch(2, 4);
  ASSERT_TRUE(last.propose.has_value());
  fetch(3, 4);
  EXPECT_FALSE(last.propose.has_value());
  now = now + seconds(100);
  check_lag();
  EXPECT_FALSE(last.propose.has_value());
}

TEST_F(IsrTest, AnswersEndOrKeepThePendingChange) {
  lead(5, 1, {1});
  append(4);
  fetch(2, 4);
  const uint64_t number = isr_state.pending()->number;
  for (ErrorCode error :
       {ErrorCode::FENCED_LEADER_EPOCH, ErrorCode::INVALID_UPDATE_VERSION, ErrorCode::UNKNOWN_TOPIC_ID,
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, ErrorCode::INVALID_REQUEST, ErrorCode::NEW_LEADER_ELECTED}) {
    answer(error);
    EXPECT_TRUE(isr_state.pending().has_value());
    EXPECT_FALSE(last.propose.has_value());
  }
  answer(ErrorCode::NOT_CONTROLLER);
  ASSERT_TRUE(last.propose.has_value());
  EXPECT_EQ(last.propose->number, number) << "the same change again";
  answer(ErrorCode::NONE, 2, {1, 2}, 4);
  EXPECT_TRUE(isr_state.pending().has_value()) << "of another leader epoch";
  answer(ErrorCode::NONE, 0, {1, 2});
  EXPECT_TRUE(isr_state.pending().has_value()) << "older than what is known";
  answer(ErrorCode::OPERATION_NOT_ATTEMPTED);
  EXPECT_FALSE(isr_state.pending().has_value());
  EXPECT_EQ(ids(isr_state.committed_isr()), (Ids{1}));
}

TEST_F(IsrTest, NewerMetadataOverridesAndTheLateAnswerIsIgnored) {
  lead(5, 1, {1});
  append(4);
  fetch(2, 4);
  const uint64_t number = isr_state.pending()->number;
  lead(5, 3, {1, 3});
  EXPECT_FALSE(isr_state.pending().has_value());
  last = isr_state.answered({number, ErrorCode::NONE, 5, 4, {1, 2}}, context());
  EXPECT_EQ(ids(isr_state.committed_isr()), (Ids{1, 3}));
  EXPECT_EQ(isr_state.partition_epoch(), 3);
}

TEST_F(IsrTest, MetadataThatOnlyConfirmsAnAnswerKeepsTheNextChange) {
  lead(5, 1, {1});
  append(4);
  fetch(2, 4);
  answer(ErrorCode::NONE, 2, {1, 2});
  fetch(3, 4);
  ASSERT_TRUE(last.propose.has_value());
  lead(5, 2, {1, 2});  // the record of the first change arrives after its answer
  EXPECT_TRUE(isr_state.pending().has_value());
  EXPECT_EQ(ids(isr_state.maximal_isr()), (Ids{1, 2, 3}));
}

TEST_F(IsrTest, LeadingTheNextEpochKeepsWhatFollowersTold) {
  lead(5, 1, {1, 2});
  append(4);
  fetch(2, 4);
  EXPECT_TRUE(lead(6, 2, {1, 2}).new_leader_epoch);
  EXPECT_EQ(isr_state.follower(2)->log_end_offset, 4);
  EXPECT_EQ(isr_state.epoch_start_offset(), 4);
  const PartitionAssignment other{7, 3, replicas, replicas};
  isr_state.follow(other);
  EXPECT_EQ(isr_state.check_follower(2, true), ErrorCode::NOT_LEADER_OR_FOLLOWER);
  lead(8, 4, {1, 2});
  EXPECT_EQ(isr_state.follower(2)->log_end_offset, kUnknownOffset);
}

TEST_F(IsrTest, AcknowledgementFollowsTheMaximalIsr) {
  log.min_isr = 2;
  lead(5, 1, {1, 2});
  append(4);
  EXPECT_FALSE(isr_state.reached(4, log).has_value());
  fetch(2, 4);
  EXPECT_EQ(isr_state.reached(4, log), ErrorCode::NONE);
  lead(5, 2, {1});
  EXPECT_EQ(isr_state.reached(4, log), ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND);
  const PartitionAssignment other{6, 3, replicas, replicas};
  isr_state.follow(other);
  EXPECT_EQ(isr_state.reached(4, log), ErrorCode::NOT_LEADER_OR_FOLLOWER);
}

TEST_F(IsrTest, LowWatermarkCountsOnlyLiveReplicas) {
  lead(5, 1, {1, 2, 3});
  append(10);
  log.start_offset = 6;
  EXPECT_EQ(isr_state.low_watermark(log, brokers), kUnknownOffset);
  fetch(2, 10);
  brokers.brokers[3].fenced = true;
  EXPECT_EQ(isr_state.low_watermark(log, brokers), 0);
}

}  // namespace
}  // namespace ksim::broker
