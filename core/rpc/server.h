#pragma once
// The accepting side: one listener, and two fibers for each connection.

#include <list>
#include <map>

#include "core/io/env.h"
#include "core/io/scope.h"
#include "core/rpc/dispatcher.h"
#include "core/rpc/request_metrics.h"

namespace ksim::rpc {

struct RpcServerConfig {
  Endpoint bind;
  std::string listener = "PLAINTEXT";
  ListenerKind kind = ListenerKind::broker;
  uint32_t max_request_bytes = 100 * 1024 * 1024;  // socket.request.max.bytes
  Duration max_idle = seconds(600);      // connections.max.idle.ms; also for a peer that does not read
  uint32_t max_connections = INT32_MAX;  // max.connections: more wait to be accepted
  uint32_t max_connections_per_host = INT32_MAX;  // max.connections.per.ip: more are closed at once
  std::map<std::string, uint32_t> host_limits;    // max.connections.per.ip.overrides, by numeric address
  uint32_t max_connection_rate = INT32_MAX;       // max.connection.creation.rate, a second
  uint32_t max_in_flight = 64;                    // unanswered requests of one connection
  ByteBudget* budget = nullptr;                   // of this shard; must outlive the server
  RequestMetrics* metrics = nullptr;              // the same; may be null
};

class ServerConnection;

// Belongs to one shard; `dispatcher` outlives it. stop() must have returned, or its fiber group have been
// killed, before it is destroyed.
class RpcServer {
 public:
  RpcServer(const Env& env, RpcServerConfig config, Dispatcher& dispatcher);
  RpcServer(const RpcServer&) = delete;
  RpcServer& operator=(const RpcServer&) = delete;
  ~RpcServer();

  // Binds and begins to accept.
  IoResult<void> start();
  Endpoint local() const;  // with the port really bound
  // Serves a connection that somebody else has accepted, or that was not accepted at all.
  void adopt(ConnectionRef connection);
  // Accepts nothing more, closes every connection, waits for their fibers.
  void stop();

  size_t connection_count() const { return connections_.size(); }

 private:
  friend class ServerConnection;
  void accept_loop();
  void refused(IoError error);
  bool over_host_limit(const Endpoint& peer) const;
  void forget(ServerConnection& connection);

  const Env& env_;
  RpcServerConfig config_;
  Dispatcher& dispatcher_;
  std::unique_ptr<Listener> listener_;
  uint64_t refused_ = 0;
  Instant next_refusal_line_{0};
  Scope scope_;
  Condition left_;                            // a connection has ended
  std::list<ServerConnection*> connections_;  // in the order they came
  std::map<std::string, uint32_t> per_host_;
};

}  // namespace ksim::rpc
