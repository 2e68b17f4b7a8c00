#include "core/http/server.h"

#include <array>

namespace ksim::http {
namespace {

constexpr std::string_view kEndOfHead = "\r\n\r\n";

std::string_view reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 431:
      return "Request Header Fields Too Large";
    case 503:
      return "Service Unavailable";
    default:
      return "Error";
  }
}

bool same_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

struct Head {
  Request request;
  bool well_formed = false;
  bool has_body = false;
  bool keep_alive = false;
};

void read_field(std::string_view line, Head& head) {
  const size_t colon = line.find(':');
  const std::string_view name = line.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? "" : line.substr(colon + 1);
  while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  if (same_ignoring_case(name, "connection")) {
    if (same_ignoring_case(value, "close")) head.keep_alive = false;
    if (same_ignoring_case(value, "keep-alive")) head.keep_alive = true;
  }
  if (same_ignoring_case(name, "transfer-encoding")) head.has_body = true;
  if (same_ignoring_case(name, "content-length") && value != "0") head.has_body = true;
}

// Request line and header fields, without the empty line behind them.
Head parse_head(std::string_view text) {
  Head head;
  const size_t line_end = text.find("\r\n");
  const std::string_view line = text.substr(0, line_end);
  const size_t first = line.find(' ');
  const size_t second = line.find(' ', first + 1);
  if (first == std::string_view::npos || second == std::string_view::npos) return head;
  const std::string_view version = line.substr(second + 1);
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return head;
  head.keep_alive = version == "HTTP/1.1";
  head.request.method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, second - first - 1);
  const size_t mark = target.find('?');
  head.request.path = target.substr(0, mark);
  if (mark != std::string_view::npos) head.request.query = target.substr(mark + 1);
  head.well_formed = !head.request.path.empty() && head.request.path.front() == '/';
  for (size_t at = line_end; at != std::string_view::npos;) {
    const size_t next = text.find("\r\n", at + 2);
    read_field(text.substr(at + 2, next == std::string_view::npos ? next : next - at - 2), head);
    at = next;
  }
  return head;
}

std::string encode(const Answer& answer, bool keep_alive, bool with_body) {
  std::string text = "HTTP/1.1 " + std::to_string(answer.status) + " ";
  text += reason_of(answer.status);
  text += "\r\nContent-Type: " + answer.type;
  text += "\r\nContent-Length: " + std::to_string(answer.body.size());
  if (answer.status == 405) text += "\r\nAllow: GET, HEAD";
  text += keep_alive ? "\r\nConnection: keep-alive" : "\r\nConnection: close";
  text += kEndOfHead;
  if (with_body) text += answer.body;
  return text;
}

Bytes bytes_of(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace

Server::Server(const Env& env, ServerConfig config, std::function<Answer(const Request&)> answer)
    : env_(env), config_(std::move(config)), answer_(std::move(answer)), left_(env.scheduler), scope_(env) {}

IoResult<void> Server::start() {
  TRY_ASSIGN(listener_, env_.network.listen(config_.bind));
  scope_.spawn("http.accept", [this] { accept_loop(); });
  return {};
}

void Server::stop() {
  if (listener_ != nullptr) listener_->close();
  scope_.close();
}

void Server::accept_loop() {
  for (;;) {
    while (connections_ >= config_.max_connections)
      static_cast<void>(left_.wait(Instant::never(), "http connections"));
    IoResult<ConnectionRef> accepted = listener_->accept(Instant::never());
    if (!accepted.ok()) {
      if (accepted.error() == IoError::closed) return;
      env_.sleep(milliseconds(100));
      continue;
    }
    const std::shared_ptr<Connection> connection = std::move(accepted).value();
    ++connections_;
    const auto body = [this, connection] {
      struct Leave {
        Server& server;
        ~Leave() {
          --server.connections_;
          server.left_.notify_all();
        }
      } leave{*this};
      serve(*connection);
      connection->close();
    };
    if (!scope_.try_spawn("http.connection", body, connection->key())) --connections_;
  }
}

void Server::serve(Connection& connection) {
  std::string input;
  std::array<uint8_t, 1024> part;
  for (;;) {
    const Deadline deadline = env_.after(config_.timeout);
    size_t end = input.find(kEndOfHead);
    while (end == std::string::npos && input.size() <= config_.max_request_bytes) {
      const IoResult<size_t> count = connection.read_some(part, deadline);
      if (!count.ok() || *count == 0) return;
      input.append(reinterpret_cast<const char*>(part.data()), *count);
      end = input.find(kEndOfHead);
    }
    Answer answer;
    bool keep_alive = false;
    bool with_body = true;
    if (end == std::string::npos || end > config_.max_request_bytes) {
      answer = {431, answer.type, "The request is too long.\n"};
    } else {
      const Head head = parse_head(std::string_view(input).substr(0, end));
      with_body = head.request.method != "HEAD";
      // A body would have to be read before the next request: nobody has a reason to send one.
      keep_alive = head.keep_alive && head.well_formed && !head.has_body;
      if (!head.well_formed) {
        answer = {400, answer.type, "That is no HTTP/1.1 request.\n"};
      } else if (head.request.method != "GET" && head.request.method != "HEAD") {
        answer = {405, answer.type, "Only GET and HEAD are understood.\n"};
      } else {
        answer = answer_(head.request);
      }
      input.erase(0, end + kEndOfHead.size());
    }
    const std::string output = encode(answer, keep_alive, with_body);
    if (!write_all(connection, bytes_of(output), env_.after(config_.timeout)).ok() || !keep_alive) return;
  }
}

}  // namespace ksim::http
