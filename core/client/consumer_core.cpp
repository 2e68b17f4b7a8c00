#include "core/client/consumer_core.h"

#include <algorithm>

namespace ksim::client {

std::string_view to_string(ConsumerFault fault) {
  switch (fault) {
    case ConsumerFault::no_offset:
      return "no_offset";
    case ConsumerFault::offset_out_of_range:
      return "offset_out_of_range";
    case ConsumerFault::log_truncation:
      return "log_truncation";
    case ConsumerFault::corrupt_record:
      return "corrupt_record";
    case ConsumerFault::unauthorized:
      return "unauthorized";
    case ConsumerFault::wakeup:
      return "wakeup";
    case ConsumerFault::closed:
      return "closed";
    case ConsumerFault::unexpected:
      break;
  }
  return "unexpected";
}

namespace {

Failure<ConsumerError> fault(ConsumerFault what, const TopicPartition& partition, std::string message,
                             std::optional<int64_t> offset = {}) {
  return {ConsumerError{what, partition, std::move(message), offset}};
}

// The queries of one round, by node.
template <class Query>
Query& query_for(std::vector<Query>& queries, int32_t node) {
  const auto it =
      std::find_if(queries.begin(), queries.end(), [node](const Query& query) { return query.node == node; });
  if (it != queries.end()) return *it;
  queries.emplace_back().node = node;
  return queries.back();
}

}  // namespace

ConsumerCore::ConsumerCore(const ConsumerConfig& config, MetadataCache& metadata, Random& random,
                           uint64_t entity)
    : config_(config),
      metadata_(metadata),
      subscriptions_(config.auto_offset_reset),
      jitter_dice_(random, Stream::backoff_jitter, mix64(entity, 2)) {}

void ConsumerCore::assign(const std::vector<TopicPartition>& partitions, Instant now) {
  subscriptions_.assign(partitions);
  assigned_anew_ = true;
  metadata_.want_only(subscriptions_.topics(), now);
}

bool ConsumerCore::seek(const TopicPartition& partition, int64_t offset, std::optional<int32_t> epoch) {
  PartitionPosition* const position = subscriptions_.find(partition);
  if (position == nullptr) return false;
  if (epoch) metadata_.saw_epoch(partition, metadata_.topic_id(partition.topic), *epoch);
  position->seek_unvalidated({offset, epoch, metadata_.leader(partition)});
  return true;
}

void ConsumerCore::back_off(PartitionPosition& position, Instant now) {
  const ExponentialBackoff backoff{config_.retry_backoff_ms, config_.retry_backoff_max_ms};
  const uint64_t draw = jitter_dice_.next();
  position.not_before = now + backoff.after(0, draw);
}

// ---- requests ----

std::vector<TopicPartition> ConsumerCore::buffered() const {
  std::vector<TopicPartition> partitions;
  if (next_ != nullptr && !next_->consumed()) partitions.push_back(next_->partition());
  for (const Completed& fetch : buffer_) partitions.push_back(fetch->partition());
  std::sort(partitions.begin(), partitions.end());
  return partitions;
}

int32_t ConsumerCore::fetch_node(const TopicPartition& partition, PartitionPosition& position, Instant now) {
  const auto preferred = position.preferred_replica(now);
  if (!preferred) return position.position()->leader.leader_id;
  const PartitionMetadata* const known = metadata_.partition(partition);
  const bool offline = known != nullptr &&
                       std::count(known->offline_replicas.begin(), known->offline_replicas.end(), *preferred);
  if (metadata_.node(*preferred) != nullptr && !offline) return *preferred;
  position.clear_preferred_replica();
  metadata_wish_ = true;
  return position.position()->leader.leader_id;
}

// A fetch of the other partitions of such a node, which may have nothing, would be under way for up to
// fetch.max.wait.ms, and what is buffered be handed out long before it may be asked for again. Nor does a
// fetch session forget a partition for the time that its records wait here (KAFKA-17182).
std::set<int32_t> ConsumerCore::nodes_of_buffered(const std::vector<TopicPartition>& waiting, Instant now) {
  std::set<int32_t> nodes;
  for (const TopicPartition& partition : waiting) {
    PartitionPosition* const position = subscriptions_.find(partition);
    // What is paused may wait here for long, and holds up no other partition.
    if (position != nullptr && position->is_fetchable() && position->position()->leader.has_leader())
      nodes.insert(fetch_node(partition, *position, now));
  }
  return nodes;
}

std::vector<ConsumerCore::Fetch> ConsumerCore::fetches(const CanSend& can_send, Instant now) {
  std::map<int32_t, std::vector<FetchSession::Asked>> wanted;
  const std::vector<TopicPartition> waiting = buffered();
  const std::set<int32_t> not_yet = nodes_of_buffered(waiting, now);
  for (SubscriptionState::Entry* const entry : subscriptions_.order()) {
    auto& [partition, position] = *entry;
    if (!position.is_fetchable() || now < position.not_before ||
        std::binary_search(waiting.begin(), waiting.end(), partition))
      continue;
    const TopicMetadata* const topic = metadata_.topic(partition.topic);
    if (!position.position()->leader.has_leader() || topic == nullptr) {
      metadata_wish_ = true;
      continue;
    }
    const int32_t node = fetch_node(partition, position, now);
    if (asked_nodes_.count(node) != 0 || not_yet.count(node) != 0) continue;
    const auto not_before = node_not_before_.find(node);
    if (not_before != node_not_before_.end() && now < not_before->second) continue;
    const FetchPosition& at = *position.position();
    wanted[node].push_back(
        {partition, {topic->id, at.offset, at.leader.epoch.value_or(-1), config_.max_partition_fetch_bytes}});
  }
  std::vector<Fetch> fetches;
  for (const auto& [node, targets] : wanted) {
    if (!can_send(node)) continue;
    asked_nodes_.insert(node);
    fetches.push_back({node, sessions_[node].build(targets)});
  }
  return fetches;
}

std::vector<ConsumerCore::OffsetQuery> ConsumerCore::resets(const CanSend& can_send, Instant now) {
  std::vector<OffsetQuery> queries;
  for (SubscriptionState::Entry* const entry : subscriptions_.order()) {
    auto& [partition, position] = *entry;
    if (position.state() != FetchState::await_reset || now < position.not_before) continue;
    const LeaderAndEpoch leader = metadata_.leader(partition);
    if (!leader.has_leader()) {
      metadata_wish_ = true;
      continue;
    }
    if (!can_send(leader.leader_id)) continue;
    position.await_lookup(++lookups_);
    query_for(queries, leader.leader_id)
        .entries.push_back({partition, *position.reset_to(), leader, position.lookup(),
                            metadata_.topic_id(partition.topic)});
    position.not_before = now + milliseconds(config_.request_timeout_ms);
  }
  return queries;
}

std::vector<ConsumerCore::EpochQuery> ConsumerCore::validations(const CanSend& can_send, Instant now) {
  std::vector<EpochQuery> queries;
  for (SubscriptionState::Entry* const entry : subscriptions_.order()) {
    auto& [partition, position] = *entry;
    if (position.state() != FetchState::await_validation || now < position.not_before) continue;
    const FetchPosition& at = *position.position();
    if (!at.leader.has_leader()) {
      metadata_wish_ = true;
      continue;
    }
    if (!can_send(at.leader.leader_id)) continue;
    query_for(queries, at.leader.leader_id).entries.push_back({partition, at});
    position.not_before = now + milliseconds(config_.request_timeout_ms);
  }
  return queries;
}

Instant ConsumerCore::next_due(Instant now) const {
  Instant due = Instant::never();
  for (const SubscriptionState::Entry* const entry : subscriptions_.order()) {
    const Instant at = entry->second.not_before;
    if (at > now) due = std::min(due, at);
  }
  for (const auto& [node, at] : node_not_before_)
    if (at > now) due = std::min(due, at);
  return due;
}

std::vector<int32_t> ConsumerCore::session_nodes() const {
  std::vector<int32_t> nodes;
  for (const auto& [node, session] : sessions_) nodes.push_back(node);
  return nodes;
}

// ---- answers to fetches ----

void ConsumerCore::fetch_failed(int32_t node) {
  asked_nodes_.erase(node);
  sessions_[node].handle_failure();
}

void ConsumerCore::fetch_answered(int32_t node, const wire::FetchResponse& response,
                                  std::shared_ptr<const void> frame, Instant now) {
  asked_nodes_.erase(node);
  FetchSession& session = sessions_[node];
  const ErrorCode error = error_code_of(response.error_code);
  const auto name_of = [&](const wire::FetchableTopicResponse& topic) -> std::optional<std::string> {
    if (!topic.topic.empty()) return std::string(topic.topic);
    const std::string* const name = session.topic_name(topic.topic_id);
    return name == nullptr ? std::nullopt : std::optional(*name);
  };
  std::set<TopicPartition> partitions;
  bool unknown = false;
  for (const wire::FetchableTopicResponse& topic : response.responses) {
    const auto name = name_of(topic);
    unknown = unknown || !name;
    if (name)
      for (const auto& data : topic.partitions) partitions.insert({*name, data.partition_index});
  }
  if (!session.handle(error, response.session_id, partitions, unknown, response.throttle_time_ms)) {
    if (is_invalid_metadata(error)) metadata_wish_ = true;
    // A session that is gone is simply replaced; what else is wrong is not asked again at once.
    if (error != ErrorCode::FETCH_SESSION_ID_NOT_FOUND && error != ErrorCode::INVALID_FETCH_SESSION_EPOCH)
      node_not_before_[node] = now + milliseconds(config_.retry_backoff_ms);
    return;
  }
  for (const wire::FetchableTopicResponse& topic : response.responses) {
    const std::string name = *name_of(topic);
    const Uuid of = topic.topic_id.is_zero() ? metadata_.topic_id(name) : topic.topic_id;
    for (const auto& data : topic.partitions)
      take_partition(node, {name, data.partition_index}, of, response, data, frame);
  }
}

void ConsumerCore::take_partition(int32_t node, const TopicPartition& partition, const Uuid& of,
                                  const wire::FetchResponse& response,
                                  const wire::FetchResponsePartitionData& data,
                                  const std::shared_ptr<const void>& frame) {
  const FetchTarget* const target = sessions_[node].target(partition);
  ENSURE(target != nullptr);
  CompletedFetch::Source source;
  source.partition = partition;
  source.fetch_offset = target->offset;
  source.leader_epoch = target->leader_epoch;
  source.error = error_code_of(data.error_code);
  source.records = data.records.bytes;
  source.frame = frame;
  if (data.aborted_transactions)
    for (const wire::AbortedTransaction& range : *data.aborted_transactions)
      source.aborted.push_back({range.producer_id, range.first_offset});
  source.high_watermark = data.high_watermark;
  source.last_stable_offset = data.last_stable_offset;
  source.log_start_offset = data.log_start_offset;
  source.preferred_read_replica = data.preferred_read_replica;
  if (data.current_leader.leader_id >= 0 && data.current_leader.leader_epoch >= 0) {
    std::optional<BrokerNode> endpoint;
    for (const wire::FetchResponseNodeEndpoint& named : response.node_endpoints) {
      if (named.node_id != data.current_leader.leader_id) continue;
      endpoint = BrokerNode{named.node_id, {std::string(named.host), static_cast<uint16_t>(named.port)}, {}};
      if (named.rack) endpoint->rack = std::string(*named.rack);
    }
    metadata_.update_leader(partition, of, {data.current_leader.leader_id, data.current_leader.leader_epoch},
                            endpoint ? &*endpoint : nullptr);
  }
  buffer_.push_back(
      std::make_unique<CompletedFetch>(std::move(source), config_.isolation_level, config_.check_crcs));
}

// ---- the application's side ----

Result<bool, ConsumerError> ConsumerCore::collect(ConsumerRecords& out, int32_t most, Instant now) {
  if (pending_error_) {
    ConsumerError error = std::move(*pending_error_);
    pending_error_.reset();
    return Failure<ConsumerError>{std::move(error)};
  }
  if (!subscriptions_.has_policy()) {
    for (const SubscriptionState::Entry* const entry : subscriptions_.order())
      if (entry->second.state() == FetchState::initializing)
        return fault(ConsumerFault::no_offset, entry->first, "no position and auto.offset.reset is none");
  }
  bool advanced = false;
  std::deque<Completed> paused;
  std::optional<ConsumerError> error;
  while (!error && static_cast<int32_t>(out.size()) < most) {
    if (next_ == nullptr || next_->consumed()) {
      next_.reset();
      if (buffer_.empty()) break;
      next_ = std::move(buffer_.front());
      buffer_.pop_front();
      if (next_->checked) continue;
      auto usable = check(*next_, now);
      if (usable.ok() && *usable) continue;
      if (!usable.ok()) error = std::move(usable).error();
      next_.reset();
      continue;
    }
    const PartitionPosition* const position = subscriptions_.find(next_->partition());
    if (position != nullptr && position->paused) {
      paused.push_back(std::move(next_));
      continue;
    }
    auto given = give(out, most - static_cast<int32_t>(out.size()));
    if (given.ok())
      advanced = advanced || *given;
    else
      error = std::move(given).error();
  }
  while (!paused.empty()) {
    buffer_.push_front(std::move(paused.back()));
    paused.pop_back();
  }
  if (!error) return advanced;
  if (out.empty() && !advanced) return Failure<ConsumerError>{std::move(*error)};
  // What came before the failure is returned first. A damaged record is found again by the next poll.
  if (error->fault != ConsumerFault::corrupt_record) pending_error_ = std::move(error);
  return true;
}

Result<bool, ConsumerError> ConsumerCore::give(ConsumerRecords& out, int32_t most) {
  const TopicPartition partition = next_->partition();
  PartitionPosition* const position = subscriptions_.find(partition);
  // Since the records came, a seek, a reset or another assignment may have made them stale (rule G44). Or
  // another leader, for whom the position was validated and what was fetched ahead was not: Apache Kafka
  // hands it out.
  if (position == nullptr || !position->is_fetchable() ||
      position->position()->offset != next_->next_offset() ||
      next_->source().leader_epoch < position->position()->leader.epoch.value_or(-1)) {
    next_->drain();
    return false;
  }
  const auto taken = next_->take(out, most);
  const bool advanced = next_->next_offset() > position->position()->offset;
  if (advanced) position->advance(next_->next_offset(), next_->last_epoch());
  if (next_->consumed() && next_->gave_records()) subscriptions_.move_to_end(partition);
  if (taken.ok()) return advanced;
  // The next poll fetches it again, from a leader that may have it whole by then. Apache Kafka keeps what it
  // has fetched, and finds it damaged for ever.
  next_->drain();
  return fault(ConsumerFault::corrupt_record, partition, taken.error().message, next_->next_offset());
}

Result<bool, ConsumerError> ConsumerCore::check(CompletedFetch& fetch, Instant now) {
  PartitionPosition* const position = subscriptions_.find(fetch.partition());
  if (position == nullptr || !position->has_valid_position()) return false;
  const CompletedFetch::Source& source = fetch.source();
  if (source.error != ErrorCode::NONE) {
    subscriptions_.move_to_end(fetch.partition());
    TRY(fetch_error(fetch, *position, now));
    return false;
  }
  if (position->position()->offset != source.fetch_offset) return false;
  if (fetch.has_only_a_fragment())
    return fault(ConsumerFault::unexpected, fetch.partition(), "a fetch without one complete batch",
                 source.fetch_offset);
  if (source.high_watermark >= 0) position->high_watermark = source.high_watermark;
  if (source.last_stable_offset >= 0) position->last_stable_offset = source.last_stable_offset;
  if (source.log_start_offset >= 0) position->log_start_offset = source.log_start_offset;
  if (source.preferred_read_replica >= 0)
    position->prefer_replica(source.preferred_read_replica, now + milliseconds(config_.metadata_max_age_ms));
  fetch.checked = true;
  return true;
}

// Rules G45, G46.
Result<void, ConsumerError> ConsumerCore::fetch_error(const CompletedFetch& fetch,
                                                      PartitionPosition& position, Instant now) {
  const ErrorCode error = fetch.source().error;
  const TopicPartition& partition = fetch.partition();
  const int64_t offset = fetch.source().fetch_offset;
  switch (error) {
    case ErrorCode::OFFSET_OUT_OF_RANGE:
      if (position.clear_preferred_replica()) return {};
      if (position.position()->offset != offset || subscriptions_.reset_by_policy(position)) return {};
      back_off(position, now);
      return fault(ConsumerFault::offset_out_of_range, partition,
                   "position " + std::to_string(offset) + " is out of range", offset);
    case ErrorCode::TOPIC_AUTHORIZATION_FAILED:
      back_off(position, now);
      return fault(ConsumerFault::unauthorized, partition, "not allowed to read");
    case ErrorCode::CORRUPT_MESSAGE:
      back_off(position, now);
      return fault(ConsumerFault::corrupt_record, partition, "the broker found a corrupt message", offset);
    case ErrorCode::UNKNOWN_LEADER_EPOCH:
    case ErrorCode::UNKNOWN_SERVER_ERROR:
      back_off(position, now);
      return {};
    case ErrorCode::NOT_LEADER_OR_FOLLOWER:
    case ErrorCode::REPLICA_NOT_AVAILABLE:
    case ErrorCode::KAFKA_STORAGE_ERROR:
    case ErrorCode::FENCED_LEADER_EPOCH:
    case ErrorCode::OFFSET_NOT_AVAILABLE:
    case ErrorCode::UNKNOWN_TOPIC_OR_PARTITION:
    case ErrorCode::UNKNOWN_TOPIC_ID:
    case ErrorCode::INCONSISTENT_TOPIC_ID:
      // The next round finds the new leader, whose validation ends the back-off.
      metadata_wish_ = true;
      position.clear_preferred_replica();
      back_off(position, now);
      return {};
    default:
      break;
  }
  back_off(position, now);
  return fault(ConsumerFault::unexpected, partition, "fetch answered " + std::string(to_string(error)),
               offset);
}

}  // namespace ksim::client
