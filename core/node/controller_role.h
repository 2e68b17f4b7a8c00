#pragma once
// The controller role of a node: its listener, the quorum's requests, and the controller that may become
// active. Lives on shard 0.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/io/env.h"
#include "core/metadata/driver/controller_driver.h"
#include "core/metadata/server_config.h"
#include "core/raft/driver/raft_client.h"
#include "core/rpc/server.h"

namespace ksim::node {

class ControllerRole {
 public:
  struct Parts {
    const Env& env;
    const ServerConfig& server;
    std::string cluster_id;
    raft::RaftClient& raft;
    // The process must stop. Does not wait.
    std::function<void(std::string)> give_up;
  };
  explicit ControllerRole(Parts parts);
  ControllerRole(const ControllerRole&) = delete;
  ControllerRole& operator=(const ControllerRole&) = delete;

  // Binds the listeners. Before raft starts.
  Result<void> start();
  // Answers nobody any more. Waits.
  void stop_serving();
  // After raft has been closed. Waits.
  void stop() { driver_.stop(); }

  const ControllerDriver& driver() const { return driver_; }
  void collect(MetricsSnapshot& into) const;

 private:
  void register_api_versions();

  Parts parts_;
  ControllerDriver driver_;
  rpc::ByteBudget budget_;
  rpc::RequestMetrics request_metrics_;
  rpc::HandlerTable handlers_;
  std::vector<std::unique_ptr<rpc::RpcServer>> servers_;
};

}  // namespace ksim::node
