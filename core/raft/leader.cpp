#include "core/raft/leader.h"

#include "core/base/assert.h"

namespace ksim::raft {

Leader::Leader(const NodeConfig& config, int64_t epoch_start_offset, std::vector<int32_t> granting_voters,
               Instant now)
    : begin_quorum_due(now),
      local_(config.local),
      fetch_timeout_(config.timers.fetch_timeout),
      linger_(config.timers.append_linger),
      observer_session_(config.timers.observer_session),
      max_batch_bytes_(static_cast<size_t>(config.max_batch_bytes)),
      majority_(config.voters.majority()),
      epoch_start_(epoch_start_offset),
      granting_(std::move(granting_voters)),
      next_offset_(epoch_start_offset) {
  for (const ReplicaKey& voter : config.voters.all()) {
    ReplicaProgress progress;
    progress.key = voter;
    voters_.push_back(progress);
  }
  const bool alone = config.voters.is_only(config.local);
  check_quorum_deadline_ = alone ? Instant::never() : now + fetch_timeout_ * 3 / 2;
}

bool Leader::local_flushed(int64_t flushed_offset) {
  for (ReplicaProgress& voter : voters_) {
    if (!voter.key.means(local_)) continue;
    ENSURE(flushed_offset >= voter.end_offset, "a leader's durable end went back");
    voter.end_offset = flushed_offset;
  }
  return advance();
}

bool Leader::fetched(const ReplicaKey& replica, int64_t fetch_offset, int64_t leader_end, Instant now) {
  ENSURE(!(replica == local_), "a leader fetches from itself");
  auto known = std::find_if(voters_.begin(), voters_.end(),
                            [&](const ReplicaProgress& voter) { return voter.key.means(replica); });
  const bool is_voter = known != voters_.end();
  if (!is_voter) {
    forget_silent_observers(now);
    known = std::find_if(observers_.begin(), observers_.end(),
                         [&](const ReplicaProgress& observer) { return observer.key == replica; });
    if (known == observers_.end()) {
      ReplicaProgress progress;
      progress.key = replica;
      observers_.push_back(progress);
      known = std::prev(observers_.end());
    }
  }
  if (fetch_offset >= leader_end) {
    known->last_caught_up = now;
  } else if (known->last_fetch && fetch_offset >= known->leader_end_at_last_fetch) {
    known->last_caught_up = known->last_fetch;
  }
  known->last_fetch = now;
  known->leader_end_at_last_fetch = leader_end;
  known->end_offset = fetch_offset;
  return is_voter && advance();
}

std::optional<int64_t> Leader::told_high_watermark(const ReplicaKey& replica) const {
  for (const auto* replicas : {&voters_, &observers_}) {
    for (const ReplicaProgress& one : *replicas) {
      if (one.key.means(replica)) return one.told_high_watermark;
    }
  }
  return std::nullopt;
}

void Leader::tell_high_watermark(const ReplicaKey& replica, int64_t high_watermark) {
  for (auto* replicas : {&voters_, &observers_}) {
    for (ReplicaProgress& one : *replicas) {
      if (one.key.means(replica)) one.told_high_watermark = high_watermark;
    }
  }
}

// Rule B22. Never lower than before, and only once a record of this epoch is on a majority (raft
// paper 5.4.2).
bool Leader::advance() {
  std::vector<int64_t> ends;
  for (const ReplicaProgress& voter : voters_) ends.push_back(voter.end_offset);
  std::sort(ends.begin(), ends.end(), std::greater<>());
  const int64_t on_majority = ends[majority_ - 1];
  if (on_majority <= epoch_start_) return false;
  if (high_watermark_ && on_majority <= *high_watermark_) return false;
  high_watermark_ = on_majority;
  return true;
}

std::vector<ReplicaKey> Leader::successors() const {
  std::vector<const ReplicaProgress*> order;
  for (const ReplicaProgress& voter : voters_) {
    if (!voter.key.means(local_)) order.push_back(&voter);
  }
  std::sort(order.begin(), order.end(), [](const ReplicaProgress* a, const ReplicaProgress* b) {
    return a->end_offset != b->end_offset ? a->end_offset > b->end_offset : a->key < b->key;
  });
  std::vector<ReplicaKey> keys;
  for (const ReplicaProgress* voter : order) keys.push_back(voter->key);
  return keys;
}

void Leader::heard_from(const ReplicaKey& replica, Instant now) {
  const auto voter = std::find_if(voters_.begin(), voters_.end(),
                                  [&](const ReplicaProgress& entry) { return entry.key.means(replica); });
  if (voter == voters_.end() || check_quorum_deadline_.is_never()) return;
  if (std::find(heard_.begin(), heard_.end(), replica.id) == heard_.end()) heard_.push_back(replica.id);
  const bool leads_as_voter = std::any_of(
      voters_.begin(), voters_.end(), [&](const ReplicaProgress& entry) { return entry.key.means(local_); });
  if (heard_.size() + (leads_as_voter ? 1 : 0) < majority_) return;
  heard_.clear();
  check_quorum_deadline_ = now + fetch_timeout_ * 3 / 2;
}

void Leader::forget_silent_observers(Instant now) {
  std::erase_if(observers_, [&](const ReplicaProgress& observer) {
    return observer.last_fetch && *observer.last_fetch + observer_session_ <= now;
  });
}

int64_t Leader::enqueue(Buffer batch, int32_t record_count, Instant now) {
  ENSURE(record_count > 0, "an append without records");
  if (queue_.empty()) drain_due_ = std::max(now, linger_until_);
  queued_bytes_ += batch.size();
  AppendEntry& entry = queue_.emplace_back();
  entry.base_offset = next_offset_;
  entry.record_count = record_count;
  entry.payload = std::move(batch);
  next_offset_ += record_count;
  return entry.base_offset;
}

std::vector<AppendEntry> Leader::drain(Instant now) {
  std::vector<AppendEntry> drained = std::move(queue_);
  queue_.clear();
  queued_bytes_ = 0;
  drain_due_ = Instant::never();
  linger_until_ = now + linger_;
  return drained;
}

}  // namespace ksim::raft
