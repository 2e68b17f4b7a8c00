#include "core/node/broker_shard.h"

#include "core/base/contains.h"
#include "core/broker/handlers/handlers.h"
#include "core/broker/replica_metrics.h"
#include "core/broker/topic_settings.h"
#include "core/metadata/config_def.h"

namespace ksim::node {
namespace {

size_t fetch_session_slots(const ServerConfig& server, size_t shards) {
  return static_cast<size_t>(server.integer("max.incremental.fetch.session.cache.slots")) / shards;
}

broker::FetcherOptions fetcher_options(const ServerConfig& server) {
  broker::FetcherOptions options;
  options.own_id = server.node_id();
  options.fetchers = static_cast<int32_t>(server.integer("num.replica.fetchers"));
  options.wait_max = milliseconds(server.integer("replica.fetch.wait.max.ms"));
  options.min_bytes = static_cast<int32_t>(server.integer("replica.fetch.min.bytes"));
  options.max_bytes = static_cast<int32_t>(server.integer("replica.fetch.max.bytes"));
  options.response_max_bytes = static_cast<int32_t>(server.integer("replica.fetch.response.max.bytes"));
  options.backoff = milliseconds(server.integer("replica.fetch.backoff.ms"));
  options.socket_timeout = milliseconds(server.integer("replica.socket.timeout.ms"));
  options.listener = server.inter_broker_listener_name();
  return options;
}

// queued.max.request.bytes is the node's; each shard has its part.
int64_t request_bytes_of(const ServerConfig& server, size_t shards) {
  const int64_t given = server.integer("queued.max.request.bytes");
  return given > 0 ? std::max<int64_t>(1, given / static_cast<int64_t>(shards))
                   : server.limits().request_bytes;
}

// The kernel spreads connections evenly over the shards, which share nothing: each has its part of a limit.
uint32_t part_of(int64_t limit, size_t shards) {
  const auto count = static_cast<int64_t>(shards);
  return static_cast<uint32_t>(limit / count + (limit % count == 0 ? 0 : 1));
}

void set_limits(const ServerConfig& server, size_t shards, rpc::RpcServerConfig& config) {
  config.max_connections = part_of(server.integer("max.connections"), shards);
  config.max_connections_per_host = part_of(server.integer("max.connections.per.ip"), shards);
  config.max_connection_rate = part_of(server.integer("max.connection.creation.rate"), shards);
  for (const std::string_view item : server.list("max.connections.per.ip.overrides")) {
    const size_t colon = item.rfind(':');
    if (colon == std::string_view::npos) continue;
    const auto limit = parse_int(item.substr(colon + 1), 0, INT32_MAX);
    if (limit) config.host_limits[std::string(item.substr(0, colon))] = part_of(*limit, shards);
  }
}

broker::ReplicaManager::Options manager_options(const ServerConfig& server) {
  return {server.node_id(), milliseconds(server.integer("replica.lag.time.max.ms"))};
}

Failure<Error> cannot_listen(const std::string& listener, const Endpoint& at, IoError why) {
  Error error(ErrorCode::NETWORK_EXCEPTION, "cannot listen on " + listener + "://" + to_string(at) +
                                                (why == IoError::in_use ? ": another process does" : ""));
  error.io = why;
  return fail(std::move(error));
}

}  // namespace

BrokerShard::BrokerShard(const Env& env, broker::ShardExecutor& executor, BrokerCommon& common,
                         BrokerHome& home)
    : env_(env),
      executor_(executor),
      common_(common),
      home_(home),
      logs_(env, *this, common.directories),
      fetchers_(env, fetcher_options(common.server)),
      manager_(env, manager_options(common.server), common.server, *this, *this, fetchers_),
      shards_(env, executor, common.managers),
      active_(env.scheduler),
      forwarding_(env, active_, {"forwarding", "broker-" + std::to_string(common.server.node_id())}),
      sessions_(env.random, executor.self(), executor.count(),
                fetch_session_slots(common.server, executor.count())),
      auto_topics_(env, forwarding_, common.server),
      producer_ids_(executor, home.producer_ids()),
      context_{env,
               common.server,
               common.server.node_id(),
               common.cluster_id,
               shards_,
               sessions_,
               forwarding_,
               auto_topics_,
               producer_ids_,
               topic_metrics_,
               common.directories,
               logs_},
      budget_(env.scheduler, request_bytes_of(common.server, executor.count())) {
  broker::register_handlers(context_, handlers_);
}

BrokerShard::~BrokerShard() = default;

void BrokerShard::start() {
  logs_.start();
  manager_.start();
  auto_topics_.start();
}

void BrokerShard::load(const std::vector<storage::FoundLog>& logs, const MetadataImageRef& image) {
  load_image_ = image;
  std::vector<storage::FoundLog> assigned;
  for (const storage::FoundLog& log : logs) {
    const TopicRef* topic = image->topics.by_id.find(log.topic_id);
    const PartitionRegistration* partition =
        topic == nullptr ? nullptr : (*topic)->partition(log.topic_partition.partition);
    if (partition != nullptr && partition->is_replica(common_.server.node_id())) {
      assigned.push_back(log);
    } else if (const Result<void> set_aside = logs_.make_stray(log); !set_aside.ok()) {
      env_.emit(LogLine{3, "storage", to_string(set_aside.error())});
    }
  }
  const auto fibers = static_cast<size_t>(common_.server.integer("num.recovery.threads.per.data.dir"));
  logs_.load(assigned, *this, fibers);
}

std::vector<ListenerEndpoint> BrokerShard::client_listeners() const {
  std::vector<ListenerEndpoint> listeners = common_.server.listeners();
  const auto& controllers = common_.server.controller_listener_names();
  std::erase_if(listeners,
                [&](const ListenerEndpoint& listener) { return contains(controllers, listener.name); });
  return listeners;
}

Result<void> BrokerShard::try_listeners() {
  for (const ListenerEndpoint& listener : client_listeners()) {
    const Endpoint at{listener.host, listener.port};
    auto opened = env_.network.listen(at);
    if (!opened.ok()) return cannot_listen(listener.name, at, opened.error());
    (*opened)->close();
  }
  return {};
}

Result<void> BrokerShard::serve() {
  for (const ListenerEndpoint& listener : client_listeners()) {
    rpc::RpcServerConfig config;
    config.bind = {listener.host, listener.port};
    config.listener = listener.name;
    config.max_request_bytes = static_cast<uint32_t>(common_.server.integer("socket.request.max.bytes"));
    config.max_idle = milliseconds(common_.server.integer("connections.max.idle.ms"));
    config.budget = &budget_;
    set_limits(common_.server, executor_.count(), config);
    config.metrics = &request_metrics_;
    servers_.push_back(std::make_unique<rpc::RpcServer>(env_, config, handlers_));
    if (const IoResult<void> started = servers_.back()->start(); !started.ok())
      return cannot_listen(listener.name, config.bind, started.error());
  }
  return {};
}

void BrokerShard::stop() {
  for (auto& server : servers_) server->stop();
  auto_topics_.stop();
  fetchers_.stop();
  checkpoint_high_watermarks();
  manager_.stop();
}

std::vector<bool> BrokerShard::close_logs() {
  std::vector<bool> closed = logs_.close();
  logs_.stop();
  return closed;
}

void BrokerShard::checkpoint_high_watermarks() {
  std::vector<std::pair<std::shared_ptr<storage::Log>, int64_t>> marks;
  for (broker::CheckpointEntry& entry : manager_.high_watermarks())
    marks.emplace_back(std::move(entry.log), entry.high_watermark);
  logs_.checkpoint_high_watermarks(marks);
}

void BrokerShard::collect(MetricsSnapshot& into) {
  const MetadataImageRef& image = manager_.image();
  topic_metrics_.forget([&](const std::string& topic) { return image->topic_id(topic).is_zero(); });
  topic_metrics_.replication_bytes_in = fetchers_.bytes_in();
  topic_metrics_.collect(into);
  broker::collect_replicas(manager_, into);
  request_metrics_.collect(into, env_.now());
  into.largest("kafka_server_replicafetchermanager_maxlag", "Records the leaders have and this broker lacks.",
               fetchers_.max_lag(), {{"clientid", "Replica"}});
  into.gauge("kafka_network_requestchannel_memorypoolavailable", "Bytes of requests that may still come.",
             budget_.left());
}

void BrokerShard::set_broker_epoch(int64_t epoch) {
  manager_.set_broker_epoch(epoch);
  fetchers_.set_broker_epoch(epoch);
}

void BrokerShard::submit(const broker::PartitionKey& key, const broker::IsrProposal& proposal) {
  executor_.post(0, Task([home = &home_, key, proposal] { home->submit_isr(key, proposal); }));
}

// The controller was never told where it is, and it may be in a directory that is lost: an earlier process
// may have died between making its log and telling, or this one have made a part of it there. An empty log
// elsewhere would take the place of that one.
bool BrokerShard::may_stand_in_a_lost_directory(const TopicPartition& partition, Uuid topic_id,
                                                Uuid directory) const {
  if (!directory.is_reserved() || logs_.all_online() || logs_.find(partition) != nullptr) return false;
  if (logs_.begun(partition, topic_id)) return true;
  const PartitionRef before = load_image_->partition(topic_id, partition.partition);
  return before != nullptr && before->is_replica(common_.server.node_id());
}

Result<std::shared_ptr<storage::Log>> BrokerShard::open(const TopicPartition& partition, Uuid topic_id,
                                                        Uuid directory, const storage::LogConfig& config) {
  const broker::PartitionKey key{topic_id, partition.partition};
  if (may_stand_in_a_lost_directory(partition, topic_id, directory)) {
    executor_.post(0, Task([home = &home_, key] { home->assign_directory(key, kDirectoryLost); }));
    return fail(ErrorCode::KAFKA_STORAGE_ERROR, partition.to_string() + " may stand in a lost directory");
  }
  auto log = logs_.open(partition, topic_id, directory, config);
  if (!log.ok()) return log;
  // The choice was this broker's, or the log stands elsewhere than the controller believes.
  const Uuid chosen = logs_.directory_of(**log);
  if (chosen != directory) {
    executor_.post(0, Task([home = &home_, key, chosen] { home->assign_directory(key, chosen); }));
  }
  return log;
}

int64_t BrokerShard::checkpointed_high_watermark(const storage::Log& log) {
  return logs_.checkpointed_high_watermark(log);
}

Result<void> BrokerShard::remove(const std::shared_ptr<storage::Log>& log) { return logs_.remove(log); }

Result<void> BrokerShard::update(storage::CheckpointUpdate update) {
  return executor_.call(
      0, [home = &home_, update = std::move(update)] { return home->log_dirs().update(update); });
}

Result<void> BrokerShard::forget(size_t directory, const TopicPartition& partition) {
  return executor_.call(
      0, [home = &home_, directory, partition] { return home->log_dirs().forget(directory, partition); });
}

void BrokerShard::fail_directory(size_t directory, const std::string& reason) {
  executor_.post(
      0, Task([home = &home_, directory, reason] { home->log_dirs().fail_directory(directory, reason); }));
}

storage::LogConfig BrokerShard::config_of(std::string_view topic) {
  return broker::topic_settings(*load_image_, common_.server, topic).log;
}

}  // namespace ksim::node
