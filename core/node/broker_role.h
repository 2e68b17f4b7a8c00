#pragma once
// The broker role of a node (walk-throughs W.1 and W.2): registers, loads its logs when the first image is
// there, follows the metadata, serves. Lives on shard 0 and directs the other shards.

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/broker/alter_partition_manager.h"
#include "core/broker/directory_assignments.h"
#include "core/broker/lifecycle_driver.h"
#include "core/metadata/delta.h"
#include "core/metadata/driver/loader.h"
#include "core/node/node_shard.h"
#include "core/raft/driver/raft_client.h"
#include "core/storage/log_dirs.h"

namespace ksim::node {

class BrokerRole final : public MetadataPublisher, public BrokerHome, public storage::LogDirWatcher {
 public:
  struct Parts {
    const Env& env;
    const ServerConfig& server;
    NodeShards& shards;
    storage::LogDirs& log_dirs;
    raft::RaftClient& raft;
    MetadataLoader& loader;
    // The process must stop. Does not wait.
    std::function<void(std::string)> give_up;
  };
  explicit BrokerRole(Parts parts);
  BrokerRole(const BrokerRole&) = delete;
  BrokerRole& operator=(const BrokerRole&) = delete;
  ~BrokerRole() override;

  // Registers; the rest follows from the metadata. Waits a little.
  Result<void> start();
  // Controlled shutdown (W12 to W15). Waits, at most some minutes.
  void stop();
  // The process stops because it cannot go on: nothing is handed over to others first, as Kafka halts. Does
  // not wait, and ends the waiting of stop().
  void abandon() { lifecycle_->abandon(); }

  broker::BrokerState state() const { return lifecycle_->state(); }
  int64_t broker_epoch() const { return broker_epoch_; }
  // Every listener is open and the controller lets clients come here.
  bool ready() const { return listening_ && lifecycle_->state() == broker::BrokerState::running; }
  void collect(MetricsSnapshot& into) const;  // what is counted on shard 0 alone

  // ---- MetadataPublisher, on shard 0 ----
  std::string_view name() const override { return "broker"; }
  Result<void> publish(const MetadataDelta& delta, const MetadataImageRef& image) override;

  // ---- LogDirWatcher ----
  void directory_failed(size_t directory, const std::string& reason) override;

  // ---- BrokerHome ----
  void submit_isr(const broker::PartitionKey& key, const broker::IsrProposal& proposal) override;
  void assign_directory(const broker::PartitionKey& key, const Uuid& directory) override;
  storage::LogDirs& log_dirs() override { return parts_.log_dirs; }
  broker::ProducerIdSource& producer_ids() override { return *producer_ids_; }

 private:
  Result<broker::BrokerRegistrationFacts> registration();
  // W5 to W8: runs once, with the first image.
  Result<void> load_logs(const MetadataImageRef& image);
  void become_ready();
  // Runs `what` on every shard at the same time and waits for all. It owns what it needs: if the caller is
  // cancelled, some shards run it after that.
  template <class F>
  void on_every_shard(F what);
  void watch_controller();
  void watch_lifecycle();
  void run_duties();
  void lifecycle_changed();

  Parts parts_;
  BrokerCommon common_;
  broker::ActiveController active_;
  broker::ControllerChannel lifecycle_channel_;
  broker::ControllerChannel isr_channel_;
  broker::ControllerChannel ids_channel_;
  broker::ControllerChannel directories_channel_;
  std::unique_ptr<broker::LifecycleDriver> lifecycle_;
  std::unique_ptr<broker::AlterPartitionManager> isr_;
  std::unique_ptr<broker::DirectoryAssignments> assignments_;
  std::unique_ptr<broker::ProducerIdSource> producer_ids_;
  int64_t broker_epoch_ = -1;
  bool following_ = false;  // the metadata: from the image on that has this registration
  bool loaded_ = false;
  bool ready_ = false;
  bool serving_ = false;
  bool listening_ = false;
  bool applying_ = false;  // metadata, on all shards
  bool stopping_ = false;
  Condition changed_;
  Scope scope_;
};

}  // namespace ksim::node
