// Replication by Fetch: serving followers, following a leader, the high watermark (rules B22-B25, B32-B40).

#include <fmt/format.h>

#include "core/base/assert.h"
#include "core/raft/node.h"

namespace ksim::raft {

// ---- leader ----

void Node::handle(Step& s, uint64_t ticket, FetchRequest& request) {
  if (request.max_wait.ns < 0 || request.fetch_offset < 0 || request.last_fetched_epoch < 0 ||
      request.last_fetched_epoch > request.current_leader_epoch) {
    return reply(ticket, stamped<FetchResponse>(ErrorCode::INVALID_REQUEST));
  }
  if (const ErrorCode error = validate_leader_request(request.current_leader_epoch);
      error != ErrorCode::NONE) {
    return reply(ticket, stamped<FetchResponse>(error));
  }
  auto& leader = std::get<Leader>(state_);
  leader.heard_from(request.replica, s.now);
  const LogView::Position position = log_.validate(request.fetch_offset, request.last_fetched_epoch);
  const bool from_other = request.replica.id >= 0 && request.replica.id != config_.local.id;
  // Rule B23. A new high watermark goes out with this very answer.
  if (position.verdict == LogView::Verdict::valid && from_other &&
      leader.fetched(request.replica, request.fetch_offset, log_.end_offset(), s.now)) {
    raise_high_watermark(*leader.high_watermark(), PersistNumber{});
  }
  if (request.max_wait.ns > 0 && position.verdict == LogView::Verdict::valid && !has_news(request)) {
    fetches_.push_back({ticket, request, s.now + request.max_wait});
  } else {
    answer_fetch(ticket, request);
  }
}

// Something to tell the one who asks (rule B35). Before Fetch v18 a follower does not say which high
// watermark it knows; then what it was told last stands in for that. Without it a committed record would
// become visible at followers only when the next one is appended, or half a second later.
bool Node::has_news(const FetchRequest& request) const {
  if (log_.end_offset() > request.fetch_offset) return true;
  const auto& leader = std::get<Leader>(state_);
  const std::optional<int64_t> known =
      request.high_watermark ? request.high_watermark : leader.told_high_watermark(request.replica);
  return known && leader.high_watermark().value_or(-1) > *known;
}

void Node::answer_fetch(uint64_t ticket, const FetchRequest& request) {
  auto& leader = std::get<Leader>(state_);
  FetchResponse response = stamped<FetchResponse>(ErrorCode::NONE);
  response.log_start_offset = log_.start_offset();
  const LogView::Position position = log_.validate(request.fetch_offset, request.last_fetched_epoch);
  if (position.verdict == LogView::Verdict::valid) {
    if (log_.end_offset() > request.fetch_offset) {
      response.read = ReadRange{request.fetch_offset, log_.end_offset(), request.max_bytes};
    }
  } else if (position.verdict == LogView::Verdict::diverging) {
    response.diverging_epoch = position.at;
  } else {
    response.snapshot_id = position.at;
  }
  response.high_watermark = leader.high_watermark().value_or(-1);
  leader.tell_high_watermark(request.replica, response.high_watermark);
  // The records have to be in the log before they can be read there; durable they need not be (rule B24).
  reply(ticket, std::move(response), last_append_);
}

void Node::complete_fetches(Step& s) {
  std::erase_if(fetches_, [&](const PendingFetch& fetch) {
    if (fetch.deadline > s.now && !has_news(fetch.request)) return false;
    answer_fetch(fetch.ticket, fetch.request);
    return true;
  });
}

void Node::fail_fetches(ErrorCode error) {
  for (const PendingFetch& fetch : fetches_) reply(fetch.ticket, stamped<FetchResponse>(error));
  fetches_.clear();
}

// ---- follower ----

// Rule B25.
bool Node::must_flush_before_fetch() const { return is_voter() || config_.may_become_voter; }

Instant Node::send_fetch(Step& s, int32_t peer) {
  if (must_flush_before_fetch() && log_.flushed_offset() < log_.end_offset()) {
    flush_if_needed();
    return Instant::never();  // the flush's end brings us back
  }
  if (!peers_.ready(peer, s.now)) return peers_.ready_at(peer);
  FetchRequest request;
  request.replica = config_.local;
  request.current_leader_epoch = epoch_;
  request.last_fetched_epoch = log_.last_epoch();
  request.fetch_offset = log_.end_offset();
  request.max_wait = config_.timers.fetch_max_wait;
  request.max_bytes = config_.max_fetch_bytes;
  request.high_watermark = high_watermark_;
  send(s, peer, request, out_.last());
  return peers_.ready_at(peer);
}

// Rule B40: whoever answers tells who leads.
Instant Node::fetch_from_anyone(Step& s) {
  Instant next = Instant::never();
  std::vector<int32_t> ready;
  bool all_quiet = !peers_.any_in_flight(s.now);
  for (const ReplicaKey& voter : config_.voters.all()) {
    if (voter.means(config_.local)) continue;
    next = std::min(next, peers_.ready_at(voter.id));
    if (peers_.ready(voter.id, s.now)) ready.push_back(voter.id);
  }
  if (!all_quiet || ready.empty()) {
    // Somebody is being asked, or all have just failed: the earliest of those brings us back.
    Instant back = Instant::never();
    for (const ReplicaKey& voter : config_.voters.all()) {
      if (const Instant at = peers_.ready_at(voter.id); !voter.means(config_.local) && at > s.now) {
        back = std::min(back, at);
      }
    }
    return back;
  }
  // A driver may give the same draw until the state changes, and not always the same voter should be asked.
  const uint64_t turn = s.draws.below(ready.size()) + asked_anyone_++;
  const int32_t chosen = ready[turn % ready.size()];
  return send_fetch(s, chosen);
}

Instant Node::poll_as(Step& s, Follower& state) {
  if (is_voter()) {
    if (state.fetch_deadline <= s.now) {
      become_prospective(s);
      return s.now;
    }
    const Instant next =
        state.snapshot ? send_fetch_snapshot(s, state, state.leader_id) : send_fetch(s, state.leader_id);
    return std::min(state.fetch_deadline, next);
  }
  // Rule B40: an observer stays a follower and asks around.
  if (state.fetch_deadline <= s.now || peers_.backing_off(state.leader_id, s.now)) {
    const Instant next = fetch_from_anyone(s);
    return state.fetch_deadline > s.now ? std::min(state.fetch_deadline, next) : next;
  }
  const Instant next =
      state.snapshot ? send_fetch_snapshot(s, state, state.leader_id) : send_fetch(s, state.leader_id);
  return std::min(state.fetch_deadline, next);
}

void Node::handle(Step& s, int32_t peer, FetchResponse& response) {
  if (handle_common(s, response.error, response.leader_epoch, response.leader_id)) return;
  auto* follower = std::get_if<Follower>(&state_);
  if (follower == nullptr || follower->leader_id != peer) return;
  bool progress = true;
  if (response.diverging_epoch) {
    progress = truncate_diverging(*response.diverging_epoch);
  } else if (response.snapshot_id) {
    progress = begin_snapshot_fetch(*follower, *response.snapshot_id);
  } else {
    const bool offered = !response.records.bytes.empty();
    progress = append_fetched(std::move(response.records)) || !offered;
    follow_high_watermark(response.high_watermark);
  }
  if (!progress) peers_.pause(peer, s.now);
  follower->has_fetched = true;
  follower->fetch_deadline = s.now + config_.timers.fetch_timeout;
}

// Rule B36.
bool Node::truncate_diverging(OffsetAndEpoch leader_end) {
  const int64_t offset = log_.truncation_offset(leader_end);
  ENSURE_F(offset >= high_watermark_ && leader_end.offset >= high_watermark_,
           "the leader's log ends epoch {} at {}, ours is cut to {}, below the high watermark {}",
           leader_end.epoch, leader_end.offset, offset, high_watermark_);
  if (offset >= log_.end_offset()) return false;
  log_.truncate_to(offset);
  persist(TruncateLog{offset, leader_end});
  return true;
}

// Rule B38: only what belongs to epochs up to the one the fetch was sent in, and only what continues the log.
bool Node::append_fetched(RecordBytes records) {
  size_t keep = 0;
  size_t kept_bytes = 0;
  for (const BatchInfo& batch : records.batches) {
    if (batch.leader_epoch > epoch_ || batch.leader_epoch < log_.last_epoch() ||
        batch.base_offset != log_.end_offset() || batch.last_offset < batch.base_offset) {
      break;
    }
    log_.append(batch.base_offset, batch.last_offset, batch.leader_epoch);
    ++keep;
    kept_bytes += batch.size_bytes;
  }
  if (keep == 0) return false;
  ENSURE(kept_bytes <= records.bytes.size(), "batches larger than their buffer");
  records.batches.resize(keep);
  records.bytes = records.bytes.first(kept_bytes);
  persist(AppendAsFollower{std::move(records)});
  flush_if_needed();
  return true;
}

// Rule B37.
void Node::follow_high_watermark(int64_t leader_high_watermark) {
  const int64_t offset = std::min(leader_high_watermark, log_.end_offset());
  // What is committed is read from the log, so it has to be there first.
  if (offset > high_watermark_) raise_high_watermark(offset, last_append_);
}

void Node::raise_high_watermark(int64_t offset, PersistNumber after) {
  ENSURE(offset <= log_.end_offset());
  // A new leader's watermark starts from what its epoch has made certain, which it may have known before.
  if (offset <= high_watermark_) return;
  high_watermark_ = offset;
  out_.outward(HighWatermarkUpdated{epoch_, offset}, after);
}

}  // namespace ksim::raft
