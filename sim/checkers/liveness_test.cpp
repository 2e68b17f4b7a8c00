// Stories of clusters that do not come to rest: L.

#include "sim/checkers/test_story.h"

namespace ksim::sim {
namespace {

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

// Who slept through its reign begins it when its successor is active, and ends it at once.
TEST_F(Story, LTakesNobodyForTheActiveControllerInPlaceOfALaterOne) {
  const auto judged = [&] {
    verdicts = {};
    end();
    return cried("L");
  };
  emit(2, ControllerActivated{2});
  emit(1, ControllerActivated{1});
  EXPECT_EQ(view.active_controller(), 2);
  emit(1, ControllerDeactivated{1});
  EXPECT_FALSE(judged());
  emit(2, ControllerDeactivated{2});
  EXPECT_TRUE(judged()) << "nobody is active";
  emit(3, ControllerActivated{3});
  EXPECT_FALSE(judged());
}

// Whoever alters min.insync.replicas while nobody leads leaves nobody who may.
TEST_F(Story, LPermitsThatNobodyLeadsWhereTheEligibleOnesAreForgotten) {
  const auto told = [this](std::vector<int32_t> elr, int32_t partition_epoch) {
    emit(1, PartitionChanged{"orders", kTopic, 0, -1, 1, partition_epoch, {}, elr, false});
  };
  view.promise("orders", {3, 2, false});
  emit(1, ControllerActivated{1});
  lead(1, 0);
  told({1}, 1);
  EXPECT_FALSE(view.offline_permitted(0)) << "broker 1 is eligible";
  view.on_minimum_altered("orders", tick());
  told({}, 2);
  EXPECT_TRUE(view.offline_permitted(0));
  told({}, 3);
  end();
  EXPECT_FALSE(cried("L")) << cries();
  lead(1, 4);
  EXPECT_FALSE(view.offline_permitted(0));
}
// The last of the ISR was eligible no more after an unclean stop, but known to have led last.
TEST_F(Story, LPermitsThatNobodyLeadsWhereWhoLedLastIsForgotten) {
  const auto nobody = [this](int32_t partition_epoch) {
    emit(1, PartitionChanged{"orders", kTopic, 0, -1, 1, partition_epoch, {}, {}, false});
  };
  emit(1, ControllerActivated{1});
  lead(1, 0);
  emit(1, PartitionChanged{"orders", kTopic, 0, -1, 1, 1, {}, std::vector<int32_t>{1}, false});
  view.on_minimum_altered("bills", now);
  nobody(2);
  nobody(3);
  EXPECT_FALSE(view.offline_permitted(0)) << "nobody has altered its minimum";
  view.on_minimum_altered("", tick());
  EXPECT_FALSE(view.offline_permitted(0)) << "and it changed nothing yet";
  nobody(4);
  EXPECT_TRUE(view.offline_permitted(0));
}
TEST_F(Story, LCriesWhereNobodyCouldAlterTheMinimum) {
  emit(1, ControllerActivated{1});
  lead(1, 0);
  emit(1, PartitionChanged{"orders", kTopic, 0, -1, 1, 1, {}, std::vector<int32_t>{1}, false});
  emit(1, PartitionChanged{"orders", kTopic, 0, -1, 1, 2, {}, {}, false});
  end();
  EXPECT_TRUE(cried("L"));
}

TEST_F(Story, LAsksOfReadersWhatWasCommittedWhenTheyWereToStop) {
  emit(1, ControllerActivated{1});
  lead(1, 0);
  replicate({1, 2, 3}, 0, 0, {a});
  high_watermark(1, 1);
  assign();
  set_position(0, "assigned");
  consume(0, a);
  for (auto& checker : checkers) checker->on_readers_stop();
  replicate({1, 2, 3}, 1, 0, {b});
  high_watermark(1, 2);
  end();
  EXPECT_FALSE(cried("L")) << "b arrived when it was to stop";
}

TEST_F(Story, LCriesForAReaderThatIsBehindWhenItIsToStop) {
  emit(1, ControllerActivated{1});
  lead(1, 0);
  replicate({1, 2, 3}, 0, 0, {a, b});
  high_watermark(1, 2);
  assign();
  set_position(0, "assigned");
  consume(0, a);
  for (auto& checker : checkers) checker->on_readers_stop();
  end();
  EXPECT_TRUE(cried("L"));
}

// The first record arrives when they are to stop; one that reads from the end may still be asking for it.
TEST_F(Story, LAsksNothingOfAReaderThatHasNotBegunWhereNothingWasToRead) {
  emit(1, ControllerActivated{1});
  lead(1, 0);
  assign();
  for (auto& checker : checkers) checker->on_readers_stop();
  replicate({1, 2, 3}, 0, 0, {a});
  high_watermark(1, 1);
  end();
  EXPECT_FALSE(cried("L"));
}

TEST_F(Story, LCriesForAReaderThatHasNotBegunWhereSomethingWasToRead) {
  emit(1, ControllerActivated{1});
  lead(1, 0);
  assign();
  replicate({1, 2, 3}, 0, 0, {a});
  high_watermark(1, 1);
  for (auto& checker : checkers) checker->on_readers_stop();
  end();
  EXPECT_TRUE(cried("L"));
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

// A producer that is stuck looks like a slow one until its time is up.
struct GivenUp : Story {
  // Whether L minds that a send is given up so long after healing, `changed` after the partition's last
  // change. Its session has sent records before it and behind it.
  bool minded(Duration healed_ago, Duration changed_ago, ErrorCode error = ErrorCode::REQUEST_TIMED_OUT) {
    view.promise("orders", {3, 2, false});
    const Instant start = now;
    const Instant end_of_it = start + seconds(100);
    now = end_of_it - changed_ago;
    const std::vector<int32_t> isr = {1, 2, 3};
    emit(1, PartitionChanged{"orders", kTopic, 0, 1, 1, 1, isr, {}, false});
    now = end_of_it - controller_ago;
    emit(1, ControllerActivated{1});
    for (auto& checker : checkers) checker->on_healed(end_of_it - healed_ago);
    SendOp op{1, 0, b, end_of_it - seconds(30), {}, Outcome::pending, ErrorCode::NONE, -1};
    if (written_ago) {
      emit(1, BecameLeader{"orders", kTopic, 0, 1, 0, 0, isr});
      now = end_of_it - *written_ago;
      write(1, 0, 1, {written});
      high_watermark(1, 1, true, 1);
      if (uncommitted_ago) {
        now = end_of_it - *uncommitted_ago;
        write(1, 1, 1, {make_record_id(2, 1)});
        now = end_of_it - seconds(1);
        high_watermark(1, 1, true, 1);
      }
    }
    for (auto& checker : checkers) checker->on_send_invoked(op);
    for (const auto& [record, ago] : acknowledged_ago)
      acknowledge({1, 0, record, op.invoked, end_of_it - ago,
                   answer == ErrorCode::NONE ? Outcome::ok : Outcome::failed, answer, 0});
    op.completed = end_of_it;
    op.outcome = Outcome::unknown;
    op.error = error;
    for (auto& checker : checkers) checker->on_send_completed(op);
    return cried("L");
  }

  std::vector<std::pair<RecordId, Duration>> acknowledged_ago;
  Duration controller_ago = seconds(90);
  std::optional<Duration> written_ago;  // by the leader
  RecordId written = a;
  std::optional<Duration> uncommitted_ago;  // another's, behind it
  ErrorCode answer = ErrorCode::NONE;       // to those of acknowledged_ago
};
TEST_F(GivenUp, LCriesWhereAllWasWellForLong) { EXPECT_TRUE(minded(seconds(20), seconds(20))); }
TEST_F(GivenUp, LPermitsItSoonAfterHealing) { EXPECT_FALSE(minded(seconds(5), seconds(60))); }
TEST_F(GivenUp, LPermitsItWhereAFollowerMayStillWaitForALostAnswer) {
  view.lost_answer_wait = seconds(20);
  EXPECT_FALSE(minded(seconds(24), seconds(24)));
}
TEST_F(GivenUp, LCriesWhereNoFollowerWaitsForALostAnswerAnyMore) {
  view.lost_answer_wait = seconds(20);
  EXPECT_TRUE(minded(seconds(26), seconds(26)));
}
TEST_F(GivenUp, LPermitsItSoonAfterAnElection) { EXPECT_FALSE(minded(seconds(60), seconds(5))); }
TEST_F(GivenUp, LPermitsItSoonAfterAControllerHasCome) {
  controller_ago = seconds(5);
  EXPECT_FALSE(minded(seconds(60), seconds(60)));
}
TEST_F(GivenUp, LPermitsItSoonAfterTheOneBeforeIt) {
  acknowledged_ago = {{a, seconds(5)}};
  EXPECT_FALSE(minded(seconds(60), seconds(60)));
}
TEST_F(GivenUp, LCriesWhereTheOneBeforeItIsLongAcknowledged) {
  acknowledged_ago = {{a, seconds(20)}};
  EXPECT_TRUE(minded(seconds(60), seconds(60)));
}
TEST_F(GivenUp, LCriesWhereOnlyLaterOnesGoOn) {
  acknowledged_ago = {{a, seconds(20)}, {c, seconds(5)}};
  EXPECT_TRUE(minded(seconds(60), seconds(60)));
}
TEST_F(GivenUp, LPermitsItWhereTheOneBeforeItWasLaterThanTheOneBehindIt) {
  acknowledged_ago = {{c, seconds(20)}, {a, seconds(5)}};
  EXPECT_FALSE(minded(seconds(60), seconds(60)));
}
TEST_F(GivenUp, LPermitsItSoonAfterTheOneBeforeItIsWrittenWhoseTimeWasUpToo) {
  written_ago = seconds(5);
  EXPECT_FALSE(minded(seconds(60), seconds(60)));
}
TEST_F(GivenUp, LPermitsItWhereWhatIsWrittenWaitsLongToBeCommitted) {
  written_ago = seconds(20);
  uncommitted_ago = seconds(4);
  EXPECT_FALSE(minded(seconds(60), seconds(60)));
}
TEST_F(GivenUp, LCriesWhereWhatIsWrittenIsSoonCommitted) {
  written_ago = seconds(20);
  uncommitted_ago = seconds(2);
  EXPECT_TRUE(minded(seconds(60), seconds(60)));
}
TEST_F(GivenUp, LPermitsItSoonAfterTheOneBeforeItIsRefused) {
  acknowledged_ago = {{a, seconds(5)}};
  answer = ErrorCode::MESSAGE_TOO_LARGE;
  EXPECT_FALSE(minded(seconds(60), seconds(60)));
}
TEST_F(GivenUp, LCriesWhereTheTimeOfTheOneBeforeItIsUpAsWell) {
  acknowledged_ago = {{a, seconds(5)}};
  answer = ErrorCode::REQUEST_TIMED_OUT;
  EXPECT_TRUE(minded(seconds(60), seconds(60)));
}
TEST_F(GivenUp, LPermitsItWhereBatchesMayOvertakeAndLaterOnesGoOn) {
  session({1, "producer-1", -1, false, 5});
  acknowledged_ago = {{c, seconds(5)}};
  EXPECT_FALSE(minded(seconds(60), seconds(60)));
}
TEST_F(GivenUp, LPermitsItWhereBatchesMayOvertakeAndLaterOnesAreWritten) {
  session({1, "producer-1", -1, false, 5});
  written_ago = seconds(5);
  written = c;
  EXPECT_FALSE(minded(seconds(60), seconds(60)));
}
TEST_F(GivenUp, LCriesWhereOnlyLaterOnesAreWritten) {
  written_ago = seconds(5);
  written = c;
  EXPECT_TRUE(minded(seconds(60), seconds(60)));
}
TEST_F(GivenUp, LPermitsARefusal) {
  EXPECT_FALSE(minded(seconds(20), seconds(20), ErrorCode::MESSAGE_TOO_LARGE));
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
