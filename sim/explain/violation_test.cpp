// Violations made by hand, one for each kind of wrong step: the page must name that step, on that node, then.

#include "sim/explain/violation.h"

#include "sim/explain/made_history.h"
#include "sim/explain/wrongs.h"

namespace ksim::sim {
namespace {

// ---- the controller and partitions ----

TEST(Violation, AProposalOfAnOlderStateIsTaken) {
  Made made;
  made.proposed(1, 10, 0, 0, {1, 2});
  made.state(11, 1, 0, {1, 3}, {}), made.state(12, 1, 0, {1, 2}, {});
  made.violation("M6", 12,
                 "active broker 3 left the ISR, which the leader has not proposed on top of partition epoch "
                 "1 (leader 1 to 1)");
  const Explanation page = made.page();
  expect_culprit(page, "stale_proposal", 12, 101);
  expect_words(page, {"Controller 101 changed orders-0", "Broker 1 had proposed that ISR at 10.000 s",
                      "partition epoch 1 since"});
}

// What a broker proposed when it led before, and another one since as well: who leads now sent it.
TEST(Violation, AProposalOfAnEarlierTermIsTaken) {
  Made made;
  made.proposed(1, 5, 0, 0, {1, 3}), made.proposed(2, 7, 1, 1, {3, 1});
  made.state(8, 1, 2, {1, 2, 3}, {}), made.asked("broker-1", "controller-101", "AlterPartition", 9, 10),
      made.state(10, 1, 2, {1, 3}, {});
  made.violation("M6", 10,
                 "active broker 2 left the ISR, which the leader has not proposed on top of partition epoch "
                 "1 (leader 1 to 1)");
  expect_words(made.page(),
               {"Broker 1 had proposed that ISR at 5.000 s", "asked the controller for it last at 9.000 s",
                "leader epoch 2 had begun since"});
}

TEST(Violation, AProposalOfAnOlderLeaderIsTaken) {
  Made made;
  made.proposed(1, 10, 0, 0, {1, 2});
  made.state(11, 1, 1, {1}, {}), made.state(12, 1, 1, {1, 2}, {});
  made.violation("M6", 12,
                 "broker 2 came into the ISR, which the leader has not proposed on top of partition epoch 1 "
                 "(leader 1 to 1)");
  expect_words(made.page(), {"leader epoch 1 had begun since"});
}

TEST(Violation, WhoIsFencedStaysInSync) {
  Made made;
  made.tell(5, 101, ControllerActivated{1});
  made.tell(20, 101, BrokerFenced{3, 2, "session timed out"});
  made.state(20, 1, 0, {1, 3}, {});
  made.violation("M6", 20, "broker 3 is in its ISR [1,3] at offset 40, and is fenced");
  const Explanation page = made.page();
  expect_culprit(page, "unfit_member", 20, 101);
  expect_words(page, {"fenced broker 3 (session timed out)", "left it in the ISR"});
}

// The metadata are judged when they are published, a little before the controller tells what it has decided.
TEST(Violation, APartitionThatIsPlacedBadly) {
  Made made;
  made.tell(1, 101, ControllerActivated{1});
  made.recorder().violation(
      {"M6",
       Instant{2'000'000'000 - 5'000},
       "orders-0",
       "it is created on [1,2], led by 1 with the ISR [1,2], and rack 'a' has 2 of its replicas",
       "what does not hold",
       0,
       -1,
       {}});
  const Explanation page = made.page({}, false);
  expect_culprit(page, "placement", 2, 101);
  expect_words(page, {"Controller 101 placed orders-0 at 2.000 s"});
}

TEST(Violation, WhoIsFencedIsTakenIn) {
  Made made;
  made.tell(5, 101, ControllerActivated{1});
  made.tell(18, 101, BrokerFenced{3, 2, "session timed out"});
  made.state(20, 1, 0, {1, 3}, {});
  made.violation("R6", 20, "broker 3 is taken into the ISR, and is fenced or shutting down");
  const Explanation page = made.page();
  expect_culprit(page, "unfit_member", 20, 101);
  expect_words(page, {"with broker 3 in its ISR", "had fenced it at 18.000 s"});
}

TEST(Violation, WhoHasLostItsDirectoryIsTakenIn) {
  Made made;
  made.tell(5, 101, ControllerActivated{1});
  made.tell(14, 101, BrokerUnfenced{3, 2});
  made.state(18, 1, 0, {1}, {}), made.state(20, 1, 0, {1, 3}, {});
  made.violation("M6", 20,
                 "broker 3 is in its ISR [1,3] at offset 40, and is without the directory of its replica");
  const Explanation page = made.page();
  expect_culprit(page, "unfit_member", 20, 101);
  expect_words(page,
               {"Controller 101 changed orders-0", "although the log directory of its replica had failed"});
}

TEST(Violation, ADirectoryThatTakesReplicasOfOthers) {
  Made made;
  made.state(20, 1, 0, {1, 2}, {3});
  made.violation("M6", 20, "broker 3 left its ISR at offset 40 with a directory that its replica is not in");
  const Explanation page = made.page();
  expect_culprit(page, "wrong_directory", 20, 101);
  expect_words(page, {"Controller 101 changed orders-0", "with a directory that its replica is not in"});
}

TEST(Violation, AMinimumIsAlteredAndSomebodyIsEligibleStill) {
  Made made;
  made.state(18, 1, 0, {1}, {2}), made.decided(101, 20, 40, 42, 1), made.decided(102, 21, 40, 42, 1, 1);
  made.violation("M6", 21, "its min.insync.replicas was altered at offset 41, and [2] are eligible still");
  const Explanation page = made.page();
  expect_culprit(page, "elr_kept", 20, 101);
  expect_words(page, {"Controller 101 altered min.insync.replicas at 20.000 s", "ELR [2]"});
}

TEST(Violation, WhatIsSyncedTooLate) {
  Made made;
  made.violation("S5", 20, "node 1 has not flushed [20..20 epoch 2 crc a1328d5a] for 5077 ms (flush.ms 300)");
  const Explanation page = made.page();
  expect_culprit(page, "flushed_late", 20, 1);
  EXPECT_NE(page.rule->name.find("flush.ms"), std::string::npos);
  expect_words(page, {"At 20.000 s broker 1 has not flushed"});
}

TEST(Violation, ARegistrationAsIfStoppedInOrder) {
  Made made;
  made.node(2, NodeFault::power_lost, 12), made.node(2, NodeFault::started, 13), made.registered(2, 14, true);
  made.violation("M6", 14,
                 "it is registered as stopped in order in its epoch 2, and was not: its process ended at "
                 "12000 ms, and left no word of that",
                 -1, "broker 2");
  const Explanation page = made.page();
  expect_culprit(page, "clean_registration", 14, 101);
  expect_words(page, {"had ended at 12.000 s: it loses power"});
}

TEST(Violation, ABrokerThatIsGoneIsNotFenced) {
  Made made;
  made.tell(3, 102, BrokerHeard{2, 2, false, 5}), made.node(2, NodeFault::crashed, 8),
      made.tell(9, 101, ControllerActivated{2});
  made.violation("M7", 20,
                 "controller 101 has not heard of it since 9000 ms of its clock, has decided something at "
                 "19900 ms, and not fenced it",
                 -1, "broker 2");
  const Explanation page = made.page();
  expect_culprit(page, "not_fenced", 20, 101);
  expect_words(page, {"had never heard from it itself; controller 102 had, the last time at 3.000 s",
                      "down since 8.000 s", "active since 9.000 s"});
}

TEST(Violation, NobodyIsElectedWhenOneComesBack) {
  Made made;
  made.state(10, -1, 1, {}, {2});
  made.tell(14, 103, BrokerUnfenced{2, 9});
  made.violation("M7", 20,
                 "nobody leads it since 14000 ms of controller 103's clock, though broker 2 may (leader -1, "
                 "replicas [1,2,3])");
  const Explanation page = made.page();
  expect_culprit(page, "left_leaderless", 14, 103);
  expect_words(page, {"was unfenced at 14.000 s: then controller 103 had to elect it"});
}

TEST(Violation, AnAnswerBeforeItIsCommitted) {
  Made made;
  made.decided(101, 10, 40, 42, 3);
  made.tell(12, 101, RaftHighWatermarkAdvanced{3, 42});
  made.violation("M8", 11,
                 "CreateTopics is answered with what was decided in epoch 3 and rests on offset 41: only "
                 "what is below 40 is committed",
                 -1, "controller 101");
  const Explanation page = made.page();
  expect_culprit(page, "early_answer", 11, 101);
  expect_words(page, {"written that at 10.000 s", "below 40", "and that record at 12.000 s"});
}

TEST(Violation, AnAnswerOfAnEarlierEpoch) {
  Made made;
  made.decided(101, 10, 40, 42, 3);
  made.violation("M8", 20,
                 "AlterPartition is answered with what was decided in epoch 3 and rests on offset 41: that "
                 "record is of epoch 5",
                 -1, "controller 101");
  const Explanation page = made.page();
  expect_culprit(page, "answer_of_an_earlier_epoch", 20, 101);
  expect_words(page, {"what stands there is of epoch 5"});
}

TEST(Violation, ProducerIdsOfAnother) {
  Made made;
  made.tell(9, 1, ProducerIdsAssigned{0, 1000}),
      made.tell(12, 103, ControllerAnswered{"AllocateProducerIds", 2, 50});
  made.tell(13, 2, ProducerIdsAssigned{999, 1000});
  made.violation("M8", 13, "it was given the producer ids from 999, which broker 1 has", -1, "broker 2");
  const Explanation page = made.page();
  expect_culprit(page, "ids_of_another", 12, 103);
  expect_words(page, {"0 to 999 to broker 1", "999 to 1998 to broker 2"});
}

TEST(Violation, ASuccessThatIsNotInTheLog) {
  Made made;
  made.recorder().op({"clerk-1", 3, "create_topics", "bills", 0, std::nullopt, Made::at(10), Made::at(12),
                      Outcome::ok, ErrorCode::NONE, -1});
  made.tell(11, 102, ControllerAnswered{"CreateTopics", 2, 50});
  made.violation("M5", 12,
                 "create_topics of clerk-1 through broker 1 was acknowledged; nobody creates it for it "
                 "between the offsets 50 and 50 of the metadata log",
                 -1, "bills");
  const Explanation page = made.page();
  expect_culprit(page, "acknowledged_undone", 11, 102);
  expect_words(page, {"clerk-1 asked for create_topics", "answer is of controller 102", "nobody creates it"});
}

// An attempt whose answer was lost is done, and the one behind it is refused.
TEST(Violation, AFailureThatWasDoneAllTheSame) {
  Made made;
  made.recorder().op({"clerk-1", 3, "create_topics", "bills", 0, std::nullopt, Made::at(5), Made::at(8),
                      Outcome::failed, ErrorCode::TOPIC_ALREADY_EXISTS, -1});
  made.decided(102, 10, 40, 44, 2);
  made.violation("M5", 50, "it is created as X at offset 41, and nobody had asked", -1, "bills");
  const Explanation page = made.page();
  expect_culprit(page, "told_not_done", 8, -1);
  expect_words(page,
               {"was told failed TOPIC_ALREADY_EXISTS at 8.000 s", "Controller 102 wrote it at 10.000 s"});
}

TEST(Violation, AnIdComesBack) {
  Made made;
  made.decided(102, 9, 40, 44, 2);
  made.violation("M5", 10, "it is created at offset 41 with the id X that bills had before", -1, "bills");
  expect_culprit(made.page(), "id_again", 9, 102);
}

// ---- the quorum ----

TEST(Violation, AVoteForAShorterLog) {
  Made made;
  made.raft(101, 10, "candidate", 4, -1, 101), made.raft(102, 11, "unattached", 4, -1, 101),
      made.raft(101, 12, "leader", 4, 101, 101);
  made.violation("M3", 12,
                 "node 101 leads in epoch 4 by the vote of node 102, whose log ended at 47 of epoch 3; its "
                 "own ends at 48 of epoch 2",
                 -1, "__cluster_metadata-0");
  const Explanation page = made.page();
  expect_culprit(page, "vote_for_shorter_log", 11, 102);
  expect_words(page, {"gave its vote for epoch 4 to node 101"});
}

TEST(Violation, AHighWatermarkWithoutAMajority) {
  Made made;
  made.raft(103, 9, "leader", 4, 103, 103), made.raft(101, 9, "follower", 4, 103),
      made.decided(101, 10, 30, 41, 4, 4), made.decided(103, 11, 40, 42, 4);
  made.violation("M3", 12,
                 "the high watermark is 42, but only 1 of 3 voters hold [41..41 epoch 3 crc 1] durably", -1,
                 "__cluster_metadata-0");
  const Explanation page = made.page();
  expect_culprit(page, "quorum_watermark", 12, 103);
  expect_words(page, {"leader of epoch 4 since 9.000 s", "node 103 at 42", "of epoch 3, before its own"});
}

TEST(Violation, AVoterThatCopiesBehindWhatItHadToCut) {
  Made made;
  made.decided(103, 10, 36, 37, 3), made.decided(101, 11, 36, 37, 3, 3);
  made.tell(9, 103, EpochEndTold{"__cluster_metadata-0", Uuid{}, 0, 2, 2, 36});
  made.violation("M2", 11,
                 "nodes 103 and 101 both hold offset 36 of epoch 3, but with another batch before it", -1,
                 "__cluster_metadata-0");
  const Explanation page = made.page();
  expect_culprit(page, "quorum_logs_part", 11, 101);
  expect_words(page, {"it had not cut what differs", "of epoch 2 it told the end of epoch 2, 36"});
}

TEST(Violation, AVoterLeadsAgainInItsEpoch) {
  Made made;
  made.raft(101, 5, "leader", 1, 101, 101), made.node(101, NodeFault::crashed, 6),
      made.node(101, NodeFault::started, 7), made.raft(101, 8, "leader", 1, 101, 101);
  made.violation("M1", 8, "node 101 led the quorum in epoch 1, started anew, and leads in it again", -1,
                 "__cluster_metadata-0");
  const Explanation page = made.page();
  expect_culprit(page, "led_again", 8, 101);
  expect_words(page, {"since 5.000 s, was started anew at 7.000 s"});
}

TEST(Violation, AControllerThatBeginsTooEarly) {
  Made made;
  const std::shared_ptr<const MetadataImage> none;
  made.decided(101, 8, 50, 64, 3), made.tell(9, 101, ControllerReplayed{58, 2, false, &none}),
      made.tell(10, 101, ControllerActivated{3});
  made.violation(
      "M4", 12,
      "at offset 64 the log itself and the controller of node 101 (start 3) have different metadata: topics",
      -1, "__cluster_metadata-0");
  const Explanation page = made.page();
  expect_culprit(page, "active_too_early", 10, 101);
  expect_words(page, {"replayed the metadata log up to 59", "ended at 64"});
}

TEST(Violation, AMetadataLogThatPartedFromTheOthers) {
  Made made;
  const std::shared_ptr<const MetadataImage> none;
  made.decided(103, 8, 20, 21, 2), made.decided(102, 9, 20, 21, 1),
      made.tell(10, 102, ControllerReplayed{20, 1, false, &none});
  made.violation("M4", 10,
                 "at offset 20 the log itself and the controller of node 102 (start 1) have different "
                 "metadata: the epoch",
                 -1, "__cluster_metadata-0");
  const Explanation page = made.page();
  expect_culprit(page, "image_differs", 10, 102);
  expect_words(page, {"written by node 103 in epoch 2 at 8.000 s, node 102 in epoch 1 at 9.000 s"});
}

TEST(Violation, ASnapshotThatDoesNotSayAll) {
  Made made;
  const std::shared_ptr<const MetadataImage> none;
  made.tell(9, 102, RaftSnapshotWritten{51, 2, false}),
      made.tell(12, 103, MetadataPublished{50, 2, true, &none});
  made.violation("M4", 12,
                 "at offset 50 node 102 (start 1) and node 103 (start 2, from a snapshot) have different "
                 "metadata: brokers",
                 -1, "__cluster_metadata-0");
  const Explanation page = made.page();
  expect_culprit(page, "snapshot_differs", 9, 102);
  expect_words(page, {"Node 103 came to offset 50 at 12.000 s, from a snapshot",
                      "Node 102 had made that snapshot at 9.000 s"});
}

// ---- who sends ----

TEST(Violation, AFailureThatIsNone) {
  Made made;
  made.copy(1, 11), made.asked("producer-1", "broker-1", "Produce", 11, 12), made.told(13, Outcome::failed);
  made.violation("P2", 40,
                 "record 0000010000000007 was reported as definitely not written, yet stands at offset 100",
                 kOffset, "orders-0", kRecord);
  const Explanation page = made.page({}, false);
  expect_culprit(page, "told_not_written", 13, -1);
  expect_words(page, {"was told REQUEST_TIMED_OUT at 13.000 s", "broker 1 wrote it at 11.000 s",
                      "request of 11.000 s, answered at 12.000 s"});
}

TEST(Violation, ARecordThatIsWrittenTwice) {
  Made made;
  made.copy(1, 11), made.told(20);
  const int64_t again = made.recorder().batch({"orders-0", 200, 200, 1, 78, {{200, kRecord}}});
  made.recorder().copy({again, 2, Made::at(18), std::nullopt, std::nullopt, {}});
  made.violation(
      "P1", 18,
      "record 0000010000000007 (send 7 of session 1) at offset 200 follows send 9 at offset 199: a duplicate",
      200, "orders-0", kRecord);
  const Explanation page = made.page({}, false);
  expect_culprit(page, "written_twice", 18, 2);
  expect_words(page, {"broker 1 wrote it at 11.000 s", "broker 2 wrote it at 18.000 s"});
}

TEST(Violation, AnAnswerToAnotherBatch) {
  Made made;
  made.copy(1, 11), made.committed(1, 11), made.told(12, Outcome::ok, 500);
  made.violation(
      "P2", 12,
      "record 0000010000000007 was acknowledged at offset 500, where nothing is committed (up to 103)", 500,
      "orders-0", kRecord);
  const Explanation page = made.page();
  expect_culprit(page, "another_offset", 12, -1);
  expect_words(page, {"Broker 1 had written it at 11.000 s, at offset 100"});
}

TEST(Violation, ARecordInAnotherPartition) {
  Made made;
  made.told(12);
  const int64_t there = made.recorder().batch({"orders-1", 40, 40, 0, 79, {{40, kRecord}}});
  made.recorder().copy({there, 2, Made::at(11), std::nullopt, std::nullopt, {}});
  made.violation(
      "P2", 12,
      "record 0000010000000007 was acknowledged at offset 100, where nothing is committed (up to 10)",
      kOffset, "orders-0", kRecord);
  const Explanation page = made.page();
  expect_culprit(page, "another_partition", 10, -1);
  expect_words(page, {"broker 2 wrote it into orders-1 at 11.000 s"});
}

TEST(Violation, ARecordThatIsTakenForACopy) {
  Made made;
  made.told(12);
  const int64_t there =
      made.recorder().batch({"orders-0", kOffset, kOffset, 0, 80, {{kOffset, make_record_id(2, 5)}}});
  made.recorder().copy({there, 3, Made::at(6), std::nullopt, std::nullopt, {}});
  made.violation("P2", 12,
                 "record 0000010000000007 was acknowledged at offset 100, where record 0000020000000005 is "
                 "committed (up to 300)",
                 kOffset, "orders-0", kRecord);
  const Explanation page = made.page();
  expect_culprit(page, "acknowledgement", 12, 1);
  expect_words(page, {"stands record 0000020000000005, written at 6.000 s by broker 3"});
}

// ---- who reads ----

TEST(Violation, AResetThatAnAnswerAboutEpochsMade) {
  Made made;
  made.copy(1, 11), made.moved("assign", 12, 0), made.moved("read", 13, kOffset), made.moved("reset", 16, 0);
  made.asked("consumer-1", "broker-1", "OffsetForLeaderEpoch", 14, 15);
  made.tell(15, 1, EpochEndTold{"orders-0", Uuid{1, 2}, 0, 0, 0, 50});
  made.violation("K1", 16, "consumer 1 was at 101 and was reset to 0, though no record is gone");
  const Explanation page = made.page({}, false);
  expect_culprit(page, "needless_reset", 16, -1);
  expect_words(page, {"from broker-1, which led in epoch 0 since 2.000 s, were to its OffsetForLeaderEpoch "
                      "of 14.000 s at 15.000 s",
                      "Broker 1 was asked at 15.000 s where epoch 0 ends, and told the end of epoch 0, 50",
                      "on broker 1 in a batch of epoch 0"});
}

// It was handed what stood there before, and went on when something else came there.
TEST(Violation, AReaderPassesOverWhatCameLater) {
  Made made;
  made.moved("assign", 5, 0), made.moved("read", 6, kOffset + 4), made.state(9, 2, 1, {2, 3}, {}),
      made.leads(2, 9, 1, {2, 3});
  made.copy(2, 11), made.moved("read", 20, kOffset + 5);
  made.violation(
      "K1", 30,
      "consumer 1 began at 0 and came to 106, but was never handed record 0000010000000007 at offset 100",
      kOffset, "orders-0", kRecord);
  const Explanation page = made.page({}, false);
  expect_culprit(page, "skipped", 20, -1);
  expect_words(page, {"Since broker 2 leads in epoch 1 (9.000 s) it has asked nobody where an epoch ends"});
}

TEST(Violation, APollThatHandsOutTooMany) {
  Made made;
  for (const int64_t offset : {1, 2}) made.moved("read", 20, offset);
  made.moved("read", 20, 7, "orders-1");
  made.violation("K3", 20, "a poll handed out 3 records, and max.poll.records is 2", -1, "consumer 1");
  const Explanation page = made.page({}, false);
  expect_culprit(page, "too_many_handed_out", 20, -1);
  expect_words(page, {"2 of orders-0, 1 of orders-1"});
}

TEST(Violation, AClientThatTakesAnOlderAnswer) {
  Made made;
  made.copy(1, 11), made.told(12), made.state(14, 2, 5, {2, 3}, {}), made.follows(3, 10, 1, 4);
  made.asked("producer-1", "broker-3", "Metadata", 15, 16);
  made.violation("K2", 20, "client 1 believed epoch 5 and went back to 4");
  const Explanation page = made.page({}, false);
  expect_culprit(page, "older_epoch_believed", 16, -1);
  expect_words(page, {"producer-1 at 20.000 s",
                      "that of broker-3 to its Metadata, at 16.000 s (epoch 4 by its own word)",
                      "leader 2 of epoch 5 at 14.000 s"});
}

TEST(Violation, AnErrorThatIsTakenForAnEnd) {
  Made made;
  made.asked("consumer-1", "broker-2", "ListOffsets", 20, 20);
  made.violation("R4", 20, "latest was 69 at 6931 ms, and -1 when asked at 20000 ms");
  const Explanation page = made.page({}, false);
  expect_culprit(page, "latest_stepped_back", 20, -1);
  expect_words(page, {"Broker 2 answered consumer-1's ListOffsets", "took an error for the answer"});
}

// ---- logs ----

TEST(Violation, AFollowerThatCountsBeforeItHasSynced) {
  Made made(-1, "2", "false", "1");
  made.copy(1, 11, {}, {}, 11), made.copy(2, 12);
  made.violation("R6", 13,
                 "the high watermark moved: flush.messages is 1, and broker 2 of the ISR or ELR [1,2,3] has "
                 "not synced the committed [100..102 epoch 0]");
  const Explanation page = made.page({}, false);
  expect_culprit(page, "unsynced_follower", 12, 2);
  expect_words(page, {"never synced them"});
}

TEST(Violation, AFollowerTakesItsLeadersMarkForItsOwn) {
  Made made;
  made.copy(3, 11);
  const int64_t other = made.recorder().batch({"orders-0", kOffset, kOffset + 5, 1, 81, {}});
  made.recorder().copy({other, 2, Made::at(14), std::nullopt, std::nullopt, {}});
  made.follows(3, 15, 2, 1);
  made.tell(16, 3, HighWatermarkChanged{"orders", Uuid{1, 2}, 0, 1, kOffset + 3, false});
  made.violation(
      "R2", 17,
      "below its high watermark 103 node 3 holds [100..102 epoch 0], but committed is [100..105 epoch 1]");
  const Explanation page = made.page({}, false);
  expect_culprit(page, "watermark_above_parting", 16, 3);
  expect_words(page, {"over its batch of epoch 0 at offset 100", "follows broker 2 since 15.000 s"});
}

TEST(Violation, ALogDirectoryThatIsGivenUp) {
  Made made;
  made.tell(5, 3, LogLoaded{"bills-7", Uuid{1, 3}, 7, true, 0, 40, 0}), made.cut(3, 8),
      made.node(3, NodeFault::crashed, 9);
  made.tell(12, 3, LogDirFailed{"data", "bills-7: segment 0 ends within a batch"});
  made.violation("DISK", 12, "data was given up: bills-7: segment 0 ends within a batch", -1, "broker-3");
  const Explanation page = made.page({}, false);
  expect_culprit(page, "disk_given_up", 12, 3);
  expect_words(page, {"at 5.000 s it loads bills-7", "at 9.000 s its process dies"});
}

// ---- the table ----

TEST(Violation, EveryCheckerHasAKindAndARule) {
  for (const char* checker :
       {"R1", "R2", "R3", "R4", "R5", "R6", "R7", "R8", "P1", "P2",       "P3",     "P4",  "K1", "K2",
        "K3", "K4", "K5", "K6", "S1", "S2", "S3", "S4", "S5", "S6",       "S7",     "M1",  "M2", "M3",
        "M4", "M5", "M6", "M7", "M8", "Q1", "Q2", "X1", "L",  "LIVELOCK", "ASSERT", "DISK"}) {
    const Wrong& wrong = wrong_of(checker,
                                  "a duplicate, definitely not written, was reset to 3, a power loss, nobody "
                                  "leads it, registered as stopped in order, rests on offset 3");
    EXPECT_EQ(wrong.checker, checker);
    EXPECT_FALSE(wrong.kind.empty()) << checker;
    EXPECT_FALSE(wrong.rule.empty()) << checker;
  }
  EXPECT_TRUE(wrong_of("X9", "whatever").kind.empty());
}

}  // namespace
}  // namespace ksim::sim
