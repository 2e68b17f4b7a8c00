#pragma once
// What a node says of itself beside Kafka's protocol: /metrics for Prometheus, /live (200 while the node's
// loop turns) and /ready (200 while it serves, 503 before and after).

#include "core/http/server.h"

namespace ksim::node {

class Node;

class HttpPort {
 public:
  HttpPort(const Env& env, Endpoint bind, Node& node);
  Result<void> start();
  void stop() { server_.stop(); }  // waits
  Endpoint local() const { return server_.local(); }

 private:
  http::Answer answer(const http::Request& request);

  Node& node_;
  Endpoint bind_;
  http::Server server_;
};

}  // namespace ksim::node
