#include "core/rpc/peer.h"

#include <fmt/format.h>

namespace ksim::rpc {

RpcPeer::RpcPeer(const Env& env, Endpoint endpoint, RpcClientConfig config, uint64_t entity, PeerTimes times)
    : env_(env),
      endpoint_(std::move(endpoint)),
      config_(std::move(config)),
      times_(times),
      backoff_(times.backoff_first, times.backoff_most, Dice(env.random, Stream::backoff_jitter, entity)),
      connecting_(env.scheduler) {}

Result<std::shared_ptr<RpcConnection>> RpcPeer::connected(Deadline deadline) {
  if (connection_ != nullptr && connection_->is_usable()) return connection_;
  const MutexLock lock(connecting_);
  if (connection_ != nullptr && connection_->is_usable()) return connection_;
  if (connection_ != nullptr) {
    // It worked once: the first attempt after that waits the shortest time.
    connection_.reset();
    not_before_ = env_.now() + backoff_.next();
  }
  const Instant allowed = not_before_;
  if (allowed > env_.now()) env_.scheduler.sleep_until(std::min(allowed, deadline));
  if (env_.now() >= deadline) {
    Error error(ErrorCode::NETWORK_EXCEPTION, fmt::format("no connection to {} yet", to_string(endpoint_)));
    error.io = IoError::timed_out;
    return fail(std::move(error));
  }
  const uint64_t move = moves_;
  Result<std::unique_ptr<RpcConnection>> opened =
      RpcConnection::open(env_, endpoint_, config_, std::min(deadline, env_.after(times_.setup_timeout)));
  if (!opened.ok()) {
    not_before_ = env_.now() + backoff_.next();
    return fail(std::move(opened).error());
  }
  std::shared_ptr<RpcConnection> connection = std::move(opened).value();
  if (move == moves_) connection_ = connection;
  backoff_.reset();
  return connection;
}

void RpcPeer::disconnect() {
  ++moves_;
  if (connection_ != nullptr) connection_->fail_calls();
  connection_.reset();
}

void RpcPeer::move_to(const Endpoint& endpoint) {
  if (endpoint == endpoint_) return;
  endpoint_ = endpoint;
  not_before_ = Instant{0};
  backoff_.reset();
  disconnect();
}

}  // namespace ksim::rpc
