#include "core/client/accumulator.h"

#include <algorithm>

namespace ksim::client {

Accumulator::Accumulator(const ProducerConfig& config, const MetadataCache& metadata,
                         Idempotence* idempotence, Random& random, uint64_t entity)
    : config_(config),
      metadata_(metadata),
      idempotence_(idempotence),
      partition_dice_(random, Stream::partitioner, entity),
      jitter_dice_(random, Stream::backoff_jitter, entity),
      backoff_{config.retry_backoff_ms, config.retry_backoff_max_ms} {}

BatchOptions Accumulator::batch_options() const {
  BatchOptions options;
  options.compression = config_.compression_type;
  options.compression_level = config_.compression_level;
  return options;
}

Accumulator::Topic& Accumulator::topic_state(std::string_view topic) {
  const auto it = topics_.find(topic);
  if (it != topics_.end()) return it->second;
  return topics_.try_emplace(std::string(topic), config_.batch_size, config_.compression_type).first->second;
}

bool Accumulator::last_complete(const Topic& topic, int32_t partition) const {
  const auto it = topic.queues.find(partition);
  return it == topic.queues.end() || it->second.batches.empty() ||
         it->second.batches.back()->is_full(topic.estimate);
}

int32_t Accumulator::choose_partition(const ProducerRecord& record, Topic& topic) {
  if (record.partition) return *record.partition;
  const int32_t count = metadata_.partition_count(record.topic);
  if (record.key && !config_.partitioner_ignore_keys) return partition_for_key(*record.key, count);
  const auto current = topic.sticky.current();
  // A switch that was put off for a half-filled batch may have become due.
  if (current && *current < count && !topic.sticky.wants_switch(last_complete(topic, *current)))
    return *current;
  return topic.sticky.choose(metadata_.available_partitions(record.topic), count, partition_dice_.next());
}

Accumulator::Appended Accumulator::append(const ProducerRecord& record, const RecordInput& input,
                                          const DeliveryRef& delivery, Instant now, int64_t memory,
                                          int64_t& memory_used) {
  memory_used = 0;
  Topic& topic = topic_state(record.topic);
  Appended result;
  result.partition = choose_partition(record, topic);
  Queue& queue = topic.queues[result.partition];
  const bool sticky = topic.sticky.current() == result.partition && !record.partition &&
                      !(record.key && !config_.partitioner_ignore_keys);
  bool begun = false;
  size_t before = 0;
  if (!queue.batches.empty()) before = queue.batches.back()->estimated_bytes(topic.estimate);
  if (queue.batches.empty() || !queue.batches.back()->try_append(input, delivery, topic.estimate)) {
    if (!queue.batches.empty()) queue.batches.back()->close_for_appends();
    const auto size = std::max(config_.batch_size, static_cast<int64_t>(record_size_upper_bound(input)));
    if (memory < size) {
      result.memory_needed = size;
      // A batch that was closed just now is complete.
      result.wake_sender = !queue.batches.empty();
      return result;
    }
    memory_used = size;
    auto batch = std::make_shared<ProducerBatch>(TopicPartition{std::string(record.topic), result.partition},
                                                 batch_options(), static_cast<size_t>(size),
                                                 static_cast<size_t>(size), now, next_serial_++);
    ENSURE(batch->try_append(input, delivery, topic.estimate));
    queue.batches.push_back(std::move(batch));
    begun = true;
    before = 0;
  }
  const ProducerBatch& last = *queue.batches.back();
  result.done = true;
  result.wake_sender = begun || queue.batches.size() > 1 || last.is_full(topic.estimate);
  if (sticky) {
    const auto bytes = static_cast<int64_t>(last.estimated_bytes(topic.estimate) - before);
    topic.sticky.appended(bytes, last.is_full(topic.estimate));
  }
  return result;
}

bool Accumulator::can_drain(const ProducerBatch& batch, const Queue& queue, int32_t node) const {
  if (queue.muted) return false;
  if (idempotence_ == nullptr) return true;
  // While the old leader may still answer, the new one gets nothing: it could be a broker that has no state
  // of this producer and takes whatever sequence comes first (rule D15), which would turn the order round.
  // (Kafka sends to both.)
  if (queue.outstanding > 0 && queue.outstanding_node != node) return false;
  return idempotence_->may_drain(batch);
}

bool Accumulator::node_is_slow(int32_t node) const {
  if (config_.partitioner_availability_timeout_ms <= 0) return false;
  const auto it = node_times_.find(node);
  return it != node_times_.end() && it->second.ready_at - it->second.drained_at >
                                        milliseconds(config_.partitioner_availability_timeout_ms);
}

void Accumulator::note_node(int32_t node, Instant now, bool drained) {
  if (config_.partitioner_availability_timeout_ms <= 0) return;
  NodeTimes& times = node_times_[node];
  if (drained || times.ready_at.ns == 0) times.drained_at = now;
  times.ready_at = now;
}

Accumulator::Ready Accumulator::ready(Instant now, bool memory_exhausted) {
  Ready result;
  for (auto& [name, topic] : topics_) check_topic(name, topic, now, memory_exhausted, result);
  std::sort(result.nodes.begin(), result.nodes.end());
  result.nodes.erase(std::unique(result.nodes.begin(), result.nodes.end()), result.nodes.end());
  return result;
}

void Accumulator::check_topic(const std::string& name, Topic& topic, Instant now, bool memory_exhausted,
                              Ready& ready) {
  std::vector<PartitionLoad> loads;
  TopicPartition partition{name, 0};
  for (auto& [index, queue] : topic.queues) {
    partition.partition = index;
    const LeaderAndEpoch leader = metadata_.leader(partition);
    if (leader.has_leader() && !node_is_slow(leader.leader_id))
      loads.push_back({index, static_cast<int32_t>(queue.batches.size())});
    if (queue.batches.empty()) continue;
    ProducerBatch& first = *queue.batches.front();
    if (!leader.has_leader()) {
      ready.unknown_leader_topics.insert(name);
      continue;
    }
    first.note_leader_epoch(leader.epoch);
    if (!can_drain(first, queue, leader.leader_id)) continue;  // until an answer or a producer id comes
    if (first.backing_off(now)) {
      ready.next_check = std::min(ready.next_check, first.retry_at);
      continue;
    }
    const bool full = queue.batches.size() > 1 || first.is_full(topic.estimate);
    const Instant lingered = first.ready_since + milliseconds(config_.linger_ms);
    if (full || first.attempts > 0 || now >= lingered || memory_exhausted || closed_ || flushes_ > 0)
      ready.nodes.push_back(leader.leader_id);
    else
      ready.next_check = std::min(ready.next_check, lingered);
  }
  if (config_.partitioner_adaptive_partitioning_enable)
    topic.sticky.update_load(loads, topic.queues.size(), metadata_.partition_count(name));
}

std::vector<BatchRef> Accumulator::drain(int32_t node, Instant now) {
  struct Candidate {
    TopicPartition partition;
    Topic* topic;
    Queue* queue;
    std::optional<int32_t> epoch;
  };
  std::vector<Candidate> candidates;
  for (auto& [name, topic] : topics_) {
    for (auto& [index, queue] : topic.queues) {
      if (queue.batches.empty()) continue;
      TopicPartition partition{name, index};
      const LeaderAndEpoch leader = metadata_.leader(partition);
      if (leader.leader_id == node)
        candidates.push_back({std::move(partition), &topic, &queue, leader.epoch});
    }
  }
  // Round robin: go on behind the partition that was served last.
  const auto served = drain_after_.find(node);
  if (served != drain_after_.end()) {
    const auto start = std::find_if(candidates.begin(), candidates.end(), [&](const Candidate& candidate) {
      return served->second < candidate.partition;
    });
    std::rotate(candidates.begin(), start, candidates.end());
  }
  std::vector<BatchRef> drained;
  int64_t size = 0;
  for (Candidate& candidate : candidates) {
    const BatchRef batch = candidate.queue->batches.front();
    batch->note_leader_epoch(candidate.epoch);
    // A partition that cannot go on is passed over (Kafka ends the round there, and comes back at once).
    if (!can_drain(*batch, *candidate.queue, node) || batch->backing_off(now)) continue;
    const auto bytes = static_cast<int64_t>(batch->estimated_bytes(candidate.topic->estimate));
    if (!drained.empty() && size + bytes > config_.max_request_size) break;
    candidate.queue->batches.pop_front();
    if (idempotence_ != nullptr && !batch->has_sequence()) idempotence_->assign(batch);
    batch->encode(candidate.topic->estimate);
    batch->outstanding = true;
    ++candidate.queue->outstanding;
    candidate.queue->outstanding_node = node;
    size += static_cast<int64_t>(batch->bytes().size());
    drain_after_[node] = candidate.partition;
    drained.push_back(batch);
  }
  return drained;
}

void Accumulator::reconnected(int32_t node) {
  if (idempotence_ == nullptr) return;
  for (const auto& [name, topic] : topics_) {
    for (const auto& [index, queue] : topic.queues) {
      const TopicPartition partition{name, index};
      if (metadata_.leader(partition).leader_id == node) idempotence_->not_acknowledged(partition);
    }
  }
}

void Accumulator::queue_again(const BatchRef& batch, Instant now) {
  batch->retry_at = now + backoff_.after(batch->attempts, jitter_dice_.next());
  ++batch->attempts;
  batch->queued_in_front = true;
  batch->ready_since = now;
  auto& batches = queue(batch->partition()).batches;
  // Those with a sequence stand in front, in the order in which they got it (rule G14).
  auto at = batches.begin();
  if (idempotence_ != nullptr)
    while (at != batches.end() && (*at)->has_sequence() && (*at)->drain_order < batch->drain_order) ++at;
  batches.insert(at, batch);
}

void Accumulator::queue_pieces(const std::vector<BatchRef>& pieces) {
  ENSURE(!pieces.empty());
  auto& batches = queue(pieces.front()->partition()).batches;
  auto at = batches.begin();
  if (idempotence_ != nullptr)
    while (at != batches.end() && (*at)->has_sequence() && (*at)->drain_order < pieces.front()->drain_order)
      ++at;
  for (const BatchRef& piece : pieces) piece->queued_in_front = true;
  batches.insert(at, pieces.begin(), pieces.end());
}

void Accumulator::remove(const ProducerBatch& batch) {
  auto& batches = queue(batch.partition()).batches;
  const auto it = std::find_if(batches.begin(), batches.end(),
                               [&](const BatchRef& entry) { return entry.get() == &batch; });
  if (it != batches.end()) batches.erase(it);
}

std::vector<BatchRef> Accumulator::take_expired(Instant now, Duration delivery_timeout) {
  std::vector<BatchRef> expired;
  for (auto& [name, topic] : topics_) {
    for (auto& [index, queue] : topic.queues) {
      for (auto at = queue.batches.begin(); at != queue.batches.end();) {
        if ((*at)->created_at() + delivery_timeout > now) {
          if (!(*at)->queued_in_front) break;
          ++at;
          continue;
        }
        (*at)->close_for_appends();
        expired.push_back(std::move(*at));
        at = queue.batches.erase(at);
      }
    }
  }
  return expired;
}

std::vector<BatchRef> Accumulator::take_all() {
  std::vector<BatchRef> all;
  for (auto& [name, topic] : topics_) {
    for (auto& [index, queue] : topic.queues) {
      all.insert(all.end(), queue.batches.begin(), queue.batches.end());
      queue.batches.clear();
    }
  }
  return all;
}

Instant Accumulator::oldest_created() const {
  Instant oldest = Instant::never();
  for (const auto& [name, topic] : topics_)
    for (const auto& [index, queue] : topic.queues)
      for (const BatchRef& batch : queue.batches) {
        oldest = std::min(oldest, batch->created_at());
        if (!batch->queued_in_front) break;
      }
  return oldest;
}

bool Accumulator::has_queued() const { return !oldest_created().is_never(); }

}  // namespace ksim::client
