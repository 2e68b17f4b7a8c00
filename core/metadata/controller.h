#pragma once
// The controller's decisions (rules C1 to C46), without fibers, clock or log: each operation takes a request,
// the time and draws, and gives records and a reply.
//
// How a driver uses it: while standby it feeds every committed batch. When raft makes this node the leader
// and everything before the epoch has been fed, activate() gives the first records. From then on each
// operation changes the speculative state at once and gives its records, which the driver appends at exactly
// the offsets they were computed for; a reply may leave when stable_offset() has reached its offset (rule
// C1). If an append cannot be made, or leadership is lost, deactivate() returns to the committed state (rule
// C3).

#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/base/units.h"
#include "core/metadata/config.h"
#include "core/metadata/delta.h"
#include "core/metadata/draws.h"
#include "core/metadata/features.h"
#include "core/metadata/log_state.h"
#include "core/metadata/partition_change.h"
#include "core/metadata/placement.h"
#include "core/metadata/registry.h"
#include "core/wire/arena.h"
#include "core/wire/messages/allocate_producer_ids.h"
#include "core/wire/messages/alter_configs.h"
#include "core/wire/messages/alter_partition.h"
#include "core/wire/messages/broker_heartbeat.h"
#include "core/wire/messages/broker_registration.h"
#include "core/wire/messages/controller_registration.h"
#include "core/wire/messages/create_partitions.h"
#include "core/wire/messages/create_topics.h"
#include "core/wire/messages/delete_topics.h"
#include "core/wire/messages/elect_leaders.h"
#include "core/wire/messages/incremental_alter_configs.h"
#include "core/wire/messages/unregister_broker.h"
#include "core/wire/messages/update_features.h"

namespace ksim {

struct ControllerSettings {
  std::string cluster_id;
  std::vector<int32_t> voters;  // ids of the quorum
  FeatureRanges features = supported_features();
  // Written by the first leader of an empty log, metadata.version first (rule A54).
  std::vector<std::pair<std::string, int16_t>> bootstrap_features = default_feature_levels();
  size_t max_records_per_request = 10'000;  // rule C4
  size_t max_elections_per_round = 1'000;   // rule C37
  int64_t producer_id_block = 1'000;        // rule C43
};

// As a node's configuration has it.
ControllerSettings controller_settings(std::string cluster_id, const ServerConfig& server);

// What a decision hands to the log. Its records belong in one batch if `atomic`.
struct ControllerStep {
  RecordList records;
  bool atomic = false;
  // The reply may be sent when this offset is stable: that of the last record, or of everything the decision
  // was based on.
  int64_t reply_offset = -1;
};

// A response and what its strings and arrays live in.
template <class Response>
struct ControllerReply {
  wire::Arena arena;
  Response response;
};

struct ControllerRequestInfo {
  int16_t api_version = 0;
  Instant now;
};

// Something that became true for good when its records were committed.
struct ControllerNote {
  enum class Kind : uint8_t { broker_registered, broker_fenced, broker_unfenced, partition_changed };
  Kind kind = Kind::partition_changed;
  int32_t broker_id = -1;
  int64_t broker_epoch = -1;
  bool clean = false;  // of a registration: the broker had stopped cleanly
  std::string reason;  // of a fencing
  std::string topic;
  Uuid topic_id;
  int32_t partition = -1;
  PartitionRef state;
  bool unclean = false;  // of an election
};

// One partition of AlterPartitionReassignments: null replicas cancel (rule C34).
struct ReassignmentRequest {
  std::string topic;
  int32_t partition = -1;
  std::optional<std::vector<int32_t>> replicas;
};
// One replica of AssignReplicasToDirs (rule C21).
struct DirectoryAssignment {
  Uuid topic_id;
  int32_t partition = -1;
  Uuid directory;
};

struct PartitionSweep;

class Controller {
 public:
  // `server` is this node's static configuration and must outlive the controller.
  Controller(ControllerSettings settings, const ServerConfig& server);
  Controller(const Controller&) = delete;
  Controller& operator=(const Controller&) = delete;
  ~Controller();

  // ---- the log ----
  // Batches come in order, each once. Standby: applied. Active: they are this controller's own, and only
  // become committed. An error is fatal for this node (rule C3).
  Result<void> on_commit(const MetadataBatch& batch);
  // Replaces everything; never while active (rule B55).
  void on_snapshot(LogState state);

  // ---- activity ----
  // Rule C5. `next_offset` is where the next record will be appended.
  ControllerStep activate(int32_t epoch, int64_t next_offset, Instant now);
  void deactivate();
  // Takes back the step that was decided last, of which nothing was appended. Sessions it touched stay.
  void take_back(const ControllerStep& step);
  bool active() const { return active_; }
  int32_t epoch() const { return epoch_; }
  int64_t next_offset() const { return next_offset_; }
  int64_t committed_offset() const { return committed_.offset; }
  // Committed and outside an open metadata transaction (rules C1, C6).
  int64_t stable_offset() const { return committed_.stable_offset(); }
  MetadataImageRef stable_image() const { return committed_.stable_image(); }  // rule C2
  const MetadataImage& image() const { return *current_.image; }               // speculative
  // What has become committed since the last call; nothing while standby.
  std::vector<ControllerNote> take_notes();

  // ---- brokers (C9 to C21) ----
  ControllerStep register_broker(const wire::BrokerRegistrationRequest& request,
                                 const ControllerRequestInfo& info,
                                 ControllerReply<wire::BrokerRegistrationResponse>& reply);
  ControllerStep heartbeat(const wire::BrokerHeartbeatRequest& request, const ControllerRequestInfo& info,
                           ControllerReply<wire::BrokerHeartbeatResponse>& reply);
  // A heartbeat that waited too long to be processed.
  void expired_heartbeat(const wire::BrokerHeartbeatRequest& request, Instant now);
  ControllerStep unregister_broker(const wire::UnregisterBrokerRequest& request,
                                   const ControllerRequestInfo& info,
                                   ControllerReply<wire::UnregisterBrokerResponse>& reply);
  ControllerStep register_controller(const wire::ControllerRegistrationRequest& request,
                                     const ControllerRequestInfo& info,
                                     ControllerReply<wire::ControllerRegistrationResponse>& reply);
  ControllerStep allocate_producer_ids(const wire::AllocateProducerIdsRequest& request,
                                       const ControllerRequestInfo& info,
                                       ControllerReply<wire::AllocateProducerIdsResponse>& reply);
  // Rule C21; errors, one for each assignment, or one of the whole.
  ControllerStep assign_directories(int32_t broker, int64_t broker_epoch,
                                    const std::vector<DirectoryAssignment>& assignments,
                                    Result<std::vector<ErrorCode>>& reply);

  // ---- topics (C38 to C42) ----
  ControllerStep create_topics(const wire::CreateTopicsRequest& request, const ControllerRequestInfo& info,
                               Draws& draws, ControllerReply<wire::CreateTopicsResponse>& reply);
  ControllerStep create_partitions(const wire::CreatePartitionsRequest& request,
                                   const ControllerRequestInfo& info, Draws& draws,
                                   ControllerReply<wire::CreatePartitionsResponse>& reply);
  ControllerStep delete_topics(const wire::DeleteTopicsRequest& request, const ControllerRequestInfo& info,
                               ControllerReply<wire::DeleteTopicsResponse>& reply);

  // ---- partitions (C22 to C37) ----
  ControllerStep alter_partition(const wire::AlterPartitionRequest& request,
                                 const ControllerRequestInfo& info,
                                 ControllerReply<wire::AlterPartitionResponse>& reply);
  ControllerStep elect_leaders(const wire::ElectLeadersRequest& request, const ControllerRequestInfo& info,
                               ControllerReply<wire::ElectLeadersResponse>& reply);
  ControllerStep alter_reassignments(const std::vector<ReassignmentRequest>& requests,
                                     std::vector<Result<void>>& reply);

  // ---- configuration and features (C44, C46) ----
  ControllerStep incremental_alter_configs(const wire::IncrementalAlterConfigsRequest& request,
                                           const ControllerRequestInfo& info,
                                           ControllerReply<wire::IncrementalAlterConfigsResponse>& reply);
  ControllerStep alter_configs(const wire::AlterConfigsRequest& request, const ControllerRequestInfo& info,
                               ControllerReply<wire::AlterConfigsResponse>& reply);
  ControllerStep update_features(const wire::UpdateFeaturesRequest& request,
                                 const ControllerRequestInfo& info,
                                 ControllerReply<wire::UpdateFeaturesResponse>& reply);

  // ---- periodic duties ----
  // Fences at most one broker (rule C16). Run it again at once while it gives records.
  ControllerStep fence_one_stale_broker(Instant now);
  Instant next_session_expiry() const;
  // Rule C37. `more`: the limit was hit, run again soon.
  ControllerStep balance_leaders(bool& more);
  ControllerStep elect_unclean_leaders(bool& more);
  ControllerStep no_op();  // rule C7
  bool leaders_imbalanced() const;
  bool some_partition_leaderless() const;

 private:
  class Op;
  struct Pending {
    LogState state;  // after the operation's last record
    std::vector<ControllerNote> notes;
  };

  ConfigView view(const MetadataImage& image) const { return {image.configs, server_}; }
  PartitionContext context_of(const MetadataImage& image, const TopicImage& topic,
                              const PartitionRegistration& partition) const;
  bool unclean_enabled(const MetadataImage& image, std::string_view topic) const;
  std::vector<UsableBroker> usable_brokers(const MetadataImage& image) const;
  Result<void> check_broker_epoch(int32_t broker, int64_t epoch) const;
  Result<void> check_registration(const wire::BrokerRegistrationRequest& request, Instant now) const;

  void sweep_partitions(Op& op, const PartitionSweep& sweep);
  void write_fencing(Op& op, int32_t broker, std::string_view reason);
  void write_shutdown_cleanup(Op& op, int32_t broker, bool clean);
  void write_offline_directories(Op& op, int32_t broker, std::span<const Uuid> offline);

  Result<void> create_topic(Op& op, const wire::CreatableTopic& topic, Draws& draws,
                            ControllerReply<wire::CreateTopicsResponse>& reply,
                            wire::CreatableTopicResult& result);
  Result<std::vector<PartitionRegistration>> plan_topic(const MetadataImage& image,
                                                        const wire::CreatableTopic& topic,
                                                        Draws& draws) const;
  Result<std::vector<PartitionRegistration>> plan_assigned(const MetadataImage& image,
                                                           const wire::CreatableTopic& topic) const;
  Result<std::vector<PartitionRegistration>> plan_placed(const MetadataImage& image, size_t count,
                                                         size_t replication_factor, Draws& draws) const;
  Result<void> check_manual_assignment(const MetadataImage& image, const std::vector<int32_t>& replicas,
                                       std::optional<size_t> replication_factor) const;
  Result<void> add_partitions(Op& op, const wire::CreatePartitionsTopic& topic, Draws& draws);
  Result<void> check_alter_partition(const MetadataImage& image, int32_t broker, int16_t api_version,
                                     const PartitionRegistration& partition,
                                     const wire::AlterPartitionRequestPartitionData& data) const;
  ErrorCode elect_leader(Op& op, std::string_view topic, int32_t partition, Election election,
                         std::string& message);
  Result<void> reassign(Op& op, const ReassignmentRequest& request);
  Result<void> check_resource_exists(const MetadataImage& image, const ConfigResource& resource) const;
  // `named` are the settings the request speaks of, `after` all that the resource is to have.
  Result<void> change_configs(Op& op, const ConfigResource& resource, const ConfigMap& after,
                              const std::set<std::string>& named);
  void write_config(Op& op, const ConfigResource& resource, std::string_view name,
                    std::optional<std::string_view> value);
  void write_elr_safety(Op& op);

  ControllerStep run(Op& op, bool atomic);
  ControllerStep nothing() const;
  void hear(const MetadataImageRef& before, const ChangedPartitions& changed);

  ControllerSettings settings_;
  const ServerConfig& server_;
  bool active_ = false;
  int32_t epoch_ = -1;
  int64_t next_offset_ = 0;
  LogState committed_;
  LogState current_;
  std::deque<Pending> pending_;
  std::vector<ControllerNote> notes_;
  // Of the last batches that were committed while another was active: it may not have lived to tell of them.
  std::deque<std::vector<ControllerNote>> heard_;
  BrokerSessions sessions_;
};

}  // namespace ksim
