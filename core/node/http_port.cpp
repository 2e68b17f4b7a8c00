#include "core/node/http_port.h"

#include "core/node/node.h"

namespace ksim::node {
namespace {

http::ServerConfig config_of(const Endpoint& bind) {
  http::ServerConfig config;
  config.bind = bind;
  return config;
}

}  // namespace

HttpPort::HttpPort(const Env& env, Endpoint bind, Node& node)
    : node_(node),
      bind_(bind),
      server_(env, config_of(bind), [this](const http::Request& request) { return answer(request); }) {}

Result<void> HttpPort::start() {
  if (const IoResult<void> started = server_.start(); !started.ok()) {
    return fail(Error(started.error(), "cannot listen on http.listener " + to_string(bind_)));
  }
  return {};
}

http::Answer HttpPort::answer(const http::Request& request) {
  http::Answer answer;
  if (request.path == "/live") {
    answer.body = "alive\n";
  } else if (request.path == "/ready") {
    const bool ready = node_.ready();
    answer.status = ready ? 200 : 503;
    answer.body = node_.state() + (ready ? " ready\n" : " not ready\n");
  } else if (request.path == "/metrics" && node_.can_render_metrics()) {
    answer.type = "text/plain; version=0.0.4; charset=utf-8";
    answer.body = node_.render_metrics();
  } else {
    answer.status = 404;
    answer.body = "There are /metrics, /live and /ready.\n";
  }
  return answer;
}

}  // namespace ksim::node
