// Each checker is fed a good story, which it must accept, and a story that breaks its invariant. Here those
// of replicas and their logs: R and S.

#include "sim/checkers/test_story.h"

namespace ksim::sim {
namespace {

TEST_F(Story, AHealthyRunHolds) {
  lead(1, 0);
  replicate({1, 2, 3}, 0, 0, {a, b});
  high_watermark(1, 2);
  acknowledge(a, 0);
  acknowledge(b, 1);
  consume(0, a);
  consume(1, b);
  latest(2);
  emit(1, ControllerActivated{1});
  lead(2, 1);
  write(2, 2, 1, {c});
  write(3, 2, 1, {c});
  write(1, 2, 1, {c});
  high_watermark(2, 3, true, 1);
  acknowledge(c, 2);
  end();
  EXPECT_EQ(cries(), "");
}

TEST_F(Story, R1CriesWhenALaterLeaderLacksAnAcknowledgedRecord) {
  lead(1, 0);
  replicate({1, 2, 3}, 0, 0, {a});
  write(1, 1, 0, {b});
  write(2, 1, 0, {b});
  high_watermark(1, 2);
  acknowledge(b, 1);
  lead(3, 1, {3});
  EXPECT_TRUE(cried("R1"));
}

TEST_F(Story, R1PermitsLossAfterAnUncleanElection) {
  view.promise("orders", {3, 2, true});
  lead(1, 0, {1, 2});
  replicate({1, 2, 3}, 0, 0, {a});
  write(1, 1, 0, {b});
  write(2, 1, 0, {b});
  high_watermark(1, 2);
  acknowledge(b, 1);
  lead(3, 1, {3}, true);
  EXPECT_FALSE(cried("R1"));
}

TEST_F(Story, R1PermitsLossOnlyWhenMinInsyncCopiesWereDestroyed) {
  lead(1, 0);
  replicate({1, 2, 3}, 0, 0, {a});
  high_watermark(1, 1);
  acknowledge(a, 0);
  log_file(1).bytes.clear();
  fault(1, NodeFault::power_lost);
  EXPECT_FALSE(view.loss_permitted(0, 0, -1, Instant{0}));
  log_file(2).bytes.clear();
  fault(2, NodeFault::power_lost);
  EXPECT_TRUE(view.loss_permitted(0, 0, -1, Instant{0}));
}

TEST_F(Story, R2CriesWhenReplicasDisagreeBelowTheirHighWatermarks) {
  lead(1, 0);
  write(1, 0, 0, {a});
  write(2, 0, 0, {b});
  high_watermark(1, 1);
  high_watermark(2, 1, false);
  EXPECT_TRUE(cried("R2"));
}

TEST_F(Story, R2CriesWhenABatchHasTwoPasts) {
  lead(1, 0);
  replicate({1, 2}, 0, 0, {a});
  write(2, 1, 0, {b});  // never reaches anybody
  lead(3, 1);
  replicate({3}, 0, 0, {a});
  replicate({3}, 1, 1, {c});
  replicate({3}, 2, 1, {make_record_id(1, 4)});
  EXPECT_FALSE(cried("R2"));
  write(2, 2, 1, {make_record_id(1, 4)});  // not cut first
  EXPECT_TRUE(cried("R2"));
}

// Cut below its start, a log keeps the bytes in front of the cut.
TEST_F(Story, R2AsksNothingOfWhatIsBeforeTheStartOfALog) {
  lead(2, 1, {1, 2});
  write(1, 0, 0, {a});
  write(2, 0, 1, {c});
  emit(1, LogStartMoved{kLog, kTopic, 0, 5, "leader offset increment"});
  emit(1, LogTruncated{kLog, kTopic, 0, 5, 1});
  replicate({2, 1}, 1, 1, {b});
  end();
  EXPECT_FALSE(cried("R2"));
  write(2, 2, 1, {a});
  write(1, 2, 0, {a});
  replicate({2, 1}, 3, 2, {c});
  EXPECT_TRUE(cried("R2")) << "and of what it has now all again";
}

TEST_F(Story, R2CriesWhenAnOffsetOfAnEpochHasOtherBytes) {
  lead(1, 0);
  write(1, 0, 0, {a});
  write(2, 0, 0, {b});
  EXPECT_TRUE(cried("R2"));
}

TEST_F(Story, R2CriesWhenQuietLogsDiffer) {
  lead(1, 0);
  write(1, 0, 0, {a});
  end();
  EXPECT_TRUE(cried("R2"));
}

TEST_F(Story, R3CriesForTwoLeadersInAnEpoch) {
  lead(1, 0);
  emit(2, BecameLeader{"orders", kTopic, 0, 0, 0, 0, {}});
  EXPECT_TRUE(cried("R3"));
}

TEST_F(Story, R3CriesWhenALeaderStampsAnotherEpoch) {
  lead(1, 4);
  write(1, 0, 3, {a});
  EXPECT_TRUE(cried("R3"));
}

TEST_F(Story, R4CriesWhenLatestStepsBack) {
  latest(5);
  latest(4);
  EXPECT_TRUE(cried("R4"));
}

// A record that was read before an unclean election may be handed over after it.
TEST_F(Story, R4LetsARecordWaitInAConsumer) {
  view.promise("orders", {3, 2, true});
  lead(1, 0, {1});
  lead(3, 1, {3}, true);
  consume(5, a);
  latest(4);
  EXPECT_FALSE(cried("R4"));
}

// So may the end that a leader tells which was replaced by one, and has not heard of it.
TEST_F(Story, R4LetsAReplacedLeaderTellItsOldEnd) {
  view.promise("orders", {3, 2, true});
  lead(1, 0, {1});
  const std::vector<int32_t> isr = {3};
  emit(2, PartitionChanged{"orders", kTopic, 0, 3, 1, 1, isr, {}, true});
  emit(3, BecameLeader{"orders", kTopic, 0, 1, 0, 0, isr});
  latest(5);  // of node 1
  latest(4);
  EXPECT_FALSE(cried("R4"));
  emit(1, BecameFollower{"orders", kTopic, 0, 3, 1, 0});
  latest(4);
  latest(3);
  EXPECT_TRUE(cried("R4"));
}

TEST_F(Story, R4CriesAfterAConsumedRecordToo) {
  view.promise("orders", {3, 2, true});
  lead(1, 0, {1});
  lead(3, 1, {3}, true);
  consume(5, a, 1, 1);
  latest(4);
  EXPECT_TRUE(cried("R4"));
}

TEST_F(Story, R4HoldsFromTheShorterLogOn) {
  view.promise("orders", {3, 2, true});
  lead(1, 0, {1});
  latest(7);
  lead(3, 1, {3}, true);
  latest(4);
  EXPECT_FALSE(cried("R4"));
  latest(3);
  EXPECT_TRUE(cried("R4"));
}

// Records of the times 1000, 3000 and 2000; which offset for which time R4 accepts.
TEST_F(Story, R4KnowsTheFirstRecordThatIsNotOlder) {
  lead(1, 0);
  int64_t offset = 0;
  for (const int64_t ms : {1000, 3000, 2000}) {
    BatchOptions options;
    options.base_offset = offset++;
    options.leader_epoch = 0;
    BatchBuilder builder(options);
    builder.append({ms, std::nullopt, Bytes(), {}});
    const ByteBuffer bytes = builder.build();
    for (int32_t node : {1, 2, 3}) write_batch(node, bytes);
  }
  high_watermark(1, 3);
  const auto minded = [&](int64_t target_ms, int64_t answer) {
    verdicts = {};
    TimeLookup lookup{1, 0, target_ms, tick(), {}, -1, -1};
    for (auto& checker : checkers) checker->on_time_lookup(lookup);
    lookup.completed = tick();
    lookup.offset = answer;
    for (auto& checker : checkers) checker->on_time_lookup(lookup);
    return cried("R4");
  };
  EXPECT_FALSE(minded(0, 0));
  EXPECT_FALSE(minded(1001, 1));
  EXPECT_TRUE(minded(1001, 2));
  EXPECT_FALSE(minded(2000, 1)) << "the first by offset, not by time";
  EXPECT_TRUE(minded(2000, -1));
  EXPECT_FALSE(minded(3001, -1));
  EXPECT_TRUE(minded(3001, 2));
  keep(1, "data/log-start-offset-checkpoint", "0\n1\norders 0 1\n");
  view.promise("orders", {3, 2, false, 0});
  emit(1, LogStartMoved{kLog, kTopic, 0, 1, "segment deletion"});
  EXPECT_FALSE(minded(0, 1));
  EXPECT_TRUE(minded(0, 0)) << "it was deleted before anybody asked";
}

TEST_F(Story, R5CriesWhenAnUncommittedRecordIsServed) {
  lead(1, 0);
  write(1, 0, 0, {a});
  consume(0, a);
  EXPECT_TRUE(cried("R5"));
}

TEST_F(Story, R5CriesWhenAnOffsetChangesItsRecord) {
  lead(1, 0);
  replicate({1, 2, 3}, 0, 0, {a});
  high_watermark(1, 1);
  consume(0, a);
  consume(0, b, 2);
  EXPECT_TRUE(cried("R5"));
}

// What is handed over was read under a leader that an unclean election has deposed since.
TEST_F(Story, R5LetsALateReaderHandOverWhatAnotherNeverSaw) {
  view.promise("orders", {3, 1, true});
  lead(1, 0, {1});
  write(1, 0, 0, {a});
  high_watermark(1, 1);
  lead(3, 1, {3}, true);
  write(3, 0, 1, {b});
  high_watermark(3, 1, true, 1);
  consume(0, b, 1, 1);
  consume(0, a, 2, 0);
  EXPECT_FALSE(cried("R5"));
  consume(0, c, 2, 1);
  EXPECT_TRUE(cried("R5"));
}

// Served, and not acknowledged to anybody.
TEST_F(Story, WhatWasServedMayNotVanishWithinTheBudget) {
  lead(1, 0);
  write(1, 0, 0, {a});
  write(2, 0, 0, {a});
  high_watermark(1, 1);
  consume(0, a);
  log_file(2).bytes.clear();
  fault(2, NodeFault::power_lost);  // one copy of two that are needed
  lead(3, 1, {3});
  EXPECT_TRUE(cried("R1"));
  write(3, 0, 1, {b});
  high_watermark(3, 1, true, 1);
  EXPECT_EQ(view.partition(0)->committed_record(0)->id, a) << "what is committed stays so";
  consume(0, b);
  EXPECT_TRUE(cried("R5"));
}

TEST_F(Story, WhatWasServedMayVanishBeyondTheBudget) {
  lead(1, 0);
  replicate({1, 2, 3}, 0, 0, {a});
  high_watermark(1, 1);
  consume(0, a);
  for (int32_t node : {1, 2, 3}) {
    log_file(node).bytes.clear();
    fault(node, NodeFault::power_lost);
    fault(node, NodeFault::started);
  }
  lead(3, 1, {3});
  replicate({3, 1, 2}, 0, 1, {b});
  high_watermark(3, 1, true, 1);
  set_position(0, "reset");
  consume(0, b);
  end();
  EXPECT_FALSE(cried("R1") || cried("R5") || cried("K1"));
}

TEST_F(Story, WhatIsFlushedAtOnceMayNotGoWithThePowerButWithTheDisk) {
  TopicPromise flushed{3, 2};
  flushed.flush_each = true;
  view.promise("orders", flushed);
  lead(1, 0);
  replicate({1, 2, 3}, 0, 0, {a});
  high_watermark(1, 1);
  const TruthBatch batch = view.partition(0)->committed.front();
  for (const NodeFault fate : {NodeFault::power_lost, NodeFault::wiped}) {
    for (int32_t node : {1, 2}) {
      write(node, 0, 0, {a});
      log_file(node).bytes.clear();
      fault(node, fate);
    }
    EXPECT_EQ(view.loss_permitted(0, batch), fate == NodeFault::wiped);
  }
}

TEST_F(Story, R6CriesWhenAMemberHasNotFlushedWhatItIsToFlushAtOnce) {
  TopicPromise flushed{3, 2};
  flushed.flush_each = true;
  view.promise("orders", flushed);
  lead(1, 0);
  replicate({1, 2, 3}, 0, 0, {a});
  log_file(1).durable = 0;
  high_watermark(1, 1);
  EXPECT_FALSE(cried("R6")) << "the leader flushes before it answers";
  replicate({1, 2, 3}, 1, 0, {b});
  log_file(3).durable -= 1;
  high_watermark(1, 2);
  EXPECT_TRUE(cried("R6"));
}

TEST_F(Story, AnUncleanElectionExcusesNothingThatIsCommittedAfterIt) {
  view.promise("orders", {3, 2, true});
  lead(1, 0, {1, 2});
  lead(3, 1, {3, 2}, true);
  write(3, 0, 1, {a});
  write(1, 0, 1, {a});
  high_watermark(3, 1, true, 1);
  lead(2, 2, {2});
  EXPECT_TRUE(cried("R1"));
}

TEST_F(Story, ACopyThatWasMadeAgainCountsAgain) {
  lead(1, 0);
  replicate({1, 2, 3}, 0, 0, {a});
  high_watermark(1, 1);
  const auto lose = [&](int32_t node) {
    log_file(node).bytes.clear();
    fault(node, NodeFault::power_lost);
    fault(node, NodeFault::started);
  };
  const TruthBatch batch = view.partition(0)->committed.front();
  lose(2);
  write(2, 0, 0, {a});
  lose(3);
  EXPECT_FALSE(view.loss_permitted(0, batch));
  lose(2);
  EXPECT_TRUE(view.loss_permitted(0, batch));
}

TEST_F(Story, R6CriesWhenAnIsrMemberLacksACommittedRecord) {
  lead(1, 0);
  write(1, 0, 0, {a});
  write(2, 0, 0, {a});
  high_watermark(1, 1);
  EXPECT_TRUE(cried("R6"));
}

// The leader hears that its ISR is large enough again before the controller's own word of it: who was
// eligible until then need not have what is committed from now on.
TEST_F(Story, R6KnowsThatALargeEnoughIsrEndsTheElr) {
  lead(1, 0);
  replicate({1, 2, 3}, 0, 0, {a});
  high_watermark(1, 1);
  emit(1, PartitionChanged{"orders", kTopic, 0, 1, 0, 5, std::vector<int32_t>{1}, std::vector<int32_t>{2},
                           false});
  replicate({1, 3}, 1, 0, {b});
  emit(1, IsrChanged{"orders", kTopic, 0, 0, 6, std::vector<int32_t>{1, 3}});
  high_watermark(1, 2);
  EXPECT_FALSE(cried("R6"));
}

TEST_F(Story, R6CriesForAHoleBeforeTheLastCommittedRecord) {
  lead(1, 0);
  replicate({1, 2, 3}, 0, 0, {a});
  high_watermark(1, 1);
  replicate({1, 2}, 1, 0, {b});
  replicate({1, 2, 3}, 2, 0, {c});
  high_watermark(1, 3);
  EXPECT_TRUE(cried("R6"));
}

TEST_F(Story, R6CriesWhenAnEligibleReplicaLacksACommittedRecord) {
  lead(1, 0);
  replicate({1, 2, 3}, 0, 0, {a});
  high_watermark(1, 1);
  emit(1, PartitionChanged{"orders", kTopic, 0, 1, 0, 5, std::vector<int32_t>{1}, std::vector<int32_t>{2},
                           false});
  write(1, 1, 0, {b});
  high_watermark(1, 2);
  EXPECT_TRUE(cried("R6"));
}

// A leader may go by a lower minimum, which ends the ELR, before the controller has told of that.
TEST_F(Story, R6GoesByTheControllersWordForTheElrWhereTheMinimumIsAltered) {
  view.promise("orders", {3, 2, false});
  lead(1, 0, {1, 2});
  const std::vector<int32_t> isr = {1, 2};
  const std::vector<int32_t> elr = {3};
  emit(1, PartitionChanged{"orders", kTopic, 0, 1, 0, 1, isr, elr, false});
  view.on_minimum_altered("orders", tick());
  replicate({1, 2}, 0, 0, {a});
  high_watermark(1, 1);
  EXPECT_FALSE(cried("R6")) << cries();
  emit(1, PartitionChanged{"orders", kTopic, 0, 1, 0, 2, isr, elr, false});
  EXPECT_TRUE(cried("R6")) << "it still stands there";
}

// Whether R6 minds that 3 follows 1, who was alone in the ISR.
struct ElectionStory : Story {
  bool minded(bool flag, std::vector<int32_t> isr_before, std::vector<int32_t> elr_before = {},
              int32_t leader = 3) {
    emit(1, PartitionChanged{"orders", kTopic, 0, 1, 0, 0, isr_before, {}, false});
    emit(1, PartitionChanged{"orders", kTopic, 0, -1, 1, 1, isr_before, elr_before, false});
    emit(1, PartitionChanged{"orders", kTopic, 0, leader, 2, 2, std::vector<int32_t>{leader}, {}, flag});
    return cried("R6");
  }
};

TEST_F(ElectionStory, R6CriesForALeaderFromOutsideWhateverItIsCalled) { EXPECT_TRUE(minded(false, {1, 2})); }
TEST_F(ElectionStory, R6CriesForAnUncleanElectionThatNothingAllows) { EXPECT_TRUE(minded(true, {1, 2})); }
TEST_F(ElectionStory, R6CriesForALastLeaderWhileOthersAreEligible) { EXPECT_TRUE(minded(true, {}, {2})); }
TEST_F(ElectionStory, R6LetsTheElrLead) { EXPECT_FALSE(minded(false, {}, {3})); }
TEST_F(ElectionStory, R6LetsTheLastKnownLeaderLead) { EXPECT_FALSE(minded(true, {}, {}, 1)); }
TEST_F(ElectionStory, R6LetsTheLastKnownLeaderLeadAsTheOthersTurnOutUnclean) {
  emit(1, PartitionChanged{"orders", kTopic, 0, 1, 0, 0, std::vector<int32_t>{1, 2}, {}, false});
  emit(1, PartitionChanged{"orders", kTopic, 0, -1, 1, 1, {}, std::vector<int32_t>{2}, false});
  emit(1, BrokerRegistered{2, 9, false});
  emit(1, PartitionChanged{"orders", kTopic, 0, 1, 2, 2, std::vector<int32_t>{1}, {}, true});
  EXPECT_FALSE(cried("R6"));
}
TEST_F(ElectionStory, R6LetsAnybodyLeadWhereTheTopicAllowsIt) {
  view.promise("orders", {3, 2, true});
  EXPECT_FALSE(minded(true, {1, 2}));
}

TEST_F(Story, S1CriesWhenOffsetsRepeat) {
  write(1, 0, 0, {a});
  write(1, 0, 0, {b});
  EXPECT_TRUE(cried("S1"));
}

TEST_F(Story, S1CriesWhenTheLogStartGoesBack) {
  write(1, 0, 0, {a});
  emit(1, LogStartMoved{kLog, kTopic, 0, 10, "leader offset increment"});
  emit(1, LogStartMoved{kLog, kTopic, 0, 9, "leader offset increment"});
  EXPECT_TRUE(cried("S1"));
}

TEST_F(Story, S1AcceptsALogThatIsCutBelowItsStart) {
  replicate({1, 2, 3}, 0, 0, {a});
  emit(1, LogStartMoved{kLog, kTopic, 0, 1, "test"});
  verdicts = {};
  emit(1, LogTruncated{kLog, kTopic, 0, 1, 0});
  loaded(1, log_of(0, 0, 0, {}));
  EXPECT_FALSE(cried("S1"));
}

// Whether S1 minds that node 1 deletes a and b, written an instant ago, after this long.
struct RetentionStory : Story {
  int64_t asked = 0;
  bool unclean = false;  // election of another one, of which the node has not heard
  bool minded(int64_t retention_ms, int64_t retention_bytes, int64_t committed = 2, int64_t after_ms = 1000) {
    view.promise("orders", {3, 2, unclean, retention_ms, retention_bytes});
    const int64_t written_ms = 5'000'000;
    view.wall_ms = [=](int32_t) { return written_ms + after_ms; };
    lead(1, 0, unclean ? std::vector<int32_t>{1} : std::vector<int32_t>{1, 2, 3});
    view.on_delete_records(0, asked);
    BatchOptions options;
    options.leader_epoch = 0;
    BatchBuilder builder(options);
    for (int i = 0; i < 2; ++i) builder.append({written_ms, std::nullopt, Bytes(), {}});
    const ByteBuffer bytes = builder.build();
    for (int32_t node : {1, 2, 3}) write_batch(node, bytes);
    high_watermark(1, committed);
    const std::vector<int32_t> isr = {2};
    if (unclean) emit(1, PartitionChanged{"orders", kTopic, 0, 2, 1, 1, isr, {}, true});
    emit(1, LogStartMoved{kLog, kTopic, 0, 2, "segment deletion"});
    return cried("S1");
  }
};

TEST_F(RetentionStory, S1CriesWhenRecordsGoThatAreNotOldEnough) { EXPECT_TRUE(minded(2000, -1)); }
TEST_F(RetentionStory, S1LetsOldRecordsGo) { EXPECT_FALSE(minded(999, -1)); }
TEST_F(RetentionStory, S1GoesByTheClockByWhichItWasDecided) {
  view.wall_put_back = [](int32_t, Instant) { return milliseconds(1001); };
  EXPECT_FALSE(minded(2000, -1));
}
TEST_F(RetentionStory, S1CriesWhenWhatIsKeptForEverGoes) { EXPECT_TRUE(minded(-1, -1)); }
TEST_F(RetentionStory, S1CriesWhenFewerBytesAreLeftThanAreToStay) { EXPECT_TRUE(minded(-1, 1)); }
TEST_F(RetentionStory, S1LetsWhatIsTooMuchGo) { EXPECT_FALSE(minded(-1, 0)); }
TEST_F(RetentionStory, S1CriesWhenUncommittedRecordsGo) { EXPECT_TRUE(minded(1, -1, 0)); }
TEST_F(RetentionStory, S1LetsWhomAnUncleanElectionHasReplacedGoByItsOwnWatermark) {
  unclean = true;
  EXPECT_FALSE(minded(1, -1, 0));
  EXPECT_EQ(view.partition(0)->deleted_below, 0) << "what leads now keeps its records";
}
TEST_F(RetentionStory, S1LetsAClientDelete) {
  asked = 2;
  EXPECT_FALSE(minded(-1, -1));
}

ByteBuffer transactional_batch(int64_t offset, int32_t sequence) {
  BatchOptions options;
  options.base_offset = offset;
  options.producer_id = 9;
  options.producer_epoch = 1;
  options.base_sequence = sequence;
  options.transactional = true;
  BatchBuilder builder(options);
  builder.append({1000 + sequence, std::nullopt, Bytes(), {}});
  return builder.build();
}

TEST_F(Story, S2HoldsWhenALogKnowsWhatItsBatchesTell) {
  write(1, 0, 0, {a, b});
  write(1, 2, 3, {c});
  write_batch(1, transactional_batch(3, 7));
  write_batch(1, transactional_batch(4, 8));
  loaded(1, log_of(0, 5, 0, {{0, 0}, {3, 2}}));
  const std::vector<LogFacts::Producer> known{{5, 0, 3, -1, 900, -1}, {9, 1, 8, 4, 1008, 3}};
  loaded(1, log_of(1, 5, 0, {{0, 1}, {3, 2}}, true, known, 0));
  write(2, 0, 1, {a}, kMetadataLog);
  loaded(2, log_of(0, 1, 0, {{1, 0}}, false, {}, 0), kMetadataLog);
  EXPECT_FALSE(cried("S2"));
}

TEST_F(Story, S2CriesWhenAnEpochIsLostMovedOrInvented) {
  write(1, 0, 0, {a, b});
  write(1, 2, 3, {c});
  const std::vector<std::vector<LogFacts::Epoch>> wrong{
      {{0, 0}}, {{0, 0}, {3, 1}}, {{0, 0}, {2, 2}}, {{0, 0}, {1, 1}, {3, 2}}, {{0, 0}, {3, 2}, {4, 3}}};
  for (const auto& epochs : wrong) {
    verdicts = {};
    loaded(1, log_of(0, 3, 0, epochs));
    EXPECT_TRUE(cried("S2"));
  }
}

TEST_F(Story, S2CriesWhenAProducerIsNotAsItsBatchesTell) {
  write_batch(1, transactional_batch(0, 7));
  write_batch(1, transactional_batch(1, 8));
  const auto story = [&](std::vector<LogFacts::Producer> known, int64_t expired_before_ms = 0) {
    verdicts = {};
    loaded(1, log_of(0, 2, 0, {}, true, std::move(known), expired_before_ms));
    return cried("S2");
  };
  EXPECT_FALSE(story({{9, 1, 8, 1, 1008, 0}}));
  EXPECT_TRUE(story({}));
  EXPECT_TRUE(story({}, 5000)) << "its transaction is open";
  EXPECT_TRUE(story({{9, 1, 7, 0, 1008, 0}})) << "an older batch";
  EXPECT_TRUE(story({{9, 1, 8, 1, 1008, -1}})) << "its transaction is forgotten";
  EXPECT_TRUE(story({{9, 2, 8, 1, 1008, 0}})) << "another epoch";
  EXPECT_TRUE(story({{9, 1, 8, 1, 1008, 0}, {10, 0, 0, 1, 1000, -1}})) << "a producer without a batch";
}

TEST_F(Story, S2CriesWhenALogEndsElsewhere) {
  write(1, 0, 0, {a, b});
  loaded(1, log_of(0, 1, 0, {{0, 0}}));
  EXPECT_TRUE(cried("S2"));
}

TEST_F(Story, S3CriesWhenARecoveryPointWasNotDurable) {
  write(1, 0, 0, {a, b});
  const std::string text = "0\n1\norders 0 2\n";
  disks.files[{1, "data/recovery-point-offset-checkpoint"}].bytes = to_buffer(as_bytes(text));
  log_file(1).bytes.clear();
  fault(1, NodeFault::power_lost);
  EXPECT_TRUE(cried("S3"));
}

// A new controller tells, one after the other, of changes before its time, of which brokers have long heard.
TEST_F(Story, R6ForgivesAnOlderIsrThatIsToldAfterTheNextLeaderCommitted) {
  lead(1, 0);
  emit(3, BecameLeader{"orders", kTopic, 0, 2, 0, 0, std::vector<int32_t>{3}});
  write(3, 0, 2, {a});
  high_watermark(3, 1, true, 2);
  const std::vector<int32_t> before{2, 3}, now_only{3};
  emit(3, PartitionChanged{"orders", kTopic, 0, 2, 1, 1, before, {}, false});
  emit(3, PartitionChanged{"orders", kTopic, 0, 3, 2, 2, now_only, {}, false});
  EXPECT_FALSE(cried("R6")) << cries();
  emit(3, PartitionChanged{"orders", kTopic, 0, 3, 2, 3, before, {}, false});
  EXPECT_TRUE(cried("R6")) << "2 has nothing of it";
}

}  // namespace
}  // namespace ksim::sim
