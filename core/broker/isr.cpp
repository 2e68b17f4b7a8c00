#include "core/broker/isr.h"

#include <algorithm>

#include "core/base/assert.h"
#include "core/base/contains.h"

namespace ksim::broker {
namespace {

std::vector<int32_t> sorted(std::span<const int32_t> ids) {
  std::vector<int32_t> result(ids.begin(), ids.end());
  std::sort(result.begin(), result.end());
  return result;
}

}  // namespace

PartitionIsr::LeadResult PartitionIsr::lead(const PartitionAssignment& assignment,
                                            const IsrContext& context) {
  LeadResult result;
  if (assignment.partition_epoch < partition_epoch_) return result;
  ENSURE(contains(assignment.isr, own_id_), "a leader outside its ISR");
  ENSURE(assignment.leader_epoch >= leader_epoch_, "leader epoch went back");
  result.accepted = true;
  result.new_leader_epoch = assignment.leader_epoch > leader_epoch_;
  // Rule D37. Not copied: Kafka takes who led any earlier epoch, and has not followed since, for the leader
  // of the epoch before. Metadata that comes late may show it its own epochs only, when somebody else has led
  // in between and made followers cut their logs.
  const bool newly_leader = !is_leader_ || assignment.leader_epoch > leader_epoch_ + 1;
  // Rule D45. Not copied: Kafka lets a record of the *same* partition epoch end a pending change too. It
  // arrives after an answer has already moved the leader to that epoch and the next change has been sent on
  // top of it; forgetting that one would let the high watermark pass a replica that the controller is about
  // to add (R6).
  const bool newer = assignment.partition_epoch > partition_epoch_ || result.new_leader_epoch || newly_leader;
  if (newer) {
    pending_.reset();
    pending_addition_.reset();
    isr_ = sorted(assignment.isr);
    result.effects.committed = true;
  }
  left_.clear();
  is_leader_ = true;
  replicas_.assign(assignment.replicas.begin(), assignment.replicas.end());
  update_followers(assignment.replicas);
  if (result.new_leader_epoch || newly_leader) {
    epoch_start_offset_ = context.log.end_offset;
    reset_followers(assignment.isr, newly_leader, context);
  }
  leader_epoch_ = assignment.leader_epoch;
  partition_epoch_ = assignment.partition_epoch;
  raise_high_watermark(context, result.effects);
  return result;
}

PartitionIsr::FollowResult PartitionIsr::follow(const PartitionAssignment& assignment) {
  FollowResult result;
  if (assignment.partition_epoch < partition_epoch_) return result;
  ENSURE(assignment.leader_epoch >= leader_epoch_, "leader epoch went back");
  result.accepted = true;
  result.new_leader_epoch = assignment.leader_epoch > leader_epoch_;
  is_leader_ = false;
  leader_epoch_ = assignment.leader_epoch;
  partition_epoch_ = assignment.partition_epoch;
  epoch_start_offset_ = kUnknownOffset;
  replicas_.assign(assignment.replicas.begin(), assignment.replicas.end());
  isr_ = sorted(assignment.isr);
  followers_.clear();
  left_.clear();
  pending_.reset();
  pending_addition_.reset();
  return result;
}

ErrorCode PartitionIsr::check_follower(int32_t replica_id, bool request_has_epoch) const {
  if (!is_leader_) return ErrorCode::NOT_LEADER_OR_FOLLOWER;
  if (follower(replica_id) != nullptr) return ErrorCode::NONE;
  return request_has_epoch ? ErrorCode::UNKNOWN_LEADER_EPOCH : ErrorCode::NOT_LEADER_OR_FOLLOWER;
}

ErrorCode PartitionIsr::follower_fetched(const FollowerFetch& fetch, const IsrContext& context,
                                         IsrEffects& effects) {
  FollowerState* state = is_leader_ ? find(fetch.replica_id) : nullptr;
  if (state == nullptr) return ErrorCode::NOT_LEADER_OR_FOLLOWER;
  const auto standing = context.brokers.standing(fetch.replica_id);
  const bool alive = standing.has_value() && !standing->fenced;
  if (fetch.broker_epoch != kUnknownBrokerEpoch && alive && standing->epoch > fetch.broker_epoch)
    return ErrorCode::NOT_LEADER_OR_FOLLOWER;

  if (fetch.fetch_offset >= fetch.leader_end_at_read) {
    state->caught_up = std::max(state->caught_up, fetch.at);
  } else if (fetch.fetch_offset >= state->leader_end_at_last_fetch) {
    state->caught_up = std::max(state->caught_up, state->last_fetch);
  }
  const bool moved = state->log_end_offset != fetch.fetch_offset;
  state->log_start_offset = fetch.log_start_offset;
  state->log_end_offset = fetch.fetch_offset;
  state->leader_end_at_last_fetch = std::max(state->leader_end_at_last_fetch, fetch.leader_end_at_read);
  state->last_fetch = fetch.at;
  state->broker_epoch = fetch.broker_epoch;

  maybe_expand(*state, context, effects);
  if (moved) raise_high_watermark(context, effects);
  return ErrorCode::NONE;
}

IsrEffects PartitionIsr::advance(const IsrContext& context) {
  IsrEffects effects;
  if (is_leader_) raise_high_watermark(context, effects);
  return effects;
}

IsrEffects PartitionIsr::check_lag(const IsrContext& context) {
  IsrEffects effects;
  if (!is_leader_) return effects;
  // Not copied: Kafka looks at the high watermark only after appends and moving followers, so one held back
  // by a caught-up non-member stays where it is when that replica dies and nothing is produced any more (L).
  raise_high_watermark(context, effects);
  if (pending_) return effects;
  std::vector<int32_t> rest;
  for (int32_t id : isr_) {
    const FollowerState* state = follower(id);
    if (id == own_id_ || (state != nullptr && caught_up(*state, context))) rest.push_back(id);
  }
  if (rest.size() < isr_.size()) propose(std::move(rest), std::nullopt, context, effects);
  return effects;
}

IsrEffects PartitionIsr::answered(const IsrAnswer& answer, const IsrContext& context) {
  IsrEffects effects;
  if (!is_leader_ || !pending_ || pending_->number != answer.number) return effects;  // overridden meanwhile
  switch (answer.error) {
    case ErrorCode::NONE:
      // A stale answer leaves the change pending: metadata of a later epoch is on its way.
      if (answer.leader_epoch != leader_epoch_ || answer.partition_epoch < partition_epoch_) break;
      pending_.reset();
      pending_addition_.reset();
      left_.insert(left_.end(), isr_.begin(), isr_.end());
      isr_ = sorted(answer.isr);
      std::erase_if(left_, [this](int32_t id) { return in_isr(id); });
      partition_epoch_ = answer.partition_epoch;
      effects.committed = true;
      raise_high_watermark(context, effects);
      break;
    case ErrorCode::OPERATION_NOT_ATTEMPTED:
    case ErrorCode::INELIGIBLE_REPLICA:
      // Nothing was changed, and nothing will be: the refusal has made each copy of the proposal too old.
      pending_.reset();
      pending_addition_.reset();
      raise_high_watermark(context, effects);
      break;
    case ErrorCode::UNKNOWN_TOPIC_OR_PARTITION:
    case ErrorCode::UNKNOWN_TOPIC_ID:
    case ErrorCode::FENCED_LEADER_EPOCH:
    case ErrorCode::INVALID_UPDATE_VERSION:
    case ErrorCode::INVALID_REQUEST:
    case ErrorCode::NEW_LEADER_ELECTED:
      break;  // may have been applied: pending until metadata overrides it
    default:
      effects.propose = pending_;  // nothing known of it: the same change again
      break;
  }
  return effects;
}

std::vector<int32_t> PartitionIsr::maximal_isr() const {
  std::vector<int32_t> result = isr_;
  if (pending_addition_)
    result.insert(std::upper_bound(result.begin(), result.end(), *pending_addition_), *pending_addition_);
  return result;
}

const FollowerState* PartitionIsr::follower(int32_t broker_id) const {
  for (const FollowerState& state : followers_) {
    if (state.broker_id == broker_id) return &state;
  }
  return nullptr;
}

FollowerState* PartitionIsr::find(int32_t broker_id) {
  return const_cast<FollowerState*>(follower(broker_id));
}

int32_t PartitionIsr::effective_min_isr(int32_t configured) const {
  return std::min(configured, static_cast<int32_t>(followers_.size()) + 1);
}

bool PartitionIsr::under_min_isr(int32_t configured) const {
  return static_cast<int32_t>(isr_.size()) < effective_min_isr(configured);
}

std::optional<ErrorCode> PartitionIsr::reached(int64_t required_offset, const LeaderLog& log) const {
  if (!is_leader_) return ErrorCode::NOT_LEADER_OR_FOLLOWER;
  if (log.high_watermark < required_offset) return std::nullopt;
  const size_t members = isr_.size() + (pending_addition_ ? 1 : 0);
  return static_cast<int32_t>(members) >= effective_min_isr(log.min_isr)
             ? ErrorCode::NONE
             : ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND;
}

int64_t PartitionIsr::low_watermark(const LeaderLog& log, const BrokerDirectory& brokers) const {
  int64_t low = log.start_offset;
  for (const FollowerState& state : followers_) {
    const auto standing = brokers.standing(state.broker_id);
    if (standing && !standing->fenced) low = std::min(low, state.log_start_offset);
  }
  return low;
}

void PartitionIsr::assert_invariants() const {
  ENSURE(std::is_sorted(isr_.begin(), isr_.end()));
  if (!is_leader_) {
    ENSURE(followers_.empty() && !pending_ && !pending_addition_);
    return;
  }
  ENSURE(contains(isr_, own_id_));
  ENSURE(!pending_addition_ || pending_);
  ENSURE(!pending_addition_ || !in_isr(*pending_addition_));
  if (pending_) {
    ENSURE(pending_->leader_epoch == leader_epoch_);
    ENSURE(pending_->expands == pending_addition_.has_value());
  }
}

bool PartitionIsr::in_isr(int32_t broker_id) const {
  return std::binary_search(isr_.begin(), isr_.end(), broker_id);
}

bool PartitionIsr::in_maximal_isr(int32_t broker_id) const {
  return in_isr(broker_id) || (pending_addition_ && *pending_addition_ == broker_id);
}

bool PartitionIsr::caught_up(const FollowerState& follower, const IsrContext& context) const {
  return follower.log_end_offset == context.log.end_offset || context.now - follower.caught_up <= lag_max_;
}

bool PartitionIsr::eligible(const FollowerState& follower, const BrokerDirectory& brokers) const {
  const auto standing = brokers.standing(follower.broker_id);
  if (!standing || standing->fenced || standing->shutting_down || !follower.broker_epoch) return false;
  return *follower.broker_epoch == kUnknownBrokerEpoch || *follower.broker_epoch == standing->epoch;
}

void PartitionIsr::update_followers(std::span<const int32_t> replicas) {
  std::vector<FollowerState> next;
  next.reserve(replicas.size());
  for (int32_t id : sorted(replicas)) {
    if (id == own_id_) continue;
    const FollowerState* known = follower(id);
    next.push_back(known != nullptr ? *known : FollowerState{});
    next.back().broker_id = id;
  }
  followers_ = std::move(next);
}

// Rule D37: members of the ISR count as caught up now; of the others nothing is known, so that they hold the
// high watermark back only once they have fetched. Who led the epoch before keeps what followers told it.
void PartitionIsr::reset_followers(std::span<const int32_t> isr, bool newly_leader,
                                   const IsrContext& context) {
  for (FollowerState& state : followers_) {
    const bool member = contains(isr, state.broker_id);
    if (newly_leader) {
      const int32_t id = state.broker_id;
      state = FollowerState{};
      state.broker_id = id;
    } else {
      state.leader_end_at_last_fetch = context.log.end_offset;
      state.last_fetch = member ? context.now : kLongAgo;
    }
    state.caught_up = member ? context.now : kLongAgo;
  }
}

// Rule D42. A replica that is caught up and could join holds the watermark back as a member does: else it
// would chase a watermark that moves with the leader's log end and never join. Not copied: for Kafka's leader
// an answer alone ends a membership. The controller may have raised min.insync.replicas before it, and have
// made an eligible replica of who has left; this leader hears of both by its metadata, in that order, and
// until then would commit by the lower minimum what that replica lacks (R6).
bool PartitionIsr::counts(const FollowerState& follower, const IsrContext& context) const {
  return in_maximal_isr(follower.broker_id) || contains(left_, follower.broker_id) ||
         (caught_up(follower, context) && eligible(follower, context.brokers));
}

void PartitionIsr::raise_high_watermark(const IsrContext& context, IsrEffects& effects) const {
  if (under_min_isr(context.log.min_isr)) return;
  int64_t lowest = std::min(context.log.end_offset, context.log.settled_end);
  for (const FollowerState& state : followers_) {
    if (state.log_end_offset < lowest && counts(state, context)) lowest = state.log_end_offset;
  }
  if (lowest > context.log.high_watermark) effects.high_watermark = lowest;
}

// Rule D43: at or past both the high watermark and the start of the leader's epoch. Below the latter it may
// lack records that an earlier leader committed and this one does not yet know to be committed.
void PartitionIsr::maybe_expand(const FollowerState& follower, const IsrContext& context,
                                IsrEffects& effects) {
  if (pending_ || in_isr(follower.broker_id)) return;
  if (follower.log_end_offset < context.log.high_watermark) return;
  if (follower.log_end_offset < epoch_start_offset_) return;
  if (!eligible(follower, context.brokers)) return;
  std::vector<int32_t> isr = isr_;
  isr.insert(std::upper_bound(isr.begin(), isr.end(), follower.broker_id), follower.broker_id);
  propose(std::move(isr), follower.broker_id, context, effects);
}

void PartitionIsr::propose(std::vector<int32_t> isr, std::optional<int32_t> added, const IsrContext& context,
                           IsrEffects& effects) {
  IsrProposal proposal;
  proposal.number = ++proposals_;
  proposal.expands = added.has_value();
  proposal.leader_epoch = leader_epoch_;
  proposal.partition_epoch = partition_epoch_;
  for (int32_t id : isr) {
    // -1 where the member has not fetched since this leader began: if it died meanwhile the controller has
    // moved the partition epoch and refuses this proposal anyway.
    int64_t epoch = kUnknownBrokerEpoch;
    if (id == own_id_) {
      epoch = context.own_broker_epoch;
    } else if (const FollowerState* state = follower(id); state != nullptr && state->broker_epoch) {
      epoch = *state->broker_epoch;
    }
    proposal.isr.push_back({id, epoch});
  }
  pending_ = proposal;
  pending_addition_ = added;
  effects.propose = std::move(proposal);
}

}  // namespace ksim::broker
