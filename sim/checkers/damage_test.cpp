// Stories of disks that change bytes by themselves: what recovery cuts off for that counts as destroyed, and
// nothing damaged goes anywhere (S4).

#include "sim/checkers/test_story.h"

namespace ksim::sim {
namespace {

class DamageStory : public Story {
 protected:
  // Three batches everywhere, the second of which is damaged at node 2.
  void tell() {
    emit(1, ControllerActivated{1});
    lead(1, 0);
    replicate({1, 2, 3}, 0, 0, {a});
    const uint64_t at = log_file(2).bytes.size();
    replicate({1, 2, 3}, 1, 0, {b});
    replicate({1, 2, 3}, 2, 0, {c});
    high_watermark(1, 3);
    log_file(2).damaged_at = at + 70;
    second_ = at;
  }
  // It dies, and comes up with as much of its log.
  void come_up(int32_t node, uint64_t bytes) {
    fault(node, NodeFault::crashed);
    fault(node, NodeFault::started);
    log_file(node).bytes.resize(bytes);
    log_file(node).durable = bytes;
    emit(node, LogLoaded{kLog, kTopic, 0, false, 0, view.partition(0)->replicas.at(node)->end_offset(), 0,
                         nullptr});
  }
  bool lost_by_the_last_of_the_isr() {
    tell();
    emit(1, PartitionChanged{"orders", kTopic, 0, 2, 1, 1, std::vector<int32_t>{2}, {}, false});
    view.on_damaged(2);
    come_up(2, second_);
    return lost(1);
  }
  bool lost(size_t batch) const { return view.loss_permitted(0, view.partition(0)->committed[batch]); }
  uint64_t second_ = 0;
};

TEST_F(DamageStory, WhatRecoveryCutsOffCountsAgainstTheBudget) {
  tell();
  view.on_damaged(2);
  come_up(2, second_);
  ASSERT_EQ(view.partition(0)->destroyed.size(), 1U);
  EXPECT_EQ(view.partition(0)->destroyed[0].from_offset, 1);
  EXPECT_EQ(view.partition(0)->destroyed[0].batches.size(), 2U);
  EXPECT_TRUE(view.node(2).suspect) << "until it registers again, the ISR may name it";
  EXPECT_FALSE(lost(1)) << "one copy of two that must be left";
  log_file(3).damaged_at = second_ + 70;
  view.on_damaged(3);
  come_up(3, second_);
  EXPECT_FALSE(lost(0));
  EXPECT_TRUE(lost(1));
  EXPECT_TRUE(lost(2));
  write(2, 1, 0, {b});
  EXPECT_FALSE(lost(1)) << "it has copied it again";
  EXPECT_TRUE(lost(2));
}

// Rule C11. It may have registered before it loaded its log.
TEST_F(DamageStory, WithoutElrTheLastOfTheIsrMayComeBackWithoutWhatRecoveryCutsOff) {
  view.on_elr_off();
  EXPECT_TRUE(lost_by_the_last_of_the_isr());
}
TEST_F(DamageStory, WithElrTheLastOfTheIsrMayNot) { EXPECT_FALSE(lost_by_the_last_of_the_isr()); }

TEST_F(DamageStory, ACutElsewhereExcusesNothing) {
  tell();
  come_up(3, second_);  // not damaged
  view.on_damaged(2);
  come_up(2, 0);  // from before the damage on
  EXPECT_TRUE(view.partition(0)->destroyed.empty());
}

TEST_F(DamageStory, S4CriesWhenADamagedBatchIsAppended) {
  tell();
  EXPECT_FALSE(cried("S4"));
  ByteBuffer bytes = batch(3, 0, {make_record_id(1, 4)});
  bytes.back() ^= 1;
  write_batch(3, bytes);
  EXPECT_TRUE(cried("S4"));
}

TEST_F(DamageStory, R5CriesWhenAReaderIsHandedDamagedBytes) {
  tell();
  consume(0, a);
  EXPECT_FALSE(cried("R5"));
  const Consumed record{1, 0, 1, 0, b, content_hash(std::nullopt, as_bytes("flipped!")), tick()};
  for (auto& checker : checkers) checker->on_consumed(record);
  end();
  EXPECT_TRUE(cried("R5")) << cries();
}

}  // namespace
}  // namespace ksim::sim
