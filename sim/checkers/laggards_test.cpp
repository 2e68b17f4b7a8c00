// R8.

#include "sim/checkers/test_story.h"

namespace ksim::sim {
namespace {

class Laggards : public Story {
 protected:
  void SetUp() override {
    Story::SetUp();
    view.replica_lag_time_max = seconds(1);
    lead(1, 0);
    emit(1, IsrChanged{"orders", kTopic, 0, 0, 0, std::vector<int32_t>{1, 2, 3}});
  }
  // The leader appends a record each half second, and so do these.
  void produce(int records, std::vector<int32_t> followers) {
    for (int i = 0; i < records; ++i) {
      now = now + milliseconds(500);
      write(1, end_, 0, {a});
      for (const int32_t follower : followers) write(follower, end_, 0, {a});
      ++end_;
    }
  }
  void propose(std::vector<int32_t> isr, int32_t partition_epoch) {
    emit(1, IsrProposed{"orders", kTopic, 0, 0, partition_epoch, isr, {}});
  }
  void change(std::vector<int32_t> isr, int32_t partition_epoch) {
    emit(1, IsrChanged{"orders", kTopic, 0, 0, partition_epoch, isr});
  }

 private:
  int64_t end_ = 0;
};

TEST_F(Laggards, AreProposedToLeaveInTime) {
  produce(2, {2, 3});
  produce(6, {2});
  EXPECT_FALSE(cried("R8")) << "it may take one and a half times as long, and timers are slow";
  produce(6, {2});
  EXPECT_TRUE(cried("R8"));
}

TEST_F(Laggards, AreNoneIfTheyCopyLateWhatWasThereThen) {
  produce(2, {2, 3});
  for (int64_t offset = 2; offset < 40; ++offset) {
    produce(1, {2});
    if (offset >= 4) write(3, offset - 2, 0, {a});  // a second behind
  }
  EXPECT_FALSE(cried("R8"));
}

TEST_F(Laggards, MayStayWhileTheControllerHasAnotherChange) {
  produce(1, {2, 3});
  propose({1, 2}, 0);
  produce(20, {2});
  EXPECT_FALSE(cried("R8")) << "it has no answer";
  change({1, 2, 3}, 1);
  produce(6, {2});
  EXPECT_FALSE(cried("R8")) << "the controller passed it over, and its next look is to come";
  propose({1, 2}, 1);
  change({1, 2}, 2);
  produce(20, {2});
  EXPECT_FALSE(cried("R8")) << "it has left";
  produce(20, {});
  EXPECT_TRUE(cried("R8"));
}

TEST_F(Laggards, HaveNoTimeWhileTheirLeaderSleeps) {
  Duration asleep{0};
  view.local_time = [&](int32_t) { return now - asleep; };
  produce(2, {2, 3});
  produce(2, {2});
  asleep = seconds(60);
  now = now + asleep;
  produce(4, {2});
  EXPECT_FALSE(cried("R8"));
  produce(6, {2});
  EXPECT_TRUE(cried("R8"));
  view.local_time = nullptr;
}

TEST_F(Laggards, HaveTheirTimeAnewUnderEachLeader) {
  produce(2, {2, 3});
  produce(6, {2});
  emit(1, BecameLeader{"orders", kTopic, 0, 1, 8, 0, std::vector<int32_t>{1, 2, 3}});
  produce(6, {2});
  EXPECT_FALSE(cried("R8"));
}

}  // namespace
}  // namespace ksim::sim
