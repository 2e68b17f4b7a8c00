#include "core/client/subscription_state.h"

#include <algorithm>

namespace ksim::client {

bool PartitionPosition::enter(FetchState next) {
  // A reset is ended by a position only, which then counts as valid or is validated from there.
  if (next == FetchState::initializing) return false;
  if (state_ == FetchState::await_reset && next == FetchState::await_validation) return false;
  state_ = next;
  not_before = {};
  lookup_ = 0;
  if (next == FetchState::await_reset) position_.reset();
  return true;
}

void PartitionPosition::request_reset(AutoOffsetReset to) {
  ENSURE(to != AutoOffsetReset::none);
  if (enter(FetchState::await_reset)) reset_to_ = to;
}

void PartitionPosition::seek_validated(const FetchPosition& to) {
  if (!enter(FetchState::fetching)) return;
  position_ = to;
  ++jumps_;
  jumped_to_ = to.offset;
  reset_to_.reset();
}

void PartitionPosition::seek_unvalidated(const FetchPosition& to) {
  seek_validated(to);
  validate(to, true);
}

void PartitionPosition::validate(const FetchPosition& position, bool can_validate) {
  const bool needed = can_validate && position.epoch && position.leader.epoch;
  if (enter(needed ? FetchState::await_validation : FetchState::fetching)) position_ = position;
}

void PartitionPosition::advance(int64_t offset, std::optional<int32_t> epoch) {
  ENSURE(has_valid_position() && offset > position_->offset);
  position_->offset = offset;
  position_->epoch = epoch;
}

void PartitionPosition::leader_is(const LeaderAndEpoch& leader, bool can_validate) {
  if (state_ == FetchState::await_reset || !leader.has_leader() || !position_) return;
  if (position_->leader == leader) return;
  FetchPosition position = *position_;
  position.leader = leader;
  validate(position, can_validate);
  preferred_replica_.reset();
}

void PartitionPosition::complete_validation() {
  if (position_) enter(FetchState::fetching);
}

std::optional<int32_t> PartitionPosition::preferred_replica(Instant now) {
  if (preferred_replica_ && now > preferred_until_) preferred_replica_.reset();
  return preferred_replica_;
}

void PartitionPosition::prefer_replica(int32_t node, Instant until) {
  if (preferred_replica_ == node) return;
  preferred_replica_ = node;
  preferred_until_ = until;
}

std::optional<int32_t> PartitionPosition::clear_preferred_replica() {
  return std::exchange(preferred_replica_, std::nullopt);
}

void SubscriptionState::assign(const std::vector<TopicPartition>& partitions) {
  std::map<TopicPartition, PartitionPosition> assigned;
  std::vector<Entry*> order;
  for (const TopicPartition& partition : partitions) {
    const auto known = partitions_.find(partition);
    const auto [it, added] = assigned.try_emplace(partition);
    if (!added) continue;
    order.push_back(&*it);
    if (known != partitions_.end()) it->second = known->second;
  }
  partitions_ = std::move(assigned);
  order_ = std::move(order);
}

PartitionPosition* SubscriptionState::find(const TopicPartition& partition) {
  const auto it = partitions_.find(partition);
  return it == partitions_.end() ? nullptr : &it->second;
}

const PartitionPosition* SubscriptionState::find(const TopicPartition& partition) const {
  const auto it = partitions_.find(partition);
  return it == partitions_.end() ? nullptr : &it->second;
}

void SubscriptionState::move_to_end(const TopicPartition& partition) {
  const auto it = std::find_if(order_.begin(), order_.end(),
                               [&](const Entry* entry) { return entry->first == partition; });
  if (it != order_.end()) std::rotate(it, it + 1, order_.end());
}

std::vector<std::string> SubscriptionState::topics() const {
  std::vector<std::string> topics;
  for (const auto& [partition, position] : partitions_)
    if (topics.empty() || topics.back() != partition.topic) topics.push_back(partition.topic);
  return topics;
}

bool SubscriptionState::reset_by_policy(PartitionPosition& partition) {
  if (!has_policy()) return false;
  partition.request_reset(policy_);
  return true;
}

std::optional<LogTruncation> SubscriptionState::complete_validation(const TopicPartition& partition,
                                                                    const FetchPosition& asked,
                                                                    int32_t leader_epoch,
                                                                    int64_t end_offset) {
  PartitionPosition* const state = find(partition);
  if (state == nullptr || state->state() != FetchState::await_validation || !(*state->position() == asked))
    return std::nullopt;
  const bool undefined = leader_epoch < 0 || end_offset < 0;
  if (undefined) {
    if (reset_by_policy(*state)) return std::nullopt;
    return LogTruncation{partition, asked, std::nullopt};
  }
  if (end_offset < asked.offset) {
    if (!has_policy()) return LogTruncation{partition, asked, end_offset};
    state->seek_validated({end_offset, leader_epoch, asked.leader});
    return std::nullopt;
  }
  state->complete_validation();
  return std::nullopt;
}

}  // namespace ksim::client
