#include "core/client/metadata_cache.h"

#include <algorithm>

namespace ksim::client {

namespace {

// Brokers before this version answered with epochs of a cache that could go back (KAFKA-7440).
constexpr int16_t kReliableEpochsFrom = 9;

std::vector<int32_t> copy(std::span<const int32_t> values) { return {values.begin(), values.end()}; }

}  // namespace

void MetadataCache::want_topic(std::string_view topic, Instant used_at) {
  const auto it = wanted_.find(topic);
  if (it != wanted_.end()) {
    it->second.used_at = used_at;
    return;
  }
  wanted_.emplace(std::string(topic), Wanted{used_at, false});
  request_update();
}

void MetadataCache::want_only(const std::vector<std::string>& topics, Instant now) {
  std::map<std::string, Wanted, std::less<>> wanted;
  for (const std::string& topic : topics) {
    const auto it = wanted_.find(topic);
    if (it == wanted_.end()) request_update();
    wanted[topic] = it == wanted_.end() ? Wanted{now, false} : it->second;
  }
  wanted_ = std::move(wanted);
}

void MetadataCache::forget_unused(Instant now, Duration max_idle) {
  for (auto it = wanted_.begin(); it != wanted_.end();) {
    if (it->second.answered && it->second.used_at + max_idle <= now) {
      if (const TopicMetadata* known = topic(it->first)) names_.erase(known->id);
      topics_.erase(it->first);
      topic_errors_.erase(it->first);
      seen_epochs_.erase(it->first);
      it = wanted_.erase(it);
    } else {
      ++it;
    }
  }
}

std::vector<std::string> MetadataCache::wanted_topics() const {
  std::vector<std::string> topics;
  for (const auto& [name, wanted] : wanted_) topics.push_back(name);
  return topics;
}

Instant MetadataCache::next_update() const {
  const Instant expires = last_success_ + milliseconds(max_age_ms_);
  return update_requested_ ? not_before_ : std::max(expires, not_before_);
}

void MetadataCache::update_failed(Instant now, uint64_t draw) {
  not_before_ = now + backoff_.after(failed_attempts_++, draw);
}

bool MetadataCache::update(const wire::MetadataResponse& response, int16_t version, Instant now,
                           uint64_t draw) {
  if (response.brokers.empty()) {
    update_failed(now, draw);
    return false;
  }
  bool changed = false;
  std::map<int32_t, BrokerNode> nodes;
  for (const wire::MetadataResponseBroker& broker : response.brokers) {
    BrokerNode node{broker.node_id, {std::string(broker.host), static_cast<uint16_t>(broker.port)}, {}};
    if (broker.rack) node.rack = std::string(*broker.rack);
    nodes[broker.node_id] = std::move(node);
  }
  changed = nodes != nodes_;
  // Brokers that forward to the controller themselves name anybody in its place, each time somebody else:
  // that tells nothing new.
  const bool other_controller = controller_id_ != response.controller_id;
  nodes_ = std::move(nodes);
  controller_id_ = response.controller_id;
  if (response.cluster_id) cluster_id_ = std::string(*response.cluster_id);

  bool retriable_error = false;
  for (const wire::MetadataResponseTopic& topic : response.topics) {
    if (update_topic(topic, version >= kReliableEpochsFrom)) changed = true;
    const ErrorCode error = error_code_of(topic.error_code);
    if (is_invalid_metadata(error)) retriable_error = true;
    for (const auto& partition : topic.partitions)
      if (is_invalid_metadata(error_code_of(partition.error_code))) retriable_error = true;
  }
  // An expired cache that is confirmed has no reason to slow down; an explicit wish that changes nothing has.
  if (changed || !update_requested_) equivalent_answers_ = 0;
  not_before_ = equivalent_answers_ > 0 ? now + backoff_.after(equivalent_answers_ - 1, draw) : now;
  if (!changed) ++equivalent_answers_;
  failed_attempts_ = 0;
  last_success_ = now;
  update_requested_ = retriable_error;
  if (retriable_error) not_before_ = now + backoff_.after(std::max(equivalent_answers_ - 1, 0), draw);
  for (auto& [name, wanted] : wanted_) {
    const bool answered = topics_.count(name) != 0 || topic_errors_.count(name) != 0;
    wanted.answered = wanted.answered || answered;
    if (!answered) update_requested_ = true;  // wanted since the request was sent
  }
  if (changed || other_controller) ++version_;
  return true;
}

bool MetadataCache::update_topic(const wire::MetadataResponseTopic& offered, bool epochs_reliable) {
  if (!offered.name) return false;
  const std::string name(*offered.name);
  const auto known_it = topics_.find(name);
  const TopicMetadata* const known = known_it == topics_.end() ? nullptr : &known_it->second.metadata;
  const ErrorCode error = error_code_of(offered.error_code);
  if (error != ErrorCode::NONE) {
    topic_errors_[name] = error;
    // Authorization aside, an error says that there is nothing to send to; epochs seen are kept.
    if (known == nullptr) return false;
    names_.erase(known->id);
    topics_.erase(known_it);
    return true;
  }
  topic_errors_.erase(name);
  TopicMetadata topic;
  topic.name = name;
  topic.id = offered.topic_id;
  topic.is_internal = offered.is_internal;
  Epochs& seen = seen_epochs_[name][offered.topic_id];
  const bool same_topic = known != nullptr && known->id == offered.topic_id;
  bool stale = false;
  for (const wire::MetadataResponsePartition& partition : offered.partitions) {
    PartitionMetadata entry;
    entry.error = error_code_of(partition.error_code);
    entry.leader.leader_id = partition.leader_id;
    if (epochs_reliable && partition.leader_epoch >= 0) entry.leader.epoch = partition.leader_epoch;
    entry.replicas = copy(partition.replica_nodes);
    entry.isr = copy(partition.isr_nodes);
    entry.offline_replicas = copy(partition.offline_replicas);
    const auto last = seen.find(partition.partition_index);
    stale = stale || (last != seen.end() && entry.leader.epoch && *entry.leader.epoch < last->second);
    topic.partitions[partition.partition_index] =
        newer(same_topic ? known : nullptr, seen, partition.partition_index, entry);
  }
  // An older answer about a topic that has since been replaced by a namesake: keep the namesake.
  if (!same_topic && known != nullptr && stale) return false;
  if (known != nullptr && topic == *known) return false;
  if (known != nullptr) names_.erase(known->id);
  if (!topic.id.is_zero()) names_[topic.id] = name;
  Known& entry = topics_[name];
  if (entry.epochs != &seen) ++epochs_version_;  // of another topic of that name
  entry = {std::move(topic), &seen};
  return true;
}

const PartitionMetadata& MetadataCache::newer(const TopicMetadata* known, Epochs& seen, int32_t index,
                                              PartitionMetadata& offered) {
  if (!offered.leader.epoch) return offered;
  const auto last = seen.try_emplace(index, -1).first;
  if (*offered.leader.epoch >= last->second) {
    saw(last->second, *offered.leader.epoch);
    return offered;
  }
  if (known != nullptr) {
    const auto it = known->partitions.find(index);
    if (it != known->partitions.end()) return it->second;
  }
  // Nothing newer is cached: the replicas are worth knowing, the leader is not.
  offered.leader = {};
  offered.error = ErrorCode::LEADER_NOT_AVAILABLE;
  return offered;
}

bool MetadataCache::update_leader(const TopicPartition& partition, const Uuid& of,
                                  const LeaderAndEpoch& leader, const BrokerNode* endpoint) {
  if (!leader.has_leader() || !leader.epoch || topic_id(partition.topic) != of) return false;
  const auto topic = topics_.find(partition.topic);
  if (topic == topics_.end()) return false;
  auto& partitions = topic->second.metadata.partitions;
  const auto it = partitions.find(partition.partition);
  if (it == partitions.end()) return false;
  if (it->second.leader.epoch && *leader.epoch <= *it->second.leader.epoch) return false;
  int32_t& seen = topic->second.epochs->try_emplace(partition.partition, -1).first->second;
  if (*leader.epoch < seen) return false;
  if (node(leader.leader_id) == nullptr && endpoint == nullptr) return false;
  if (endpoint != nullptr) nodes_[leader.leader_id] = *endpoint;
  saw(seen, *leader.epoch);
  it->second.leader = leader;
  it->second.error = ErrorCode::NONE;
  ++version_;
  return true;
}

void MetadataCache::saw_epoch(const TopicPartition& partition, const Uuid& of, int32_t epoch) {
  const Known* const topic = known(partition.topic);
  if (topic == nullptr || epoch < 0 || topic->metadata.id != of) return;
  int32_t& seen = topic->epochs->try_emplace(partition.partition, -1).first->second;
  if (epoch <= seen) return;
  saw(seen, epoch);
  request_update();
}

void MetadataCache::saw(int32_t& seen, int32_t epoch) {
  if (seen == epoch) return;
  seen = epoch;
  ++epochs_version_;
}

void MetadataCache::clear_nodes() {
  nodes_.clear();
  controller_id_ = kNoNode;
  request_update();
  ++version_;
}

const BrokerNode* MetadataCache::node(int32_t id) const {
  const auto it = nodes_.find(id);
  return it == nodes_.end() ? nullptr : &it->second;
}

const MetadataCache::Known* MetadataCache::known(std::string_view name) const {
  const auto it = topics_.find(name);
  return it == topics_.end() ? nullptr : &it->second;
}

const TopicMetadata* MetadataCache::topic(std::string_view name) const {
  const Known* const topic = known(name);
  return topic == nullptr ? nullptr : &topic->metadata;
}

Uuid MetadataCache::topic_id(std::string_view name) const {
  const Known* const topic = known(name);
  return topic == nullptr ? Uuid() : topic->metadata.id;
}

const std::string* MetadataCache::topic_name(const Uuid& id) const {
  const auto it = names_.find(id);
  return it == names_.end() ? nullptr : &it->second;
}

ErrorCode MetadataCache::topic_error(std::string_view name) const {
  const auto it = topic_errors_.find(name);
  return it == topic_errors_.end() ? ErrorCode::NONE : it->second;
}

const PartitionMetadata* MetadataCache::partition(const TopicPartition& partition) const {
  const TopicMetadata* const known = topic(partition.topic);
  if (known == nullptr) return nullptr;
  const auto it = known->partitions.find(partition.partition);
  return it == known->partitions.end() ? nullptr : &it->second;
}

LeaderAndEpoch MetadataCache::leader(const TopicPartition& of) const {
  const Known* const topic = known(of.topic);
  if (topic == nullptr) return {};
  const auto it = topic->metadata.partitions.find(of.partition);
  if (it == topic->metadata.partitions.end()) return {};
  const LeaderAndEpoch& leader = it->second.leader;
  if (!leader.has_leader() || node(leader.leader_id) == nullptr) return {};
  // Another answer has spoken of a newer epoch: whom we know no longer leads.
  const auto seen = topic->epochs->find(of.partition);
  if (seen != topic->epochs->end() && leader.epoch && *leader.epoch < seen->second) return {};
  return leader;
}

std::optional<int32_t> MetadataCache::last_seen_epoch(const TopicPartition& partition) const {
  const Known* const topic = known(partition.topic);
  if (topic == nullptr) return std::nullopt;
  const auto it = topic->epochs->find(partition.partition);
  return it == topic->epochs->end() || it->second < 0 ? std::nullopt : std::optional(it->second);
}

int32_t MetadataCache::partition_count(std::string_view name) const {
  const TopicMetadata* const known = topic(name);
  return known == nullptr ? 0 : static_cast<int32_t>(known->partitions.size());
}

std::vector<int32_t> MetadataCache::available_partitions(std::string_view name) const {
  std::vector<int32_t> available;
  const TopicMetadata* const known = topic(name);
  if (known == nullptr) return available;
  for (const auto& [index, entry] : known->partitions)
    if (entry.leader.has_leader() && node(entry.leader.leader_id) != nullptr) available.push_back(index);
  return available;
}

}  // namespace ksim::client
