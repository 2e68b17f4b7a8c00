// A leader's duties: opening its epoch, telling the others, appending, keeping a quorum, resigning
// (rules B20-B31).

#include <fmt/format.h>

#include "core/base/assert.h"
#include "core/raft/node.h"

namespace ksim::raft {

// Rule B20: the control batch of the epoch is written at once, without linger.
void Node::open_epoch(Step& s, Leader& leader) {
  LeaderChange change;
  change.leader_id = config_.local.id;
  for (const ReplicaKey& voter : config_.voters.all()) change.voters.push_back(voter.id);
  change.granting_voters = leader.granting_voters();
  const int64_t offset = log_.end_offset();
  ENSURE(offset == leader.epoch_start_offset());
  log_.append(offset, offset, epoch_);
  leader.opened();
  AppendAsLeader append;
  append.epoch = epoch_;
  append.entries.push_back({offset, 1, std::move(change)});
  persist(std::move(append));
  flush_if_needed();
  if (leader.local_flushed(log_.flushed_offset())) leader_advanced(s);
}

void Node::on(Step& s, ClientAppend& in) {
  auto* leader = std::get_if<Leader>(&state_);
  AppendOutcome outcome;
  outcome.ticket = in.ticket;
  ENSURE_F(in.epoch <= epoch_, "an append in epoch {}, which is after {}", in.epoch, epoch_);  // rule B27
  if (leader == nullptr || in.epoch != epoch_ || leader->resign_requested || shutdown_deadline_) {
    outcome.error = ErrorCode::NOT_LEADER_OR_FOLLOWER;
  } else if (in.batch.size() > static_cast<size_t>(config_.max_batch_bytes)) {
    outcome.error = ErrorCode::RECORD_LIST_TOO_LARGE;
  } else if (in.required_offset && *in.required_offset != leader->next_offset()) {
    outcome.error = ErrorCode::UNKNOWN_SERVER_ERROR;
  } else {
    if (leader->would_overflow(in.batch.size())) drain_appends(*leader, s.now);
    outcome.base_offset = leader->enqueue(std::move(in.batch), in.record_count, s.now);
    outcome.last_offset = outcome.base_offset + in.record_count - 1;
  }
  out_.at_once(outcome);
}

void Node::drain_appends(Leader& leader, Instant now) {
  AppendAsLeader append;
  append.epoch = epoch_;
  append.entries = leader.drain(now);
  if (append.entries.empty()) return;
  for (const AppendEntry& entry : append.entries) {
    log_.append(entry.base_offset, entry.base_offset + entry.record_count - 1, epoch_);
  }
  ENSURE(leader.next_offset() == log_.end_offset(), "offsets were promised that the log does not have");
  persist(std::move(append));
  flush_if_needed();
}

// One flush at a time: what is appended meanwhile shares the next one.
void Node::flush_if_needed() {
  if (!must_flush_before_fetch() && !is_leader()) return;
  if (flush_in_flight_ || log_.flushed_offset() >= log_.end_offset()) return;
  flush_in_flight_ = true;
  persist(FlushLog{});
}

void Node::leader_advanced(Step& s) {
  auto& leader = std::get<Leader>(state_);
  raise_high_watermark(*leader.high_watermark(), PersistNumber{});
  complete_fetches(s);
}

Instant Node::poll_as(Step& s, Leader& state) {
  if (state.resign_requested || shutdown_deadline_ || state.check_quorum_deadline() <= s.now) {
    become_resigned(s, state.successors());
    return s.now;
  }
  if (state.drain_due() <= s.now) drain_appends(state, s.now);
  complete_fetches(s);
  Instant next = std::min(state.drain_due(), state.check_quorum_deadline());
  for (const PendingFetch& fetch : fetches_) next = std::min(next, fetch.deadline);
  if (config_.voters.size() == 1) return next;
  if (state.begin_quorum_due <= s.now) {
    // Rule B21.
    for (const ReplicaKey& voter : config_.voters.all()) {
      if (voter.means(config_.local) || !peers_.ready(voter.id, s.now)) continue;
      send(s, voter.id, BeginQuorumEpochRequest{epoch_, config_.local.id, voter});
    }
    state.begin_quorum_due = s.now + config_.timers.fetch_timeout / 2;
  }
  return std::min(next, state.begin_quorum_due);
}

Instant Node::poll_as(Step& s, Resigned& state) {
  Instant next = state.election_deadline;
  if (!shutdown_deadline_ && state.election_deadline <= s.now) {
    // Rule B29: never again in this epoch.
    become_unattached(s, epoch_ + 1, std::nullopt);
    return s.now;
  }
  if (shutdown_deadline_) next = Instant::never();
  if (shutdown_deadline_ && state.unacknowledged.empty()) {
    shutdown_complete_ = true;
    out_.outward(ShutdownComplete{});
    return Instant::never();
  }
  for (int32_t voter : state.unacknowledged) {
    if (peers_.ready(voter, s.now)) {
      send(s, voter, EndQuorumEpochRequest{epoch_, config_.local.id, state.preferred_successors});
    }
    next = std::min(next, peers_.ready_at(voter));
  }
  return next;
}

void Node::handle(Step& s, uint64_t ticket, BeginQuorumEpochRequest& request) {
  const ErrorCode error = validate_voter_request(request.leader_epoch, request.leader_id);
  if (error != ErrorCode::NONE) return reply(ticket, stamped<BeginQuorumEpochResponse>(error));
  adopt(s, request.leader_epoch, request.leader_id);
  const bool for_another = request.voter.id != kNoNode && !request.voter.means(config_.local);
  reply(ticket,
        stamped<BeginQuorumEpochResponse>(for_another ? ErrorCode::INVALID_VOTER_KEY : ErrorCode::NONE));
}

void Node::handle(Step& s, int32_t, BeginQuorumEpochResponse& response) {
  static_cast<void>(handle_common(s, response.error, response.leader_epoch, response.leader_id));
}

void Node::handle(Step& s, uint64_t ticket, EndQuorumEpochRequest& request) {
  const ErrorCode error = validate_voter_request(request.leader_epoch, request.leader_id);
  if (error != ErrorCode::NONE) return reply(ticket, stamped<EndQuorumEpochResponse>(error));
  adopt(s, request.leader_epoch, request.leader_id);
  if (auto* follower = std::get_if<Follower>(&state_);
      follower != nullptr && follower->leader_id == request.leader_id) {
    follower->fetch_deadline = s.now + successor_backoff(request.preferred_candidates);
    // Its leader is gone by its own word: this voter has no reason any more to refuse pre-votes (rule B11),
    // and the handover need not wait for its timer. Kafka waits.
    follower->has_fetched = false;
  }
  reply(ticket, stamped<EndQuorumEpochResponse>(ErrorCode::NONE));
}

// Rule B30: the best successor stands at once, the others after it, spread by powers of two.
Duration Node::successor_backoff(const std::vector<ReplicaKey>& preferred) const {
  const Duration most = config_.timers.election_backoff_max;
  size_t position = 0;
  while (position < preferred.size() && preferred[position].id != config_.local.id) ++position;
  if (position == preferred.size()) return most;
  if (position == 0) return {};
  const size_t shrink = std::min<size_t>(preferred.size() - 1, 62);
  const size_t grow = std::min<size_t>(position - 1, 62 - shrink);
  return std::min(most, Duration{(most.ns >> shrink) << grow});
}

void Node::handle(Step& s, int32_t peer, EndQuorumEpochResponse& response) {
  if (handle_common(s, response.error, response.leader_epoch, response.leader_id)) return;
  if (auto* resigned = std::get_if<Resigned>(&state_)) std::erase(resigned->unacknowledged, peer);
}

}  // namespace ksim::raft
