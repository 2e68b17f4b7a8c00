#include "core/apps/lone_broker.h"

#include <algorithm>

#include "core/rpc/api_versions.h"
#include "core/wire/messages/metadata.h"

namespace ksim {

LoneBroker::LoneBroker(const Env& env, const ServerConfig& config) : env_(env), config_(config) {
  add_handlers();
}

const ListenerEndpoint* LoneBroker::reachable_by(std::string_view listener) const {
  for (const ListenerEndpoint& endpoint : reachable_) {
    if (endpoint.name == listener) return &endpoint;
  }
  return nullptr;
}

void LoneBroker::add_handlers() {
  handlers_.on<wire::ApiVersionsRequest>(
      [this](const wire::ApiVersionsRequest&, rpc::IncomingRequest& request, rpc::ResponseSlot slot) {
        wire::ApiVersionsResponse response;
        response.api_keys = rpc::served_versions(handlers_, request.context.connection->kind, request.arena);
        slot.respond(response);
      });
  handlers_.on<wire::MetadataRequest>([this](const wire::MetadataRequest& message,
                                             rpc::IncomingRequest& request, rpc::ResponseSlot slot) {
    wire::MetadataResponse response;
    if (const ListenerEndpoint* at = reachable_by(request.context.connection->listener)) {
      response.brokers = request.arena.make_array<wire::MetadataResponseBroker>(1);
      response.brokers[0] = {config_.node_id(), at->host, at->port, config_.value("broker.rack")};
    }
    if (message.topics) {
      response.topics = request.arena.make_array<wire::MetadataResponseTopic>(message.topics->size());
      for (size_t i = 0; i < message.topics->size(); ++i) {
        const wire::MetadataRequestTopic& asked = (*message.topics)[i];
        const bool by_id = !asked.name;
        response.topics[i].name = asked.name;
        response.topics[i].topic_id = asked.topic_id;
        response.topics[i].error_code =
            static_cast<int16_t>(by_id ? ErrorCode::UNKNOWN_TOPIC_ID : ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
      }
    }
    slot.respond(response);
  });
}

Result<void> LoneBroker::start() {
  for (const ListenerEndpoint& listener : config_.listeners()) {
    const auto& controllers = config_.controller_listener_names();
    if (std::find(controllers.begin(), controllers.end(), listener.name) != controllers.end()) continue;
    rpc::RpcServerConfig server;
    server.bind = {listener.host, listener.port};
    server.listener = listener.name;
    servers_.push_back(std::make_unique<rpc::RpcServer>(env_, server, handlers_));
    if (const IoResult<void> started = servers_.back()->start(); !started.ok()) {
      servers_.pop_back();
      stop();
      return fail(
          Error(started.error(), "cannot listen on " + listener.name + "://" + to_string(server.bind)));
    }
    ListenerEndpoint at = listener;
    for (const ListenerEndpoint& advertised : config_.advertised_listeners()) {
      if (advertised.name == listener.name) at = advertised;
    }
    if (at.port == 0) at.port = servers_.back()->local().port;
    if (at.host.empty()) at.host = "localhost";
    reachable_.push_back(at);
  }
  return {};
}

void LoneBroker::stop() {
  for (const auto& server : servers_) server->stop();
  servers_.clear();
}

}  // namespace ksim
