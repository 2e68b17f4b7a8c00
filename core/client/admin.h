#pragma once
// The admin client of the public API (org.apache.kafka.clients.admin.Admin). Every call waits, repeating
// itself on errors that pass, until its deadline (rule G76).

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/client/network.h"
#include "core/client/offset_lookup.h"

namespace ksim::client {

// What became of one change.
struct ChangeResult {
  ErrorCode error = ErrorCode::NONE;
  std::string message;
  // With an error: an attempt was never answered or gave up waiting, so the change may have been made, or be
  // made later, although this says otherwise. TOPIC_ALREADY_EXISTS after a lost first attempt is such a case.
  bool may_have_happened = false;
  // With success: an attempt before it was never answered, so the change may be made once more, later.
  bool may_happen_again = false;

  bool ok() const { return error == ErrorCode::NONE; }
};
using ChangeResults = std::map<std::string, ChangeResult>;  // by topic, or by name of the resource
using PartitionResults = std::map<TopicPartition, ChangeResult>;

struct NewTopic {
  std::string name;
  int32_t partitions = -1;                             // -1: the broker's num.partitions
  int16_t replication_factor = -1;                     // -1: the broker's default.replication.factor
  std::map<int32_t, std::vector<int32_t>> assignment;  // in place of both
  std::map<std::string, std::string> configs;
};

struct TopicDescription {
  Uuid id;
  bool is_internal = false;
  std::map<int32_t, PartitionMetadata> partitions;
};

// What Metadata does not tell of a partition (KIP-966).
struct EligibleReplicas {
  std::vector<int32_t> eligible;  // the ELR: out of sync, but known to have all that was committed
  std::vector<int32_t> last_known;
};

struct ClusterDescription {
  std::string cluster_id;
  int32_t controller_id = kNoNode;
  std::vector<BrokerNode> brokers;
  // Registered brokers that serve nobody; those of older clusters are not told of.
  std::vector<BrokerNode> fenced;
};

// What one node says of itself (ApiVersions).
struct NodeVersions {
  struct Range {
    int16_t lowest = 0;
    int16_t highest = 0;
  };
  std::map<int16_t, Range> apis;
  std::map<std::string, Range> supported_features;
  std::map<std::string, int16_t> finalized_features;
  int64_t finalized_epoch = -1;  // of the metadata log; -1: not told
};

struct LogDirReplica {
  int64_t size_bytes = 0;
  int64_t offset_lag = 0;
  bool is_future = false;  // on its way from another directory
};
struct LogDirDescription {
  ErrorCode error = ErrorCode::NONE;
  std::string path;
  int64_t total_bytes = -1;  // of the file system; -1: not told
  int64_t usable_bytes = -1;
  std::map<TopicPartition, LogDirReplica> replicas;
};

enum class ConfigResourceType : int8_t {
  topic = 2,
  broker = 4,
  broker_logger = 8,
  client_metrics = 16,
  group = 32
};
struct ConfigResource {
  ConfigResourceType type = ConfigResourceType::topic;
  std::string name;  // of a broker its id; empty: the cluster-wide default
};
struct ConfigEntry {
  std::string name;
  std::optional<std::string> value;
  int8_t source = -1;
  bool is_sensitive = false;
  bool is_read_only = false;
};
enum class ConfigOperation : int8_t { set = 0, remove = 1, append = 2, subtract = 3 };
struct ConfigChange {
  std::string name;
  ConfigOperation operation = ConfigOperation::set;
  std::optional<std::string> value;
};

enum class ElectionType : int8_t { preferred = 0, unclean = 1 };

struct QuorumReplica {
  int32_t id = kNoNode;
  Uuid directory_id;
  int64_t log_end_offset = -1;
  int64_t last_fetch_timestamp_ms = -1;
  int64_t last_caught_up_timestamp_ms = -1;
};
struct QuorumDescription {
  int32_t leader_id = kNoNode;
  int32_t leader_epoch = -1;
  int64_t high_watermark = -1;
  std::vector<QuorumReplica> voters;
  std::vector<QuorumReplica> observers;
};

// Belongs to one shard; several fibers may call. close() must have returned, or the fiber group have been
// killed, before it is destroyed. `env` must outlive it. Results name every key that was asked for, unless
// the call as a whole failed: then nothing is known of any.
class Admin {
 public:
  static Result<std::unique_ptr<Admin>> create(const Env& env, AdminConfig config);
  Admin(const Admin&) = delete;
  Admin& operator=(const Admin&) = delete;
  ~Admin();

  ChangeResults create_topics(const std::vector<NewTopic>& topics, Deadline deadline,
                              bool validate_only = false);
  ChangeResults delete_topics(const std::vector<std::string>& topics, Deadline deadline);
  // The partition count each topic shall have in all.
  ChangeResults create_partitions(const std::map<std::string, int32_t>& counts, Deadline deadline);
  // Records below the offsets (-1: all up to the high watermark).
  PartitionResults delete_records(const std::map<TopicPartition, int64_t>& before, Deadline deadline);

  Result<std::map<TopicPartition, OffsetAndTimestamp>> list_offsets(
      const std::map<TopicPartition, int64_t>& timestamps, IsolationLevel isolation, Deadline deadline);
  Result<ClusterDescription> describe_cluster(Deadline deadline);
  // Fails with the error of the first topic that has one.
  Result<std::map<std::string, TopicDescription>> describe_topics(const std::vector<std::string>& topics,
                                                                  Deadline deadline);
  Result<std::vector<std::string>> list_topics(Deadline deadline, bool with_internal = false);
  // UNSUPPORTED_VERSION: the cluster is too old to know of them.
  Result<std::map<TopicPartition, EligibleReplicas>> describe_eligible_replicas(
      const std::vector<std::string>& topics, Deadline deadline);
  // Of one broker, or of any node of the cluster.
  Result<NodeVersions> describe_versions(std::optional<int32_t> node, Deadline deadline);
  // The log directories of one broker with the replicas in them.
  Result<std::vector<LogDirDescription>> describe_log_dirs(int32_t broker, Deadline deadline);

  Result<std::vector<ConfigEntry>> describe_configs(const ConfigResource& resource, Deadline deadline);
  ChangeResult incremental_alter_configs(const ConfigResource& resource,
                                         const std::vector<ConfigChange>& changes, Deadline deadline,
                                         bool validate_only = false);
  // Empty: every partition of the cluster.
  Result<PartitionResults> elect_leaders(ElectionType type, const std::vector<TopicPartition>& partitions,
                                         Deadline deadline);
  Result<QuorumDescription> describe_quorum(Deadline deadline);

  Deadline default_deadline() const { return env_.after(milliseconds(config_.default_api_timeout_ms)); }
  void close();

 private:
  Admin(const Env& env, AdminConfig config);

  // Sends what make(arena) gives, to `node` or to any, until take(response) says true; it is not called for
  // attempts without an answer, of which `unanswered` is told.
  template <class Make, class Take>
  Result<void> repeat(std::optional<int32_t> node, Deadline deadline, bool& unanswered, Make make, Take take);
  Result<void> pause(int32_t round, Deadline deadline);
  Result<ClusterDescription> describe_cluster(bool with_fenced, Deadline deadline);
  // One round of delete_records: to every leader what is still open.
  void delete_records_round(std::map<TopicPartition, int64_t>& left, PartitionResults& results,
                            std::map<TopicPartition, bool>& unanswered, Deadline deadline);
  static std::optional<int32_t> broker_of(const ConfigResource& resource);

  AdminConfig config_;
  const Env& env_;
  ClientNetwork network_;
};

}  // namespace ksim::client
