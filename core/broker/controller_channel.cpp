#include "core/broker/controller_channel.h"

namespace ksim::broker {

Result<std::shared_ptr<rpc::RpcConnection>> ControllerChannel::connect(Deadline deadline) {
  MutexLock hold(opening_);
  for (;;) {
    const std::optional<ControllerNode> node = active_.get();
    if (connection_ != nullptr && connection_->is_usable() && node && *node == connected_to_)
      return connection_;
    connection_.reset();
    if (env_.now() >= deadline) return fail(ErrorCode::REQUEST_TIMED_OUT, "no active controller");
    if (!node) {
      static_cast<void>(active_.wait(deadline));
      continue;
    }
    rpc::RpcClientConfig config;
    config.client_id = options_.client_id;
    config.purpose = options_.purpose;
    const Deadline open_by = std::min(deadline, env_.after(options_.request_timeout));
    auto opened = rpc::RpcConnection::open(env_, node->endpoint, config, open_by);
    if (opened.ok()) {
      connection_ = std::move(opened).value();
      connected_to_ = *node;
      return connection_;
    }
    TRY(pause(deadline));
  }
}

void ControllerChannel::drop(const std::shared_ptr<rpc::RpcConnection>& connection) {
  if (connection_ == connection) connection_.reset();
}

Result<void> ControllerChannel::pause(Deadline deadline) {
  const Instant again = env_.after(options_.retry_backoff);
  if (again >= deadline) {
    env_.scheduler.sleep_until(deadline);
    return fail(ErrorCode::REQUEST_TIMED_OUT, "the active controller did not answer");
  }
  env_.scheduler.sleep_until(again);
  return {};
}

}  // namespace ksim::broker
