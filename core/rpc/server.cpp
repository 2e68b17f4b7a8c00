#include "core/rpc/server.h"

#include <algorithm>

#include "core/rpc/server_connection.h"

namespace ksim::rpc {

RpcServer::RpcServer(const Env& env, RpcServerConfig config, Dispatcher& dispatcher)
    : env_(env), config_(std::move(config)), dispatcher_(dispatcher), scope_(env), left_(env.scheduler) {}

RpcServer::~RpcServer() = default;

IoResult<void> RpcServer::start() {
  ENSURE(listener_ == nullptr, "started twice");
  TRY_ASSIGN(listener_, env_.network.listen(config_.bind));
  scope_.spawn(
      "rpc.accept", [this] { accept_loop(); }, listener_->local().port);
  return {};
}

Endpoint RpcServer::local() const {
  ENSURE(listener_ != nullptr, "not started");
  return listener_->local();
}

void RpcServer::stop() {
  if (listener_ != nullptr) listener_->close();
  for (ServerConnection* const connection : connections_) connection->close();
  scope_.close();
}

bool RpcServer::over_host_limit(const Endpoint& peer) const {
  const auto own = config_.host_limits.find(peer.host);
  const uint32_t limit = own == config_.host_limits.end() ? config_.max_connections_per_host : own->second;
  const auto found = per_host_.find(peer.host);
  return (found == per_host_.end() ? 0 : found->second) >= limit;
}

void RpcServer::accept_loop() {
  const Duration spacing = nanoseconds(1'000'000'000LL / std::max<int64_t>(config_.max_connection_rate, 1));
  Instant next_allowed{0};
  for (;;) {
    while (connections_.size() >= config_.max_connections)
      static_cast<void>(left_.wait(Instant::never(), "max.connections"));
    if (next_allowed > env_.now()) env_.scheduler.sleep_until(next_allowed);
    IoResult<ConnectionRef> accepted = listener_->accept(Instant::never());
    if (!accepted.ok()) {
      if (accepted.error() == IoError::closed) return;
      // Out of descriptors, or a peer that left again: the listener itself is sound.
      refused(accepted.error());
      env_.sleep(milliseconds(10));
      continue;
    }
    next_allowed = env_.now() + spacing;
    ConnectionRef connection = std::move(accepted).value();
    if (!over_host_limit(connection->peer())) {
      adopt(std::move(connection));
      continue;
    }
    if (config_.metrics != nullptr) config_.metrics->refused(config_.listener);
    connection->close();
  }
}

// One line in ten seconds says how many there were.
void RpcServer::refused(IoError error) {
  ++refused_;
  if (config_.metrics != nullptr) config_.metrics->refused(config_.listener);
  if (env_.now() < next_refusal_line_) return;
  const std::string text =
      "no descriptors for " + std::to_string(refused_) + " connections: " + std::string(to_string(error));
  env_.emit(LogLine{2, "rpc", text});
  refused_ = 0;
  next_refusal_line_ = env_.after(seconds(10));
}

void RpcServer::adopt(ConnectionRef connection) {
  const uint64_t key = connection->key();
  const auto shared = std::make_shared<ServerConnection>(*this, std::move(connection));
  connections_.push_back(shared.get());
  ++per_host_[shared->peer().host];
  if (!scope_.try_spawn(
          "rpc.writer", [shared] { shared->write_loop(); }, key))
    return;
  if (!scope_.try_spawn(
          "rpc.reader", [shared] { shared->read_loop(); }, key))
    shared->close();
}

void RpcServer::forget(ServerConnection& connection) {
  connections_.remove(&connection);
  const auto found = per_host_.find(connection.peer().host);
  if (found != per_host_.end() && --found->second == 0) per_host_.erase(found);
  left_.notify_all();
}

}  // namespace ksim::rpc
