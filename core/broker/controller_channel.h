#pragma once
// Requests of this broker to whoever is the active controller now (rules D6, D44, W3).

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "core/io/env.h"
#include "core/io/sync.h"
#include "core/rpc/peer.h"

namespace ksim::broker {

struct ControllerNode {
  int32_t id = -1;
  Endpoint endpoint;

  bool operator==(const ControllerNode& other) const { return id == other.id && endpoint == other.endpoint; }
};

class ControllerChannel;

// What this node believes to be the active controller. One for each shard, told by the one where raft lives.
class ActiveController {
 public:
  explicit ActiveController(Scheduler& scheduler) : changed_(scheduler) {}
  // Does not wait. Calls on their way to another node fail, and are sent again to this one.
  void set(std::optional<ControllerNode> node);
  const std::optional<ControllerNode>& get() const { return node_; }
  // False at the deadline; true also means that it may be the same again.
  bool wait(Deadline deadline) { return changed_.wait(deadline, "active controller"); }

 private:
  friend class ControllerChannel;
  std::optional<ControllerNode> node_;
  Condition changed_;
  std::vector<ControllerChannel*> channels_;
};

// One connection, opened again wherever the controller is. Fibers of its shard may call at the same time.
class ControllerChannel {
 public:
  struct Options {
    std::string_view purpose;  // a literal; names the connection
    std::string client_id;
    Duration request_timeout = seconds(30);  // controller.socket.timeout.ms
    Duration retry_backoff = milliseconds(50);  // the longest; a controller just elected is soon at work
  };
  ControllerChannel(const Env& env, ActiveController& active, Options options);
  ControllerChannel(const ControllerChannel&) = delete;
  ControllerChannel& operator=(const ControllerChannel&) = delete;
  ~ControllerChannel();

  // Sends to the active controller, and again to the next one after NOT_CONTROLLER or a lost connection,
  // until the deadline (REQUEST_TIMED_OUT). So a request may be carried out more than once. Waits.
  template <class Request>
  Result<rpc::Reply<typename Request::Response>> call(
      const Request& request, Deadline deadline, std::optional<Duration> request_timeout = std::nullopt) {
    for (Duration backoff = options_.retry_backoff / 10;;
         backoff = std::min(backoff * 2, options_.retry_backoff)) {
      TRY_ASSIGN(const std::shared_ptr<rpc::RpcPeer> peer, find(deadline));
      const Deadline reply_by =
          std::min(deadline, env_.after(request_timeout.value_or(options_.request_timeout)));
      auto reply = peer->call(request, reply_by);
      if (reply.ok() && !refused(**reply)) return reply;
      if (!reply.ok() && reply.error().code == ErrorCode::UNSUPPORTED_VERSION) return reply;
      env_.reached(Mark::controller_asked_again, options_.purpose);
      TRY(pause(backoff, deadline));
    }
  }

 private:
  friend class ActiveController;
  template <class Response>
  static bool refused(const Response& response) {
    if constexpr (requires { response.error_code; }) {
      return response.error_code == static_cast<int16_t>(ErrorCode::NOT_CONTROLLER);
    } else {
      return false;
    }
  }
  Result<std::shared_ptr<rpc::RpcPeer>> find(Deadline deadline);
  void controller_moved();
  Result<void> pause(Duration backoff, Deadline deadline);

  const Env& env_;
  ActiveController& active_;
  Options options_;
  std::shared_ptr<rpc::RpcPeer> peer_;
  ControllerNode node_;
};

}  // namespace ksim::broker
