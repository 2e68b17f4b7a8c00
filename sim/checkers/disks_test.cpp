// Stories of what a log knows once it is loaded (S2: its indexes, its high watermark), and of what its disk
// would keep through a power loss (S3).

#include "sim/checkers/test_story.h"

namespace ksim::sim {
namespace {

// One record a batch, of the times 1000, 3000, 2000 and 4000.
struct IndexStory : Story {
  std::vector<int64_t> positions;
  void SetUp() override {
    Story::SetUp();
    int64_t offset = 0;
    for (const int64_t ms : {1000, 3000, 2000, 4000}) {
      BatchOptions options;
      options.base_offset = offset++;
      options.leader_epoch = 0;
      BatchBuilder builder(options);
      builder.append({ms, std::nullopt, Bytes(), {}});
      positions.push_back(static_cast<int64_t>(log_file(1).bytes.size()));
      write_batch(1, builder.build());
    }
  }
  static LogFacts known() {
    LogFacts facts;
    facts.end_offset = 4;
    facts.epochs = {{0, 0}};
    return facts;
  }
  bool minded(std::vector<LogFacts::Position> offsets, std::vector<LogFacts::Time> times,
              int64_t largest_ms = 4000) {
    verdicts = {};
    LogFacts facts = known();
    facts.indexes = {{0, true, std::move(offsets), std::move(times), largest_ms}};
    loaded(1, facts);
    return cried("S2");
  }
};

TEST_F(IndexStory, S2AcceptsWhateverLeadsToTheRightBatch) {
  EXPECT_FALSE(minded({}, {}));
  EXPECT_FALSE(minded({{1, positions[1]}, {3, positions[3]}}, {{3000, 1}, {4000, 3}}));
  EXPECT_FALSE(minded({{2, positions[2]}}, {{3000, 1}})) << "a chunk of two batches";
  EXPECT_FALSE(minded({{2, positions[1]}}, {})) << "begins early";
}

TEST_F(IndexStory, S2CriesWhenALookupOfAnOffsetMissesItsBatch) {
  EXPECT_TRUE(minded({{1, positions[2]}}, {})) << "begins behind";
  EXPECT_TRUE(minded({{1, positions[1] + 1}}, {})) << "begins within a batch";
  EXPECT_TRUE(minded({{3, positions[3] + 100000}}, {})) << "begins where nothing is";
  EXPECT_TRUE(minded({{1, positions[1]}, {0, 0}}, {})) << "an empty entry at the end (rule A29)";
}

TEST_F(IndexStory, S2CriesWhenALookupOfATimeMissesItsRecord) {
  const std::vector<LogFacts::Position> all{{1, positions[1]}, {2, positions[2]}, {3, positions[3]}};
  EXPECT_FALSE(minded(all, {{3000, 1}}));
  EXPECT_TRUE(minded(all, {{3000, 2}})) << "begins behind the first record of that time";
  EXPECT_TRUE(minded(all, {{2500, 3}})) << "passes over a later time";
  EXPECT_TRUE(minded(all, {{4000, 9}})) << "begins where nothing is";
  EXPECT_TRUE(minded(all, {{3000, 1}, {0, 0}})) << "an empty entry at the end";
  EXPECT_TRUE(minded(all, {}, 3000)) << "a lookup of 4000 passes over the segment";
}

TEST_F(IndexStory, S2ReadsIndexesThatAreNotInMemoryFromTheDisk) {
  const auto story = [&](int64_t offset, int64_t position, int64_t ms, int64_t at) {
    verdicts = {};
    uint8_t index[8];
    store_be(index, static_cast<int32_t>(offset));
    store_be(index + 4, static_cast<int32_t>(position));
    keep(1, "data/orders-0/00000000000000000000.index", as_text(Bytes(index)));
    uint8_t times[12];
    store_be(times, ms);
    store_be(times + 8, static_cast<int32_t>(at));
    keep(1, "data/orders-0/00000000000000000000.timeindex", as_text(Bytes(times)));
    LogFacts facts = known();
    facts.indexes.emplace_back();
    loaded(1, facts);
    return cried("S2");
  };
  EXPECT_FALSE(story(3, positions[3], 4000, 3));
  EXPECT_TRUE(story(2, positions[3], 4000, 3));
  EXPECT_TRUE(story(3, positions[3], 3000, 1)) << "it was closed without its newest time";
}

TEST_F(IndexStory, S2CriesForAHighWatermarkThatWasNotReached) {
  const auto story = [&](int64_t loaded_as, std::string_view checkpoint) {
    verdicts = {};
    keep(1, "data/replication-offset-checkpoint", checkpoint);
    LogFacts facts = known();
    facts.high_watermark = loaded_as;
    loaded(1, facts);
    return cried("S2");
  };
  lead(1, 0);
  high_watermark(1, 2);
  EXPECT_FALSE(story(0, "0\n1\norders 0 2\n"));
  EXPECT_TRUE(story(0, "0\n1\norders 0 3\n"));
  EXPECT_TRUE(story(5, "0\n1\norders 0 2\n")) << "above the end";
}

// ---- S3 ----

constexpr std::string_view kPoints = "data/recovery-point-offset-checkpoint";
constexpr std::string_view kStarts = "data/log-start-offset-checkpoint";
constexpr std::string_view kMarker = "data/.kafka_cleanshutdown";

struct DurableStory : Story {
  void SetUp() override {
    Story::SetUp();
    lead(1, 0);
    replicate({1}, 0, 0, {a, b});
    loaded(1, log_of(0, 2, 0, {{0, 0}}));
  }
  bool checkpoint(std::string_view text, uint64_t durable) {
    verdicts = {};
    keep(1, std::string(kPoints), text);
    disks.files[{1, std::string(kPoints)}].durable = durable;
    emit(1, CheckpointWritten{"data", "recovery-point-offset-checkpoint"});
    return cried("S3");
  }
};

TEST_F(DurableStory, S3CriesWhenACheckpointThatWasWrittenIsNotOnTheDisk) {
  EXPECT_FALSE(checkpoint("0\n1\norders 0 2\n", 15));
  EXPECT_TRUE(checkpoint("0\n1\norders 0 2\n", 14));
  EXPECT_TRUE(checkpoint("0\n2\norders 0 2\n", 15)) << "malformed";
}

TEST_F(DurableStory, S3CriesWhenARecoveryPointSpeaksOfBytesThatAreNotOnTheDisk) {
  log_file(1).torn_from = 0;
  EXPECT_FALSE(checkpoint("0\n1\norders 0 0\n", 15));
  EXPECT_TRUE(checkpoint("0\n1\norders 0 2\n", 15));
}

TEST_F(DurableStory, S3CriesWhenTheIndexOfAFlushedSegmentIsNotOnItsDisk) {
  const std::string index = fmt::format("data/{}/{:020}.timeindex", kLog, 0);
  keep(1, index, "an entry");
  disks.files[{1, index}].durable = 3;
  EXPECT_FALSE(checkpoint("0\n1\norders 0 1\n", 15)) << "of the last segment it is made anew";
  keep(1, fmt::format("data/{}/{:020}.log", kLog, 1), "");
  EXPECT_TRUE(checkpoint("0\n1\norders 0 1\n", 15));
}

TEST_F(DurableStory, S3CriesWhenACheckpointIsTornByAPowerLoss) {
  keep(1, "data/replication-offset-checkpoint", "0\n1\norders 0 2\n");
  fault(1, NodeFault::power_lost);
  EXPECT_FALSE(cried("S3"));
  keep(1, "data/replication-offset-checkpoint", "0\n1\nord");
  fault(1, NodeFault::power_lost);
  EXPECT_TRUE(cried("S3"));
}

TEST_F(DurableStory, S3CriesWhenWhatIsCutStillCountsAsFlushed) {
  keep(1, std::string(kPoints), "0\n1\norders 0 1\n");
  emit(1, LogTruncated{kLog, kTopic, 0, 2, 1});
  EXPECT_FALSE(cried("S3"));
  emit(1, LogTruncated{kLog, kTopic, 0, 1, 0});
  EXPECT_TRUE(cried("S3"));
}

TEST_F(DurableStory, S3CriesWhenWhatRecoveryHasCutStillCountsAsFlushed) {
  keep(1, std::string(kPoints), "0\n1\norders 0 2\n");
  emit(1, LogLoaded{kLog, kTopic, 0, false, 0, 2, 0, nullptr});
  EXPECT_FALSE(cried("S3"));
  emit(1, LogLoaded{kLog, kTopic, 0, false, 0, 1, 90, nullptr});
  EXPECT_TRUE(cried("S3"));
}

TEST_F(DurableStory, S3CriesWhenAPowerLossWouldBringBackWhatWasCut) {
  auto& file = log_file(1);
  file.bytes.resize(file.bytes.size() / 2);
  file.durable = file.bytes.size();
  emit(1, LogTruncated{kLog, kTopic, 0, 2, 1});
  EXPECT_FALSE(cried("S3"));
  file.bytes.clear();
  emit(1, LogTruncated{kLog, kTopic, 0, 1, 0});
  EXPECT_TRUE(cried("S3"));
}

TEST_F(DurableStory, S3KnowsThatALogWithoutBatchesEndsWhereItsFileBegins) {
  keep(1, std::string(kPoints), "0\n1\norders 0 2\n");
  disks.files.erase({1, "data/orders-0/00000000000000000000.log"});
  disks.files[{1, "data/orders-0/00000000000000000002.log"}] = {};
  fault(1, NodeFault::power_lost);
  EXPECT_FALSE(cried("S3"));
  disks.files.erase({1, "data/orders-0/00000000000000000002.log"});
  disks.files[{1, "data/orders-0/00000000000000000001.log"}] = {};
  fault(1, NodeFault::power_lost);
  EXPECT_TRUE(cried("S3"));
}

TEST_F(DurableStory, S3CriesWhenAPowerLossWouldTakeALogStartBack) {
  keep(1, std::string(kStarts), "0\n1\norders 0 1\n");
  emit(1, LogStartMoved{kLog, kTopic, 0, 1, "leader offset increment"});
  EXPECT_FALSE(cried("S3"));
  emit(1, LogStartMoved{kLog, kTopic, 0, 2, "leader offset increment"});
  EXPECT_TRUE(cried("S3"));
}

TEST_F(DurableStory, S3LetsTheFilesTellWhereALogStarts) {
  disks.files[{1, "data/orders-0/00000000000000000002.log"}] = {};
  disks.files.erase({1, "data/orders-0/00000000000000000000.log"});
  emit(1, LogStartMoved{kLog, kTopic, 0, 2, "leader offset increment"});
  EXPECT_FALSE(cried("S3"));
}

TEST_F(DurableStory, S3LetsTheRecoveryPointOfADeletedTopicOutliveItsLog) {
  const auto recovery_point_remains = [&] {
    keep(1, "data/recovery-point-offset-checkpoint", "0\n1\norders 0 2\n");
    log_file(1).bytes.clear();
    log_file(1).durable = 0;
    fault(1, NodeFault::power_lost);
    fault(1, NodeFault::started);
  };
  view.deleting_topic("orders");
  recovery_point_remains();
  EXPECT_FALSE(cried("S3"));
  emit(1, PartitionChanged{"orders", {8, 8}, 0, 1, 0, 0, std::vector<int32_t>{1}, {}, false});
  recovery_point_remains();
  EXPECT_TRUE(cried("S3"));
}

TEST_F(DurableStory, S3CriesWhenALogStartIsLoadedThatIsLowerThanItWas) {
  keep(1, std::string(kStarts), "0\n1\norders 0 1\n");
  emit(1, LogStartMoved{kLog, kTopic, 0, 1, "leader offset increment"});
  fault(1, NodeFault::power_lost);
  fault(1, NodeFault::started);
  loaded(1, log_of(1, 2, 0, {{0, 1}}));
  EXPECT_FALSE(cried("S3"));
  loaded(1, log_of(0, 2, 0, {{0, 0}}));
  EXPECT_TRUE(cried("S3"));
}

TEST_F(DurableStory, S3CriesWhenAPowerLossWouldTakeTheTopicIdOfALog) {
  emit(1, LogLoaded{kLog, kTopic, 0, true, 0, 2, 0, nullptr});
  EXPECT_FALSE(cried("S3"));
  disks.files[{1, "data/orders-0/partition.metadata"}].durable = 4;
  emit(1, LogLoaded{kLog, kTopic, 0, true, 0, 2, 0, nullptr});
  EXPECT_TRUE(cried("S3"));
}

TEST_F(DurableStory, S3CriesWhenALogIsInUseAndAPowerLossWouldLeaveTheMarker) {
  keep(1, std::string(kMarker), "{}");
  loaded(1, log_of(0, 2, 0, {{0, 0}}));
  EXPECT_TRUE(cried("S3"));
}

// A broker that is a controller as well: it resigns after its logs are closed.
TEST_F(DurableStory, S3LetsAPowerLossLeaveTheMarkerOfABrokerThatHasClosedItsLogs) {
  loaded(1, log_of(0, 2, 0, {{0, 0}}));
  emit(1, BrokerStateChanged{"SHUTTING_DOWN"});
  keep(1, std::string(kMarker), "{}");
  fault(1, NodeFault::power_lost);
  EXPECT_FALSE(cried("S3"));
  fault(1, NodeFault::started);
  disks.files.erase({1, std::string(kMarker)});
  loaded(1, log_of(0, 2, 0, {{0, 0}}));
  keep(1, std::string(kMarker), "{}");
  fault(1, NodeFault::power_lost);
  EXPECT_TRUE(cried("S3")) << "it had begun again";
}
TEST_F(DurableStory, S3CriesWhenAPowerLossLeavesTheMarkerAndNotTheLog) {
  loaded(1, log_of(0, 2, 0, {{0, 0}}));
  emit(1, BrokerStateChanged{"SHUTTING_DOWN"});
  keep(1, std::string(kMarker), "{}");
  log_file(1).bytes.clear();
  fault(1, NodeFault::power_lost);
  EXPECT_TRUE(cried("S3"));
}

TEST_F(DurableStory, S3CriesWhenAMarkerVouchesForWhatIsNotOnTheDisk) {
  fault(1, NodeFault::stopped);
  EXPECT_FALSE(cried("S3")) << "no marker";
  keep(1, std::string(kMarker), "{}");
  fault(1, NodeFault::stopped);
  EXPECT_FALSE(cried("S3"));
  log_file(1).torn_from = 0;
  fault(1, NodeFault::stopped);
  EXPECT_TRUE(cried("S3"));
}

TEST_F(DurableStory, S3CriesWhenTheMarkerItselfIsNotOnTheDisk) {
  keep(1, std::string(kMarker), "{}");
  disks.files[{1, std::string(kMarker)}].named = false;
  fault(1, NodeFault::stopped);
  EXPECT_FALSE(cried("S3")) << "it has not written it: a process that died before has";
  fault(1, NodeFault::started);
  emit(1, BrokerStateChanged{"SHUTTING_DOWN"});
  fault(1, NodeFault::stopped);
  EXPECT_TRUE(cried("S3"));
}

TEST_F(DurableStory, S3CriesWhenAFinishedSnapshotIsNotOnTheDiskOrGoesWithThePower) {
  const std::string path = "data/__cluster_metadata-0/00000000000000000007-0000000001.checkpoint";
  keep(2, path, "all of it");
  emit(2, RaftSnapshotWritten{7, 1, false});
  fault(2, NodeFault::power_lost);
  EXPECT_FALSE(cried("S3"));
  disks.files[{2, path}].durable = 3;
  emit(2, RaftSnapshotWritten{7, 1, false});
  EXPECT_TRUE(cried("S3"));
  verdicts = {};
  disks.files.erase({2, path});
  fault(2, NodeFault::power_lost);
  EXPECT_TRUE(cried("S3"));
}

TEST_F(Story, M1CriesWhenAPowerLossTakesTheQuorumState) {
  const std::string path = "data/__cluster_metadata-0/quorum-state";
  keep(1, path, R"({"leaderEpoch":3,"votedId":-1})");
  emit(1, RaftStateChanged{"follower", 3, 2, -1});
  fault(1, NodeFault::power_lost);
  EXPECT_FALSE(cried("M1"));
  disks.files.erase({1, path});
  fault(1, NodeFault::power_lost);
  EXPECT_TRUE(cried("M1"));
}

// A power loss may take what is in the middle; recovery cuts the log off there.
TEST_F(Story, R2TakesNoHoleForAPastBeforeTheLogIsLoaded) {
  lead(2, 1);
  for (const int32_t node : {2, 3}) write(node, 0, 1, {a}), write(node, 1, 1, {b}), write(node, 2, 1, {c});
  const ByteBuffer first = batch(0, 1, {a}), third = batch(2, 1, {c});
  log_file(3).bytes = first;
  log_file(3).bytes.insert(log_file(3).bytes.end(), third.begin(), third.end());
  fault(3, NodeFault::power_lost);
  fault(3, NodeFault::started);
  write(1, 0, 1, {a}), write(1, 1, 1, {b}), write(1, 2, 1, {c});
  EXPECT_FALSE(cried("R2"));
  loaded(3, log_of(0, 3, 0, {{1, 0}}));
  EXPECT_TRUE(cried("R2")) << "recovery has left the hole";
}

TEST_F(Story, R2CriesForAnotherPastInALogThatIsNotLoadedYet) {
  lead(3, 1);
  write(3, 0, 1, {a}), write(3, 1, 1, {b});
  fault(3, NodeFault::power_lost);
  write(1, 0, 0, {c}), write(1, 1, 1, {b});
  EXPECT_TRUE(cried("R2"));
}

// ---- what is committed after a permitted loss ----

TEST_F(Story, WhatANewLeaderLacksAfterAPermittedLossIsCommittedNoMore) {
  view.promise("orders", {3, 2, true});
  lead(1, 0, {1, 2});
  replicate({1, 2, 3}, 0, 0, {a});
  replicate({1, 2}, 1, 0, {b});
  high_watermark(1, 2);
  lead(3, 1, {3}, true);  // nothing is written after it, and it has no more to say of its high watermark
  EXPECT_EQ(view.partition(0)->committed_end(), 1);
  EXPECT_EQ(view.partition(0)->lost.size(), 1U);
}

TEST_F(Story, WhatANewLeaderLacksWithoutAPermittedLossIsCommittedStill) {
  lead(1, 0, {1, 2});
  replicate({1, 2, 3}, 0, 0, {a});
  replicate({1, 2}, 1, 0, {b});
  high_watermark(1, 2);
  lead(3, 1, {3});
  EXPECT_EQ(view.partition(0)->committed_end(), 2);
}

// Broker 2 is elected, and 1 does not hear of it. One destroyed copy permits a loss.
struct ReplacedLeader : Story {
  void SetUp() override {
    Story::SetUp();
    view.promise("orders", {3, 1, false});
    lead(1, 0);
    replicate({1, 2, 3}, 0, 0, {a});
    high_watermark(1, 1);
  }
  void is_replaced() {
    const std::vector<int32_t> isr{2, 3};
    emit(3, PartitionChanged{"orders", kTopic, 0, 2, 1, 1, isr, {}, false});
    emit(2, BecameLeader{"orders", kTopic, 0, 1, 1, 1, isr});
  }
  void loses_what_is_behind_the_first(int32_t node) {
    log_file(node).bytes = batch(0, 0, {a});
    fault(node, NodeFault::power_lost);
    fault(node, NodeFault::started);
  }
  const PartitionTruth& truth() const { return *view.partition(0); }
};

TEST_F(ReplacedLeader, TakesNothingAwayThatWasCommittedWithoutIt) {
  is_replaced();
  replicate({2, 3}, 1, 1, {b});
  high_watermark(2, 2, true, 1);
  loses_what_is_behind_the_first(3);
  ASSERT_TRUE(view.loss_permitted(0, truth().committed.back()));
  write(1, 1, 0, {c});
  high_watermark(1, 1);
  EXPECT_EQ(truth().committed_end(), 2);
  EXPECT_TRUE(truth().lost.empty());
}

TEST_F(ReplacedLeader, AddsNothingToAnotherLog) {
  replicate({1, 2, 3}, 1, 0, {b});
  high_watermark(1, 2);
  loses_what_is_behind_the_first(2);
  is_replaced();
  EXPECT_EQ(truth().committed_end(), 1);
  write(2, 1, 1, {c});
  high_watermark(2, 2, true, 1);
  write(1, 2, 0, {c});
  high_watermark(1, 3);
  EXPECT_EQ(truth().committed_end(), 2);
}

// Its followers had heard of nothing either, and its successor does not know how far that was committed.
TEST_F(ReplacedLeader, MayStillTellWhatWasCommittedBefore) {
  replicate({1, 2, 3}, 1, 0, {b});
  is_replaced();
  high_watermark(1, 2);
  EXPECT_EQ(truth().committed_end(), 2);
}

// ---- what eligible leader replicas are for ----

// Broker 1 is the last of the ISR, loses its tail with the power, and stays. Whether R6 or R1 minds.
struct ElrOffStory : Story {
  bool minded(std::vector<int32_t> isr) {
    lead(1, 0, {1, 2, 3});
    replicate({1, 2, 3}, 0, 0, {a});
    high_watermark(1, 1);
    emit(2, PartitionChanged{"orders", kTopic, 0, -1, 1, 1, isr, {}, false});
    log_file(1).bytes.clear();
    fault(1, NodeFault::power_lost);
    fault(1, NodeFault::started);
    emit(2, BrokerRegistered{1, 9, false});
    emit(2, PartitionChanged{"orders", kTopic, 0, 1, 2, 2, std::vector<int32_t>{1}, {}, false});
    emit(1, BecameLeader{"orders", kTopic, 0, 2, 0, 0, std::vector<int32_t>{1}});
    return cried("R6") || cried("R1");
  }
};
TEST_F(ElrOffStory, ALoneMemberMayNotComeBackWithoutItsTail) { EXPECT_TRUE(minded({1})); }
TEST_F(ElrOffStory, WithoutElrTheLastMemberOfTheIsrMayComeBackWithoutItsTail) {
  view.on_elr_off();
  EXPECT_FALSE(minded({1}));
}
TEST_F(ElrOffStory, WithoutElrOneOfTwoMembersMayNotLeadWithoutItsTail) {
  view.on_elr_off();
  EXPECT_TRUE(minded({1, 2}));
}

// Broker 3 follows 1, who was alone in the ISR.
struct AskedStory : Story {
  bool minded() {
    emit(1, PartitionChanged{"orders", kTopic, 0, 1, 0, 0, std::vector<int32_t>{1}, {}, false});
    emit(1, PartitionChanged{"orders", kTopic, 0, -1, 1, 1, std::vector<int32_t>{1}, {}, false});
    emit(1, PartitionChanged{"orders", kTopic, 0, 3, 2, 2, std::vector<int32_t>{3}, {}, true});
    return cried("R6");
  }
};
TEST_F(AskedStory, R6LetsAnAdministratorElectUncleanly) {
  view.on_unclean_asked(0);
  EXPECT_FALSE(minded());
  EXPECT_EQ(view.partition(0)->unclean.size(), 1U) << "and it excuses a loss";
}
TEST_F(AskedStory, R6LetsAnAdministratorsWordGoNoFurtherThanItsAnswer) {
  view.on_forwarded_again();
  view.on_unclean_answered(0, view.on_unclean_asked(0));
  EXPECT_TRUE(minded());
}
TEST_F(AskedStory, R6KnowsThatAnAnswerIsOneToItsOwnCall) {
  const uint64_t unanswered = view.on_unclean_asked(0);
  view.on_unclean_answered(0, view.on_unclean_asked(0));
  EXPECT_FALSE(minded()) << "the first one may be under way yet";
  view.on_unclean_answered(0, unanswered);
  EXPECT_TRUE(view.partition(0)->unclean_asked.empty());
}
TEST_F(AskedStory, R6LetsHappenAgainWhatABrokerHasForwardedAgain) {
  const uint64_t call = view.on_unclean_asked(0);
  view.on_forwarded_again();
  view.on_unclean_answered(0, call);
  EXPECT_FALSE(minded());
}
TEST_F(AskedStory, R6LetsAnAdministratorsWordCountForItsPartitionOnly) {
  view.on_unclean_asked(names.id("orders", 1));
  EXPECT_TRUE(minded());
}

// Who led last, where changes of the controller were told to nobody: whether 3 is minded.
struct UnheardStory : Story {
  void tell(int32_t leader, int32_t epoch) {
    std::vector<int32_t> isr;
    if (leader >= 0) isr.push_back(leader);
    emit(1, PartitionChanged{"orders", kTopic, 0, leader, epoch, epoch, isr, {}, leader == 3});
  }
  bool minded(int32_t epoch) {
    tell(3, epoch);
    return cried("R6");
  }
};
TEST_F(UnheardStory, R6MindsWhoDidNotLeadLast) {
  tell(1, 0);
  tell(-1, 1);
  EXPECT_TRUE(minded(2));
}
TEST_F(UnheardStory, R6DoesNotKnowWhoLedBeforeTheFirstWord) {
  tell(-1, 1);
  EXPECT_FALSE(minded(2));
}
TEST_F(UnheardStory, R6KnowsThatNobodyLedBeforeTheFirstEpoch) {
  tell(-1, 0);
  EXPECT_TRUE(minded(1));
}
TEST_F(UnheardStory, R6DoesNotKnowWhoLedInBetween) {
  tell(1, 0);
  tell(-1, 3);
  tell(-1, 4);
  EXPECT_FALSE(minded(5));
}
// Whether 1, who led last, is minded where 2 was eligible and has died since: nobody told of its
// registration.
struct UntoldRegistration : Story {
  bool minded(bool new_controller) {
    const std::vector<int32_t> last{1}, elr{2};
    fault(2, NodeFault::crashed);
    emit(1, ControllerActivated{1});
    emit(1, PartitionChanged{"orders", kTopic, 0, 1, 0, 0, last, {}, false});
    emit(1, PartitionChanged{"orders", kTopic, 0, -1, 1, 1, {}, elr, false});
    if (new_controller) emit(3, ControllerActivated{2});
    emit(1, PartitionChanged{"orders", kTopic, 0, 1, 2, 2, last, {}, true});
    return cried("R6");
  }
};
TEST_F(UntoldRegistration, R6KnowsThatANewControllerDoesNotTellOfIt) { EXPECT_FALSE(minded(true)); }
TEST_F(UntoldRegistration, R6MindsItWithoutANewController) { EXPECT_TRUE(minded(false)); }

TEST_F(UnheardStory, R6KnowsItAgainFromTheNextOneOn) {
  tell(1, 0);
  tell(-1, 3);
  tell(2, 4);
  tell(-1, 5);
  EXPECT_TRUE(minded(6));
}

}  // namespace
}  // namespace ksim::sim
