// The transitions of the quorum state (Kafka: QuorumState.java). Rule B1: all but Resigned and Prospective
// store epoch, leader and vote before anybody can see the new state.

#include <fmt/format.h>

#include "core/base/assert.h"
#include "core/raft/node.h"

namespace ksim::raft {

Instant Node::random_election_deadline(Step& s) const {
  const Duration base = config_.timers.election_timeout;
  return s.now + base + Duration{static_cast<int64_t>(s.draws.below(static_cast<uint64_t>(base.ns)))};
}

// What a leader owes others when it stops being one (rules B28, B35), and the end of requests in flight.
void Node::leave_state(Step&) {
  peers_.reset();
  if (is_leader()) fail_fetches(ErrorCode::NOT_LEADER_OR_FOLLOWER);
  changed_state_ = true;
  ++transitions_;
}

void Node::entered(bool durable) {
  const int32_t leader = leader_id().value_or(kNoNode);
  if (durable) persist(PersistQuorumState{{epoch_, leader, voted_}});
  out_.outward(StateChanged{state_name(), epoch_, leader, voted_ ? voted_->id : kNoNode});
  // A node that has resigned still answers that it led this epoch, but its clients lost their leader.
  const bool resigned = std::holds_alternative<Resigned>(state_);
  const int32_t announced = resigned ? kNoNode : leader;
  if (announced_epoch_ == epoch_ && announced_leader_ == announced) return;
  announced_epoch_ = epoch_;
  announced_leader_ = announced;
  const Leader* own = this->leader();
  out_.outward(LeaderChanged{epoch_, announced, own == nullptr ? -1 : own->epoch_start_offset()});
}

// Rules B6, B15.
void Node::become_unattached(Step& s, int32_t epoch, std::optional<int32_t> leader) {
  const auto* prospective = std::get_if<Prospective>(&state_);
  ENSURE_F(epoch > epoch_ || (epoch == epoch_ && (prospective != nullptr || !started_)),
           "unattached in epoch {} from {} in epoch {}", epoch, state_name(), epoch_);
  Instant deadline = Instant::never();
  if (is_voter()) {
    if (const auto* unattached = std::get_if<Unattached>(&state_); unattached != nullptr && started_) {
      deadline = unattached->election_deadline;
    } else if (const auto* candidate = std::get_if<Candidate>(&state_)) {
      deadline = candidate->election_deadline;
    } else if (const auto* resigned = std::get_if<Resigned>(&state_)) {
      deadline = resigned->election_deadline;
    } else if (prospective != nullptr && !prospective->tally.lost()) {
      deadline = prospective->election_deadline;
    } else {
      deadline = random_election_deadline(s);
    }
  }
  leave_state(s);
  if (epoch > epoch_) voted_.reset();
  epoch_ = epoch;
  state_ = Unattached{leader, deadline};
  entered(true);
}

// Rules B14, B15: the vote is stored before its reply, and the voter waits anew: the candidate is as good as
// itself.
void Node::become_voted(Step& s, const ReplicaKey& candidate) {
  ENSURE(!voted_.has_value(), "a second vote in an epoch");
  ENSURE(candidate.id != config_.local.id, "voting for oneself without standing");
  const auto* prospective = std::get_if<Prospective>(&state_);
  ENSURE_F(prospective != nullptr || std::holds_alternative<Unattached>(state_), "a vote granted as {}",
           state_name());
  const std::optional<int32_t> leader = leader_id();
  ENSURE(!leader.has_value(), "a vote granted in an epoch that has a leader");
  leave_state(s);
  voted_ = candidate;
  if (prospective != nullptr) {
    state_ = Prospective{std::nullopt, Tally(config_.voters, config_.local.id), random_election_deadline(s)};
  } else {
    state_ = Unattached{std::nullopt, is_voter() ? random_election_deadline(s) : Instant::never()};
  }
  entered(true);
}

// Rule B9: epoch, leader and vote stay; nothing is written.
void Node::become_prospective(Step& s) {
  ENSURE_F(is_voter() && !is_leader(), "prospective from {}", state_name());
  const std::optional<int32_t> leader = std::holds_alternative<Resigned>(state_) ? std::nullopt : leader_id();
  leave_state(s);
  state_ = Prospective{leader, Tally(config_.voters, config_.local.id), random_election_deadline(s)};
  entered(false);
  if (std::get<Prospective>(state_).tally.won()) become_candidate(s);
}

// Rule B12: epoch and own vote in one write. A sole voter needs nobody else (rule B5).
void Node::become_candidate(Step& s) {
  ENSURE_F(is_voter() && !is_leader(), "candidate from {}", state_name());
  leave_state(s);
  ++epoch_;
  ++election_retries_;
  voted_ = config_.local;
  state_ = Candidate{Tally(config_.voters, config_.local.id), random_election_deadline(s), std::nullopt};
  entered(true);
  if (std::get<Candidate>(state_).tally.won()) become_leader(s);
}

// Rule B4: a restart that finds its own vote asks for the others' again, in the same epoch.
void Node::become_candidate_again(Step& s) {
  ENSURE(!started_ && voted_ && voted_->means(config_.local));
  election_retries_ = 1;
  state_ = Candidate{Tally(config_.voters, config_.local.id), random_election_deadline(s), std::nullopt};
  entered(true);
  if (std::get<Candidate>(state_).tally.won()) become_leader(s);
}

void Node::become_leader(Step& s) {
  const auto* candidate = std::get_if<Candidate>(&state_);
  ENSURE_F(candidate != nullptr && candidate->tally.won(), "leader from {}", state_name());
  std::vector<int32_t> granting = candidate->tally.granting();
  leave_state(s);
  election_retries_ = 0;
  state_.emplace<Leader>(config_, log_.end_offset(), std::move(granting), s.now);
  entered(true);
  open_epoch(s, std::get<Leader>(state_));
}

// Rule B29: in memory only; the stored leader is this node, which is what a restart must find (rule B4).
void Node::become_resigned(Step& s, std::vector<ReplicaKey> preferred_successors) {
  ENSURE_F(is_leader() || !started_, "resigned from {}", state_name());
  leave_state(s);
  Resigned resigned;
  resigned.election_deadline = random_election_deadline(s);
  resigned.preferred_successors = std::move(preferred_successors);
  for (const ReplicaKey& voter : config_.voters.all()) {
    if (!voter.means(config_.local)) resigned.unacknowledged.push_back(voter.id);
  }
  state_ = std::move(resigned);
  entered(false);
}

// Rule B6: a vote of this epoch is kept beside the leader.
void Node::become_follower(Step& s, int32_t epoch, int32_t leader) {
  ENSURE_F(leader != config_.local.id, "following oneself in epoch {}", epoch);
  ENSURE_F(epoch >= epoch_, "follower in epoch {} from epoch {}", epoch, epoch_);
  ENSURE_F(epoch > epoch_ || !is_leader(), "a leader of epoch {} follows {} in it", epoch, leader);
  ENSURE_F(epoch > epoch_ || !started_ || leader_id().value_or(leader) == leader,
           "epoch {} has two leaders, {} and {}", epoch, leader_id().value_or(kNoNode), leader);
  leave_state(s);
  if (epoch > epoch_) voted_.reset();
  epoch_ = epoch;
  election_retries_ = 0;
  Follower follower;
  follower.leader_id = leader;
  follower.fetch_deadline = s.now + config_.timers.fetch_timeout;
  state_ = std::move(follower);
  entered(true);
  maybe_complete_shutdown();
}

}  // namespace ksim::raft
