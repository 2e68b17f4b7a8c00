#pragma once
// For tests: brokers on their real shards (broker_shard.h) in the simulated world, and a stand-in for the
// controller that keeps one image, answers AlterPartition in the way a test wants, and decides nothing by
// itself. There is no quorum: an image is published the moment a test changes it.

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/broker/alter_partition_manager.h"
#include "core/metadata/delta.h"
#include "core/metadata/records.h"
#include "core/node/node_shard.h"
#include "core/record/builder.h"
#include "core/rpc/connection.h"
#include "core/wire/messages/delete_records.h"
#include "core/wire/messages/fetch.h"
#include "core/wire/messages/list_offsets.h"
#include "core/wire/messages/offset_for_leader_epoch.h"
#include "core/wire/messages/produce.h"
#include "sim/test_world.h"

namespace ksim::node {

constexpr uint16_t kBrokerPort = 9092;
constexpr uint16_t kControllerPort = 9093;
const Uuid kTopicId{77, 1};

class TestCluster;

// One incarnation of a broker.
class TestBroker final : public sim::Process, public BrokerHome {
 public:
  TestBroker(const std::vector<Env*>& envs, TestCluster& cluster, int32_t id);
  ~TestBroker() override;
  void run(size_t shard) override;
  void stop() override {}
  // From anywhere: the next image.
  void publish(const MetadataImageRef& image) {
    inbox_.push_back(image);
    filled_.notify_all();
  }
  const broker::Partition* partition(const broker::PartitionKey& key) const;

  // ---- BrokerHome ----
  void submit_isr(const broker::PartitionKey& key, const broker::IsrProposal& proposal) override {
    alter_partition_.submit(key, proposal);
  }
  // Each of these brokers has one directory, and their controller does not ask which.
  void assign_directory(const broker::PartitionKey&, const Uuid&) override {}
  storage::LogDirs& log_dirs() override { return dirs_; }
  broker::ProducerIdSource& producer_ids() override { return producer_ids_; }

 private:
  friend class TestCluster;
  void run_main();
  void load_logs(const MetadataImageRef& image);
  template <class F>
  void on_every_shard(F what);

  std::vector<Env*> envs_;
  TestCluster& cluster_;
  int32_t id_;
  ServerConfig server_;
  broker::ShardPeers peers_;
  NodeShards shards_;
  storage::LogDirs dirs_;
  BrokerCommon common_;
  int64_t broker_epoch_ = -1;
  broker::ActiveController controller_;
  broker::ControllerChannel channel_;
  broker::AlterPartitionManager alter_partition_;
  broker::ProducerIdSource producer_ids_;
  std::deque<MetadataImageRef> inbox_;
  Condition filled_;
};

class TestCluster {
 public:
  struct Options {
    uint64_t seed = 1;
    int32_t brokers = 2;
    size_t shards = 1;
    std::string properties;  // of every broker
  };
  explicit TestCluster(Options options);
  ~TestCluster() { world.world().watch(nullptr); }

  // ---- outside fibers ----
  void start_broker(int32_t id);
  void crash_broker(int32_t id);
  void power_loss(int32_t id);  // nobody who is connected to it hears of it
  void pause_broker(int32_t id) { broker_node(id).pause(); }
  void unpause_broker(int32_t id) { broker_node(id).unpause(); }
  void run_for(Duration d) { world.world().run_until(world.world().now() + d); }
  // Runs `body` on a client's fiber until it ends or `limit` has passed.
  bool client(std::function<void(Env&)> body, Duration limit = seconds(120));
  sim::SimNode& broker_node(int32_t id) { return world.node(name(id)); }

  // ---- the controller; from anywhere ----
  void create_topic(int32_t partitions, std::vector<int32_t> replicas, Uuid id = kTopicId,
                    const std::string& name = "orders");
  void delete_topic(Uuid id = kTopicId);
  // No ISR: unchanged. No leader: unchanged.
  void change(int32_t partition, std::optional<std::vector<int32_t>> isr, std::optional<int32_t> leader);
  // The broker leaves every ISR that has another member, and its partitions are led by the first of the rest.
  void fence(int32_t id);
  void set_config(const std::string& key, const std::string& value);
  int64_t register_broker(int32_t id);
  const PartitionRegistration& partition(int32_t index) { return *image->partition(kTopicId, index); }
  const broker::Partition* replica(int32_t broker, int32_t index = 0, Uuid topic = kTopicId);
  std::string name(int32_t id) const { return "b" + std::to_string(id); }
  int marks(Mark mark) const { return marks_.contains(mark) ? marks_.at(mark) : 0; }

  Options options;
  MetadataImageRef image = empty_image();
  std::map<int32_t, TestBroker*> alive;
  // What the controller does with the next AlterPartition of a partition, in order; then it obeys.
  std::deque<ErrorCode> refuse_partition;
  ErrorCode refuse_request = ErrorCode::NONE;  // the whole request, while set
  bool hold_alter_partition = false;           // carries out, and answers only once this is false again
  int alter_partitions = 0;
  int64_t next_producer_id = 0;

 private:
  friend class TestBroker;
  void start_controller();
  wire::AlterPartitionResponse alter(const wire::AlterPartitionRequest& request, wire::Arena& arena);
  ErrorCode alter_one(const Uuid& topic, const wire::AlterPartitionRequestPartitionData& data);
  template <class... Records>
  void commit(const Records&... records);

  int64_t offset_ = 0;
  std::map<Mark, int> marks_;

 public:
  sim::TestWorld world;  // last: its brokers end first
};

// ---- clients ----

inline std::unique_ptr<rpc::RpcConnection> connect(Env& env, int32_t broker) {
  rpc::RpcClientConfig config;
  config.client_id = "test";
  auto opened = rpc::RpcConnection::open(env, {"b" + std::to_string(broker), kBrokerPort}, config,
                                         env.after(seconds(10)));
  return opened.ok() ? std::move(opened).value() : nullptr;
}

inline ByteBuffer batch_of(const std::vector<std::string>& values, BatchOptions options = {}) {
  std::vector<RecordInput> inputs;
  for (const std::string& value : values) {
    RecordInput& input = inputs.emplace_back();
    input.timestamp_ms = 1'700'000'000'000;
    input.value = as_bytes(value);
  }
  return build_batch(options, inputs);
}

struct Produced {
  ErrorCode error = ErrorCode::NETWORK_EXCEPTION;
  int64_t offset = -1;
};
Produced produce(Env& env, rpc::RpcConnection& connection, int32_t partition, const ByteBuffer& batch,
                 int16_t acks = -1, Duration timeout = seconds(30));

struct Seen {
  ErrorCode top_error = ErrorCode::NETWORK_EXCEPTION;
  ErrorCode error = ErrorCode::NONE;
  bool mentioned = false;  // the answer has the partition
  int32_t session_id = 0;
  int64_t high_watermark = -1;
  int64_t log_start = -1;
  int32_t diverging_epoch = -1;
  int64_t diverging_end = -1;
  std::vector<std::string> values;  // from the fetch offset on
  std::vector<int64_t> offsets;
};
struct FetchOptions {
  int64_t offset = 0;
  int32_t max_wait_ms = 0;
  int32_t min_bytes = 1;
  int32_t max_bytes = 1 << 20;
  int32_t leader_epoch = -1;
  int32_t session_id = 0;
  int32_t session_epoch = -1;  // -1: no session
  bool name_partition = true;  // false: what the session has
  int32_t replica_id = -1;     // not a consumer
  int64_t replica_epoch = -1;
  int32_t last_fetched_epoch = -1;
  Uuid topic = kTopicId;
};
Seen fetch(Env& env, rpc::RpcConnection& connection, int32_t partition, FetchOptions options = {});

broker::OffsetAnswer list_offset(Env& env, rpc::RpcConnection& connection, int32_t partition,
                                 int64_t timestamp, int32_t leader_epoch = -1);

struct EpochEnd {
  ErrorCode error = ErrorCode::NETWORK_EXCEPTION;
  int32_t epoch = -1;
  int64_t end_offset = -1;
};
EpochEnd epoch_end(Env& env, rpc::RpcConnection& connection, int32_t partition, int32_t current_epoch,
                   int32_t epoch);

struct Deleted {
  ErrorCode error = ErrorCode::NETWORK_EXCEPTION;
  int64_t low_watermark = -1;
};
Deleted delete_records(Env& env, rpc::RpcConnection& connection, int32_t partition, int64_t offset,
                       Duration timeout = seconds(30));

inline TestCluster::Options with(int32_t brokers, size_t shards, std::string properties = {}) {
  TestCluster::Options options;
  options.brokers = brokers;
  options.shards = shards;
  options.properties = std::move(properties);
  return options;
}

}  // namespace ksim::node
