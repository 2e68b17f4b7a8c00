// A broker leads before the controller's own word of its election has come.

#include "sim/checkers/test_story.h"

namespace ksim::sim {
namespace {

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

// The leader of an unclean election may tell of it first and write nothing more: the controller's word
// decides what is committed.
TEST_F(EarlyLeaderStory, NothingIsCommittedThatTheWordPermitsToBeLost) {
  EXPECT_FALSE(cries_when_told(true));
  EXPECT_EQ(view.partition(0)->committed_end(), 1);  // a is on 3, and b is not
  EXPECT_EQ(view.partition(0)->lost.size(), 1U);
}

// The controller tells of two changes in one epoch, and the leader had heard of both.
TEST_F(Story, R6AsksForNothingOfAnIsrThatTheLeaderHasSeenReplaced) {
  lead(1, 0);
  const std::vector<int32_t> isr{3, 2}, before{3, 2, 1};
  replicate({2, 3}, 0, 0, {a});
  emit(3, BecameLeader{"orders", kTopic, 0, 1, 1, 0, isr});
  emit(3, IsrChanged{"orders", kTopic, 0, 1, 2, isr});
  high_watermark(3, 1, true, 1);
  emit(1, PartitionChanged{"orders", kTopic, 0, 3, 1, 1, before, {}, false});
  EXPECT_FALSE(cried("R6")) << cries();
  emit(1, PartitionChanged{"orders", kTopic, 0, 3, 1, 2, isr, {}, false});
  EXPECT_FALSE(cried("R6")) << cries();
  emit(1, PartitionChanged{"orders", kTopic, 0, 3, 1, 3, before, {}, false});
  EXPECT_TRUE(cried("R6")) << "1 has nothing of it";
}

// What an older leader wrote may be committed by one whose ISR the controller tells of after others.
TEST_F(Story, R6AsksForNothingOfAnOlderIsrThatTheNextLeaderCommits) {
  lead(1, 0);
  replicate({1, 3}, 0, 0, {a});
  const std::vector<int32_t> between{1, 2}, now_only{1};
  emit(1, BecameLeader{"orders", kTopic, 0, 2, 1, 0, now_only});
  high_watermark(1, 1, true, 2);
  emit(3, PartitionChanged{"orders", kTopic, 0, 2, 1, 1, between, {}, false});
  emit(3, PartitionChanged{"orders", kTopic, 0, 1, 2, 2, now_only, {}, false});
  EXPECT_EQ(cries(), "");
  emit(3, PartitionChanged{"orders", kTopic, 0, 1, 2, 3, between, {}, false});
  EXPECT_TRUE(cried("R6")) << "2 has nothing of it";
}

// Broker 3 is elected and hears of it first. It lacks b, which 1 has committed, and has c in its place.
struct ToldByAnEarlyLeader : Story {
  void SetUp() override {
    Story::SetUp();
    lead(1, 0, {1, 2});
    replicate({1, 2, 3}, 0, 0, {a});
    replicate({1, 2}, 1, 0, {b});
    high_watermark(1, 2);
    assign();
    set_position(0, "assigned");
    consume(0, a);
    consume(1, b);
    latest(2);
    emit(3, BecameLeader{"orders", kTopic, 0, 1, 1, 1, isr});
    high_watermark(3, 1, true, 1);
    latest(1);
    write(3, 1, 1, {c});
    high_watermark(3, 2, true, 1);
    acknowledge(c, 1);
    set_position(1, "reset");
    consume(1, c, 1, 1);
    EXPECT_EQ(cries(), "");
  }
  void word(bool unclean_allowed) {
    view.promise("orders", {3, 2, unclean_allowed});
    emit(1, PartitionChanged{"orders", kTopic, 0, 3, 1, 1, isr, {}, true});
  }
  std::vector<int32_t> isr = {3};
};

TEST_F(ToldByAnEarlyLeader, WhatClientsKnowIsSoIfItsElectionMayBeUnclean) {
  word(true);
  EXPECT_EQ(cries(), "");
  EXPECT_EQ(view.partition(0)->committed_record(1)->id, c);
}

TEST_F(ToldByAnEarlyLeader, WhatClientsKnowIsWrongIfItMayNot) {
  word(false);
  for (const char* code : {"K1", "P2", "R4", "R5"}) EXPECT_TRUE(cried(code)) << code;
}

TEST_F(ToldByAnEarlyLeader, WhatItDoesNotHoldIsWrong) {
  consume(2, b, 1, 1);
  word(true);
  EXPECT_EQ(cries(), "R5");
}

TEST_F(ToldByAnEarlyLeader, WhatItHasDeletedBeforeTheWordNobodyCanTell) {
  write(3, 2, 1, {b});
  high_watermark(3, 3, true, 1);
  consume(2, b, 1, 1);
  emit(3, LogStartMoved{kLog, kTopic, 0, 3, "segment deletion"});
  word(true);
  EXPECT_FALSE(cried("S1") || cried("R5")) << cries();
  EXPECT_EQ(view.partition(0)->first_kept(), 3);
  emit(3, LogStartMoved{kLog, kTopic, 0, 4, "segment deletion"});
  EXPECT_TRUE(cried("S1")) << "now it goes by what it has committed";
}

// Whether c is committed nobody knows before it leads again, nor at once.
struct AnEarlyLeaderThatDies : ToldByAnEarlyLeader {
  void comes_again(RecordId served) {
    fault(3, NodeFault::crashed);
    word(true);
    fault(3, NodeFault::started);
    loaded(3, log_of(0, 2, 0, {{0, 0}, {1, 1}}));
    lead(3, 2, {3});
    consume(1, served, 2, 1);
    EXPECT_EQ(cries(), "");
    high_watermark(3, 2, true, 2);
  }
};
TEST_F(AnEarlyLeaderThatDies, MayHaveServedWhatItStillHolds) {
  comes_again(c);
  EXPECT_EQ(cries(), "");
}
TEST_F(AnEarlyLeaderThatDies, MayHaveServedNothingElse) {
  comes_again(a);
  EXPECT_EQ(cries(), "R5");
}

TEST_F(ToldByAnEarlyLeader, WhatClientsKnowIsJudgedAtTheEndWithoutAnyWord) {
  end();
  for (const char* code : {"K1", "P2", "R4", "R5"}) EXPECT_TRUE(cried(code)) << code;
}

}  // namespace
}  // namespace ksim::sim
