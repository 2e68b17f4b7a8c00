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
  replicate({1, 2, 3}, 0, 0, {b});
  replicate({1, 2, 3}, 1, 0, {c});
  emit(2, HighWatermarkChanged{"orders", kNext, 0, 0, 1, true});
  high_watermark(1, 2);  // a broker that has not heard of it
  emit(1, PartitionChanged{"orders", kNext, 0, 2, 0, 0, all, {}, false});
  EXPECT_EQ(view.partition(0)->topic_id, kNext);
  ASSERT_EQ(view.partition(0)->committed.size(), 1U);
  EXPECT_TRUE(view.partition(0)->committed[0].same(view.partition(0)->replicas.at(2)->batches()[0]));
}

}  // namespace
}  // namespace ksim::sim
