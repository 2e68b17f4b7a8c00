// Positions in a log by epoch: rules A83, B34, B36 and B46, case by case.

#include "core/raft/log_view.h"

#include <gtest/gtest.h>

#include "core/base/assert.h"

namespace ksim::raft {
namespace {

using Verdict = LogView::Verdict;

// Epoch 1 at 0..4, epoch 3 at 5..9, epoch 4 at 10..11.
LogView three_epochs() { return LogView(0, 12, {{1, 0}, {3, 5}, {4, 10}}, {}); }

TEST(LogView, EndOffsetForEpoch) {
  const LogView log = three_epochs();
  EXPECT_EQ(log.end_offset_for_epoch(4), (OffsetAndEpoch{12, 4}));
  EXPECT_EQ(log.end_offset_for_epoch(3), (OffsetAndEpoch{10, 3}));
  EXPECT_EQ(log.end_offset_for_epoch(2), (OffsetAndEpoch{5, 1}));
  EXPECT_EQ(log.end_offset_for_epoch(1), (OffsetAndEpoch{5, 1}));
  EXPECT_EQ(log.end_offset_for_epoch(0), (OffsetAndEpoch{0, 0}));
  EXPECT_EQ(log.end_offset_for_epoch(9), (OffsetAndEpoch{12, 4}));
  EXPECT_EQ(LogView().end_offset_for_epoch(5), (OffsetAndEpoch{0, 0}));
}

TEST(LogView, ValidatesFetchPositions) {
  const LogView log = three_epochs();
  EXPECT_EQ(log.validate(0, 0).verdict, Verdict::valid);
  EXPECT_EQ(log.validate(12, 4).verdict, Verdict::valid);
  EXPECT_EQ(log.validate(7, 3).verdict, Verdict::valid);
  const LogView::Position beyond = log.validate(11, 3);
  EXPECT_EQ(beyond.verdict, Verdict::diverging);
  EXPECT_EQ(beyond.at, (OffsetAndEpoch{10, 3}));
  const LogView::Position unknown = log.validate(6, 2);
  EXPECT_EQ(unknown.verdict, Verdict::diverging);
  EXPECT_EQ(unknown.at, (OffsetAndEpoch{5, 1}));
}

TEST(LogView, SendsThoseBelowItsStartToTheSnapshot) {
  // Stands on the snapshot up to 10 of epoch 3.
  LogView log(10, 12, {{4, 10}}, {{{10, 3}, 100}});
  EXPECT_EQ(log.validate(10, 3).verdict, Verdict::valid);
  EXPECT_EQ(log.validate(12, 4).verdict, Verdict::valid);
  for (const OffsetAndEpoch position : {OffsetAndEpoch{0, 0}, OffsetAndEpoch{9, 3}, OffsetAndEpoch{10, 2}}) {
    const LogView::Position found = log.validate(position.offset, position.epoch);
    EXPECT_EQ(found.verdict, Verdict::snapshot) << position.offset;
    EXPECT_EQ(found.at, (OffsetAndEpoch{10, 3}));
  }
}

TEST(LogView, AnEmptyLogOnASnapshotKnowsItsEpoch) {
  LogView log = three_epochs();
  log.reset_to_snapshot({20, 7}, 100);
  EXPECT_EQ(log.end(), (OffsetAndEpoch{20, 7}));
  EXPECT_EQ(log.validate(20, 7).verdict, Verdict::valid);
  EXPECT_EQ(log.end_offset_for_epoch(7), (OffsetAndEpoch{20, 7}));
  log.append(20, 22, 8);
  EXPECT_EQ(log.end(), (OffsetAndEpoch{23, 8}));
  EXPECT_EQ(log.validate(20, 7).verdict, Verdict::valid);
}

TEST(LogView, TheBootstrapSnapshotIsNotServed) {
  const LogView log(0, 12, {{1, 0}}, {{kBootstrapSnapshot, 100}});
  EXPECT_EQ(log.validate(0, 0).verdict, Verdict::valid);  // rule B47
}

TEST(LogView, CutsWhereTheLogsPart) {
  const LogView log = three_epochs();
  EXPECT_EQ(log.truncation_offset({8, 3}), 8);    // the leader's epoch 3 is shorter
  EXPECT_EQ(log.truncation_offset({15, 3}), 10);  // ours is
  EXPECT_EQ(log.truncation_offset({7, 2}), 5);    // an epoch we do not have: the end of the one before
  EXPECT_EQ(log.truncation_offset({3, 0}), 3);
  EXPECT_EQ(log.truncation_offset({30, 0}), 12);
}

TEST(LogView, FlushedFollowsTheCut) {
  LogView log = three_epochs();
  log.append(12, 14, 4);
  EXPECT_EQ(log.flushed_offset(), 12);
  log.flushed_to(15);
  EXPECT_EQ(log.flushed_offset(), 15);
  log.truncate_to(6);
  EXPECT_EQ(log.flushed_offset(), 6);
  EXPECT_EQ(log.end(), (OffsetAndEpoch{6, 3}));
  log.truncate_to(5);
  EXPECT_EQ(log.end(), (OffsetAndEpoch{5, 1}));
}

TEST(LogView, TrimsToASnapshot) {
  LogView log = three_epochs();
  log.add_snapshot({7, 3}, 10);
  log.add_snapshot({12, 4}, 10);
  log.trim_to(7);
  EXPECT_EQ(log.start_offset(), 7);
  EXPECT_EQ(log.end_offset_for_epoch(3), (OffsetAndEpoch{10, 3}));
  EXPECT_EQ(log.validate(7, 3).verdict, Verdict::valid);
  log.trim_to(12);
  EXPECT_EQ(log.end(), (OffsetAndEpoch{12, 4}));
  EXPECT_EQ(log.snapshots().size(), 1U);
}

TEST(LogView, RefusesGapsAndOlderEpochs) {
  LogView log = three_epochs();
  EXPECT_THROW(log.append(13, 13, 4), AssertionFailed);
  EXPECT_THROW(log.append(12, 12, 3), AssertionFailed);
  EXPECT_THROW(log.truncate_to(13), AssertionFailed);
}

}  // namespace
}  // namespace ksim::raft
