// What is committed where logs take turns by unclean elections.

#include "sim/checkers/test_story.h"

namespace ksim::sim {
namespace {

// Two logs take turns by unclean elections; the one that comes back keeps nothing below 2 any more.
struct LogsThatTakeTurns : Story {
  void comes_back(bool empty) {
    view.promise("orders", {3, 1, true, 1000});
    lead(1, 0, {1});
    write(1, 0, 0, {a});
    write(1, 1, 0, {a});
    write(1, 2, 0, {b});
    high_watermark(1, 3);
    lead(3, 1, {3}, true);
    replicate({3}, 0, 1, {c});
    if (!empty) replicate({3}, 1, 1, {c});
    high_watermark(3, empty ? 1 : 2, true, 1);
    log_file(1).bytes.clear();
    if (!empty) log_file(1).bytes = batch(2, 0, {b});
    auto& file = disks.files[{1, fmt::format("data/{}/{:020}.log", kLog, empty ? 3 : 2)}];
    std::swap(file, log_file(1));
    disks.files.erase({1, fmt::format("data/{}/{:020}.log", kLog, 0)});
    const int64_t start = empty ? 3 : 2;
    loaded(1, log_of(start, 3, start, {}));
    lead(1, 2, {1}, true);
  }
  const PartitionTruth& truth() const { return *view.partition(0); }
};

TEST_F(LogsThatTakeTurns, WhatIsBelowARecordOfAnOlderEpochIsGone) {
  comes_back(false);
  high_watermark(1, 3, true, 2);
  EXPECT_EQ(truth().lost.size(), 5U) << "all three of the first log, then both of the second";
  ASSERT_EQ(truth().committed.size(), 1U);
  EXPECT_EQ(truth().committed.front().base_offset, 2);
  EXPECT_EQ(truth().deleted_below, 2);
}

TEST_F(LogsThatTakeTurns, ALogThatKeepsNothingIsCommittedToItsEnd) {
  comes_back(true);
  EXPECT_EQ(truth().committed_end(), 3);
  EXPECT_TRUE(truth().committed.empty());
}

// A client has deleted it all, in either log; but what only the other log had is gone with it.
TEST_F(Story, WhatOnlyAnotherLogHadIsGoneAlsoWhereAllWasDeleted) {
  view.promise("orders", {3, 1, true});
  session({1, "producer-1", 1, false, 1});
  lead(1, 0, {1});
  replicate({1, 2}, 0, 0, {a});
  replicate({1}, 1, 0, {a, a});
  emit(1, SegmentRolled{kLog, kTopic, 0, 3});
  disks.files[{1, fmt::format("data/{}/{:020}.log", kLog, 3)}].bytes = batch(3, 0, {b});
  emit(1, LogAppended{kLog, kTopic, 0, 3, 4, 0});
  high_watermark(1, 4);
  view.on_delete_records(0, 3);
  emit(1, LogStartMoved{kLog, kTopic, 0, 3, "client delete records request"});
  disks.files.erase({1, fmt::format("data/{}/{:020}.log", kLog, 0)});
  emit(2, LogStartMoved{kLog, kTopic, 0, 0, "leader offset increment"});
  lead(2, 1, {2}, true);
  write(2, 1, 1, {c});
  high_watermark(2, 2, true, 1);
  EXPECT_EQ(view.partition(0)->committed.size(), 2U);
  emit(2, LogStartMoved{kLog, kTopic, 0, 2, "client delete records request"});
  loaded(1, log_of(3, 4, 3, {}));
  lead(1, 2, {1}, true);
  high_watermark(1, 4, true, 2);
  EXPECT_FALSE(cried("P1")) << "b came after c only in another log";
  const PartitionTruth& truth = *view.partition(0);
  ASSERT_EQ(truth.committed.size(), 2U);
  EXPECT_EQ(truth.committed[0].base_offset, 0) << "which may have been the log's own";
  EXPECT_EQ(truth.committed[1].base_offset, 3);
}

// Its files are there for a while yet.
TEST_F(Story, WhatWasDeletedInALogThatComesBackIsDeleted) {
  view.promise("orders", {3, 1, true, 1000});
  lead(1, 0, {1, 2});
  replicate({1, 2, 3}, 0, 0, {a});
  replicate({1, 2}, 1, 0, {b});
  high_watermark(1, 2);
  lead(3, 1, {3}, true);
  EXPECT_EQ(view.partition(0)->committed_end(), 1);
  now = now + seconds(5);
  emit(2, LogStartMoved{kLog, kTopic, 0, 2, "segment deletion"});
  EXPECT_EQ(view.partition(0)->first_kept(), 0);
  lead(2, 2, {2}, true);
  EXPECT_EQ(view.partition(0)->first_kept(), 2);
}

// It hears of no election, nor of its own, and goes by the high watermark of before them.
struct ALeaderThatSleeps : Story {
  void deletes_when_elected() {
    view.promise("orders", {2, 1, true, 1000});
    lead(2, 0, {2});
    replicate({1, 2}, 0, 0, {a});
    write(2, 1, 0, {b, c});
    high_watermark(2, 3);
    lead(1, 1, {1}, true);
    write(1, 1, 1, {b});
    high_watermark(1, 2, true, 1);
    elected(2, {2}, true);
    deletes(3);
    EXPECT_FALSE(cried("S1"));
    EXPECT_EQ(view.partition(0)->first_kept(), 0) << "it counts once it leads";
  }
  void elected(int32_t epoch, std::vector<int32_t> isr, bool unclean) {
    const int32_t leader = isr.empty() ? -1 : isr[0];
    const std::vector<int32_t> elr(isr.empty() ? 1 : 0, 2);
    emit(3, PartitionChanged{"orders", kTopic, 0, leader, epoch, epoch, isr, elr, unclean});
  }
  void deletes(int64_t start) {
    now = now + seconds(5);
    emit(2, LogStartMoved{kLog, kTopic, 0, start, "segment deletion"});
  }
  void hears_that_it_leads(int32_t epoch) {
    const std::vector<int32_t> two = {2};
    emit(2, BecameLeader{"orders", kTopic, 0, epoch, 3, 3, two});
  }
};

TEST_F(ALeaderThatSleeps, DeletesInItsOwnLogBeforeItHearsThatItIsElected) {
  deletes_when_elected();
  hears_that_it_leads(2);
  EXPECT_EQ(view.partition(0)->first_kept(), 3);
  write(2, 3, 2, {a});
  deletes(4);
  EXPECT_TRUE(cried("S1")) << "nobody has told that this is committed";
}

TEST_F(ALeaderThatSleeps, MayBeElectedAgainMeanwhile) {
  deletes_when_elected();
  elected(3, {}, false);
  elected(4, {2}, false);
  hears_that_it_leads(2);
  hears_that_it_leads(4);
  EXPECT_EQ(view.partition(0)->first_kept(), 3);
}

// It tells no high watermark then, since that is where it was.
TEST_F(Story, WhatAnUncleanElectionBringsBackIsCommittedAsFarAsItWas) {
  view.promise("orders", {3, 1, true});
  lead(1, 0, {1});
  write(2, 0, 0, {a});
  write(1, 0, 0, {a});
  write(1, 1, 0, {b});
  write(1, 2, 0, {c});
  high_watermark(1, 2);
  lead(2, 1, {2}, true);
  EXPECT_EQ(view.partition(0)->committed_end(), 1);
  const std::vector<int32_t> isr = {1};
  emit(1, PartitionChanged{"orders", kTopic, 0, 1, 2, 2, isr, {}, true});
  emit(1, BecameLeader{"orders", kTopic, 0, 2, 3, 2, isr});
  EXPECT_EQ(view.partition(0)->committed_end(), 2);
  lead(2, 3, {2}, true);
  emit(1, BecameLeader{"orders", kTopic, 0, 4, 3, 2, isr});
  EXPECT_EQ(view.partition(0)->committed_end(), 1) << "and only once the controller has told of it";
  emit(1, PartitionChanged{"orders", kTopic, 0, 1, 4, 4, isr, {}, true});
  EXPECT_EQ(view.partition(0)->committed_end(), 2);
}

// It was cut off while another one led, whose log is gone; its follower has not heard of that either.
TEST_F(Story, WhoIsElectedUncleanlyCommitsBeforeItHearsOfThat) {
  view.promise("orders", {2, 1, true});
  lead(1, 0, {1, 2});
  replicate({1, 2}, 0, 0, {a});
  high_watermark(1, 1);
  const std::vector<int32_t> one = {1}, two = {2};
  emit(3, PartitionChanged{"orders", kTopic, 0, 2, 1, 1, two, {}, false});
  emit(3, PartitionChanged{"orders", kTopic, 0, -1, 2, 2, {}, two, false});
  emit(3, PartitionChanged{"orders", kTopic, 0, 1, 3, 3, one, {}, true});
  replicate({1, 2}, 1, 0, {b});
  high_watermark(1, 2);
  EXPECT_EQ(view.partition(0)->committed_end(), 2);
  acknowledge(b, 1);
  EXPECT_FALSE(cried("P2"));
  emit(3, PartitionChanged{"orders", kTopic, 0, 2, 4, 4, two, {}, true});
  write(1, 2, 0, {c});
  high_watermark(1, 3);
  EXPECT_EQ(view.partition(0)->committed_end(), 2) << "another one is";
}

// Broker 2 is elected uncleanly and stops: nobody leads, but for broker 1, which has not heard of all that.
struct ALeaderThatWasReplaced : Story {
  void replaced(std::vector<RecordId> before, std::vector<RecordId> after) {
    view.promise("orders", {3, 1, true, 1000});
    lead(1, 0, {1});
    write(1, 0, 0, before);
    high_watermark(1, static_cast<int64_t>(before.size()));
    const std::vector<int32_t> two = {2};
    emit(3, PartitionChanged{"orders", kTopic, 0, 2, 1, 1, two, {}, true});
    emit(2, BecameLeader{"orders", kTopic, 0, 1, 0, 0, two});
    write(2, 0, 1, after);
    high_watermark(2, static_cast<int64_t>(after.size()), true, 1);
    emit(3, PartitionChanged{"orders", kTopic, 0, -1, 2, 2, two, {}, false});
    emit(2, BecameFollower{"orders", kTopic, 0, -1, 2, static_cast<int64_t>(after.size())});
    fault(2, NodeFault::stopped);
  }
  void deletes_on(int64_t start) {
    now = now + seconds(5);
    emit(1, LogStartMoved{kLog, kTopic, 0, start, "segment deletion"});
  }
  void hears_of_it() { emit(1, BecameFollower{"orders", kTopic, 0, -1, 2, 0}); }

  // Of a time before all records.
  bool r4_minds_a_lookup(int64_t told) {
    verdicts = {};
    TimeLookup lookup{1, 0, 500, tick(), {}, -1, -1};
    for (auto& checker : checkers) checker->on_time_lookup(lookup);
    lookup.completed = tick();
    lookup.offset = told;
    for (auto& checker : checkers) checker->on_time_lookup(lookup);
    return cried("R4");
  }
  bool k1_minds_a_beginning(uint32_t consumer, bool from_end, int64_t offset) {
    verdicts = {};
    assign(consumer, from_end);
    for (auto& checker : checkers) checker->on_reader_call({consumer, "poll", tick(), {}, {}});
    set_position(offset, "assigned", consumer);
    return cried("K1");
  }
};

TEST_F(ALeaderThatWasReplaced, MayTellByTimeWhatItHas) {
  replaced({a, b, b}, {c});
  deletes_on(2);
  EXPECT_EQ(view.partition(0)->committed_end(), 1);
  EXPECT_FALSE(r4_minds_a_lookup(2));
  hears_of_it();
  EXPECT_TRUE(r4_minds_a_lookup(2));
  EXPECT_FALSE(r4_minds_a_lookup(0));
  emit(1, BecameLeader{"orders", kTopic, 0, 0, 0, 3, std::vector<int32_t>{1}});
  EXPECT_FALSE(r4_minds_a_lookup(2)) << "its metadata is late: it begins what has been over for long";
}

TEST_F(ALeaderThatWasReplaced, MayTellItsOwnEnd) {
  replaced({a}, {b, c});
  EXPECT_EQ(view.partition(0)->committed_end(), 2);
  EXPECT_FALSE(k1_minds_a_beginning(1, true, 1));
  hears_of_it();
  EXPECT_TRUE(k1_minds_a_beginning(2, true, 1));
}

TEST_F(ALeaderThatWasReplaced, MayTellItsOwnBeginning) {
  replaced({a, b}, {c});
  deletes_on(2);
  EXPECT_EQ(view.partition(0)->first_kept(), 0);
  EXPECT_FALSE(k1_minds_a_beginning(1, false, 2));
  hears_of_it();
  EXPECT_TRUE(k1_minds_a_beginning(2, false, 2));
}

// A reader of what is gone is told where its epoch ends, if that is not behind it.
TEST_F(Story, AnEpochEndsWhereALaterOneIsCommitted) {
  view.promise("orders", {3, 1, true});
  lead(1, 0, {1});
  write(1, 0, 0, {a});
  write(1, 1, 0, {b});
  high_watermark(1, 2);
  const PartitionTruth& truth = *view.partition(0);
  EXPECT_EQ(truth.end_of_epoch(0), 2);
  write(2, 0, 0, {a});
  lead(2, 1, {2}, true);
  write(2, 1, 1, {c});
  high_watermark(2, 2, true, 1);
  EXPECT_EQ(truth.committed_end(), 2);
  EXPECT_EQ(truth.end_of_epoch(0), 1);
  EXPECT_EQ(truth.end_of_epoch(1), 2);
  EXPECT_EQ(truth.end_of_epoch(-1), 2);
}

// A later epoch that began where all is deleted is known from the log's start on.
TEST_F(Story, AnEpochEndsNowhereInFrontOfTheLog) {
  view.promise("orders", {3, 1, true});
  lead(1, 0, {1});
  write(1, 0, 0, {a});
  high_watermark(1, 1);
  lead(2, 1, {2}, true);
  write(2, 0, 1, {b});
  write(2, 1, 1, {c});
  high_watermark(2, 2, true, 1);
  const PartitionTruth& truth = *view.partition(0);
  EXPECT_EQ(truth.end_of_epoch(0), 0);
  view.on_delete_records(0, 2);
  emit(2, LogStartMoved{kLog, kTopic, 0, 2, "client delete records request"});
  EXPECT_EQ(truth.end_of_epoch(0), 2) << "a reader that is there is at the end";
}

// Its election is unclean, and the controller is late to say so.
struct ALeaderOfWhomNobodyHasHeard : Story {
  void leads_and_commits() {
    view.promise("orders", {3, 1, true});
    lead(1, 0, {1});
    replicate({1, 2}, 0, 0, {a});
    write(1, 1, 0, {b});
    high_watermark(1, 2);
    const std::vector<int32_t> isr = {2};
    emit(2, BecameLeader{"orders", kTopic, 0, 1, 1, 1, isr});
    write(2, 1, 1, {c});
    write(2, 2, 1, {c});
    high_watermark(2, 3, true, 1);
    ASSERT_EQ(truth().committed.size(), 2U) << "nothing of its own";
    EXPECT_EQ(truth().committed.back().leader_epoch, 0);
    EXPECT_FALSE(cried("R2"));
  }
  void controller_tells(const std::vector<int32_t>& isr) {
    emit(1, PartitionChanged{"orders", kTopic, 0, 2, 1, 1, isr, {}, true});
  }
  const PartitionTruth& truth() const { return *view.partition(0); }
};

TEST_F(ALeaderOfWhomNobodyHasHeard, CommitsWithTheWordOfTheController) {
  leads_and_commits();
  controller_tells({2});
  ASSERT_EQ(truth().committed.size(), 3U);
  EXPECT_EQ(truth().committed[1].leader_epoch, 1);
  EXPECT_FALSE(cried("R2"));
}

TEST_F(ALeaderOfWhomNobodyHasHeard, IsJudgedByTheWordOfTheController) {
  leads_and_commits();
  view.promise("orders", {3, 1, false});
  controller_tells({2});
  EXPECT_TRUE(cried("R2"));
}

// Another one was elected meanwhile, and is gone again: uncleanly, with less, or from the ISR, and had more.
struct ALeaderThatSlept : Story {
  // Of the time 3000.
  void write_later(int32_t node, int32_t epoch) {
    BatchOptions options;
    options.base_offset = 1;
    options.leader_epoch = epoch;
    BatchBuilder builder(options);
    builder.append({3000, std::nullopt, Bytes(), {}});
    write_batch(node, builder.build());
    high_watermark(node, 2, true, epoch);
  }
  void SetUp() override {
    Story::SetUp();
    view.promise("orders", {3, 1, true});
    lead(1, 0, {1});
    replicate({1, 2}, 0, 0, {a});
    high_watermark(1, 1);
  }
  void other_comes(bool unclean) {
    emit(3, PartitionChanged{"orders", kTopic, 0, 2, 1, 1, two, {}, unclean});
    emit(2, BecameLeader{"orders", kTopic, 0, 1, 1, 1, two});
  }
  void other_goes() {
    emit(3, PartitionChanged{"orders", kTopic, 0, -1, 2, 2, two, {}, false});
    emit(2, BecameFollower{"orders", kTopic, 0, -1, 2, 1});
  }
  bool minded(int64_t told) {
    TimeLookup lookup{1, 0, 2000, tick(), {}, -1, -1};
    for (auto& checker : checkers) checker->on_time_lookup(lookup);
    lookup.completed = tick();
    lookup.offset = told;
    for (auto& checker : checkers) checker->on_time_lookup(lookup);
    return cried("R4");
  }
  const std::vector<int32_t> two = {2};
};

TEST_F(ALeaderThatSlept, TellsOfTimesThatAreGone) {
  write_later(1, 0);
  other_comes(true);
  other_goes();
  EXPECT_EQ(view.partition(0)->committed_end(), 1);
  EXPECT_FALSE(minded(1));
  lead(2, 3, {2});
  EXPECT_TRUE(minded(1));
}

TEST_F(ALeaderThatSlept, KnowsNoTimesOfOthers) {
  other_comes(false);
  write_later(2, 1);
  other_goes();
  EXPECT_EQ(view.partition(0)->committed_end(), 2);
  EXPECT_FALSE(minded(-1));
  lead(2, 3, {2});
  EXPECT_TRUE(minded(-1));
}

// A reader was handed a, and went over what was deleted behind it in the log of broker 1; then the log of
// broker 2 is back, which has b there.
struct AReaderThatWentOverTheDeleted : Story {
  void SetUp() override {
    Story::SetUp();
    view.promise("orders", {3, 1, true});
    assign();
    set_position(0, "assigned");
    lead(1, 0, {1});
    replicate({1, 2}, 0, 0, {a});
    high_watermark(1, 1);
    consume(0, a);
    emit(2, LogStartMoved{kLog, kTopic, 0, 0, "leader offset increment"});
  }
  void log_of_1(int32_t epoch) {
    for (int64_t offset : {1, 2, 3}) write(1, offset, epoch, {c});
    high_watermark(1, 4, true, epoch);
    deletes(3);
  }
  void deletes(int64_t start) {
    view.on_delete_records(0, start);
    emit(1, LogStartMoved{kLog, kTopic, 0, start, "client delete records request"});
  }
  void log_of_2(int32_t epoch) {
    for (int64_t offset : {1, 2}) write(2, offset, epoch, {b});
    high_watermark(2, 3, true, epoch);
  }
  void log_of_2_is_back() {
    lead(2, 3, {2}, true);
    high_watermark(2, 3, true, 3);
    EXPECT_EQ(view.partition(0)->committed_end(), 3);
  }
  bool misses_b() {
    end();
    return cried("K1");
  }
};

TEST_F(AReaderThatWentOverTheDeleted, CannotHearOfAnEarlierEpoch) {
  lead(2, 1, {2}, true);
  log_of_2(1);
  lead(1, 2, {1}, true);
  log_of_1(2);
  set_position(3, "reset");
  consume(3, c, 1, 2);
  deletes(4);
  log_of_2_is_back();
  set_position(3, "reset");
  EXPECT_FALSE(misses_b());
}

TEST_F(AReaderThatWentOverTheDeleted, HearsOfALaterEpoch) {
  lead(1, 1, {1}, true);
  log_of_1(1);
  set_position(3, "reset");
  lead(2, 2, {2}, true);
  log_of_2(2);
  EXPECT_TRUE(misses_b());
}

// It is handed nothing of epoch 2, but at the end of that log.
struct AReaderAtTheEnd : AReaderThatWentOverTheDeleted, testing::WithParamInterface<bool> {};

TEST_P(AReaderAtTheEnd, KnowsTheEpochOfTheLeaderWhoSaidSo) {
  const bool late = GetParam();
  log_of_1(0);
  lead(2, 1, {2}, true);
  log_of_2(1);
  lead(1, 2, {1}, true);
  high_watermark(1, 4, true, 2);
  set_position(3, "reset");
  deletes(4);
  if (!late) set_position(4, "reset");
  log_of_2_is_back();
  if (late) {
    for (int64_t offset : {3, 4}) write(2, offset, 3, {b});
    high_watermark(2, 5, true, 3);
    set_position(4, "reset");
  }
  set_position(3, "reset");
  EXPECT_FALSE(misses_b());
}

INSTANTIATE_TEST_SUITE_P(Late, AReaderAtTheEnd, testing::Bool());

// Who tells the reader where its log begins was replaced by one that has deleted less.
TEST_F(AReaderThatWentOverTheDeleted, MayHaveBeenToldByAReplacedLeader) {
  lead(2, 1, {2}, true);
  log_of_2(1);
  lead(1, 2, {1}, true);
  log_of_1(2);
  deletes(4);
  set_position(0, "seek");
  log_of_2_is_back();
  view.on_delete_records(0, 1);
  emit(2, LogStartMoved{kLog, kTopic, 0, 1, "client delete records request"});
  set_position(4, "reset");
  set_position(3, "reset");
  EXPECT_EQ(view.partition(0)->first_kept(), 1);
  EXPECT_FALSE(misses_b());
}

// A place that was sought has no epoch.
struct AReaderThatSeeks : AReaderThatWentOverTheDeleted {
  void seeks() {
    lead(2, 1, {2}, true);
    log_of_2(1);
    consume(1, b, 1, 1);
    consume(2, b, 1, 1);
    set_position(2, "seek");
  }
  void log_of_1_comes() {
    lead(1, 2, {1}, true);
    for (int64_t offset : {1, 2}) write(1, offset, 2, {c});
    high_watermark(1, 3, true, 2);
  }
};

TEST_F(AReaderThatSeeks, DoesNotHearThere) {
  seeks();
  log_of_1_comes();
  consume(2, c, 1, 2);
  end();
  EXPECT_FALSE(cried("K1"));
}

TEST_F(AReaderThatSeeks, HearsOnceItWasHandedARecord) {
  seeks();
  consume(2, b, 1, 1);
  log_of_1_comes();
  end();
  EXPECT_TRUE(cried("K1"));
}

TEST_F(AReaderThatSeeks, IsToldNothingWhereNobodyLeads) {
  seeks();
  consume(2, b, 1, 1);
  log_of_1_comes();
  emit(1, PartitionChanged{"orders", kTopic, 0, -1, 3, 3, {}, {}, false});
  EXPECT_TRUE(misses_b()) << "somebody could lead";
  verdicts = {};
  log_file(1).bytes.clear();
  fault(1, NodeFault::power_lost);
  EXPECT_FALSE(misses_b());
  consume(3, c, 1, 2);
  EXPECT_TRUE(misses_b()) << "it has been told of the later epoch";
}

// One that begins may have been told by it, too.
TEST_F(AReaderThatWentOverTheDeleted, MayBeginAboveWhatIsBack) {
  const auto begins = [this](uint32_t consumer) {
    assign(consumer);
    for (auto& checker : checkers) checker->on_reader_call({consumer, "poll", tick(), {}, {}});
  };
  log_of_1(0);
  begins(2);
  lead(2, 1, {2}, true);
  set_position(3, "assigned", 2);
  EXPECT_EQ(view.partition(0)->first_kept(), 0);
  EXPECT_FALSE(cried("K1"));
  begins(3);
  set_position(3, "assigned", 3);
  EXPECT_TRUE(cried("K1"));
}

// Broker 2 came when a was deleted, and now its disk is empty: with what it had all is gone.
TEST_F(Story, WhatWasDeletedDoesNotComeBackWithAnEmptyDisk) {
  view.promise("orders", {3, 1, false});
  lead(1, 0, {1});
  write(1, 0, 0, {a});
  high_watermark(1, 1);
  view.on_delete_records(0, 1);
  emit(1, LogStartMoved{kLog, kTopic, 0, 1, "client delete records request"});
  const std::string path = fmt::format("data/{}/{:020}.log", kLog, 1);
  disks.files[{2, path}].bytes = batch(1, 0, {b});
  loaded(2, log_of(1, 2, 1, {}));
  write(1, 1, 0, {b});
  high_watermark(1, 2);
  lead(2, 1, {1, 2});
  disks.files.erase({2, path});
  fault(2, NodeFault::wiped);
  fault(2, NodeFault::started);
  log_file(2) = {};
  loaded(2, log_of(0, 0, 0, {}));
  lead(2, 2, {2});
  EXPECT_TRUE(view.partition(0)->committed.empty());
  EXPECT_EQ(view.partition(0)->first_kept(), 0);
  EXPECT_FALSE(cried("R1"));
}

TEST_F(Story, WhatALeaderHasDeletedStaysCommitted) {
  view.promise("orders", {3, 1, true, 1000});
  lead(1, 0, {1, 2});
  replicate({1, 2}, 0, 0, {a});
  high_watermark(1, 1);
  lead(3, 1, {3}, true);
  replicate({3}, 0, 1, {b});
  high_watermark(3, 1, true, 1);
  disks.files[{3, fmt::format("data/{}/{:020}.log", kLog, 1)}] = {};
  disks.files.erase({3, fmt::format("data/{}/{:020}.log", kLog, 0)});
  emit(3, LogTruncated{kLog, kTopic, 0, 1, 1});
  lead(3, 2, {3});
  EXPECT_EQ(view.partition(0)->committed.size(), 1U);
  EXPECT_EQ(view.partition(0)->lost.size(), 1U);
}

}  // namespace
}  // namespace ksim::sim
