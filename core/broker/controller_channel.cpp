#include "core/broker/controller_channel.h"

#include <algorithm>

namespace ksim::broker {

void ActiveController::set(std::optional<ControllerNode> node) {
  node_ = std::move(node);
  for (ControllerChannel* channel : channels_) channel->controller_moved();
  changed_.notify_all();
}

ControllerChannel::ControllerChannel(const Env& env, ActiveController& active, Options options)
    : env_(env), active_(active), options_(std::move(options)) {
  active_.channels_.push_back(this);
}

ControllerChannel::~ControllerChannel() { std::erase(active_.channels_, this); }

void ControllerChannel::controller_moved() {
  if (peer_ == nullptr || !active_.get() || *active_.get() == node_) return;
  peer_->disconnect();
  peer_.reset();
}

Result<std::shared_ptr<rpc::RpcPeer>> ControllerChannel::find(Deadline deadline) {
  for (;;) {
    const std::optional<ControllerNode>& node = active_.get();
    if (node && peer_ != nullptr && *node == node_) return peer_;
    if (node) {
      rpc::RpcClientConfig config;
      config.client_id = options_.client_id;
      config.purpose = options_.purpose;
      node_ = *node;
      peer_ = std::make_shared<rpc::RpcPeer>(env_, node->endpoint, config, static_cast<uint64_t>(node->id));
      return peer_;
    }
    if (!active_.wait(deadline)) return fail(ErrorCode::REQUEST_TIMED_OUT, "no active controller");
  }
}

Result<void> ControllerChannel::pause(Duration backoff, Deadline deadline) {
  const Instant again = env_.after(backoff);
  if (again >= deadline) {
    env_.scheduler.sleep_until(deadline);
    return fail(ErrorCode::REQUEST_TIMED_OUT, "the active controller did not answer");
  }
  env_.scheduler.sleep_until(again);
  return {};
}

}  // namespace ksim::broker
