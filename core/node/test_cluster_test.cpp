// What test_cluster.h promises.

#include "core/node/test_cluster.h"

#include "core/broker/replica_changes.h"
#include "core/rpc/api_versions.h"
#include "core/rpc/server.h"
#include "core/wire/messages/allocate_producer_ids.h"
#include "core/wire/messages/metadata.h"

namespace ksim::node {
namespace {

ServerConfig server_config(int32_t id, const std::string& more) {
  std::vector<std::string> warnings;
  const std::string text =
      "process.roles=broker\nnode.id=" + std::to_string(id) +
      "\ncontroller.quorum.voters=100@controller:9093\ncontroller.listener.names=CONTROLLER\n"
      "listeners=PLAINTEXT://b" +
      std::to_string(id) + ":9092\nlog.dirs=data\n" + more;
  auto parsed = ServerConfig::parse_text(text, warnings);
  ENSURE(parsed.ok(), "the test's server.properties");
  return std::move(parsed).value();
}

storage::LogDirs::Options dir_options(int32_t id) {
  storage::LogDirs::Options options;
  options.paths = {"data"};
  options.node_id = id;
  options.cluster_id = "test-cluster";
  return options;
}

NodeShards make_shards(const std::vector<Env*>& envs, broker::ShardPeers& peers) {
  NodeShards shards;
  for (Env* env : envs) shards.push_back(std::make_unique<NodeShard>(*env, peers, 4));
  return shards;
}

}  // namespace

// ---- a broker ----

TestBroker::TestBroker(const std::vector<Env*>& envs, TestCluster& cluster, int32_t id)
    : envs_(envs),
      cluster_(cluster),
      id_(id),
      server_(server_config(id, cluster.options.properties)),
      peers_(envs.size()),
      shards_(make_shards(envs, peers_)),
      dirs_(*envs[0], dir_options(id)),
      common_{server_, "test-cluster", {}, broker::ReplicaManagers(envs.size())},
      controller_(envs[0]->scheduler),
      channel_(*envs[0], controller_, {"alter-partition", "broker"}),
      alter_partition_(*envs[0], channel_, {id, [this] { return broker_epoch_; }},
                       [this](const broker::PartitionKey& key, const broker::IsrAnswer& answer) {
                         const size_t shard = broker::shard_of(key, shards_.size());
                         BrokerShard* there = shards_[shard]->broker.get();
                         shards_[0]->executor.post(shard, Task([there, key, answer] {
                                                     there->replicas().proposal_answered(key, answer);
                                                     there->replicas().run_actions();
                                                   }));
                       }),
      producer_ids_(*envs[0], channel_, id, broker_epoch_),
      filled_(envs[0]->scheduler) {
  for (size_t i = 0; i < envs.size(); ++i) peers_[i] = &shards_[i]->executor;
}

TestBroker::~TestBroker() {
  if (const auto found = cluster_.alive.find(id_); found != cluster_.alive.end() && found->second == this)
    cluster_.alive.erase(found);
  for (auto& shard : shards_) shard->broker.reset();
}

void TestBroker::run(size_t shard) {
  shards_[shard]->executor.start();
  if (shard == 0) return run_main();
  envs_[shard]->scheduler.sleep_until(Instant::never());
}

template <class F>
void TestBroker::on_every_shard(F what) {
  std::vector<broker::ShardCall<Unit>> calls;
  for (size_t k = 0; k < shards_.size(); ++k) {
    BrokerShard* shard = shards_[k]->broker.get();
    calls.push_back(shards_[0]->executor.start_call(k, [shard, k, what] {
      what(*shard, k);
      return Unit{};
    }));
  }
  for (auto& call : calls) static_cast<void>(call.wait());
}

// The order of BrokerRole (broker_role.cpp), with the quorum taken away.
void TestBroker::run_main() {
  ENSURE(dirs_.open().ok());
  common_.directories = dirs_.infos();
  for (size_t i = 0; i < shards_.size(); ++i) {
    shards_[i]->broker = std::make_unique<BrokerShard>(*envs_[i], shards_[i]->executor, common_, *this);
    common_.managers[i] = &shards_[i]->broker->replicas();
  }
  const broker::ControllerNode node{100, {"controller", kControllerPort}};
  controller_.set(node);
  alter_partition_.start();
  producer_ids_.start();
  broker_epoch_ = cluster_.register_broker(id_);
  on_every_shard([node, epoch = broker_epoch_](BrokerShard& shard, size_t) {
    shard.active_controller().set(node);
    shard.set_broker_epoch(epoch);
    shard.start();
  });
  cluster_.alive[id_] = this;
  publish(cluster_.image);
  MetadataImageRef before = empty_image();
  for (;;) {
    while (inbox_.empty()) static_cast<void>(filled_.wait(Instant::never(), "images"));
    const MetadataImageRef next = inbox_.front();
    inbox_.pop_front();
    const bool first = before->empty();
    const auto delta = MetadataDelta::between(before, next);
    const auto changes = broker::replica_changes(delta, next, id_, shards_.size());
    const auto coming = broker::new_leaderships(delta, changes, id_);
    on_every_shard([next, coming](BrokerShard& shard, size_t) {
      shard.replicas().set_image(next);
      shard.replicas().set_coming_leaderships(coming);
    });
    if (first) load_logs(next);
    on_every_shard([&changes](BrokerShard& shard, size_t k) { shard.apply(changes[k]); });
    on_every_shard([](BrokerShard& shard, size_t) { shard.replicas().set_coming_leaderships(nullptr); });
    if (first) on_every_shard([](BrokerShard& shard, size_t) { ENSURE(shard.serve().ok()); });
    before = next;
  }
}

void TestBroker::load_logs(const MetadataImageRef& image) {
  const auto found = dirs_.begin_load();
  ENSURE(found.ok());
  std::vector<std::vector<storage::FoundLog>> by_shard(shards_.size());
  for (const storage::FoundLog& log : found->logs)
    by_shard[broker::shard_of({log.topic_id, log.topic_partition.partition}, shards_.size())].push_back(log);
  on_every_shard([&by_shard, image](BrokerShard& shard, size_t k) { shard.load(by_shard[k], image); });
  dirs_.finish_load();
}

const broker::Partition* TestBroker::partition(const broker::PartitionKey& key) const {
  const auto found = common_.managers[broker::shard_of(key, shards_.size())]->find(key);
  return found.ok() ? found->get() : nullptr;
}

// ---- the cluster ----

TestCluster::TestCluster(Options o) : options(std::move(o)), world(options.seed) {
  world.on_mark = [this](sim::SimNode&, Mark mark, std::string_view) { ++marks_[mark]; };
  start_controller();
  for (int32_t id = 1; id <= options.brokers; ++id) {
    sim::NodeSetup setup;
    setup.name = name(id);
    setup.shards = options.shards;
    world.world().add_node(setup);
    start_broker(id);
  }
  run_for(seconds(2));
}

void TestCluster::start_broker(int32_t id) {
  broker_node(id).start(
      [this, id](const std::vector<Env*>& envs) { return std::make_unique<TestBroker>(envs, *this, id); });
}

void TestCluster::crash_broker(int32_t id) {
  alive.erase(id);
  broker_node(id).crash();
  run_for(milliseconds(1));  // its fibers end
}

void TestCluster::power_loss(int32_t id) {
  alive.erase(id);
  broker_node(id).power_loss();
  run_for(milliseconds(1));
}

bool TestCluster::client(std::function<void(Env&)> body, Duration limit) {
  bool ended = false;
  world.start("client", [&](Env& env) {
    body(env);
    ended = true;
  });
  const Instant end = world.world().now() + limit;
  while (!ended && world.world().now() < end) run_for(milliseconds(100));
  if (!ended) world.node("client").crash();
  run_for(milliseconds(1));
  for (const std::string& failure : world.failures()) ADD_FAILURE() << failure;
  return ended;
}

template <class... Records>
void TestCluster::commit(const Records&... records) {
  MetadataDelta delta(image);
  const bool applied = (delta.apply(MetadataRecord(records)).ok() && ...);
  ENSURE(applied, "the test's records");
  image = delta.finish({++offset_, 1, 0});
  for (auto& [id, broker] : alive) broker->publish(image);
}

int64_t TestCluster::register_broker(int32_t id) {
  if (image->broker(id) != nullptr) fence(id);
  wire::BrokerEndpoint endpoint;
  endpoint.name = "PLAINTEXT";
  const std::string host = name(id);
  endpoint.host = host;
  endpoint.port = kBrokerPort;
  wire::RegisterBrokerRecord record;
  record.broker_id = id;
  record.incarnation_id = {1, static_cast<uint64_t>(offset_ + 1000)};
  record.broker_epoch = offset_ + 1;
  record.end_points = {&endpoint, 1};
  record.fenced = false;
  commit(record);
  return record.broker_epoch;
}

void TestCluster::create_topic(int32_t partitions, std::vector<int32_t> replicas, Uuid id,
                               const std::string& topic_name) {
  wire::TopicRecord topic;
  topic.name = topic_name;
  topic.topic_id = id;
  commit(topic);
  std::vector<Uuid> directories(replicas.size(), kDirectoryUnassigned);
  for (int32_t index = 0; index < partitions; ++index) {
    wire::PartitionRecord record;
    record.partition_id = index;
    record.topic_id = id;
    record.replicas = replicas;
    record.isr = replicas;
    record.directories = directories;
    record.leader = replicas[static_cast<size_t>(index) % replicas.size()];
    record.leader_epoch = 0;
    record.partition_epoch = 0;
    commit(record);
  }
}

void TestCluster::delete_topic(Uuid id) {
  wire::RemoveTopicRecord record;
  record.topic_id = id;
  commit(record);
}

void TestCluster::change(int32_t index, std::optional<std::vector<int32_t>> isr,
                         std::optional<int32_t> leader) {
  wire::PartitionChangeRecord record;
  record.partition_id = index;
  record.topic_id = kTopicId;
  if (isr) record.isr = std::span<int32_t>(*isr);
  if (leader) record.leader = *leader;
  commit(record);
}

void TestCluster::fence(int32_t id) {
  const TopicRef topic = image->topic(kTopicId);
  if (topic != nullptr) {
    std::vector<std::pair<int32_t, PartitionRef>> all;
    for (const auto& [index, partition] : topic->partitions) all.emplace_back(index, partition);
    for (const auto& [index, partition] : all) {
      std::vector<int32_t> isr;
      for (int32_t member : partition->isr) {
        if (member != id) isr.push_back(member);
      }
      if (isr.empty() || isr.size() == partition->isr.size()) continue;
      change(index, isr, partition->leader == id ? std::optional(isr.front()) : std::nullopt);
    }
  }
  wire::FenceBrokerRecord record;
  record.id = id;
  record.epoch = image->broker(id)->epoch;
  commit(record);
}

void TestCluster::set_config(const std::string& key, const std::string& value) {
  wire::ConfigRecord record;
  record.resource_type = 2;
  record.resource_name = "orders";
  record.name = key;
  record.value = value;
  commit(record);
}

const broker::Partition* TestCluster::replica(int32_t id, int32_t index, Uuid topic) {
  const auto found = alive.find(id);
  return found == alive.end() ? nullptr : found->second->partition({topic, index});
}

ErrorCode TestCluster::alter_one(const Uuid& topic, const wire::AlterPartitionRequestPartitionData& data) {
  const PartitionRef state = image->partition(topic, data.partition_index);
  if (state == nullptr) return ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
  if (!refuse_partition.empty()) {
    const ErrorCode refused = refuse_partition.front();
    refuse_partition.pop_front();
    if (refused != ErrorCode::NONE) return refused;
  }
  if (data.leader_epoch != state->leader_epoch) return ErrorCode::FENCED_LEADER_EPOCH;
  if (data.partition_epoch != state->partition_epoch) return ErrorCode::INVALID_UPDATE_VERSION;
  std::vector<int32_t> isr;
  for (const auto& member : data.new_isr_with_epochs) {
    const BrokerRegistration* broker = image->broker(member.broker_id);
    if (broker == nullptr || broker->fenced) return ErrorCode::INELIGIBLE_REPLICA;
    if (member.broker_epoch != -1 && member.broker_epoch != broker->epoch)
      return ErrorCode::INELIGIBLE_REPLICA;
    isr.push_back(member.broker_id);
  }
  change(data.partition_index, isr, std::nullopt);
  return ErrorCode::NONE;
}

wire::AlterPartitionResponse TestCluster::alter(const wire::AlterPartitionRequest& request,
                                                wire::Arena& arena) {
  wire::AlterPartitionResponse response;
  if (refuse_request != ErrorCode::NONE) {
    response.error_code = static_cast<int16_t>(refuse_request);
    return response;
  }
  ++alter_partitions;
  response.topics = arena.make_array<wire::AlterPartitionResponseTopicData>(request.topics.size());
  for (size_t t = 0; t < request.topics.size(); ++t) {
    const auto& topic = request.topics[t];
    response.topics[t].topic_id = topic.topic_id;
    response.topics[t].partitions =
        arena.make_array<wire::AlterPartitionResponsePartitionData>(topic.partitions.size());
    for (size_t p = 0; p < topic.partitions.size(); ++p) {
      auto& answer = response.topics[t].partitions[p];
      answer.partition_index = topic.partitions[p].partition_index;
      answer.error_code = static_cast<int16_t>(alter_one(topic.topic_id, topic.partitions[p]));
      if (answer.error_code != 0) continue;
      const PartitionRef state = image->partition(topic.topic_id, answer.partition_index);
      answer.leader_id = state->leader;
      answer.leader_epoch = state->leader_epoch;
      answer.partition_epoch = state->partition_epoch;
      answer.isr = arena.copy_array<int32_t>(state->isr);
    }
  }
  return response;
}

void TestCluster::start_controller() {
  world.start("controller", [this](Env& env) {
    rpc::HandlerTable table;
    table.on<wire::ApiVersionsRequest>(
        [&](const wire::ApiVersionsRequest&, rpc::IncomingRequest& incoming, rpc::ResponseSlot slot) {
          wire::ApiVersionsResponse response;
          response.api_keys = rpc::served_versions(table, rpc::ListenerKind::controller, incoming.arena);
          slot.respond(response);
        });
    table.on<wire::AlterPartitionRequest>(
        [&](const wire::AlterPartitionRequest& request, rpc::IncomingRequest&, rpc::ResponseSlot slot) {
          wire::Arena arena;
          const wire::AlterPartitionResponse response = alter(request, arena);
          while (hold_alter_partition) env.sleep(milliseconds(10));
          slot.respond(response);
        });
    table.on<wire::AllocateProducerIdsRequest>(
        [&](const wire::AllocateProducerIdsRequest&, rpc::IncomingRequest&, rpc::ResponseSlot slot) {
          wire::AllocateProducerIdsResponse response;
          response.producer_id_start = next_producer_id;
          response.producer_id_len = 1000;
          next_producer_id += 1000;
          slot.respond(response);
        });
    rpc::RpcServerConfig config;
    config.bind = {"controller", kControllerPort};
    config.kind = rpc::ListenerKind::controller;
    rpc::RpcServer server(env, config, table);
    ENSURE(server.start().ok());
    env.scheduler.sleep_until(Instant::never());
  });
}

// ---- clients ----

Produced produce(Env& env, rpc::RpcConnection& connection, int32_t partition, const ByteBuffer& batch,
                 int16_t acks, Duration timeout) {
  wire::PartitionProduceData data;
  data.index = partition;
  data.records.bytes = batch;
  wire::TopicProduceData topic;
  topic.name = "orders";
  topic.partition_data = {&data, 1};
  wire::ProduceRequest request;
  request.acks = acks;
  request.timeout_ms = static_cast<int32_t>(timeout.ms());
  request.topic_data = {&topic, 1};
  auto reply = connection.call(request, env.after(timeout + seconds(5)));
  if (!reply.ok()) return {};
  const auto& answer = (*reply)->responses[0].partition_responses[0];
  return {error_code_of(answer.error_code), answer.base_offset};
}

Seen fetch(Env& env, rpc::RpcConnection& connection, int32_t partition, FetchOptions options) {
  wire::FetchPartition asked;
  asked.partition = partition;
  asked.fetch_offset = options.offset;
  asked.partition_max_bytes = options.max_bytes;
  asked.current_leader_epoch = options.leader_epoch;
  asked.last_fetched_epoch = options.last_fetched_epoch;
  wire::FetchTopic topic;
  topic.topic_id = options.topic;
  topic.partitions = {&asked, 1};
  wire::FetchRequest request;
  request.replica_state.replica_id = options.replica_id;
  request.replica_state.replica_epoch = options.replica_epoch;
  request.max_wait_ms = options.max_wait_ms;
  request.min_bytes = options.min_bytes;
  request.session_id = options.session_id;
  request.session_epoch = options.session_epoch;
  if (options.name_partition) request.topics = {&topic, 1};
  auto reply = connection.call(request, env.after(milliseconds(options.max_wait_ms) + seconds(30)));
  Seen seen;
  if (!reply.ok()) return seen;
  seen.top_error = error_code_of((*reply)->error_code);
  seen.session_id = (*reply)->session_id;
  if ((*reply)->responses.empty()) return seen;
  const auto& data = (*reply)->responses[0].partitions[0];
  seen.mentioned = true;
  seen.error = error_code_of(data.error_code);
  seen.high_watermark = data.high_watermark;
  seen.log_start = data.log_start_offset;
  seen.diverging_epoch = data.diverging_epoch.epoch;
  seen.diverging_end = data.diverging_epoch.end_offset;
  BatchCursor cursor(data.records.bytes);
  for (BatchView batch; cursor.next(batch).value();) {
    RecordCursor records(batch);
    for (RecordView record; records.next(record).value();) {
      if (record.offset < options.offset) continue;
      seen.offsets.push_back(record.offset);
      seen.values.emplace_back(as_text(*record.value));
    }
  }
  return seen;
}

broker::OffsetAnswer list_offset(Env& env, rpc::RpcConnection& connection, int32_t partition,
                                 int64_t timestamp, int32_t leader_epoch) {
  wire::ListOffsetsPartition asked;
  asked.partition_index = partition;
  asked.current_leader_epoch = leader_epoch;
  asked.timestamp = timestamp;
  wire::ListOffsetsTopic topic;
  topic.name = "orders";
  topic.partitions = {&asked, 1};
  wire::ListOffsetsRequest request;
  request.replica_id = -1;
  request.topics = {&topic, 1};
  auto reply = connection.call(request, env.after(seconds(30)));
  broker::OffsetAnswer answer;
  answer.error = ErrorCode::NETWORK_EXCEPTION;
  if (!reply.ok()) return answer;
  const auto& data = (*reply)->topics[0].partitions[0];
  answer.error = error_code_of(data.error_code);
  answer.offset = data.offset;
  answer.timestamp_ms = data.timestamp;
  answer.leader_epoch = data.leader_epoch;
  return answer;
}

EpochEnd epoch_end(Env& env, rpc::RpcConnection& connection, int32_t partition, int32_t current_epoch,
                   int32_t epoch) {
  wire::OffsetForLeaderPartition asked;
  asked.partition = partition;
  asked.current_leader_epoch = current_epoch;
  asked.leader_epoch = epoch;
  wire::OffsetForLeaderTopic topic;
  topic.topic = "orders";
  topic.partitions = {&asked, 1};
  wire::OffsetForLeaderEpochRequest request;
  request.replica_id = -1;
  request.topics = {&topic, 1};
  auto reply = connection.call(request, env.after(seconds(30)));
  if (!reply.ok()) return {};
  const auto& data = (*reply)->topics[0].partitions[0];
  return {error_code_of(data.error_code), data.leader_epoch, data.end_offset};
}

Deleted delete_records(Env& env, rpc::RpcConnection& connection, int32_t partition, int64_t offset,
                       Duration timeout) {
  wire::DeleteRecordsPartition asked;
  asked.partition_index = partition;
  asked.offset = offset;
  wire::DeleteRecordsTopic topic;
  topic.name = "orders";
  topic.partitions = {&asked, 1};
  wire::DeleteRecordsRequest request;
  request.topics = {&topic, 1};
  request.timeout_ms = static_cast<int32_t>(timeout.ms());
  auto reply = connection.call(request, env.after(timeout + seconds(5)));
  if (!reply.ok()) return {};
  const auto& data = (*reply)->topics[0].partitions[0];
  return {error_code_of(data.error_code), data.low_watermark};
}

}  // namespace ksim::node
