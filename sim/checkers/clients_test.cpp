// Stories of producers, consumers and raw drivers: P, K and Q.

#include "sim/checkers/test_story.h"

namespace ksim::sim {
namespace {

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

// What was written in between stood below where its log starts, but never in it.
TEST_F(Story, P1JudgesTheLogThatAnUncleanElectionBroughtBackAlone) {
  view.promise("orders", {3, 2, true});
  lead(1, 0, {1});
  write(1, 2, 0, {b});
  high_watermark(1, 3);
  lead(2, 1, {2}, true);
  write(2, 0, 1, {a});
  write(2, 1, 1, {c});
  high_watermark(2, 2, true, 1);
  EXPECT_EQ(view.partition(0)->committed.size(), 2U);
  lead(1, 2, {1}, true);
  high_watermark(1, 3, true, 2);
  EXPECT_EQ(cries(), "");
  EXPECT_EQ(view.partition(0)->committed.size(), 1U);
}

TEST_F(Story, P1LetsABatchComeAgainOfWhichALogKnowsNothing) {
  lead(1, 0);
  replicate({1, 2}, 0, 0, {a, b});
  high_watermark(1, 2);
  emit(3, LogTruncated{kLog, kTopic, 0, 0, 2});
  EXPECT_EQ(view.partition(0)->forgotten_below, 2);
  replicate({1, 2}, 2, 0, {a});
  high_watermark(1, 3);
  EXPECT_FALSE(cried("P1"));
  replicate({1, 2}, 3, 0, {b});
  high_watermark(1, 4);
  EXPECT_FALSE(cried("P1"));
  replicate({1, 2}, 4, 0, {b});
  high_watermark(1, 5);
  EXPECT_TRUE(cried("P1"));
}

TEST_F(Story, P1LetsABatchComeAgainThatWasDeletedBeforeAnUncleanStop) {
  lead(1, 0);
  replicate({1, 2, 3}, 0, 0, {a});
  high_watermark(1, 1);
  emit(1, LogLoaded{kLog, kTopic, 0, false, 1, 1, 0, nullptr});
  replicate({1, 2, 3}, 1, 0, {a});
  high_watermark(1, 2);
  EXPECT_FALSE(cried("P1"));
}

TEST_F(Story, P1CriesWhenARecordFirstAppearsTooLate) {
  session({1, "plain", -1, false, 1});
  lead(1, 0);
  replicate({1, 2, 3}, 0, 0, {b, a});
  high_watermark(1, 2);
  EXPECT_TRUE(cried("P1"));
}

// a was given up before b was sent, and arrives behind it.
TEST_F(Story, P1LetsWhatAPlainProducerGaveUpArriveLate) {
  session({1, "plain", -1, false, 1});
  lead(1, 0);
  const SendOp op{1, 0, a, now, tick(), Outcome::unknown, ErrorCode::NONE, -1};
  for (auto& checker : checkers) checker->on_send_completed(op);
  replicate({1, 2, 3}, 0, 0, {b, a});
  high_watermark(1, 2);
  EXPECT_FALSE(cried("P1"));
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

// Whether K1 minds that a reader whose position was deleted goes on at the end, over what is committed.
struct SkipToTheEnd : Story {
  bool minded(bool from_end) {
    view.promise("orders", {3, 2, false, 0});
    assign(1, from_end);
    lead(1, 0);
    replicate({1, 2, 3}, 0, 0, {a});
    replicate({1, 2, 3}, 1, 0, {b});
    replicate({1, 2, 3}, 2, 0, {c});
    high_watermark(1, 3);
    set_position(0, "assigned");
    view.on_delete_records(0, 1);
    emit(1, LogStartMoved{kLog, kTopic, 0, 1, "records deleted"});
    set_position(2, "reset");
    consume(2, c);
    end();
    return cried("K1");
  }
};
TEST_F(SkipToTheEnd, K1LetsLatestDoIt) { EXPECT_FALSE(minded(true)); }
TEST_F(SkipToTheEnd, K1CriesForEarliest) { EXPECT_TRUE(minded(false)); }

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

// A leader that was replaced by an unclean election, and has not heard of it, tells a reader where its end
// is.
TEST_F(Story, K1LetsAReplacedLeaderTellItsOldEnd) {
  view.promise("orders", {3, 1, true});
  lead(1, 0, {1});
  replicate({1, 3}, 0, 0, {a});
  write(1, 1, 0, {b});
  high_watermark(1, 2);
  consume(0, a);
  const std::vector<int32_t> isr = {3};
  emit(2, PartitionChanged{"orders", kTopic, 0, 3, 1, 1, isr, {}, true});
  emit(3, BecameLeader{"orders", kTopic, 0, 1, 0, 0, isr});
  seek_to_end(2);  // of node 1
  emit(1, BecameFollower{"orders", kTopic, 0, 3, 1, 0});
  set_position(0, "reset");
  EXPECT_FALSE(cried("K1"));
  seek_to_end(2);  // of node 3, which has all that it tells of
  set_position(0, "reset");
  EXPECT_TRUE(cried("K1"));
}

// Where an application seeks to was there when the reader came by, and is as old.
TEST_F(Story, K1LetsASeekGoToAPlaceThatIsGone) {
  view.promise("orders", {3, 1, true});
  lead(1, 0, {1});
  replicate({1, 3}, 0, 0, {a});
  write(1, 1, 0, {b});
  write(1, 2, 0, {c});
  high_watermark(1, 3);
  consume(0, a);
  consume(1, b);
  consume(2, c);
  lead(3, 1, {3}, true);
  set_position(2, "seek");
  set_position(1, "reset");
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

// Gone when the reader passed, and back when all is over.
TEST_F(Story, K1LetsAReaderMissWhatASecondUncleanElectionBroughtBack) {
  view.promise("orders", {3, 1, true});
  assign();
  lead(1, 0, {1});
  write(1, 0, 0, {a});
  write(1, 1, 0, {b});
  high_watermark(1, 2);
  consume(0, a);
  lead(3, 1, {3}, true);
  write(3, 0, 1, {make_record_id(1, 4)});
  write(3, 1, 1, {c});
  high_watermark(3, 2, true, 1);
  consume(1, c, 1, 1);
  lead(1, 2, {1}, true);
  high_watermark(1, 2, true, 2);
  end();
  EXPECT_FALSE(cried("K1"));
}

// Two logs take turns by unclean elections. The reader is handed a and d of one and asks how far the epoch of
// d is good; it does not hear that b was of a later epoch than a was. If d is in the log that has b, it must.
struct TwoLogs : Story {
  bool minded(bool d_stays) {
    view.promise("orders", {3, 1, true});
    const RecordId d = make_record_id(1, 4);
    assign();
    lead(2, 1, {2});
    write(2, 0, 1, {a});
    high_watermark(2, 1, true, 1);
    consume(0, a, 1, 1);
    lead(1, 2, {1}, true);
    replicate({1, 3}, 0, 2, {b});
    if (!d_stays) replicate({1, 3}, 1, 2, {c});
    high_watermark(1, d_stays ? 1 : 2, true, 2);
    const int32_t next = d_stays ? 1 : 2;
    lead(next, 3, {next}, true);
    write(next, 1, 3, {d});
    if (d_stays) write(3, 1, 3, {d});
    high_watermark(next, 2, true, 3);
    consume(1, d, 1, 3);
    lead(3, 4, {3}, true);
    high_watermark(3, 2, true, 4);
    end();
    return cried("K1");
  }
};
TEST_F(TwoLogs, K1LetsAReaderMissWhatIsBelowTheLastThatItRead) { EXPECT_FALSE(minded(false)); }
TEST_F(TwoLogs, K1CriesForWhatIsBelowARecordThatStays) { EXPECT_TRUE(minded(true)); }

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
  ASSERT_TRUE(cried("P2"));
  EXPECT_EQ(verdicts.violations().front().record, b) << "or nobody can tell what became of it";
}

// Broker 1 was fenced, and goes on until it hears of it; then nobody leads.
TEST_F(Story, P2LooksIntoTheLogOfWhoLedLastWhereNobodyLeads) {
  session({1, "producer-1", 1, false, 5});
  lead(1, 0);
  replicate({1, 2, 3}, 0, 0, {a});
  high_watermark(1, 1);
  emit(1, PartitionChanged{"orders", kTopic, 0, -1, 1, 1, {}, {}, false});
  write(1, 1, 0, {b});
  acknowledge(b, 1);
  emit(1, BecameFollower{"orders", kTopic, 0, -1, 1, 2});
  const auto judged = [&] {
    verdicts = {};
    end();
    return cried("P2");
  };
  EXPECT_FALSE(judged()) << cries();
  acknowledge(c, 2);
  EXPECT_TRUE(judged()) << "c stands nowhere";
}

TEST_F(Story, P2CriesWhereWhoLedLastHasAnotherRecordThere) {
  session({1, "producer-1", 1, false, 5});
  lead(1, 0);
  write(1, 0, 0, {a});
  acknowledge(b, 0);
  emit(1, PartitionChanged{"orders", kTopic, 0, -1, 1, 1, {}, {}, false});
  end();
  EXPECT_TRUE(cried("P2"));
}

TEST_F(Story, P2LetsNoFollowersCopyStandForTheLeadersOne) {
  session({1, "producer-1", 1, false, 5});
  lead(1, 0);
  write(2, 0, 0, {a});
  acknowledge(a, 0);
  emit(1, PartitionChanged{"orders", kTopic, 0, -1, 1, 1, {}, {}, false});
  end();
  EXPECT_TRUE(cried("P2"));
}

TEST_F(Story, P2TakesWhatIsNotCommittedForNothingWhereSomebodyLeads) {
  session({1, "producer-1", 1, false, 5});
  lead(1, 0);
  write(1, 0, 0, {a});
  acknowledge(a, 0);
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

TEST_F(Story, Q1KnowsThatABrokersClockMayHaveBeenPutBack) {
  ForgedRequest forged{1, "orders-0 at broker 1", "the next", "D15", {ErrorCode::NONE}, {}, {}, -1, tick()};
  forged.answer = ErrorCode::INVALID_TIMESTAMP;
  forged.broker = 1;
  forged.newest_ms = view.wall_clock_ms(1, now);
  const auto judge = [&] {
    for (auto& checker : checkers) checker->on_forged(forged);
    return cried("Q1");
  };
  view.lowest_wall_offset = [](int32_t) { return seconds(-3600); };
  EXPECT_FALSE(judge());
  view.lowest_wall_offset = [](int32_t) { return seconds(-600); };
  EXPECT_TRUE(judge()) << "it is not an hour ahead";
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

TEST_F(Story, P3CriesForASendThatOutlivesItsTime) {
  session({1, "producer-1", -1, true, 5, seconds(3)});
  const auto sent = [this](RecordId id, Duration took) {
    acknowledge({1, 0, id, now, now + took, Outcome::unknown, ErrorCode::REQUEST_TIMED_OUT, -1});
    return cried("P3");
  };
  EXPECT_FALSE(sent(a, seconds(9))) << "its machine may have slept";
  view.clients_keep_time = true;
  EXPECT_FALSE(sent(b, milliseconds(3900)));
  EXPECT_TRUE(sent(c, milliseconds(4100)));
}

TEST_F(Story, K4CriesForARecordOfAPartitionThatRests) {
  write(1, 0, 0, {a, b, c});
  const auto rest = [this](bool rests) {
    for (auto& checker : checkers) checker->on_reader_rest({1, 0, rests});
  };
  consume(0, a);
  rest(true);
  EXPECT_FALSE(cried("K4"));
  consume(1, b, 2);
  EXPECT_FALSE(cried("K4")) << "another consumer goes on";
  rest(false);
  consume(1, b);
  EXPECT_FALSE(cried("K4"));
  rest(true);
  consume(2, c);
  EXPECT_TRUE(cried("K4"));
}

TEST_F(Story, K3CriesForAPollThatHandsOutTooMuch) {
  const auto poll = [this](size_t handed) {
    for (auto& checker : checkers) checker->on_reader_call({1, "poll", now, tick(), {}, handed, 20});
    return cried("K3");
  };
  EXPECT_FALSE(poll(20));
  EXPECT_TRUE(poll(21));
}

}  // namespace
}  // namespace ksim::sim
