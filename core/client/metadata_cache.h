#pragma once
// What a client believes of the cluster, and when it asks again (rules G34-G36; invariant K2). Pure: time
// and draws come in, a Metadata response goes in.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/base/topic_partition.h"
#include "core/base/units.h"
#include "core/base/uuid.h"
#include "core/client/backoff.h"
#include "core/io/network.h"
#include "core/wire/messages/metadata.h"

namespace ksim::client {

constexpr int32_t kNoNode = -1;

struct BrokerNode {
  int32_t id = kNoNode;
  Endpoint endpoint;
  std::optional<std::string> rack;

  bool operator==(const BrokerNode& other) const {
    return id == other.id && endpoint == other.endpoint && rack == other.rack;
  }
};

// Which topics were known by their names when something was asked about them.
using TopicIds = std::map<std::string, Uuid, std::less<>>;

struct LeaderAndEpoch {
  int32_t leader_id = kNoNode;
  std::optional<int32_t> epoch;

  bool has_leader() const { return leader_id >= 0; }
  bool operator==(const LeaderAndEpoch& other) const {
    return leader_id == other.leader_id && epoch == other.epoch;
  }
};

struct PartitionMetadata {
  ErrorCode error = ErrorCode::NONE;
  LeaderAndEpoch leader;
  std::vector<int32_t> replicas;
  std::vector<int32_t> isr;
  std::vector<int32_t> offline_replicas;

  bool operator==(const PartitionMetadata& other) const {
    return error == other.error && leader == other.leader && replicas == other.replicas && isr == other.isr &&
           offline_replicas == other.offline_replicas;
  }
};

struct TopicMetadata {
  std::string name;
  Uuid id;
  bool is_internal = false;
  std::map<int32_t, PartitionMetadata> partitions;

  bool operator==(const TopicMetadata& other) const {
    return name == other.name && id == other.id && is_internal == other.is_internal &&
           partitions == other.partitions;
  }
};

class MetadataCache {
 public:
  MetadataCache(int64_t max_age_ms, ExponentialBackoff backoff)
      : max_age_ms_(max_age_ms), backoff_(backoff) {}

  // ---- what is wanted ----
  // Topics to ask about. Asking is due at once when a topic is new. `used_at` keeps a topic until
  // forget_unused().
  void want_topic(std::string_view topic, Instant used_at);
  bool is_wanted(std::string_view topic) const { return wanted_.find(topic) != wanted_.end(); }
  // Exactly these from now on (a consumer's assignment).
  void want_only(const std::vector<std::string>& topics, Instant now);
  // Drops topics not used for `max_idle` (rule G35).
  void forget_unused(Instant now, Duration max_idle);
  std::vector<std::string> wanted_topics() const;

  // ---- when to ask ----
  void request_update() { update_requested_ = true; }
  bool update_requested() const { return update_requested_; }
  // The instant at which the next request is due; the past means now.
  Instant next_update() const;
  // An attempt failed: no answer, or one without brokers (rule G36). `draw` for the jitter.
  void update_failed(Instant now, uint64_t draw);
  Instant last_success() const { return last_success_; }

  // ---- answers ----
  // Takes an answer that was asked for at version `version`. False: it had no brokers and counts as failed.
  // Partitions whose leader epoch is older than one seen before keep what was known (K2).
  bool update(const wire::MetadataResponse& response, int16_t version, Instant now, uint64_t draw);
  // Leaders named by other answers (rule G24): taken if the epoch is newer and the node is known or given.
  // `of` is the topic that the question was about: what is said of an earlier topic of that name counts for
  // nothing.
  bool update_leader(const TopicPartition& partition, const Uuid& of, const LeaderAndEpoch& leader,
                     const BrokerNode* endpoint);
  // An answer about `of` spoke of this epoch; if it is newer than the cached one a refresh is requested.
  void saw_epoch(const TopicPartition& partition, const Uuid& of, int32_t epoch);
  // Everything is forgotten but the epochs seen: rebootstrapping starts with no nodes.
  void clear_nodes();

  // ---- what is known ----
  uint64_t version() const { return version_; }  // grows with each change
  const std::map<int32_t, BrokerNode>& nodes() const { return nodes_; }
  const BrokerNode* node(int32_t id) const;
  const std::string& cluster_id() const { return cluster_id_; }
  int32_t controller_id() const { return controller_id_; }
  const TopicMetadata* topic(std::string_view name) const;
  Uuid topic_id(std::string_view name) const;  // zero: it is not known
  const std::string* topic_name(const Uuid& id) const;
  // Why the last answer had no such topic; NONE if it had, or was not asked.
  ErrorCode topic_error(std::string_view name) const;
  // An entry as it is, with or without a leader.
  const PartitionMetadata* partition(const TopicPartition& partition) const;
  // The leader if there is one and its node is known.
  LeaderAndEpoch leader(const TopicPartition& partition) const;
  std::optional<int32_t> last_seen_epoch(const TopicPartition& partition) const;
  // Grows whenever last_seen_epoch() of some partition may have changed.
  uint64_t epochs_version() const { return epochs_version_; }
  int32_t partition_count(std::string_view topic) const;
  // Partitions of the topic that have a leader.
  std::vector<int32_t> available_partitions(std::string_view topic) const;

 private:
  struct Wanted {
    Instant used_at;
    bool answered = false;
  };
  using Epochs = std::map<int32_t, int32_t>;  // partition -> last seen epoch

  // The topic as it is known now, with the epochs seen of it: a part of seen_epochs_.
  struct Known {
    TopicMetadata metadata;
    Epochs* epochs = nullptr;
  };

  const Known* known(std::string_view name) const;
  void saw(int32_t& seen, int32_t epoch);
  bool update_topic(const wire::MetadataResponseTopic& topic, bool epochs_reliable);
  // The entry to keep: the offered one, or the known one if the offer's epoch is older.
  const PartitionMetadata& newer(const TopicMetadata* known, Epochs& seen, int32_t index,
                                 PartitionMetadata& offered);

  int64_t max_age_ms_;
  ExponentialBackoff backoff_;
  std::map<std::string, Wanted, std::less<>> wanted_;
  bool update_requested_ = true;
  int32_t failed_attempts_ = 0;
  int32_t equivalent_answers_ = 0;
  Instant last_success_{std::numeric_limits<int64_t>::min() / 4};
  Instant not_before_{std::numeric_limits<int64_t>::min() / 4};

  uint64_t version_ = 0;
  std::map<int32_t, BrokerNode> nodes_;
  std::string cluster_id_;
  int32_t controller_id_ = kNoNode;
  uint64_t epochs_version_ = 0;
  std::map<std::string, Known, std::less<>> topics_;
  std::map<Uuid, std::string> names_;
  std::map<std::string, ErrorCode, std::less<>> topic_errors_;
  // By topic name and topic id: a late answer of a broker that still knows the deleted namesake must not
  // bring back older epochs of it.
  std::map<std::string, std::map<Uuid, Epochs>, std::less<>> seen_epochs_;
};

}  // namespace ksim::client
