// Each checker is fed a good story, which it must accept, and a story that breaks its invariant.

#include "core/metadata/image.h"
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

// The broker that was elected hears of it before the controller has told: what is lost is judged by its word.
class EarlyLeaderStory : public Story {
 protected:
  bool cries_when_told(bool unclean_allowed) {
    view.promise("orders", {3, 2, unclean_allowed});
    lead(1, 0, {1, 2});
    replicate({1, 2, 3}, 0, 0, {a});
    replicate({1, 2}, 1, 0, {b});
    high_watermark(1, 2);
    const std::vector<int32_t> isr{3};
    emit(3, IsrChanged{"orders", kTopic, 0, 2, 2, isr});
    emit(3, BecameLeader{"orders", kTopic, 0, 2, 1, 1, isr});
    high_watermark(3, 1, true, 2);
    EXPECT_EQ(cries(), "");
    const std::vector<int32_t> between{2};
    emit(1, PartitionChanged{"orders", kTopic, 0, 2, 1, 1, between, {}, false});
    emit(1, PartitionChanged{"orders", kTopic, 0, 3, 2, 2, isr, {}, true});
    return cried("R1");
  }
};
TEST_F(EarlyLeaderStory, R1WaitsForTheWordThatPermits) { EXPECT_FALSE(cries_when_told(true)); }
TEST_F(EarlyLeaderStory, R1CriesAtTheWordThatDoesNot) { EXPECT_TRUE(cries_when_told(false)); }

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

// Whether S1 minds that node 1 deletes a and b, written an instant ago, after this long.
struct RetentionStory : Story {
  int64_t asked = 0;
  bool minded(int64_t retention_ms, int64_t retention_bytes, int64_t committed = 2, int64_t after_ms = 1000) {
    view.promise("orders", {3, 2, false, retention_ms, retention_bytes});
    const int64_t written_ms = 5'000'000;
    view.wall_ms = [=](int32_t) { return written_ms + after_ms; };
    lead(1, 0);
    view.on_delete_records(0, asked);
    BatchOptions options;
    options.leader_epoch = 0;
    BatchBuilder builder(options);
    for (int i = 0; i < 2; ++i) builder.append({written_ms, std::nullopt, Bytes(), {}});
    const ByteBuffer bytes = builder.build();
    for (int32_t node : {1, 2, 3}) write_batch(node, bytes);
    high_watermark(1, committed);
    emit(1, LogStartMoved{kLog, kTopic, 0, 2, "segment deletion"});
    return cried("S1");
  }
};

TEST_F(RetentionStory, S1CriesWhenRecordsGoThatAreNotOldEnough) { EXPECT_TRUE(minded(2000, -1)); }
TEST_F(RetentionStory, S1LetsOldRecordsGo) { EXPECT_FALSE(minded(999, -1)); }
TEST_F(RetentionStory, S1CriesWhenWhatIsKeptForEverGoes) { EXPECT_TRUE(minded(-1, -1)); }
TEST_F(RetentionStory, S1CriesWhenFewerBytesAreLeftThanAreToStay) { EXPECT_TRUE(minded(-1, 1)); }
TEST_F(RetentionStory, S1LetsWhatIsTooMuchGo) { EXPECT_FALSE(minded(-1, 0)); }
TEST_F(RetentionStory, S1CriesWhenUncommittedRecordsGo) { EXPECT_TRUE(minded(1, -1, 0)); }
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

TEST_F(Story, P1CriesForDuplicatesAndDisorder) {
  lead(1, 0);
  replicate({1, 2, 3}, 0, 0, {a, b, b});
  high_watermark(1, 3);
  EXPECT_TRUE(cried("P1"));
}

// b is open while c is committed behind a.
struct GapStory : Story {
  void invoke(RecordId id) {
    for (auto& checker : checkers) checker->on_send_invoked({1, 0, id, tick(), {}, Outcome::pending, {}, -1});
  }
  bool minded(std::optional<Outcome> of_b) {
    lead(1, 0);
    for (RecordId id : {a, b, c}) invoke(id);
    replicate({1, 2, 3}, 0, 0, {a});
    if (of_b) {
      const SendOp op{1, 0, b, now, tick(), *of_b, ErrorCode::NONE, -1};
      for (auto& checker : checkers) checker->on_send_completed(op);
    }
    replicate({1, 2, 3}, 1, 0, {c});
    high_watermark(1, 2);
    return cried("P1");
  }
};
TEST_F(GapStory, P1CriesForAGap) { EXPECT_TRUE(minded({})); }
TEST_F(GapStory, P1LetsASendBeMissingThatWasGivenUp) { EXPECT_FALSE(minded(Outcome::unknown)); }

TEST_F(Story, P1LetsABatchThatWasSentAgainStandBehind) {
  session({1, "plain", -1, false, 1});
  lead(1, 0);
  replicate({1, 2, 3}, 0, 0, {a, b, a, b});
  high_watermark(1, 4);
  EXPECT_FALSE(cried("P1"));
}

TEST_F(Story, P1CriesWhenARecordFirstAppearsTooLate) {
  session({1, "plain", -1, false, 1});
  lead(1, 0);
  replicate({1, 2, 3}, 0, 0, {b, a});
  high_watermark(1, 2);
  EXPECT_TRUE(cried("P1"));
}

TEST_F(Story, P1LetsPlainProducersReorder) {
  session({1, "plain", -1, false, 5});
  lead(1, 0);
  replicate({1, 2, 3}, 0, 0, {b, a});
  high_watermark(1, 2);
  EXPECT_FALSE(cried("P1"));
}

TEST_F(Story, P2CriesWhenAnAcknowledgedRecordIsNotCommitted) {
  lead(1, 0);
  write(1, 0, 0, {a});
  acknowledge(a, 0);
  EXPECT_TRUE(cried("P2"));
}

TEST_F(Story, P2CriesWhenARecordStandsWithOtherContentsOrAnotherTime) {
  lead(1, 0);
  replicate({1, 2, 3}, 0, 0, {a});
  high_watermark(1, 1);
  uint8_t value[8];
  store_be(value, a);
  const uint64_t right = content_hash(std::nullopt, Bytes(value));
  const auto minded = [&](uint64_t content, int64_t timestamp_ms) {
    verdicts = {};
    acknowledge({1, 0, a, tick(), tick(), Outcome::ok, ErrorCode::NONE, 0, content, timestamp_ms});
    return cried("P2");
  };
  EXPECT_FALSE(minded(right, 1000));
  EXPECT_TRUE(minded(add_header(right, "h", {}), 1000));
  EXPECT_TRUE(minded(right, 1001));
  EXPECT_FALSE(minded(right, -1)) << "the broker sets the time";
}

TEST_F(Story, P2CriesWhenALeaderAcknowledgesAnotherOffset) {
  session({1, "plain", 1, false, 5});
  lead(1, 0);
  replicate({1, 2, 3}, 0, 0, {a, b});
  high_watermark(1, 2);
  acknowledge(a, 0);
  acknowledge(b, 0);
  end();
  EXPECT_TRUE(cried("P2"));
}

TEST_F(Story, P2CriesWhenADefiniteFailureIsInTheLog) {
  lead(1, 0);
  replicate({1, 2, 3}, 0, 0, {a});
  high_watermark(1, 1);
  acknowledge(a, -1, Outcome::failed);
  end();
  EXPECT_TRUE(cried("P2"));
}

TEST_F(Story, K1CriesWhenAConsumerSkipsOrStepsBack) {
  lead(1, 0);
  replicate({1, 2, 3}, 0, 0, {a, b, c});
  high_watermark(1, 3);
  consume(0, a);
  consume(2, c);
  EXPECT_TRUE(cried("K1"));
}

TEST_F(Story, WhatWasDeletedOnPurposeIsNeitherLostNorSkipped) {
  view.promise("orders", {3, 2, false, 0});
  lead(1, 0);
  replicate({1, 2, 3}, 0, 0, {a, b});
  high_watermark(1, 2);
  acknowledge(a, 0);
  acknowledge(b, 1);
  keep(1, "data/log-start-offset-checkpoint", "0\n1\norders 0 2\n");
  emit(1, LogStartMoved{kLog, kTopic, 0, 2, "segment deletion"});
  // A follower that was behind begins again at the leader's start.
  log_file(3).bytes.clear();
  disks.files[{3, fmt::format("data/{}/{:020}.log", kLog, 2)}] = {};
  emit(3, LogTruncated{kLog, kTopic, 0, 2, 2});
  lead(3, 1);
  consume(2, c);
  EXPECT_EQ(cries(), "R5") << "c is nowhere, but a and b are not missed";
}

TEST_F(Story, WhatOnlyAFollowersStartLeavesOutIsMissed) {
  lead(1, 0);
  replicate({1, 2, 3}, 0, 0, {a, b});
  high_watermark(1, 2);
  acknowledge(a, 0);
  log_file(3).bytes.clear();
  emit(3, LogTruncated{kLog, kTopic, 0, 2, 0});
  emit(3, LogStartMoved{kLog, kTopic, 0, 2, "leader offset increment"});
  lead(3, 1);
  EXPECT_TRUE(cried("R1"));
}

TEST_F(Story, K1CriesWhenAConsumerStepsBackWithoutSeek) {
  consume(5, a);
  consume(4, b);
  EXPECT_TRUE(cried("K1"));
}

TEST_F(Story, K1PermitsASeekAndAResetOnlyWhereRecordsAreGone) {
  lead(1, 0);
  replicate({1, 2, 3}, 0, 0, {a, b, c});
  high_watermark(1, 3);
  consume(0, a);
  consume(1, b);
  set_position(0, "seek");
  consume(0, a);
  EXPECT_FALSE(cried("K1"));
  set_position(0, "reset");
  EXPECT_TRUE(cried("K1"));
}

TEST_F(Story, K1PermitsAResetAfterAnUncleanElection) {
  view.promise("orders", {3, 2, true});
  lead(1, 0, {1});
  write(1, 0, 0, {a});
  write(1, 1, 0, {b});
  high_watermark(1, 2);
  consume(0, a);
  consume(1, b);
  lead(3, 1, {3}, true);
  set_position(0, "reset");
  write(3, 0, 1, {c});
  high_watermark(3, 1, true, 1);
  consume(0, c);
  EXPECT_FALSE(cried("K1"));
}

// The log before its position becomes another one, of which it hears nothing.
TEST_F(Story, K1CriesForAReaderThatMissesWhatTookThePlaceOfLostRecords) {
  view.promise("orders", {3, 1, true});
  assign();
  lead(1, 0, {1});
  write(1, 0, 0, {a, b});
  high_watermark(1, 2);
  consume(0, a);
  consume(1, b);
  lead(3, 1, {3}, true);
  write(3, 0, 1, {c});
  write(3, 1, 1, {make_record_id(1, 4)});
  write(3, 2, 1, {make_record_id(1, 5)});
  high_watermark(3, 3, true, 1);
  consume(2, make_record_id(1, 5));
  EXPECT_FALSE(cried("K1"));
  end();
  EXPECT_TRUE(cried("K1"));
}

// Whether K1 minds where a reader begins, with three records committed of which the first was deleted.
struct FirstPosition : Story {
  bool minded(bool from_end, int64_t offset) {
    view.promise("orders", {3, 2, false, 0});
    lead(1, 0);
    replicate({1, 2, 3}, 0, 0, {a});
    replicate({1, 2, 3}, 1, 0, {b, c});
    high_watermark(1, 3);
    view.on_delete_records(0, 1);
    emit(1, LogStartMoved{kLog, kTopic, 0, 1, "records deleted"});
    assign(1, from_end);
    for (auto& checker : checkers) checker->on_reader_call({1, "poll", tick(), {}, {}});
    set_position(offset, "assigned");
    return cried("K1");
  }
};
TEST_F(FirstPosition, K1LetsEarliestBeginAtTheFirstKept) { EXPECT_FALSE(minded(false, 1)); }
TEST_F(FirstPosition, K1CriesWhenEarliestBeginsLater) { EXPECT_TRUE(minded(false, 2)); }
TEST_F(FirstPosition, K1LetsLatestBeginAtTheEnd) { EXPECT_FALSE(minded(true, 3)); }
TEST_F(FirstPosition, K1CriesWhenLatestBeginsBefore) { EXPECT_TRUE(minded(true, 0)); }

TEST_F(Story, K1LetsAReaderBeginLateAndSeek) {
  assign(1, true);
  lead(1, 0);
  replicate({1, 2, 3}, 0, 0, {a, b, c});
  high_watermark(1, 3);
  set_position(1, "assigned");
  set_position(2, "seek");
  consume(2, c);
  end();
  EXPECT_FALSE(cried("K1"));
}

TEST_F(Story, K1CriesForAStepBackThatNobodyAskedForEvenAfterALoss) {
  view.promise("orders", {3, 2, true});
  lead(1, 0, {1});
  consume(5, a);
  lead(3, 1, {3}, true);
  consume(4, b);
  EXPECT_TRUE(cried("K1"));
}

TEST_F(Story, AcksOnePermitsALossOnlyWithTheLeaderOrItsCopy) {
  lead(1, 0);
  const Instant sent = tick();
  write(1, 0, 0, {a});
  EXPECT_FALSE(view.loss_permitted(0, 0, 1, sent));
  fault(1, NodeFault::crashed);  // the page cache survives, and nobody else led
  fault(1, NodeFault::started);
  lead(1, 1);
  EXPECT_FALSE(view.loss_permitted(0, 0, 1, sent));
  log_file(2).bytes.clear();
  write(2, 0, 1, {b});
  log_file(2).bytes.clear();
  fault(2, NodeFault::power_lost);  // a copy, but not the leader's
  EXPECT_FALSE(view.loss_permitted(0, 0, 1, sent));
  lead(3, 2);
  EXPECT_TRUE(view.loss_permitted(0, 0, 1, sent));
  EXPECT_FALSE(view.loss_permitted(0, 0, 1, tick() + seconds(1)));
}

TEST_F(Story, AcksOnePermitsALossOfADestroyedCopyAndOfADeposedLeadersWord) {
  lead(1, 0);
  write(1, 0, 0, {a});
  const Instant sent = tick();
  EXPECT_FALSE(view.loss_permitted(0, 0, 1, sent));
  log_file(1).bytes.clear();
  fault(1, NodeFault::power_lost);
  EXPECT_TRUE(view.loss_permitted(0, 0, 1, Instant{0}));
  // Broker 1 leads again; the controller elects 2, of which broker 1 hears nothing.
  fault(1, NodeFault::started);
  lead(1, 1);
  emit(2, PartitionChanged{"orders", kTopic, 0, 2, 2, 2, std::vector<int32_t>{2, 3}, {}, false});
  EXPECT_TRUE(view.loss_permitted(0, 0, 1, tick()));
}

TEST_F(Story, P2CriesWhenAStayingLeaderLosesWhatItAcknowledged) {
  session({1, "producer-1", 1, false, 5});
  lead(1, 0);
  replicate({1, 2, 3}, 0, 0, {a});
  high_watermark(1, 1);
  acknowledge(a, 0);
  acknowledge(b, 1);
  end();
  EXPECT_TRUE(cried("P2"));
}

TEST_F(Story, Q1HoldsForgedRequestsToTheRules) {
  ForgedRequest forged{1, "orders-0 at broker 1", "Fetch with an older leader epoch", "D31", {}, {}, {}, -1,
                       {}};
  const auto judge = [&] {
    for (auto& checker : checkers) checker->on_forged(forged);
    return cried("Q1");
  };
  EXPECT_FALSE(judge());  // the connection ended, as it must
  forged.permitted = {ErrorCode::NONE, ErrorCode::FENCED_LEADER_EPOCH};
  forged.answer = ErrorCode::FENCED_LEADER_EPOCH;
  EXPECT_FALSE(judge());
  forged.answer = ErrorCode::NONE;
  forged.permitted_offset = 7;
  forged.offset = 7;
  EXPECT_FALSE(judge());
  forged.offset = 8;
  EXPECT_TRUE(judge());
}

TEST_F(Story, Q1CriesForAWrongErrorAndForAnAnswerWhereNoneIsDue) {
  ForgedRequest forged{1,
                       "orders-0",
                       "a skipped sequence",
                       "D15",
                       {ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER},
                       ErrorCode::NONE,
                       {},
                       3,
                       {}};
  for (auto& checker : checkers) checker->on_forged(forged);
  forged.subject = "broker-2";
  forged.permitted.clear();
  for (auto& checker : checkers) checker->on_forged(forged);
  EXPECT_EQ(verdicts.violations().size(), 2U);
}

TEST_F(Story, K2CriesWhenAnEpochGoesBack) {
  for (auto& checker : checkers) checker->on_belief({1, 0, 5, tick()});
  for (auto& checker : checkers) checker->on_belief({1, 0, 4, tick()});
  EXPECT_TRUE(cried("K2"));
}

TEST_F(Story, M1CriesForTwoLeadersAndForTwoVotes) {
  emit(1, RaftStateChanged{"leader", 3, 1, 1});
  emit(2, RaftStateChanged{"leader", 3, 2, 2});
  EXPECT_TRUE(cried("M1"));
}

TEST_F(Story, M1CriesWhenAStoredVoteChanges) {
  auto& file = disks.files[{1, "data/__cluster_metadata-0/quorum-state"}];
  const auto store = [&](int32_t epoch, int32_t vote) {
    const std::string text =
        fmt::format("{{\"leaderId\":-1,\"leaderEpoch\":{},\"votedId\":{}}}", epoch, vote);
    file.bytes = to_buffer(as_bytes(text));
    file.durable = text.size();
    emit(1, RaftStateChanged{"unattached", epoch, -1, vote});
  };
  store(3, 2);
  EXPECT_FALSE(cried("M1"));
  store(3, 1);
  EXPECT_TRUE(cried("M1"));
}

TEST_F(Story, M1CriesWhenAVoteIsGrantedThatAPowerLossWouldTakeBack) {
  const auto store = [&](int32_t epoch, int32_t vote, bool durable) {
    const std::string text = fmt::format(R"({{"leaderEpoch":{},"votedId":{}}})", epoch, vote);
    auto& file = disks.files[{1, "data/__cluster_metadata-0/quorum-state"}];
    file.bytes = to_buffer(as_bytes(text));
    file.durable = durable ? text.size() : 0;
  };
  store(3, 2, true);
  emit(1, RaftStateChanged{"unattached", 3, -1, 2});
  emit(1, RaftVoteGranted{3});
  EXPECT_EQ(cries(), "");
  store(4, 2, false);
  emit(1, RaftVoteGranted{4});
  EXPECT_TRUE(cried("M1"));
}

TEST_F(Story, M2CriesWhenMetadataLogsForkWithinAnEpoch) {
  write(1, 0, 1, {a}, kMetadataLog);
  write(2, 0, 1, {b}, kMetadataLog);
  EXPECT_TRUE(cried("M2"));
}

TEST_F(Story, M3CriesWhenTheWatermarkRestsOnUnsyncedCopies) {
  emit(1, RaftStateChanged{"leader", 1, 1, 1});
  for (int32_t node : {1, 2, 3}) write(node, 0, 1, {a}, kMetadataLog);
  log_file(2, kMetadataLog).durable = 0;
  log_file(3, kMetadataLog).durable = 0;
  emit(1, RaftHighWatermarkAdvanced{1, 1});
  EXPECT_TRUE(cried("M3"));
}

TEST_F(Story, M3CriesWhenALengthIsDurableAndTheBytesAreNot) {
  emit(1, RaftStateChanged{"leader", 1, 1, 1});
  for (int32_t node : {1, 2}) write(node, 0, 1, {a}, kMetadataLog);
  log_file(2, kMetadataLog).torn_from = 70;
  emit(1, RaftHighWatermarkAdvanced{1, 1});
  EXPECT_TRUE(cried("M3"));
}

TEST_F(Story, M3AcceptsASnapshotForTheLogBelowIt) {
  const auto file = [&](int32_t node, std::string_view name) -> FakeDisks::FakeFile& {
    return disks.files[{node, fmt::format("data/{}/{}", kMetadataLog, name)}];
  };
  emit(1, RaftStateChanged{"leader", 1, 1, 1});
  write(1, 0, 1, {a}, kMetadataLog);
  write(1, 1, 1, {b}, kMetadataLog);
  write(2, 0, 1, {a}, kMetadataLog);
  // Node 2 replaces its log by a snapshot, and a new one begins there.
  disks.files.erase({2, fmt::format("data/{}/{:020}.log", kMetadataLog, 0)});
  file(2, "00000000000000000002-0000000001.checkpoint");
  file(2, "00000000000000000002.log");
  emit(2, LogTruncated{kMetadataLog, kTopic, 0, 1, 2});
  emit(1, RaftHighWatermarkAdvanced{1, 2});
  write(1, 2, 1, {c}, kMetadataLog);
  auto& begun = file(2, "00000000000000000002.log");
  begun.bytes = batch(2, 1, {c});
  begun.durable = begun.bytes.size();
  emit(2, LogAppended{kMetadataLog, kTopic, 0, 2, 3, 1});
  emit(1, RaftHighWatermarkAdvanced{1, 3});
  emit(2, RaftStateChanged{"leader", 2, 2, 2});
  EXPECT_FALSE(cried("M2") || cried("M3"));
}

TEST_F(Story, M3CriesWhenALaterLeaderLacksCommittedMetadata) {
  emit(1, RaftStateChanged{"leader", 1, 1, 1});
  write(1, 0, 1, {a}, kMetadataLog);
  write(2, 0, 1, {a}, kMetadataLog);
  emit(1, RaftHighWatermarkAdvanced{1, 1});
  EXPECT_FALSE(cried("M3"));
  emit(3, RaftStateChanged{"leader", 2, 3, 3});
  EXPECT_TRUE(cried("M3"));
}

class Images : public Story {
 protected:
  void publish(int32_t node, int64_t offset, MetadataImage image, bool snapshot = false) {
    image.provenance = {offset, 1, 1000};
    const auto shared = std::make_shared<const MetadataImage>(std::move(image));
    emit(node, MetadataPublished{offset, 1, snapshot, &shared});
  }
  // A topic, led by `leader`.
  static void put(MetadataImage& image, Uuid id, const std::string& name, int32_t leader) {
    auto partition = std::make_shared<PartitionRegistration>();
    partition->replicas = partition->isr = {1, 2, 3};
    partition->leader = leader;
    auto topic = std::make_shared<TopicImage>();
    topic->name = name;
    topic->id = id;
    topic->partitions.set(0, partition);
    image.topics.by_id.set(id, topic);
    image.topics.by_name.set(name, id);
  }
};

TEST_F(Images, M4AcceptsTheSameImageHoweverItCameAbout) {
  MetadataImage image;
  put(image, kTopic, "orders", 1);
  publish(1, 5, image);
  publish(2, 5, image);
  put(image, kTopic, "orders", 2);
  image.configs.by_resource.set(ConfigResource::topic("orders"),
                                std::make_shared<const ConfigMap>(ConfigMap{{"retention.ms", "1"}}));
  publish(1, 6, image);
  image.topics.by_id.erase(kTopic);
  image.topics.by_name.erase(std::string("orders"));
  publish(1, 7, image);
  // Another saw only the last, in parts of its own.
  MetadataImage other;
  other.configs.by_resource.set(ConfigResource::topic("orders"),
                                std::make_shared<const ConfigMap>(ConfigMap{{"retention.ms", "1"}}));
  publish(3, 7, other, true);
  EXPECT_EQ(cries(), "");
}

TEST_F(Images, M4CriesWhenASnapshotForgotSomething) {
  MetadataImage image;
  put(image, kTopic, "orders", 1);
  put(image, Uuid{8, 8}, "payments", 1);
  publish(1, 5, image);
  MetadataImage forgetful;
  put(forgetful, kTopic, "orders", 1);
  publish(2, 5, forgetful, true);
  EXPECT_TRUE(cried("M4"));
}

TEST_F(Images, M4CriesWhenAReplayDivergesLater) {
  MetadataImage image;
  put(image, kTopic, "orders", 1);
  publish(1, 5, image);
  publish(2, 5, image);
  put(image, kTopic, "orders", 2);
  publish(1, 6, image);
  publish(1, 7, image);
  publish(2, 6, image);
  EXPECT_FALSE(cried("M4"));
  put(image, kTopic, "orders", 3);
  publish(2, 7, image);
  EXPECT_TRUE(cried("M4"));
}

TEST_F(Images, M4CriesWhenMetadataGoesBack) {
  publish(1, 5, {});
  publish(1, 4, {});
  EXPECT_TRUE(cried("M4"));
}

TEST_F(Story, LCriesForLeaderlessPartitionsAndForPendingSends) {
  emit(1, ControllerActivated{1});
  emit(1, PartitionChanged{"orders", kTopic, 0, -1, 1, 1, {}, {}, false});
  end();
  EXPECT_TRUE(cried("L"));
}

TEST_F(Story, LCriesForAStuckReaderAndForOneThatNeverBegan) {
  emit(1, ControllerActivated{1});
  lead(1, 0);
  replicate({1, 2, 3}, 0, 0, {a, b});
  high_watermark(1, 2);
  assign();
  set_position(0, "assigned");
  consume(0, a);
  const auto judged = [&] {
    verdicts = {};
    end();
    return cried("L");
  };
  EXPECT_TRUE(judged()) << "it has not read b";
  consume(1, b);
  EXPECT_FALSE(judged());
  assign(2);
  EXPECT_TRUE(judged()) << "the second has read nothing";
}

TEST_F(Story, LAsksNothingOfAReaderThatHasDied) {
  emit(1, ControllerActivated{1});
  lead(1, 0);
  assign(1);
  replicate({1, 2, 3}, 0, 0, {a});
  high_watermark(1, 1);
  for (auto& checker : checkers) checker->on_reader_gone(1);
  end();
  EXPECT_FALSE(cried("L"));
  EXPECT_FALSE(cried("K1"));
}

TEST_F(Story, LCriesForACallOfAReaderThatNeverEnds) {
  emit(1, ControllerActivated{1});
  lead(1, 0);
  ReaderCall call{1, "poll", tick(), {}, {}};
  for (auto& checker : checkers) checker->on_reader_call(call);
  end();
  EXPECT_FALSE(cried("L")) << "it may still wait";
  now = now + seconds(60);
  end();
  EXPECT_TRUE(cried("L"));
}

TEST_F(Story, LCriesWhenHealingComesToNoEnd) {
  emit(1, ControllerActivated{1});
  lead(1, 0);
  for (auto& checker : checkers) checker->on_unrest("broker-2", "it is down", tick());
  EXPECT_TRUE(cried("L"));
}

TEST_F(Story, LLetsAPartitionStayOfflineBeyondTheBudgetAndItsReadersBehind) {
  emit(1, ControllerActivated{1});
  lead(1, 0);
  replicate({1, 2, 3}, 0, 0, {a});
  high_watermark(1, 1);
  assign();
  for (int32_t node : {1, 2}) {
    log_file(node).bytes.clear();
    fault(node, NodeFault::power_lost);
  }
  emit(3, ControllerActivated{2});
  emit(3, PartitionChanged{"orders", kTopic, 0, -1, 1, 1, {}, {}, false});
  end();
  EXPECT_FALSE(cried("L"));
}

TEST_F(Story, LCriesForAnIncompleteIsr) {
  emit(1, ControllerActivated{1});
  lead(1, 0, {1, 2});
  end();
  EXPECT_TRUE(cried("L"));
}

}  // namespace
}  // namespace ksim::sim
