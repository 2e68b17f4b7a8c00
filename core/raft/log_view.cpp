#include "core/raft/log_view.h"

#include <fmt/format.h>

#include "core/base/assert.h"

namespace ksim::raft {

LogView::LogView(int64_t start_offset, int64_t end_offset, std::vector<EpochStart> epochs,
                 std::vector<SnapshotInfo> snapshots)
    : start_(start_offset),
      end_(end_offset),
      flushed_(end_offset),
      epochs_(std::move(epochs)),
      snapshots_(std::move(snapshots)) {
  std::sort(snapshots_.begin(), snapshots_.end(),
            [](const SnapshotInfo& a, const SnapshotInfo& b) { return a.id.offset < b.id.offset; });
  check();
}

void LogView::check() const {
  ENSURE_F(start_ <= end_ && flushed_ <= end_, "log {}..{}, flushed {}", start_, end_, flushed_);
  for (size_t i = 1; i < epochs_.size(); ++i) {
    ENSURE(epochs_[i - 1].epoch < epochs_[i].epoch, "epochs out of order");
    ENSURE(epochs_[i - 1].start_offset < epochs_[i].start_offset, "epoch starts out of order");
  }
  ENSURE(epochs_.empty() || epochs_.back().start_offset < end_, "an epoch without records at the end");
}

int32_t LogView::last_epoch() const {
  if (!epochs_.empty()) return epochs_.back().epoch;
  return snapshots_.empty() ? 0 : snapshots_.back().id.epoch;
}

OffsetAndEpoch LogView::end_offset_for_epoch(int32_t epoch) const {
  // Above all known epochs, or nothing known: where this log ends.
  if (epochs_.empty() || epoch > epochs_.back().epoch) return {end_, last_epoch()};
  OffsetAndEpoch found{end_, epoch};
  if (epoch < epochs_.front().epoch) {
    found.offset = epochs_.front().start_offset;
  } else if (epoch < epochs_.back().epoch) {
    auto next = std::find_if(epochs_.begin(), epochs_.end(),
                             [&](const EpochStart& entry) { return entry.epoch > epoch; });
    found = {next->start_offset, std::prev(next)->epoch};
  }
  // Rule B46: where the oldest snapshot and the log meet, that snapshot knows the epoch.
  if (const auto earliest = earliest_snapshot();
      earliest && earliest->offset == found.offset && found.epoch == epoch) {
    return *earliest;
  }
  return found;
}

LogView::Position LogView::validate(int64_t offset, int32_t epoch) const {
  const auto latest = latest_snapshot();
  if (offset == 0 && latest && *latest != kBootstrapSnapshot) return {Verdict::snapshot, *latest};
  if (start_ == 0 && offset == 0 && epoch == 0) return {Verdict::valid, {0, 0}};
  if (const auto earliest = earliest_snapshot();
      earliest &&
      (offset < start_ || (offset == start_ && epoch != earliest->epoch) || epoch < earliest->epoch)) {
    return {Verdict::snapshot, *latest};
  }
  const OffsetAndEpoch end = end_offset_for_epoch(epoch);
  if (end.epoch != epoch || end.offset < offset) return {Verdict::diverging, end};
  return {Verdict::valid, {offset, epoch}};
}

int64_t LogView::truncation_offset(OffsetAndEpoch leader_end) const {
  if (leader_end.epoch == 0) return std::min(leader_end.offset, end_);
  const OffsetAndEpoch own = end_offset_for_epoch(leader_end.epoch);
  return own.epoch == leader_end.epoch ? std::min(own.offset, leader_end.offset) : own.offset;
}

std::optional<OffsetAndEpoch> LogView::earliest_snapshot() const {
  if (snapshots_.empty()) return std::nullopt;
  return snapshots_.front().id;
}

std::optional<OffsetAndEpoch> LogView::latest_snapshot() const {
  if (snapshots_.empty()) return std::nullopt;
  return snapshots_.back().id;
}

const SnapshotInfo* LogView::find_snapshot(OffsetAndEpoch id) const {
  for (const SnapshotInfo& info : snapshots_) {
    if (info.id == id) return &info;
  }
  return nullptr;
}

void LogView::append(int64_t base_offset, int64_t last_offset, int32_t epoch) {
  ENSURE_F(base_offset == end_ && last_offset >= base_offset, "append of {}..{} to a log ending at {}",
           base_offset, last_offset, end_);
  ENSURE_F(epoch >= last_epoch(), "append of epoch {} after epoch {}", epoch, last_epoch());
  if (epochs_.empty() || epochs_.back().epoch < epoch) epochs_.push_back({epoch, base_offset});
  end_ = last_offset + 1;
}

void LogView::truncate_to(int64_t offset) {
  ENSURE_F(offset >= start_ && offset <= end_, "truncation to {} of {}..{}", offset, start_, end_);
  while (!epochs_.empty() && epochs_.back().start_offset >= offset) epochs_.pop_back();
  end_ = offset;
  flushed_ = std::min(flushed_, offset);
  check();
}

void LogView::flushed_to(int64_t offset) {
  flushed_ = std::max(flushed_, std::min(offset, end_));
  check();
}

void LogView::add_snapshot(OffsetAndEpoch id, int64_t size_bytes) {
  if (find_snapshot(id) != nullptr) return;
  snapshots_.push_back({id, size_bytes});
  std::sort(snapshots_.begin(), snapshots_.end(),
            [](const SnapshotInfo& a, const SnapshotInfo& b) { return a.id.offset < b.id.offset; });
}

void LogView::reset_to_snapshot(OffsetAndEpoch id, int64_t size_bytes) {
  ENSURE_F(id.offset >= start_, "snapshot at {} below the log start {}", id.offset, start_);
  epochs_.clear();
  snapshots_.assign(1, {id, size_bytes});
  start_ = end_ = flushed_ = id.offset;
  check();
}

void LogView::trim_to(int64_t start_offset) {
  ENSURE_F(start_offset >= start_ && start_offset <= end_, "log start {} to {}", start_, start_offset);
  start_ = start_offset;
  flushed_ = std::max(flushed_, start_offset);
  std::erase_if(snapshots_, [&](const SnapshotInfo& info) { return info.id.offset < start_offset; });
  while (epochs_.size() > 1 && epochs_[1].start_offset <= start_offset) epochs_.erase(epochs_.begin());
  if (!epochs_.empty() && epochs_.front().start_offset < start_offset) {
    epochs_.front().start_offset = start_offset;
  }
  // An empty log keeps no epochs: the snapshot at its start tells the last one.
  if (start_ == end_) epochs_.clear();
  check();
}

}  // namespace ksim::raft
