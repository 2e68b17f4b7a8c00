#pragma once
// A controller with its log in memory, for tests: every step is appended at once and committed when told to.

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/metadata/controller.h"
#include "core/metadata/image_writer.h"
#include "core/metadata/test_draws.h"

namespace ksim {

inline ServerConfig test_server_config(std::string_view extra = "") {
  std::vector<std::string> warnings;
  auto parsed = ServerConfig::parse_text(
      "process.roles=controller\nnode.id=100\ncontroller.quorum.voters=100@h:1\nlisteners=CONTROLLER://:1\n"
      "controller.listener.names=CONTROLLER\n" +
          std::string(extra),
      warnings);
  EXPECT_TRUE(parsed.ok()) << (parsed.ok() ? "" : parsed.error().message);
  return std::move(*parsed);
}

inline ControllerSettings test_settings() {
  ControllerSettings settings;
  settings.cluster_id = "cluster";
  settings.voters = {100};
  return settings;
}

class TestController {
 public:
  struct Batch {
    int64_t base_offset;
    RecordList records;
  };

  explicit TestController(std::string_view server = "", ControllerSettings settings = test_settings())
      : config_(test_server_config(server)),
        settings_(settings),
        controller_(std::make_unique<Controller>(settings, config_)) {
    activate();
  }

  Controller& operator*() { return *controller_; }
  Controller* operator->() { return controller_.get(); }
  const MetadataImage& image() const { return controller_->image(); }
  const std::vector<Batch>& log() const { return log_; }
  Draws& draws() { return draws_; }
  ControllerRequestInfo info(int16_t version) const { return {version, now}; }

  void activate() {
    // A leader change record stands at the epoch's start.
    const int64_t next = log_end_ + 1;
    MetadataBatch control;
    control.base_offset = control.last_offset = log_end_;
    control.epoch = ++epoch_;
    log_end_ = next;
    EXPECT_TRUE(controller_->on_commit(control).ok());
    append(controller_->activate(epoch_, next, now));
  }

  // Appends and, unless held back, commits. Returns the number of records.
  size_t append(ControllerStep step) {
    const size_t count = step.records.size();
    if (count > 0) {
      log_.push_back({log_end_, std::move(step.records)});
      log_end_ += static_cast<int64_t>(count);
      EXPECT_EQ(log_end_, controller_->next_offset());
      if (commit_at_once) commit();
    }
    EXPECT_LT(step.reply_offset, log_end_);
    return count;
  }
  void commit() {
    for (; committed_ < log_.size(); ++committed_) {
      const std::vector<Bytes> values = log_[committed_].records.values();
      MetadataBatch batch;
      batch.base_offset = log_[committed_].base_offset;
      batch.last_offset = batch.base_offset + static_cast<int64_t>(values.size()) - 1;
      batch.epoch = epoch_;
      batch.records = values;
      const auto done = controller_->on_commit(batch);
      EXPECT_TRUE(done.ok());
    }
  }
  // Leadership is lost before what is uncommitted was replicated, and comes back.
  void fail_over() {
    controller_->deactivate();
    while (log_.size() > committed_) {
      log_end_ = log_.back().base_offset;
      log_.pop_back();
    }
    activate();
  }
  // The image another node builds from the log up to and including batch `count` - 1.
  MetadataImageRef replayed(size_t count) const {
    LogState state;
    for (size_t i = 0; i < count; ++i) {
      const std::vector<Bytes> values = log_[i].records.values();
      MetadataBatch batch;
      batch.base_offset = log_[i].base_offset;
      batch.last_offset = batch.base_offset + static_cast<int64_t>(values.size()) - 1;
      batch.records = values;
      EXPECT_TRUE(apply_batch(state, batch).ok());
    }
    return state.image;
  }

  // ---- requests ----
  ErrorCode register_broker(int32_t id, uint64_t incarnation, int64_t previous_epoch = -1,
                            std::vector<Uuid> dirs = {}) {
    std::vector<wire::BrokerRegistrationRequestListener> listeners(1);
    listeners[0].name = "PLAINTEXT";
    const std::string host = "h" + std::to_string(id % 10);
    listeners[0].host = host;
    std::vector<wire::BrokerRegistrationRequestFeature> features;
    for (const auto& [name, range] : settings_.features) features.push_back({name, range.min, range.max});
    if (dirs.empty()) dirs = {dir(id)};
    wire::BrokerRegistrationRequest request;
    request.broker_id = id;
    request.cluster_id = "cluster";
    request.incarnation_id = Uuid{incarnation, 1000};
    request.listeners = listeners;
    request.features = features;
    request.rack = std::nullopt;
    request.log_dirs = dirs;
    request.previous_broker_epoch = previous_epoch;
    ControllerReply<wire::BrokerRegistrationResponse> reply;
    append(controller_->register_broker(request, info(4), reply));
    return error_code_of(reply.response.error_code);
  }
  static Uuid dir(int32_t id) { return {0x1000, 1000 + static_cast<uint64_t>(id)}; }
  int64_t epoch_of(int32_t id) const { return image().broker(id)->epoch; }

  wire::BrokerHeartbeatResponse heartbeat(int32_t id, bool want_fence, bool want_shut_down,
                                          int64_t offset = INT64_MAX, std::vector<Uuid> offline = {}) {
    wire::BrokerHeartbeatRequest request;
    request.broker_id = id;
    request.broker_epoch = image().broker(id) == nullptr ? -1 : epoch_of(id);
    request.current_metadata_offset = offset == INT64_MAX ? log_end_ - 1 : offset;
    request.want_fence = want_fence;
    request.want_shut_down = want_shut_down;
    request.offline_log_dirs = offline;
    ControllerReply<wire::BrokerHeartbeatResponse> reply;
    append(controller_->heartbeat(request, info(1), reply));
    return reply.response;
  }
  void start_broker(int32_t id, uint64_t incarnation = 1, int64_t previous_epoch = -1) {
    EXPECT_EQ(register_broker(id, incarnation, previous_epoch), ErrorCode::NONE);
    EXPECT_FALSE(heartbeat(id, false, false).is_fenced);
  }
  void start_brokers(int32_t count) {
    for (int32_t id = 0; id < count; ++id) start_broker(id);
  }

  ErrorCode create_topic(std::string_view name, std::vector<std::vector<int32_t>> assignment,
                         std::vector<std::pair<std::string, std::string>> configs = {}) {
    std::vector<wire::CreatableReplicaAssignment> assignments(assignment.size());
    for (size_t i = 0; i < assignment.size(); ++i) {
      assignments[i].partition_index = static_cast<int32_t>(i);
      assignments[i].broker_ids = assignment[i];
    }
    return create(name, -1, -1, assignments, configs);
  }
  ErrorCode create_topic(std::string_view name, int32_t partitions, int16_t replication_factor) {
    return create(name, partitions, replication_factor, {}, {});
  }
  ErrorCode create(std::string_view name, int32_t partitions, int16_t replication_factor,
                   std::vector<wire::CreatableReplicaAssignment> assignments,
                   std::vector<std::pair<std::string, std::string>> configs) {
    std::vector<wire::CreatableTopicConfig> settings(configs.size());
    for (size_t i = 0; i < configs.size(); ++i) {
      settings[i].name = configs[i].first;
      settings[i].value = std::string_view(configs[i].second);
    }
    std::vector<wire::CreatableTopic> topics(1);
    topics[0].name = name;
    topics[0].num_partitions = partitions;
    topics[0].replication_factor = replication_factor;
    topics[0].assignments = assignments;
    topics[0].configs = settings;
    wire::CreateTopicsRequest request;
    request.topics = topics;
    ControllerReply<wire::CreateTopicsResponse> reply;
    append(controller_->create_topics(request, info(7), draws_, reply));
    message = std::string(reply.response.topics[0].error_message.value_or(""));
    return error_code_of(reply.response.topics[0].error_code);
  }

  struct Altered {
    ErrorCode code = ErrorCode::NONE;
    int32_t leader_epoch = -1;
    int32_t partition_epoch = -1;
    std::vector<int32_t> isr;
  };
  // As the leader would ask, with the epochs it knows unless others are given.
  Altered alter_isr(std::string_view topic, int32_t index, const std::vector<int32_t>& isr,
                    int32_t leader_epoch_delta = 0, int32_t partition_epoch_delta = 0, int8_t recovery = 0) {
    const PartitionRef partition = image().partition(topic, index);
    const int32_t leader = partition->leader;
    std::vector<wire::BrokerState> members;
    for (const int32_t id : isr) members.push_back({id, image().broker(id) == nullptr ? -1 : epoch_of(id)});
    return alter(leader, image().broker(leader) == nullptr ? -1 : epoch_of(leader), image().topic_id(topic),
                 index, members, partition->leader_epoch + leader_epoch_delta,
                 partition->partition_epoch + partition_epoch_delta, recovery);
  }
  Altered alter(int32_t broker, int64_t broker_epoch, const Uuid& topic, int32_t index,
                std::vector<wire::BrokerState> members, int32_t leader_epoch, int32_t partition_epoch,
                int8_t recovery = 0) {
    std::vector<wire::AlterPartitionRequestPartitionData> partitions(1);
    partitions[0].partition_index = index;
    partitions[0].leader_epoch = leader_epoch;
    partitions[0].partition_epoch = partition_epoch;
    partitions[0].new_isr_with_epochs = members;
    partitions[0].leader_recovery_state = recovery;
    std::vector<wire::AlterPartitionRequestTopicData> topics(1);
    topics[0].topic_id = topic;
    topics[0].partitions = partitions;
    wire::AlterPartitionRequest request;
    request.broker_id = broker;
    request.broker_epoch = broker_epoch;
    request.topics = topics;
    ControllerReply<wire::AlterPartitionResponse> reply;
    append(controller_->alter_partition(request, info(3), reply));
    Altered altered;
    altered.code = error_code_of(reply.response.error_code);
    if (altered.code != ErrorCode::NONE) return altered;
    const auto& result = reply.response.topics[0].partitions[0];
    altered.code = error_code_of(result.error_code);
    altered.leader_epoch = result.leader_epoch;
    altered.partition_epoch = result.partition_epoch;
    altered.isr.assign(result.isr.begin(), result.isr.end());
    return altered;
  }

  ErrorCode set_config(ConfigResourceType type, std::string_view resource, std::string_view name,
                       std::optional<std::string_view> value) {
    std::vector<wire::IncrementalAlterConfigsRequestAlterableConfig> configs(1);
    configs[0].name = name;
    configs[0].config_operation = value ? 0 : 1;
    configs[0].value = value;
    std::vector<wire::IncrementalAlterConfigsRequestAlterConfigsResource> resources(1);
    resources[0].resource_type = static_cast<int8_t>(type);
    resources[0].resource_name = resource;
    resources[0].configs = configs;
    wire::IncrementalAlterConfigsRequest request;
    request.resources = resources;
    ControllerReply<wire::IncrementalAlterConfigsResponse> reply;
    append(controller_->incremental_alter_configs(request, info(1), reply));
    message = std::string(reply.response.responses[0].error_message.value_or(""));
    return error_code_of(reply.response.responses[0].error_code);
  }
  ErrorCode update_feature(std::string_view name, int16_t level,
                           FeatureUpgrade type = FeatureUpgrade::upgrade) {
    std::vector<wire::FeatureUpdateKey> keys(1);
    keys[0].feature = name;
    keys[0].max_version_level = level;
    keys[0].upgrade_type = static_cast<int8_t>(type);
    wire::UpdateFeaturesRequest request;
    request.feature_updates = keys;
    ControllerReply<wire::UpdateFeaturesResponse> reply;
    append(controller_->update_features(request, info(1), reply));
    message = std::string(reply.response.error_message.value_or(""));
    return error_code_of(reply.response.error_code);
  }
  ErrorCode elect(std::string_view topic, int32_t index, Election election) {
    return elect(topic, index, static_cast<int8_t>(election == Election::unclean ? 1 : 0));
  }
  ErrorCode elect(std::string_view topic, int32_t index, int8_t election_type) {
    std::vector<int32_t> partitions{index};
    std::vector<wire::ElectLeadersRequestTopicPartitions> topics(1);
    topics[0].topic = topic;
    topics[0].partitions = partitions;
    wire::ElectLeadersRequest request;
    request.election_type = election_type;
    request.topic_partitions = topics;
    ControllerReply<wire::ElectLeadersResponse> reply;
    append(controller_->elect_leaders(request, info(2), reply));
    return error_code_of(reply.response.replica_election_results[0].partition_result[0].error_code);
  }
  ErrorCode reassign(std::string topic, int32_t index, std::optional<std::vector<int32_t>> replicas) {
    std::vector<Result<void>> results;
    append(controller_->alter_reassignments({{std::move(topic), index, std::move(replicas)}}, results));
    return results[0].ok() ? ErrorCode::NONE : results[0].error().code;
  }
  // A broker that is not heard of any more.
  void lose_broker(int32_t id) {
    now = now + milliseconds(10'000);
    for (const auto& entry : MetadataImage(image()).cluster.brokers) {
      if (entry.first != id && !entry.second->fenced) heartbeat(entry.first, false, false);
    }
    while (append(controller_->fence_one_stale_broker(now)) > 0) {
    }
  }

  Instant now{};
  bool commit_at_once = true;
  std::string message;  // of the last request that has one

 private:
  ServerConfig config_;
  ControllerSettings settings_;
  std::unique_ptr<Controller> controller_;
  TestDraws draws_{42};
  std::vector<Batch> log_;
  size_t committed_ = 0;
  int64_t log_end_ = 0;
  int32_t epoch_ = 0;
};

}  // namespace ksim
