#include "core/node/controller_role.h"

#include "core/rpc/api_versions.h"

namespace ksim::node {
namespace {

// Of requests held at a time.
constexpr int64_t kRequestBytes = 256LL << 20;

ControllerSettings settings_of(const ServerConfig& server, const std::string& cluster_id) {
  ControllerSettings settings;
  settings.cluster_id = cluster_id;
  settings.bootstrap_features = server.bootstrap_features();
  for (const QuorumVoter& voter : server.voters()) settings.voters.push_back(voter.id);
  return settings;
}

}  // namespace

ControllerRole::ControllerRole(Parts parts)
    : parts_(std::move(parts)),
      driver_(parts_.env, parts_.raft, parts_.server, settings_of(parts_.server, parts_.cluster_id)),
      budget_(parts_.env.scheduler, kRequestBytes) {
  parts_.raft.register_handlers(handlers_);
  driver_.register_handlers(handlers_);
  register_api_versions();
}

void ControllerRole::register_api_versions() {
  handlers_.on<wire::ApiVersionsRequest>(
      [this](const wire::ApiVersionsRequest&, rpc::IncomingRequest& incoming, rpc::ResponseSlot slot) {
        wire::Arena arena;
        wire::ApiVersionsResponse response;
        response.api_keys = rpc::served_versions(handlers_, incoming.context.connection->kind, arena);
        slot.respond(response);
      });
}

Result<void> ControllerRole::start() {
  driver_.start();
  for (const ListenerEndpoint& listener : parts_.server.listeners()) {
    bool controllers = false;
    for (const std::string& name : parts_.server.controller_listener_names())
      controllers |= name == listener.name;
    if (!controllers) continue;
    rpc::RpcServerConfig config;
    config.bind = {listener.host, listener.port};
    config.listener = listener.name;
    config.kind = rpc::ListenerKind::controller;
    config.max_request_bytes = static_cast<uint32_t>(parts_.server.integer("socket.request.max.bytes"));
    config.max_idle = milliseconds(parts_.server.integer("connections.max.idle.ms"));
    config.budget = &budget_;
    config.metrics = &request_metrics_;
    servers_.push_back(std::make_unique<rpc::RpcServer>(parts_.env, config, handlers_));
    if (const IoResult<void> started = servers_.back()->start(); !started.ok()) {
      return fail(
          Error(started.error(), "cannot listen on " + listener.name + "://" + to_string(config.bind)));
    }
  }
  return {};
}

// kafka.controller:type=KafkaController. What describes the cluster comes from the active controller only.
void ControllerRole::collect(MetricsSnapshot& into) const {
  request_metrics_.collect(into, parts_.env.now());
  const auto gauge = [&](const char* name, const char* help, int64_t value) {
    into.gauge(std::string("kafka_controller_kafkacontroller_") + name, help, value);
  };
  const bool active = driver_.active();
  gauge("activecontrollercount", "1 on the active controller.", active ? 1 : 0);
  if (!active) return;
  const MetadataImageRef image = driver_.controller().stable_image();
  int64_t fenced = 0;
  int64_t brokers = 0;
  for (const auto& [id, broker] : image->cluster.brokers) {
    ++brokers;
    if (broker->fenced) ++fenced;
  }
  int64_t topics = 0;
  int64_t partitions = 0;
  int64_t offline = 0;
  int64_t not_preferred = 0;
  for (const auto& [id, topic] : image->topics.by_id) {
    ++topics;
    for (const auto& [index, partition] : topic->partitions) {
      ++partitions;
      if (!partition->has_leader()) ++offline;
      if (!partition->has_preferred_leader()) ++not_preferred;
    }
  }
  gauge("fencedbrokercount", "Registered brokers that are fenced.", fenced);
  gauge("activebrokercount", "Brokers that are not fenced.", brokers - fenced);
  gauge("globaltopiccount", "Topics of the cluster.", topics);
  gauge("globalpartitioncount", "Partitions of the cluster.", partitions);
  gauge("offlinepartitionscount", "Partitions without a leader.", offline);
  gauge("preferredreplicaimbalancecount", "Partitions that their preferred replica does not lead.",
        not_preferred);
  gauge("lastcommittedrecordoffset", "Of the metadata log.", driver_.controller().committed_offset());
}

void ControllerRole::stop_serving() {
  for (auto& server : servers_) server->stop();
}

}  // namespace ksim::node
