#pragma once
// One other node, and the connection to it that is made when it is needed and made again when it failed.

#include <memory>

#include "core/rpc/backoff.h"
#include "core/rpc/connection.h"

namespace ksim::rpc {

struct PeerTimes {
  Duration backoff_first = milliseconds(50);  // reconnect.backoff.ms
  Duration backoff_most = seconds(1);         // reconnect.backoff.max.ms
  Duration setup_timeout = seconds(10);       // socket.connection.setup.timeout.ms
};

// For blocking calls, also by several fibers at a time. Belongs to one shard. `entity` keys its dice: the id
// of the peer.
class RpcPeer {
 public:
  RpcPeer(const Env& env, Endpoint endpoint, RpcClientConfig config, uint64_t entity, PeerTimes times = {});
  RpcPeer(const RpcPeer&) = delete;
  RpcPeer& operator=(const RpcPeer&) = delete;

  // As RpcConnection::call. Connects first if need be, waiting out the back-off after an earlier failure, as
  // far as the deadline goes.
  template <class Request>
  Result<Reply<typename Request::Response>> call(const Request& request, Deadline deadline,
                                                 int16_t max_version = Request::kMaxVersion) {
    TRY_ASSIGN(const std::shared_ptr<RpcConnection> connection, connected(deadline));
    return connection->call(request, deadline, max_version);
  }

  // The connection of now, made if need be: for version_for() before a message is built.
  Result<std::shared_ptr<RpcConnection>> connected(Deadline deadline);
  // Drops the connection; calls on the way fail.
  void disconnect();
  // The same, if the peer is elsewhere now.
  void move_to(const Endpoint& endpoint);
  const Endpoint& endpoint() const { return endpoint_; }

 private:
  const Env& env_;
  Endpoint endpoint_;
  RpcClientConfig config_;
  PeerTimes times_;
  Backoff backoff_;
  Instant not_before_{0};
  std::shared_ptr<RpcConnection> connection_;
  Mutex connecting_;
  uint64_t moves_ = 0;
};

}  // namespace ksim::rpc
