#pragma once
// A small HTTP/1.1 server for what people and machines ask of a node beside Kafka's protocol: GET and HEAD,
// short requests, answers made as a whole (RFC 9110, RFC 9112). It stands on the seam's network like
// everything else. One fiber for each connection.

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/io/env.h"
#include "core/io/scope.h"
#include "core/io/sync.h"

namespace ksim::http {

struct Answer {
  int status = 200;
  std::string type = "text/plain; charset=utf-8";
  std::string body;
};

struct Request {
  std::string_view method;  // GET or HEAD
  std::string_view path;    // without the query
  std::string_view query;   // without '?'
};

struct ServerConfig {
  Endpoint bind;
  size_t max_connections = 32;  // more wait to be accepted
  size_t max_request_bytes = 8192;
  Duration timeout =
      seconds(15);  // for a request to come whole, an answer to leave, the next request to begin
};

// Belongs to one shard. stop() must have returned, or its fiber group have been killed, before it is
// destroyed.
class Server {
 public:
  // `answer` runs on a connection's fiber and may wait.
  Server(const Env& env, ServerConfig config, std::function<Answer(const Request&)> answer);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  IoResult<void> start();
  Endpoint local() const { return listener_->local(); }
  void stop();

 private:
  void accept_loop();
  void serve(Connection& connection);

  const Env& env_;
  ServerConfig config_;
  std::function<Answer(const Request&)> answer_;
  std::unique_ptr<Listener> listener_;
  size_t connections_ = 0;
  Condition left_;
  Scope scope_;
};

}  // namespace ksim::http
