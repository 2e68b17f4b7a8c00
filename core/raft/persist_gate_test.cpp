#include "core/raft/persist_gate.h"

#include <gtest/gtest.h>

#include "core/base/assert.h"

namespace ksim::raft {
namespace {

int64_t watermark(const std::optional<Outward>& out) {
  return out ? std::get<HighWatermarkUpdated>(*out).high_watermark : -1;
}

TEST(PersistGate, NothingLeavesBeforeItsPersist) {
  Outbox out;
  PersistGate gate;
  out.outward(HighWatermarkUpdated{1, 1});
  out.persist(PersistQuorumState{});
  out.outward(HighWatermarkUpdated{1, 2});
  const PersistNumber flush = out.persist(FlushLog{});
  out.outward(HighWatermarkUpdated{1, 3}, flush);
  out.outward(HighWatermarkUpdated{1, 4});
  gate.add(out.take());

  EXPECT_EQ(watermark(gate.take_ready()), 1);  // decided before the quorum state changed
  EXPECT_FALSE(gate.take_ready().has_value());
  ASSERT_TRUE(gate.begin_disk_op().has_value());
  EXPECT_FALSE(gate.take_ready().has_value());  // begun is not done
  static_cast<void>(gate.finish_disk_op());
  EXPECT_EQ(watermark(gate.take_ready()), 2);
  EXPECT_EQ(watermark(gate.take_ready()), 4);  // waits for less than the one before it
  EXPECT_FALSE(gate.take_ready().has_value());
  ASSERT_TRUE(gate.begin_disk_op().has_value());
  static_cast<void>(gate.finish_disk_op());
  EXPECT_EQ(watermark(gate.take_ready()), 3);
  EXPECT_EQ(gate.held_back(), 0U);
}

TEST(PersistGate, OneOperationAtATimeInOrder) {
  Outbox out;
  PersistGate gate;
  out.persist(PersistQuorumState{});
  out.persist(TruncateLog{5, {5, 1}});
  gate.add(out.take());
  const auto first = gate.begin_disk_op();
  ASSERT_TRUE(first && std::holds_alternative<PersistQuorumState>(first->action));
  EXPECT_FALSE(gate.begin_disk_op().has_value());
  EXPECT_EQ(gate.finish_disk_op(), first->number);
  EXPECT_THROW(gate.finish_disk_op(), AssertionFailed);
  const auto second = gate.begin_disk_op();
  ASSERT_TRUE(second && std::holds_alternative<TruncateLog>(second->action));
}

}  // namespace
}  // namespace ksim::raft
