#pragma once
// The broker role's part on one shard: its logs, its replicas, and the connections it serves.

#include <memory>
#include <vector>

#include "core/broker/auto_topics.h"
#include "core/broker/broker_context.h"
#include "core/broker/broker_shards.h"
#include "core/broker/controller_channel.h"
#include "core/broker/fetch_session.h"
#include "core/broker/producer_ids.h"
#include "core/broker/replica_fetcher.h"
#include "core/broker/replica_logs.h"
#include "core/broker/replica_manager.h"
#include "core/broker/topic_metrics.h"
#include "core/rpc/server.h"
#include "core/storage/log_manager.h"

namespace ksim::node {

// What the shards of one broker have in common; lives on shard 0, and is only read by the others.
struct BrokerCommon {
  const ServerConfig& server;
  std::string cluster_id;
  std::vector<storage::LogDirInfo> directories;
  broker::ReplicaManagers managers;  // by shard
};

// Ways from a shard to what lives on shard 0. Every call travels as values.
class BrokerHome {
 public:
  virtual ~BrokerHome() = default;
  // Runs on shard 0, must not wait.
  virtual void submit_isr(const broker::PartitionKey& key, const broker::IsrProposal& proposal) = 0;
  // The same: a replica stands in another directory than the metadata says.
  virtual void assign_directory(const broker::PartitionKey& key, const Uuid& directory) = 0;
  virtual storage::LogDirs& log_dirs() = 0;
  virtual broker::ProducerIdSource& producer_ids() = 0;
};

class BrokerShard final : private broker::IsrProposals,
                          private broker::ReplicaLogs,
                          private storage::LogDirLink,
                          private storage::LogConfigs {
 public:
  BrokerShard(const Env& env, broker::ShardExecutor& executor, BrokerCommon& common, BrokerHome& home);
  BrokerShard(const BrokerShard&) = delete;
  BrokerShard& operator=(const BrokerShard&) = delete;
  ~BrokerShard() override;

  // Everything but the listeners. Waits.
  void start();
  // Loads this shard's logs with what `image` says of their topics (rules W6 to W8). Waits.
  void load(const std::vector<storage::FoundLog>& logs, const MetadataImageRef& image);
  void apply(const broker::ReplicaChanges& changes) { manager_.apply(changes); }
  // Whether the addresses of the listeners are to be had: known before the broker registers, although it
  // serves only once it is unfenced (rules W2, W9).
  Result<void> try_listeners();
  // Binds the listeners and serves.
  Result<void> serve();
  // W14: answers nobody any more, stops fetching and waiting. Waits.
  void stop();
  // W15: by directory, all logs closed in order. Waits.
  std::vector<bool> close_logs();
  // Duties, called by the role's clock.
  void checkpoint_high_watermarks();
  storage::LogManager& logs() { return logs_; }
  broker::ReplicaManager& replicas() { return manager_; }
  const broker::ReplicaManager& replicas() const { return manager_; }
  broker::ActiveController& active_controller() { return active_; }
  void set_broker_epoch(int64_t epoch);
  void directory_failed(size_t directory) {
    logs_.directory_failed(directory);
    manager_.logs_failed();
  }
  void collect(MetricsSnapshot& into);

 private:
  std::vector<ListenerEndpoint> client_listeners() const;

  // ---- IsrProposals ----
  void submit(const broker::PartitionKey& key, const broker::IsrProposal& proposal) override;
  // ---- ReplicaLogs ----
  Result<std::shared_ptr<storage::Log>> open(const TopicPartition& partition, Uuid topic_id, Uuid directory,
                                             const storage::LogConfig& config) override;
  bool may_stand_in_a_lost_directory(const TopicPartition& partition, Uuid topic_id, Uuid directory) const;
  int64_t checkpointed_high_watermark(const storage::Log& log) override;
  Result<void> remove(const std::shared_ptr<storage::Log>& log) override;
  // ---- LogDirLink ----
  Result<void> update(storage::CheckpointUpdate update) override;
  Result<void> forget(size_t directory, const TopicPartition& partition) override;
  void fail_directory(size_t directory, const std::string& reason) override;
  // ---- LogConfigs ----
  storage::LogConfig config_of(std::string_view topic) override;

  const Env& env_;
  broker::ShardExecutor& executor_;
  BrokerCommon& common_;
  BrokerHome& home_;
  MetadataImageRef load_image_;
  storage::LogManager logs_;
  broker::ReplicaFetchers fetchers_;
  broker::ReplicaManager manager_;
  broker::BrokerShards shards_;
  broker::ActiveController active_;
  broker::ControllerChannel forwarding_;
  broker::FetchSessionCache sessions_;
  broker::AutoTopicCreation auto_topics_;
  broker::ProducerIds producer_ids_;
  broker::TopicMetrics topic_metrics_;
  broker::BrokerContext context_;
  rpc::ByteBudget budget_;
  rpc::RequestMetrics request_metrics_;
  rpc::HandlerTable handlers_;
  std::vector<std::unique_ptr<rpc::RpcServer>> servers_;
};

}  // namespace ksim::node
