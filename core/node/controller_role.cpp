#include "core/node/controller_role.h"

#include "core/rpc/api_versions.h"

namespace ksim::node {
namespace {

// Of requests held at a time.
constexpr int64_t kRequestBytes = 256LL << 20;

ControllerSettings settings_of(const ServerConfig& server, const std::string& cluster_id) {
  ControllerSettings settings;
  settings.cluster_id = cluster_id;
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
    servers_.push_back(std::make_unique<rpc::RpcServer>(parts_.env, config, handlers_));
    if (const IoResult<void> started = servers_.back()->start(); !started.ok()) {
      return fail(
          Error(started.error(), "cannot listen on " + listener.name + "://" + to_string(config.bind)));
    }
  }
  return {};
}

void ControllerRole::stop_serving() {
  for (auto& server : servers_) server->stop();
}

}  // namespace ksim::node
