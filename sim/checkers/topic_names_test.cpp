// What is known of a partition whose topic has taken the name of another one, or of which the controller
// tells late.

#include "sim/checkers/test_story.h"

namespace ksim::sim {
namespace {

constexpr Uuid kNext{8, 8};  // the topic that comes after kTopic

// A new controller tells it from the middle on: who led before the election is not in it.
TEST_F(Story, WhatIsToldAgainOfATopicThatIsGoneChangesNothing) {
  const std::vector<int32_t> alone = {2};
  const auto elected_from_nobody = [&] {
    emit(1, PartitionChanged{"orders", kTopic, 0, -1, 1, 2, {}, {}, false});
    emit(1, PartitionChanged{"orders", kTopic, 0, 2, 2, 3, alone, {}, true});
  };
  lead(2, 0, alone);
  emit(1, PartitionChanged{"orders", kTopic, 0, -1, 1, 1, {}, alone, false});
  elected_from_nobody();
  emit(1, PartitionChanged{"orders", kNext, 0, 2, 0, 0, alone, {}, false});
  topic = kNext;
  replicate({2}, 0, 0, {a});
  emit(2, HighWatermarkChanged{"orders", kNext, 0, 0, 1, true});
  elected_from_nobody();
  EXPECT_FALSE(cried("R6"));
  EXPECT_EQ(view.partition(0)->topic_id, kNext);
  EXPECT_EQ(view.partition(0)->committed.size(), 1U);
}

// Its disk may stall while brokers go on.
TEST_F(Story, WhatALeaderCommitsBeforeTheControllerTellsOfItsTopicStays) {
  const std::vector<int32_t> all = {1, 2, 3};
  emit(1, BecameLeader{"orders", kTopic, 0, 0, 0, 0, all});
  replicate({1, 2, 3}, 0, 0, {a});
  high_watermark(1, 1);
  emit(1, PartitionChanged{"orders", kTopic, 0, 1, 0, 0, all, {}, false});
  EXPECT_EQ(view.partition(0)->committed.size(), 1U);

  for (const int32_t node : all) log_file(node).bytes.clear();
  emit(2, BecameLeader{"orders", kNext, 0, 0, 0, 0, all});
  topic = kNext;
  replicate({1, 2, 3}, 0, 0, {b});
  replicate({1, 2, 3}, 1, 0, {c});
  emit(2, HighWatermarkChanged{"orders", kNext, 0, 0, 1, true});
  high_watermark(1, 2);  // a broker that has not heard of it
  emit(1, PartitionChanged{"orders", kNext, 0, 2, 0, 0, all, {}, false});
  EXPECT_EQ(view.partition(0)->topic_id, kNext);
  ASSERT_EQ(view.partition(0)->committed.size(), 1U);
  EXPECT_TRUE(view.partition(0)->committed[0].same(view.partition(0)->replicas.at(2)->batches()[0]));
}

class Namesakes : public Story {
 protected:
  // The controller has told of the topic that took the name; what nodes 1 and 2 had of the old one is gone.
  void made_again() {
    const std::vector<int32_t> isr = {1, 2};
    emit(1, PartitionChanged{"orders", kNext, 0, 1, 0, 0, isr, {}, false});
    topic = kNext;
    replicate({1, 2}, 0, 0, {b});
    emit(1, BecameLeader{"orders", kNext, 0, 0, 0, 0, isr});
    emit(1, HighWatermarkChanged{"orders", kNext, 0, 0, 1, true});
  }
};

TEST_F(Namesakes, ABrokerThatHasNotHeardOfItWritesToAnotherLog) {
  lead(3, 0);
  made_again();
  // Its log of the new topic, which is empty, stands where it was; the old one is on its way out.
  keep(3, "data/orders-0/00000000000000000000.log", "");
  emit(3, LogAppended{kLog, kTopic, 0, 0, 1, 0, -1});
  EXPECT_EQ(cries(), "");
  emit(3, LogAppended{kLog, kNext, 0, 0, 1, 0, 0});
  EXPECT_EQ(cries(), "S4");
}

TEST_F(Namesakes, WhoLeadsTheTopicThatIsGoneNeedNotHaveWhatTheNextOneCommits) {
  lead(3, 0);
  made_again();
  emit(3, BecameLeader{"orders", kTopic, 0, 0, 0, 0, std::vector<int32_t>{1, 2, 3}});
  EXPECT_FALSE(cried("R1"));
  emit(3, BecameLeader{"orders", kNext, 0, 0, 0, 0, std::vector<int32_t>{1, 2, 3}});
  EXPECT_TRUE(cried("R1"));
}

TEST_F(Namesakes, ALogIsReadFromTheDirectoryThatHasItsTopic) {
  view.add_node(4, {"first", "second"});
  fault(4, NodeFault::started);
  const auto in = [&](const std::string& directory, const Uuid& of, const ByteBuffer& bytes) {
    keep(4, directory + "/orders-0/partition.metadata", "version: 0\ntopic_id: " + of.to_string());
    keep(4, directory + "/orders-0/00000000000000000000.log", as_text(bytes));
  };
  in("first", kTopic, {});
  emit(4, LogLoaded{kLog, kTopic, 0, true, 0, 0, 0, nullptr});
  EXPECT_EQ(view.partition(0)->replicas.at(4)->directory(), "first/orders-0");
  // The directory is lost, the topic made again in the other one; then the first one comes back.
  made_again();
  in("second", kNext, batch(0, 0, {b}));
  emit(4, LogLoaded{kLog, kNext, 0, true, 0, 1, 0, nullptr});
  EXPECT_EQ(view.partition(0)->replicas.at(4)->directory(), "second/orders-0");
  emit(4, LogLoaded{kLog, kTopic, 0, true, 0, 0, 0, nullptr});
  EXPECT_EQ(view.partition(0)->replicas.at(4)->batches().size(), 1U);
  EXPECT_EQ(cries(), "");
}

}  // namespace
}  // namespace ksim::sim
