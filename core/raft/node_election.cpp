// Elections: pre-votes (KIP-996) and votes (rules B9-B18).

#include "core/base/assert.h"
#include "core/raft/node.h"

namespace ksim::raft {

// Rule B13, after cluster id and partition, which the driver has checked.
void Node::handle(Step& s, uint64_t ticket, VoteRequest& request) {
  const bool epoch_in_order = request.pre_vote ? request.last_offset_epoch <= request.replica_epoch
                                               : request.last_offset_epoch < request.replica_epoch;
  if (request.last_offset < 0 || request.last_offset_epoch < 0 || !epoch_in_order) {
    return reply(ticket, stamped<VoteResponse>(ErrorCode::INVALID_REQUEST));
  }
  if (const ErrorCode error = validate_voter_request(request.replica_epoch, std::nullopt);
      error != ErrorCode::NONE) {
    return reply(ticket, stamped<VoteResponse>(error));
  }
  // Of pre-votes too (rule B11): the sender has not raised this epoch, it lives in it.
  if (request.replica_epoch > epoch_) become_unattached(s, request.replica_epoch, std::nullopt);
  if (request.voter.id != kNoNode && !request.voter.means(config_.local)) {
    return reply(ticket, stamped<VoteResponse>(ErrorCode::INVALID_VOTER_KEY));
  }
  const bool granted = can_grant(request);
  if (granted && !request.pre_vote && !voted_) become_voted(s, request.replica);
  VoteResponse response = stamped<VoteResponse>(ErrorCode::NONE);
  response.vote_granted = granted;
  response.pre_vote = request.pre_vote;
  reply(ticket, response);
}

// Rules B11 and B14.
bool Node::can_grant(const VoteRequest& request) const {
  const bool up_to_date = OffsetAndEpoch{request.last_offset, request.last_offset_epoch} >= log_.end();
  const bool undecided =
      std::holds_alternative<Unattached>(state_) || std::holds_alternative<Prospective>(state_);
  if (request.pre_vote) {
    if (undecided || std::holds_alternative<Candidate>(state_)) return up_to_date;
    const auto* follower = std::get_if<Follower>(&state_);
    return follower != nullptr && !follower->has_fetched && up_to_date;
  }
  if (!undecided) return false;
  if (voted_) return voted_->means(request.replica);
  return !leader_id() && up_to_date;
}

// Rule B17.
void Node::handle(Step& s, int32_t peer, VoteResponse& response) {
  // Rule B10: a peer too old for pre-votes does not stand in the way.
  const bool too_old = response.error == ErrorCode::UNSUPPORTED_VERSION;
  if (too_old) {
    response = stamped<VoteResponse>(ErrorCode::NONE);
    response.vote_granted = std::holds_alternative<Prospective>(state_);
  }
  const int32_t epoch_before = epoch_;
  const bool asked_before_vote = std::holds_alternative<Prospective>(state_);
  if (handle_common(s, response.error, response.leader_epoch, response.leader_id)) return;
  if (epoch_ != epoch_before) return;
  if (asked_before_vote) return handle_pre_vote_response(s, peer, response);
  auto* candidate = std::get_if<Candidate>(&state_);
  if (candidate == nullptr || candidate->backoff_until) return;
  candidate->tally.record(peer, response.vote_granted);
  if (candidate->tally.won()) {
    become_leader(s);
  } else if (candidate->tally.lost()) {
    candidate_lost(s);
  }
}

void Node::handle_pre_vote_response(Step& s, int32_t peer, const VoteResponse& response) {
  auto* prospective = std::get_if<Prospective>(&state_);
  if (prospective == nullptr) return;  // the answer named a leader
  prospective->tally.record(peer, response.vote_granted);
  if (prospective->tally.won()) {
    become_candidate(s);
  } else if (prospective->tally.lost()) {
    prospective_lost(s);
  }
}

void Node::prospective_lost(Step& s) {
  const std::optional<int32_t> leader = leader_id();
  if (const auto known = reachable(leader)) {
    become_follower(s, epoch_, *known);
  } else {
    become_unattached(s, epoch_, leader);
  }
}

// Rule B18, but for the cap: Kafka draws from a range that doubles and then cuts the result off, so that
// after some retries all rivals wait for exactly as long and split their votes again. Here the range is cut.
void Node::candidate_lost(Step& s) {
  auto& candidate = std::get<Candidate>(state_);
  const Duration doubled = milliseconds(100) * (int64_t{1} << std::min<uint32_t>(21, election_retries_));
  const Duration range = std::min(doubled, config_.timers.election_backoff_max);
  candidate.backoff_until =
      s.now + Duration{static_cast<int64_t>(s.draws.below(static_cast<uint64_t>(range.ns)))};
}

Instant Node::ask_for_votes(Step& s, const Tally& tally, bool pre_vote) {
  Instant next = Instant::never();
  for (const ReplicaKey& voter : config_.voters.all()) {
    if (voter.means(config_.local) || !tally.unrecorded(voter.id)) continue;
    if (peers_.ready(voter.id, s.now)) {
      VoteRequest request;
      request.replica_epoch = epoch_;
      request.replica = config_.local;
      request.voter = voter;
      request.last_offset_epoch = log_.last_epoch();
      request.last_offset = log_.end_offset();
      request.pre_vote = pre_vote;
      send(s, voter.id, request);
    }
    next = std::min(next, peers_.ready_at(voter.id));
  }
  return next;
}

Instant Node::poll_as(Step& s, Unattached& state) {
  const Instant election = state.election_deadline;
  // Rule B31: one that is leaving does not stand for election any more.
  if (shutdown_deadline_) return fetch_from_anyone(s);
  if (is_voter() && election <= s.now) {
    become_prospective(s);
    return s.now;
  }
  return std::min(election, fetch_from_anyone(s));
}

Instant Node::poll_as(Step& s, Prospective& state) {
  if (state.election_deadline <= s.now && !shutdown_deadline_) {
    prospective_lost(s);
    return s.now;
  }
  const Instant election = shutdown_deadline_ ? Instant::never() : state.election_deadline;
  return std::min(election, ask_for_votes(s, state.tally, true));
}

Instant Node::poll_as(Step& s, Candidate& state) {
  if (!state.backoff_until && state.election_deadline <= s.now) candidate_lost(s);
  if (!state.backoff_until) return std::min(state.election_deadline, ask_for_votes(s, state.tally, false));
  if (*state.backoff_until > s.now) return *state.backoff_until;
  become_prospective(s);
  return s.now;
}

}  // namespace ksim::raft
