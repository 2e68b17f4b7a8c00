#include "core/node/node.h"

#include "core/metadata/driver/loader.h"
#include "core/node/broker_role.h"
#include "core/node/controller_role.h"
#include "core/node/http_port.h"
#include "core/node/quorum_options.h"

namespace ksim::node {
namespace {

constexpr Duration kRaftStopPatience = seconds(5);  // rule W16

MetadataLoaderOptions loader_options(const ServerConfig& server) {
  return {server.integer("metadata.log.max.record.bytes.between.snapshots"),
          milliseconds(server.integer("metadata.log.max.snapshot.interval.ms"))};
}

}  // namespace

// What shard 0 keeps; torn down in the reverse order.
struct Services final : storage::LogDirWatcher {
  void directory_failed(size_t directory, const std::string& reason) override {
    if (broker != nullptr) {
      broker->directory_failed(directory, reason);
      return;
    }
    // Before there is a broker: a node with another directory goes on without this one, which LogDirs::open
    // decides.
    if (opened) give_up("log directory " + dirs->infos()[directory].path + " failed: " + reason);
  }
  bool opened = false;  // from then on a failure that no broker can isolate is the node's
  std::function<void(std::string)> give_up;
  std::unique_ptr<storage::LogDirs> dirs;
  std::unique_ptr<raft::RaftClient> raft;
  std::unique_ptr<ControllerRole> controller;
  std::unique_ptr<BrokerRole> broker;
  std::unique_ptr<MetadataLoader> loader;
  std::unique_ptr<HttpPort> http;
};

Node::Node(NodeConfig config, const std::vector<Env*>& shards) : config_(std::move(config)) {
  config_.server.set_limits(config_.limits);
  if (config_.cluster_id.empty()) config_.cluster_id = derived_cluster_id(config_.server);
  peers_.resize(shards.size());
  const auto workers = static_cast<size_t>(config_.limits.shard_workers);
  for (Env* env : shards) shards_.push_back(std::make_unique<NodeShard>(*env, peers_, workers));
  for (size_t k = 0; k < shards_.size(); ++k) peers_[k] = &shards_[k]->executor;
}

Node::~Node() {
  if (services_ != nullptr) {
    services_->http.reset();
    services_->loader.reset();
    services_->broker.reset();
    services_->controller.reset();
  }
}

void Node::run(size_t shard) {
  NodeShard& here = *shards_[shard];
  here.executor.start();
  if (shard == 0) {
    direct();
  } else {
    while (!here.finished) static_cast<void>(here.changed.wait(Instant::never(), "node"));
  }
  here.executor.stop();
}

void Node::direct() {
  NodeShard& here = *shards_[0];
  services_ = std::make_unique<Services>();
  services_->give_up = [this](std::string why) { give_up(why); };
  if (const Result<void> started = start_up(); !started.ok()) give_up(to_string(started.error()));
  while (!stop_requested_ && !failure_) static_cast<void>(here.changed.wait(Instant::never(), "node"));
  shut_down();
  for (size_t k = 1; k < shards_.size(); ++k) {
    NodeShard* there = shards_[k].get();
    here.executor.post(k, Task([there] {
                         there->finished = true;
                         there->changed.notify_all();
                       }));
  }
}

Result<void> Node::start_up() {
  const Env& env = shards_[0]->env;
  const ServerConfig& server = config_.server;
  // Before the logs are loaded, which may take long: that is what /live and /ready tell apart.
  if (const auto at = server.http_listener()) {
    services_->http = std::make_unique<HttpPort>(env, Endpoint{at->host, at->port}, *this);
    TRY(services_->http->start());
  }
  storage::LogDirs::Options dirs;
  dirs.paths = server.is_broker() ? server.log_dirs() : std::vector<std::string>{server.metadata_log_dir()};
  dirs.metadata_path = server.metadata_log_dir();
  dirs.node_id = server.node_id();
  dirs.cluster_id = config_.cluster_id;
  services_->dirs = std::make_unique<storage::LogDirs>(env, std::move(dirs), services_.get());
  TRY(services_->dirs->open());
  services_->opened = true;
  config_.cluster_id = services_->dirs->cluster_id();

  const Uuid directory = services_->dirs->infos()[services_->dirs->metadata_directory()].id;
  raft::RaftOptions quorum = quorum_options(server, config_.cluster_id, directory);
  quorum.on_failure = [this](const Error& error) { give_up("metadata quorum: " + to_string(error)); };
  TRY_ASSIGN(services_->raft, raft::RaftClient::open(env, std::move(quorum)));

  if (server.is_controller()) {
    services_->controller = std::make_unique<ControllerRole>(
        ControllerRole::Parts{env, server, config_.cluster_id, *services_->raft, services_->give_up});
    TRY(services_->controller->start());
  }
  services_->loader = std::make_unique<MetadataLoader>(env, *services_->raft, loader_options(server));
  if (server.is_broker()) {
    services_->broker = std::make_unique<BrokerRole>(BrokerRole::Parts{
        env, server, shards_, *services_->dirs, *services_->raft, *services_->loader, services_->give_up});
  }
  services_->loader->start();
  services_->raft->start();
  if (services_->broker != nullptr) TRY(services_->broker->start());
  return {};
}

// W11: the broker role first, then the controller, raft last.
void Node::shut_down() {
  if (services_->broker != nullptr) services_->broker->stop();
  if (services_->controller != nullptr) services_->controller->stop_serving();
  if (services_->raft != nullptr) {
    services_->raft->shutdown(kRaftStopPatience);
    services_->raft->close();
  }
  if (services_->controller != nullptr) services_->controller->stop();
  if (services_->loader != nullptr) services_->loader->stop();
  if (services_->http != nullptr) services_->http->stop();
  if (services_->dirs != nullptr) services_->dirs->release();
}

MetricsSnapshot Node::metrics() {
  MetricsSnapshot all;
  NodeShard& here = *shards_[0];
  if (services_->broker != nullptr) {
    std::vector<broker::ShardCall<MetricsSnapshot>> calls;
    for (size_t k = shards_.size(); k-- > 0;) {
      BrokerShard* shard = shards_[k]->broker.get();
      calls.push_back(here.executor.start_call(k, [shard] {
        MetricsSnapshot part;
        shard->collect(part);
        return part;
      }));
    }
    for (auto& call : calls) all.merge(call.wait());
    services_->broker->collect(all);
  }
  if (services_->controller != nullptr) services_->controller->collect(all);
  if (services_->raft != nullptr) {
    const auto leader = services_->raft->leader_and_epoch();
    const auto gauge = [&](const char* name, const char* help, int64_t value) {
      all.gauge(std::string("kafka_server_raft_metrics_") + name, help, value);
    };
    gauge("current_leader", "Of the quorum, -1 if unknown.", leader.leader_id.value_or(-1));
    gauge("current_epoch", "Of the quorum.", leader.epoch);
    gauge("high_watermark", "Of the metadata log.", services_->raft->high_watermark());
    gauge("log_end_offset", "Of the metadata log.", services_->raft->next_append_offset());
  }
  return all;
}

bool Node::ready() const {
  if (services_->raft == nullptr || stop_requested_ || failure_) return false;
  if (!services_->raft->leader_and_epoch().leader_id) return false;
  return services_->broker == nullptr || services_->broker->ready();
}

std::string Node::state() const {
  if (services_->broker != nullptr) return std::string(broker::to_string(services_->broker->state()));
  if (services_->raft == nullptr) return "STARTING";
  return services_->raft->leader_and_epoch().leader_id ? "RUNNING" : "NO_LEADER";
}

void Node::stop() {
  stop_requested_ = true;
  shards_[0]->changed.notify_all();
}

void Node::give_up(const std::string& why) {
  if (failure_) return;
  failure_ = why;
  shards_[0]->env.emit(LogLine{3, "node", why});
  if (services_->broker != nullptr) services_->broker->abandon();
  shards_[0]->changed.notify_all();
}

const BrokerRole* Node::broker() const { return services_ == nullptr ? nullptr : services_->broker.get(); }
const ControllerRole* Node::controller() const {
  return services_ == nullptr ? nullptr : services_->controller.get();
}

}  // namespace ksim::node
