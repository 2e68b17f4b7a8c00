#pragma once
// A broker without storage or cluster: it tells what it serves and that there is no topic. What a listener
// needs beside Kafka's logic (sockets, configuration, signals) is proven with it.

#include <memory>
#include <vector>

#include "core/io/env.h"
#include "core/metadata/server_config.h"
#include "core/rpc/dispatcher.h"
#include "core/rpc/server.h"

namespace ksim {

class LoneBroker {
 public:
  LoneBroker(const Env& env, const ServerConfig& config);

  // Binds the broker's listeners. A Failure names the one that could not be bound.
  Result<void> start();
  // Where clients reach it, with the ports really bound, in the order of the listeners.
  const std::vector<ListenerEndpoint>& reachable() const { return reachable_; }
  void stop();

 private:
  void add_handlers();
  const ListenerEndpoint* reachable_by(std::string_view listener) const;

  const Env& env_;
  const ServerConfig& config_;
  rpc::HandlerTable handlers_;
  std::vector<std::unique_ptr<rpc::RpcServer>> servers_;
  std::vector<ListenerEndpoint> reachable_;
};

}  // namespace ksim
