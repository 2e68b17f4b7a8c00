// S6, what a deletion leaves behind that nobody was told of, or that a power loss or another log finds, and
// K1 where one is undone.

#include "core/metadata/image.h"
#include "sim/checkers/test_story.h"

namespace ksim::sim {
namespace {

class Deletion : public Story {
 protected:
  void SetUp() override {
    Story::SetUp();
    for (const int32_t node : {1, 2, 3}) loaded(node, log_of(0, 0, 0, {}));
    lead(1, 0);
    replicate({1, 2, 3}, 0, 0, {a});
    replicate({1, 2, 3}, 1, 0, {b});
    high_watermark(1, 2);
  }
  void tell(Outcome outcome, int64_t before) {
    call_.before = before;
    call_.outcome = outcome;
    (outcome == Outcome::pending ? call_.invoked : call_.completed) = tick();
    for (auto& checker : checkers) checker->on_deletion(call_);
  }
  void ask(int64_t before) {
    view.on_delete_records(0, before < 0 ? std::numeric_limits<int64_t>::max() : before);
    ++call_.number;
    tell(Outcome::pending, before);
  }
  void move(int32_t node, int64_t start) {
    emit(node, LogStartMoved{kLog, kTopic, 0, start,
                             node == 1 ? "client delete records request" : "leader offset increment"});
  }
  // The leader's metadata, in which `fenced` is so.
  void publish(int32_t fenced = -1) {
    MetadataImage image;
    for (const int32_t id : {1, 2, 3}) {
      auto broker = std::make_shared<BrokerRegistration>();
      broker->id = id;
      broker->fenced = id == fenced;
      image.cluster.brokers.set(id, broker);
    }
    image.provenance = {++published_, 1, 1000};
    const auto shared = std::make_shared<const MetadataImage>(image);
    emit(1, MetadataPublished{published_, 1, false, &shared});
  }

 private:
  int64_t published_ = -1;
  DeletionCall call_;
};

TEST_F(Deletion, IsDoneEverywhereOnceItIsAcknowledged) {
  ask(1);
  for (const int32_t node : {1, 2, 3}) move(node, 1);
  tell(Outcome::ok, 1);
  ask(-1);
  for (const int32_t node : {1, 2, 3}) move(node, 2);
  tell(Outcome::ok, -1);
  EXPECT_FALSE(cried("S6"));
}

TEST_F(Deletion, IsNotDoneWhereNobodyDidIt) {
  ask(1);
  tell(Outcome::unknown, 1);
  EXPECT_FALSE(cried("S6"));
  ask(1);
  tell(Outcome::ok, 1);
  EXPECT_TRUE(cried("S6"));
}

TEST_F(Deletion, OfAllIsUpToWhatWasCommitted) {
  ask(-1);
  for (const int32_t node : {1, 2, 3}) move(node, 1);
  tell(Outcome::ok, -1);
  EXPECT_TRUE(cried("S6"));
}

TEST_F(Deletion, WaitsForTheWholeIsr) {
  ask(1);
  for (const int32_t node : {1, 2}) move(node, 1);
  tell(Outcome::ok, 1);
  EXPECT_TRUE(cried("S6"));
}

TEST_F(Deletion, WaitsForNobodyWhoLeftIt) {
  ask(1);
  move(1, 1);
  emit(1, PartitionChanged{"orders", kTopic, 0, 1, 0, 1, std::vector<int32_t>{1, 3}, {}, false});
  emit(1, IsrChanged{"orders", kTopic, 0, 0, 2, std::vector<int32_t>{1}});
  tell(Outcome::ok, 1);
  EXPECT_FALSE(cried("S6"));
}

// Of that the leader's partition may hear when it has long answered.
TEST_F(Deletion, WaitsForNobodyWhomTheControllerHadTakenOut) {
  emit(1, PartitionChanged{"orders", kTopic, 0, 1, 0, 1, std::vector<int32_t>{1, 2}, {}, false});
  ask(1);
  for (const int32_t node : {1, 2}) move(node, 1);
  tell(Outcome::ok, 1);
  EXPECT_FALSE(cried("S6"));
  ask(2);
  move(1, 2);
  tell(Outcome::ok, 2);
  EXPECT_TRUE(cried("S6")) << "replica 2 is in the ISR";
}

TEST_F(Deletion, WaitsForNobodyWhomTheLeaderHasAsFenced) {
  publish(3);
  ask(1);
  for (const int32_t node : {1, 2}) move(node, 1);
  tell(Outcome::ok, 1);
  publish();  // not all of its shards may have heard of that
  ask(1);
  tell(Outcome::ok, 1);
  EXPECT_FALSE(cried("S6"));
  publish();
  ask(1);
  tell(Outcome::ok, 1);
  EXPECT_TRUE(cried("S6"));
}

TEST_F(Deletion, WaitsForNobodyWhoIsFencedMeanwhile) {
  publish();
  ask(1);
  for (const int32_t node : {1, 2}) move(node, 1);
  publish(3);
  publish();
  publish();
  tell(Outcome::ok, 1);
  EXPECT_FALSE(cried("S6"));
}

TEST_F(Deletion, MayBeDoneByAnotherLeader) {
  ask(1);
  move(1, 1);
  move(2, 1);
  lead(2, 1);
  tell(Outcome::ok, 1);
  EXPECT_FALSE(cried("S6"));
}

// A log start goes to the disk before anybody is told of it (rule D59), and a process may end in between.
class ALogStartThatNobodyTold : public Deletion {
 protected:
  // The leader starts again, and finds its log empty from offset 2 on.
  void start_again(int64_t on_disk) {
    fault(1, NodeFault::stopped);
    keep(1, "data/log-start-offset-checkpoint", fmt::format("0\n1\norders 0 {}\n", on_disk));
    disks.files.erase({1, "data/orders-0/00000000000000000000.log"});
    keep(1, "data/orders-0/00000000000000000002.log", "");
    fault(1, NodeFault::started);
    loaded(1, log_of(2, 2, 2, {}));
    lead(1, 1);
  }
};

TEST_F(ALogStartThatNobodyTold, IsWhatWasAskedFor) {
  ask(-1);
  start_again(2);
  tell(Outcome::ok, 2);
  EXPECT_FALSE(cried("R1") || cried("R6") || cried("S6")) << cries();
}

TEST_F(ALogStartThatNobodyTold, IsNoneWithoutAWordOnTheDisk) {
  ask(-1);
  start_again(1);
  EXPECT_TRUE(cried("R6"));
}

TEST_F(ALogStartThatNobodyTold, ExcusesNothingThatNobodyAskedFor) {
  start_again(2);
  EXPECT_TRUE(cried("R6"));
}

// What is behind it in the same batch is to stay.
TEST_F(Deletion, MayEndInTheMiddleOfABatch) {
  for (const int32_t node : {1, 2}) write(node, 2, 0, {a, b});
  high_watermark(1, 4);
  ask(3);
  for (const int32_t node : {1, 2}) move(node, 3);
  lead(2, 1, {1, 2});
  EXPECT_FALSE(cried("R1"));
  lead(3, 2, {3});
  EXPECT_TRUE(cried("R1"));
}

// What was deleted has left its files, which may be gone or come back.
TEST_F(Deletion, APowerLossDestroysNothingOfWhatIsKept) {
  ask(1);
  for (const int32_t node : {1, 2, 3}) move(node, 1);
  const ByteBuffer kept = batch(1, 0, {b});
  disks.files.erase({1, "data/orders-0/00000000000000000000.log"});
  keep(1, "data/orders-0/00000000000000000001.log", as_text(kept));
  for (const int32_t node : {1, 2}) fault(node, NodeFault::power_lost);
  EXPECT_TRUE(view.partition(0)->destroyed.empty());
}

TEST_F(Deletion, APowerLossDestroysWhatIsNotDeleted) {
  ask(1);
  for (const int32_t node : {1, 2, 3}) move(node, 1);
  disks.files.erase({1, "data/orders-0/00000000000000000000.log"});
  keep(1, "data/orders-0/00000000000000000001.log", "");
  fault(1, NodeFault::power_lost);
  ASSERT_EQ(view.partition(0)->destroyed.size(), 1U);
  EXPECT_EQ(view.partition(0)->destroyed[0].batches.size(), 1U);
  EXPECT_EQ(view.partition(0)->destroyed[0].from_offset, 1);
}

// The log of broker 2 has a and b in one batch, and comes back when a was deleted in that of broker 1.
TEST_F(Story, WhatWasDeletedInAnotherLogMayEndInTheMiddleOfABatch) {
  view.promise("orders", {3, 1, true, 1000});
  lead(1, 0, {1});
  write(1, 0, 0, {c});
  high_watermark(1, 1);
  emit(1, LogStartMoved{kLog, kTopic, 0, 1, "segment deletion"});
  write(2, 0, 0, {a, b});
  lead(2, 1, {2}, true);
  ASSERT_EQ(view.partition(0)->first_kept(), 1);
  high_watermark(2, 1, true, 1);
  EXPECT_EQ(view.partition(0)->committed_end(), 1) << "not in part";
  high_watermark(2, 2, true, 1);
  EXPECT_EQ(view.partition(0)->committed_end(), 2);
  emit(2, LogStartMoved{kLog, kTopic, 0, 2, "segment deletion"});
  EXPECT_FALSE(cried("S1"));
  write(2, 2, 1, {c});
  emit(2, LogStartMoved{kLog, kTopic, 0, 3, "segment deletion"});
  EXPECT_TRUE(cried("S1")) << "nobody has told that this is committed";
}

// The ISR lost its disks, and who leads has nothing. A third one has not heard of that.
TEST_F(Story, WhoHasNotHeardOfALossDeletesWhatWasCommitted) {
  TopicPromise promise{3, 2, false};
  promise.retention_bytes = 0;
  view.promise("orders", promise);
  lead(1, 0);
  replicate({1, 2, 3}, 0, 0, {a, b});
  high_watermark(1, 2);
  for (const int32_t node : {1, 2}) {
    log_file(node) = {};
    fault(node, NodeFault::wiped);
    fault(node, NodeFault::started);
    loaded(node, log_of(0, 0, 0, {}));
  }
  lead(2, 1, {2});
  emit(3, SegmentRolled{kLog, kTopic, 0, 2});
  emit(3, LogStartMoved{kLog, kTopic, 0, 2, "segment deletion"});
  EXPECT_FALSE(cried("S1")) << cries();
  emit(3, LogStartMoved{kLog, kTopic, 0, 3, "segment deletion"});
  EXPECT_TRUE(cried("S1")) << "that was never committed";
}

// All is deleted, and a reader is behind it. Some get empty disks, and one of them leads from 0.
struct NothingKept : Deletion {
  void begin_anew(const std::vector<int32_t>& wiped) {
    assign();
    consume(0, a);
    consume(1, b);
    ask(2);
    for (const int32_t node : {1, 2, 3}) {
      move(node, 2);
      disks.files.erase({node, "data/orders-0/00000000000000000000.log"});
      keep(node, "data/orders-0/00000000000000000002.log", "");
      emit(node, SegmentRolled{kLog, kTopic, 0, 2});
    }
    for (const int32_t node : wiped) wipe(node);
  }
  void wipe(int32_t node) {
    disks.files.erase({node, "data/orders-0/00000000000000000002.log"});
    fault(node, NodeFault::wiped);
    fault(node, NodeFault::started);
  }
  void lead_anew() {
    log_file(2);
    loaded(2, log_of(0, 0, 0, {}));
    const std::vector<int32_t> isr = {2};
    emit(1, PartitionChanged{"orders", kTopic, 0, 2, 1, 1, isr, {}, false});
    emit(2, BecameLeader{"orders", kTopic, 0, 1, 0, 0, isr});
    set_position(0, "reset");
    write(2, 0, 1, {c});
    high_watermark(2, 1, true, 1);
    consume(0, c, 1, 1);
  }
};

TEST_F(NothingKept, EmptyDisksTakeWithThemWhereTheLogGoesOn) {
  begin_anew({2, 3});
  lead_anew();
  EXPECT_FALSE(cried("K1") || cried("R5")) << cries();
}

TEST_F(NothingKept, OneEmptyDiskTakesNothing) {
  begin_anew({2});
  lead_anew();
  EXPECT_TRUE(cried("K1"));
}

TEST_F(NothingKept, WhoBeginsAnewWithItsLeaderGoesOnThereToo) {
  begin_anew({3});
  loaded(3, log_of(0, 0, 0, {}));
  keep(3, "data/orders-0/00000000000000000002.log", "");
  emit(3, LogTruncated{kLog, kTopic, 0, 0, 2});
  wipe(2);
  lead_anew();
  EXPECT_TRUE(cried("K1"));
}

// All but d is deleted, and who leads goes on from an old copy of its disk, which has a and b. A reader is in
// front of b.
struct UndoneDeletionStory : Story {
  void undo(int32_t next_leader) {
    view.promise("orders", {3, 1, false});
    assign();
    lead(1, 0, {1, 2});
    replicate({1, 2}, 0, 0, {a});
    replicate({1, 2}, 1, 0, {b});
    const ByteBuffer old = log_file(1).bytes;
    replicate({1, 2}, 2, 0, {c});
    replicate({1, 2}, 3, 0, {make_record_id(1, 4)});
    high_watermark(1, 4);
    consume(0, a);
    view.on_delete_records(0, 3);
    emit(1, LogStartMoved{kLog, kTopic, 0, 3, "client delete records request"});
    log_file(next_leader).bytes = old;
    log_file(next_leader).durable = old.size();
    fault(next_leader, NodeFault::wiped);
    fault(next_leader, NodeFault::started);
    loaded(next_leader, log_of(0, 2, 0, {}));
    const std::vector<int32_t> isr = {next_leader};
    emit(1, PartitionChanged{"orders", kTopic, 0, next_leader, 1, 1, isr, {}, false});
    emit(next_leader, BecameLeader{"orders", kTopic, 0, 1, 2, 0, isr});
    ASSERT_EQ(view.partition(0)->first_kept(), 0);
  }
};

TEST_F(UndoneDeletionStory, K1LetsAReaderBeResetThatWasToldBefore) {
  undo(1);
  set_position(0, "reset");
  EXPECT_FALSE(cried("K1"));
  consume(0, a);
  set_position(0, "reset");
  EXPECT_TRUE(cried("K1")) << "nothing was deleted any more when it came there";
}

TEST_F(UndoneDeletionStory, K1LetsAReaderGoOverWhatWasDeletedWhenItWasTold) {
  undo(1);
  set_position(3, "reset");
  end();
  EXPECT_FALSE(cried("K1"));
}

TEST_F(UndoneDeletionStory, K1KnowsThatAReplacedLeaderHasDeletedIt) {
  undo(2);
  consume(0, a, 2);
  set_position(0, "reset", 2);
  EXPECT_FALSE(cried("K1"));
  emit(1, BecameFollower{"orders", kTopic, 0, 2, 1, 4});
  consume(0, a, 2);
  set_position(0, "reset", 2);
  EXPECT_TRUE(cried("K1"));
}

// A follower keeps to the deletion that is undone.
TEST_F(UndoneDeletionStory, R6LetsAMemberLackWhatItHasDeleted) {
  undo(1);
  loaded(2, log_of(3, 4, 3, {}));
  log_file(2).bytes.clear();
  const std::vector<int32_t> isr = {1, 2};
  emit(1, PartitionChanged{"orders", kTopic, 0, 1, 1, 2, isr, {}, false});
  EXPECT_FALSE(cried("R6")) << cries();
  loaded(2, log_of(0, 4, 0, {}));
  emit(1, PartitionChanged{"orders", kTopic, 0, 1, 1, 3, isr, {}, false});
  EXPECT_TRUE(cried("R6")) << "its log begins at 0 and has nothing";
}

// Where the log began when only a part of it was deleted.
TEST_F(UndoneDeletionStory, K1LetsAReaderBeginBehindWhatWasDeletedWhenItAsked) {
  assign(2);
  for (auto& checker : checkers) checker->on_reader_call({2, "poll", tick(), {}, {}});
  undo(1);
  set_position(1, "assigned", 2);
  EXPECT_FALSE(cried("K1"));
  assign(3);
  for (auto& checker : checkers) checker->on_reader_call({3, "poll", tick(), {}, {}});
  set_position(1, "assigned", 3);
  EXPECT_TRUE(cried("K1"));
}

}  // namespace
}  // namespace ksim::sim
