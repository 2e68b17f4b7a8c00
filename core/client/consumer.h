#pragma once
// The consumer of the public API (org.apache.kafka.clients.consumer.KafkaConsumer), for partitions that the
// application assigns itself.

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/client/consumer_core.h"
#include "core/client/network.h"
#include "core/client/offset_lookup.h"

namespace ksim::client {

// Belongs to one shard and to one fiber at a time, but for wakeup(). A fiber of its own fetches ahead: at
// most one fetch for each partition is kept. close() must have returned, or the fiber group have been killed,
// before it is destroyed. `env` must outlive it.
class Consumer {
 public:
  static Result<std::unique_ptr<Consumer>> create(const Env& env, ConsumerConfig config);
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;
  ~Consumer();

  // Replaces the assignment; partitions that stay keep their positions. New ones start by auto.offset.reset
  // unless a seek comes first.
  void assign(const std::vector<TopicPartition>& partitions);

  // The next record to be returned, validated against the leader if the epoch of the record before it is
  // given. INVALID_REQUEST: not assigned, or negative.
  Result<void> seek(const TopicPartition& partition, int64_t offset, std::optional<int32_t> epoch = {});
  // Takes effect with the next poll.
  Result<void> seek_to_beginning(const std::vector<TopicPartition>& partitions);
  Result<void> seek_to_end(const std::vector<TopicPartition>& partitions);
  // Waits for it where it is being looked up. Validation does not change what this returns.
  Result<int64_t, ConsumerError> position(const TopicPartition& partition, Deadline deadline);
  void pause(const std::vector<TopicPartition>& partitions);
  void resume(const std::vector<TopicPartition>& partitions);

  // Up to max.poll.records, in the order of their offsets in each partition. Empty at the deadline, or
  // earlier if only positions have advanced (rule G51).
  Result<ConsumerRecords, ConsumerError> poll(Deadline deadline);
  Result<ConsumerRecords, ConsumerError> poll(Duration timeout) { return poll(env_.after(timeout)); }
  // The current or the next poll() or position() fails once with `wakeup`.
  void wakeup();

  // The first offset whose record's timestamp is at least that of the partition.
  Result<std::map<TopicPartition, OffsetAndTimestamp>> offsets_for_times(
      const std::map<TopicPartition, int64_t>& timestamps_ms, Deadline deadline);
  Result<std::map<TopicPartition, int64_t>> beginning_offsets(const std::vector<TopicPartition>& partitions,
                                                              Deadline deadline);
  Result<std::map<TopicPartition, int64_t>> end_offsets(const std::vector<TopicPartition>& partitions,
                                                        Deadline deadline);
  Result<int32_t> partition_count(std::string_view topic, Deadline deadline);

  // Ends fetch sessions and fibers.
  void close();

  const MetadataCache& metadata() const { return network_.metadata(); }
  const PartitionPosition* state(const TopicPartition& partition) const {
    return core_.subscriptions().find(partition);
  }
  // The assignment, and where it stands in each of its partitions.
  std::span<const SubscriptionState::Entry* const> positions() const { return core_.subscriptions().order(); }

 private:
  Consumer(const Env& env, ConsumerConfig config);

  void run();
  bool send_ready(Instant now, Deadline& next_check);
  void send_fetch(ConsumerCore::Fetch fetch);
  void send_reset(ConsumerCore::OffsetQuery query);
  void send_validation(ConsumerCore::EpochQuery query);
  bool can_validate(int32_t node);
  void answered();
  void wake();
  Result<void> request_reset(const std::vector<TopicPartition>& partitions, AutoOffsetReset to);
  Result<std::map<TopicPartition, int64_t>> offsets_at(const std::vector<TopicPartition>& partitions,
                                                       int64_t timestamp_ms, Deadline deadline);
  void close_sessions();

  ConsumerConfig config_;
  const Env& env_;
  ClientNetwork network_;
  ConsumerCore core_;
  bool woken_ = false;
  bool wakeup_ = false;
  bool closed_ = false;
  Condition work_;     // for the consumer's fiber
  Condition arrived_;  // for the application: something was answered
  Scope scope_;
};

}  // namespace ksim::client
