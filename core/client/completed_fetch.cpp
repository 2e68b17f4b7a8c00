#include "core/client/completed_fetch.h"

#include <algorithm>

#include "core/record/control.h"

namespace ksim::client {

CompletedFetch::CompletedFetch(Source source, IsolationLevel isolation, bool check_crcs)
    : source_(std::move(source)),
      isolation_(isolation),
      check_crcs_(check_crcs),
      batches_(source_.records),
      next_offset_(source_.fetch_offset) {
  std::stable_sort(
      source_.aborted.begin(), source_.aborted.end(),
      [](const AbortedRange& a, const AbortedRange& b) { return a.first_offset < b.first_offset; });
}

bool CompletedFetch::has_only_a_fragment() const {
  if (source_.records.empty()) return false;
  BatchCursor cursor(source_.records);
  BatchView batch;
  const auto found = cursor.next(batch);
  return found.ok() && !*found;
}

Result<int32_t> CompletedFetch::take(ConsumerRecords& out, int32_t most) {
  if (failure_) return fail(*failure_);
  const std::string_view topic = out.copy_topic(source_.partition.topic);
  int32_t taken = 0;
  while (taken < most && !consumed_) {
    auto step = [&]() -> Result<void> {
      if (!records_) {
        TRY_ASSIGN(const bool more, next_batch());
        if (!more) consumed_ = true;
        return {};
      }
      RecordView record;
      TRY_ASSIGN(const bool more, records_->next(record));
      if (!more) {
        // The batch's last records may be cleaned away: go on behind all of it.
        next_offset_ = std::max(next_offset_, batch_->next_offset());
        records_.reset();
        return {};
      }
      if (record.offset < next_offset_) return {};  // the batch begins before the fetch
      if (!batch_->is_control()) {
        out.add(topic, source_.partition.partition, *batch_, record);
        ++taken;
        ++given_;
      }
      next_offset_ = record.offset + 1;
      return {};
    }();
    if (step.ok()) continue;
    failure_ = Error(step.error().code, "partition " + source_.partition.to_string() + " at offset " +
                                            std::to_string(next_offset_) + ": " + step.error().message);
    if (taken > 0) break;
    return fail(*failure_);
  }
  return taken;
}

// False: there is none. Skips batches that are not to be seen.
Result<bool> CompletedFetch::next_batch() {
  BatchView batch;
  TRY_ASSIGN(const bool more, batches_.next(batch));
  if (!more) return false;
  if (check_crcs_) TRY(batch.check());
  batch_ = batch;
  last_epoch_.reset();
  if (batch.leader_epoch() != kNoLeaderEpoch) last_epoch_ = batch.leader_epoch();
  TRY_ASSIGN(const bool visible, is_visible());
  if (visible)
    records_.emplace(batch);
  else
    next_offset_ = std::max(next_offset_, batch.next_offset());
  return true;
}

// Rule G47. Control batches count as visible; their records are not given out.
Result<bool> CompletedFetch::is_visible() {
  if (isolation_ != IsolationLevel::read_committed || !batch_->has_producer_id()) return true;
  abort_started_by(batch_->last_offset());
  if (batch_->is_control()) {
    if (batch_->record_count() == 0) return true;
    TRY_ASSIGN(const ControlType type, control_type_of(*batch_));
    if (type == ControlType::abort) aborted_producers_.erase(batch_->producer_id());
    return true;
  }
  return !(batch_->is_transactional() && aborted_producers_.count(batch_->producer_id()) != 0);
}

void CompletedFetch::abort_started_by(int64_t offset) {
  for (; next_aborted_ < source_.aborted.size(); ++next_aborted_) {
    const AbortedRange& range = source_.aborted[next_aborted_];
    if (range.first_offset > offset) break;
    aborted_producers_.insert(range.producer_id);
  }
}

}  // namespace ksim::client
