#include "core/rpc/server_connection.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/rpc/api_versions.h"

namespace ksim::rpc {
namespace {

std::shared_ptr<const ConnectionInfo> describe(const RpcServerConfig& config, const Connection& connection) {
  auto info = std::make_shared<ConnectionInfo>();
  info->listener = config.listener;
  info->kind = config.kind;
  info->peer = connection.peer();
  info->key = connection.key();
  return info;
}

// Where request.late and answer.late are active.
constexpr Duration kLateRequest = milliseconds(700);
constexpr Duration kLateAnswer = milliseconds(1200);

}  // namespace

ServerConnection::ServerConnection(RpcServer& server, ConnectionRef connection)
    : server_(server),
      env_(server.env_),
      connection_(std::move(connection)),
      frames_(*connection_, server.config_.max_request_bytes, server.config_.budget),
      info_(describe(server.config_, *connection_)),
      changed_(env_.scheduler) {
  if (server_.config_.metrics != nullptr) server_.config_.metrics->opened(server_.config_.listener);
}

ServerConnection::~ServerConnection() {
  if (server_.config_.metrics != nullptr) server_.config_.metrics->closed(server_.config_.listener);
  for (const auto& slot : pending_) slot->sink = nullptr;
  server_.forget(*this);
}

void ServerConnection::completed(SlotState& slot) {
  slot.answered = env_.now();
  if (slot.mute > Duration{}) muted_until_ = std::max(muted_until_, env_.now() + slot.mute);
  changed_.notify_all();
}

void ServerConnection::log_close(std::string_view why) {
  const std::string text = fmt::format("closing the connection of {}: {}", to_string(info_->peer), why);
  env_.emit(LogLine{1, "rpc", text});
}

// ---- requests ----

void ServerConnection::wait_while_muted() {
  while (muted_until_ > env_.now() && !broken_) static_cast<void>(changed_.wait(muted_until_, "throttled"));
}

bool ServerConnection::wait_for_room() {
  while (pending_.size() >= server_.config_.max_in_flight && !broken_)
    static_cast<void>(changed_.wait(Instant::never(), "requests in flight"));
  return !broken_;
}

// Rule D4: what is idle is a connection on which nothing came and nothing is owed.
IoResult<Frame> ServerConnection::next_frame() {
  for (;;) {
    const uint64_t before = frames_.bytes_read();
    IoResult<Frame> frame = frames_.next(env_.after(server_.config_.max_idle));
    if (frame.ok() || frame.error() != IoError::timed_out) return frame;
    if (pending_.empty() && frames_.bytes_read() == before) return frame;
  }
}

void ServerConnection::read_loop() {
  while (!broken_) {
    wait_while_muted();
    if (!wait_for_room()) break;
    IoResult<Frame> frame = next_frame();
    if (!frame.ok()) {
      if (frame.error() == IoError::invalid) log_close("the size of a frame is negative or over the limit");
      broken_ = broken_ || frame.error() != IoError::closed;
      break;
    }
    if (!serve(std::move(frame).value())) {
      broken_ = true;
      break;
    }
  }
  no_more_requests_ = true;
  changed_.notify_all();
}

ResponseSlot ServerConnection::open_slot(const wire::ApiInfo& api, int16_t version, int32_t correlation_id) {
  auto slot = std::make_shared<SlotState>();
  slot->api = &api;
  slot->version = version;
  slot->correlation_id = correlation_id;
  slot->sink = this;
  pending_.push_back(slot);
  return ResponseSlot(std::move(slot));
}

bool ServerConnection::serve(Frame frame) {
  IncomingRequest request;
  request.frame = std::move(frame);
  if (const Result<void> parsed = parse_header(request); !parsed.ok()) {
    log_close(parsed.error().message);
    return false;
  }
  RequestContext& context = request.context;
  context.received = env_.now();
  context.connection = info_;
  const wire::ApiInfo& api = *context.api;
  if (!listener_serves(server_.dispatcher_, info_->kind, api)) {
    log_close(fmt::format("{} is not served here", api.name));
    return false;
  }
  if (!api.supports(context.version)) {
    if (api.key != wire::ApiKey::api_versions) {
      log_close(fmt::format("{} has no version {} here", api.name, context.version));
      return false;
    }
    answer_unknown_version(request);
    return true;
  }
  ResponseSlot slot = open_slot(api, context.version, context.correlation_id);
  const std::shared_ptr<SlotState> state = pending_.back();
  state->request_bytes = request.frame.bytes.size();
  state->received = context.received;
  state->dispatched = Instant::never();
  env_.dawdle(Site::request_late, 5, kLateRequest);
  server_.dispatcher_.dispatch(request, std::move(slot));
  state->dispatched = env_.now();
  return true;
}

void ServerConnection::answer_unknown_version(IncomingRequest& request) {
  ResponseSlot slot = open_slot(*request.context.api, 0, request.context.correlation_id);
  slot.respond(unsupported_version_response(server_.dispatcher_, info_->kind, request.arena));
}

// ---- responses ----

std::vector<std::shared_ptr<SlotState>> ServerConnection::take_ready() {
  std::vector<std::shared_ptr<SlotState>> ready;
  while (!pending_.empty() && pending_.front()->outcome != SlotState::Outcome::open &&
         ready.size() < kBatch) {
    ready.push_back(std::move(pending_.front()));
    pending_.pop_front();
    ready.back()->sink = nullptr;
  }
  return ready;
}

void ServerConnection::write_loop() {
  while (!broken_) {
    const std::vector<std::shared_ptr<SlotState>> ready = take_ready();
    if (ready.empty()) {
      if (no_more_requests_) break;
      static_cast<void>(changed_.wait(Instant::never(), "response"));
      continue;
    }
    const Instant begun = env_.now();
    env_.dawdle(Site::answer_late, 5, kLateAnswer);
    if (!send(ready)) break;
    if (server_.config_.metrics != nullptr) {
      for (const auto& slot : ready) measure(*slot, begun);
    }
    changed_.notify_all();  // the reader may wait for room
  }
  broken_ = true;
  for (const auto& slot : pending_) slot->sink = nullptr;
  pending_.clear();
  changed_.notify_all();
  connection_->close();
}

void ServerConnection::measure(const SlotState& slot, Instant begun) {
  const Instant now = env_.now();
  const auto us = [](Duration d) { return d.ns / 1000; };
  ApiMetrics& api = server_.config_.metrics->of(*slot.api);
  const Instant handled = std::min(slot.dispatched, slot.answered);
  api.total_time.record(now, us(now - slot.received));
  api.local_time.record(now, us(handled - slot.received));
  api.remote_time.record(now, us(slot.answered - handled));
  api.response_queue_time.record(now, us(begun - slot.answered));
  api.response_send_time.record(now, us(now - begun));
  api.request_bytes.record(now, static_cast<int64_t>(slot.request_bytes));
  int64_t size_bytes = static_cast<int64_t>(slot.response.bytes.size());
  for (const wire::Splice& splice : slot.response.splices)
    size_bytes += static_cast<int64_t>(splice.size_bytes);
  api.response_bytes.record(now, size_bytes);
}

bool ServerConnection::send(const std::vector<std::shared_ptr<SlotState>>& ready) {
  // Files are sent apart from what stands around them; a peer should not be woken for each piece.
  const bool pieces = std::any_of(ready.begin(), ready.end(),
                                  [](const auto& slot) { return !slot->response.splices.empty(); });
  if (!pieces) return send_all(ready);
  connection_->gather(true);
  const bool sent = send_all(ready);
  connection_->gather(false);
  return sent;
}

bool ServerConnection::send_all(const std::vector<std::shared_ptr<SlotState>>& ready) {
  std::vector<Bytes> spans;
  for (const auto& slot : ready) {
    if (slot->outcome == SlotState::Outcome::close) {
      static_cast<void>(send_spans(spans));
      log_close(slot->reason);
      return false;
    }
    const Response& response = slot->response;
    const Bytes bytes(response.bytes);
    size_t sent = 0;
    for (const wire::Splice& splice : response.splices) {
      spans.push_back(bytes.subspan(sent, splice.position - sent));
      if (!send_spans(spans).ok() || !send_files(response.files.at(splice.external_id)).ok()) return false;
      spans.clear();
      sent = splice.position;
    }
    spans.push_back(bytes.subspan(sent));
  }
  return send_spans(spans).ok();
}

IoResult<void> ServerConnection::send_spans(std::span<Bytes> spans) {
  while (!spans.empty()) {
    if (spans.front().empty()) {
      spans = spans.subspan(1);
      continue;
    }
    TRY_ASSIGN(size_t count, connection_->write_some(spans, env_.after(server_.config_.max_idle)));
    while (count > 0) {
      Bytes& first = spans.front();
      const size_t part = std::min(count, first.size());
      first = first.subspan(part);
      count -= part;
      if (first.empty()) spans = spans.subspan(1);
    }
  }
  return {};
}

IoResult<void> ServerConnection::send_files(const std::vector<FileSlice>& slices) {
  for (FileSlice slice : slices) {
    while (slice.size_bytes > 0) {
      TRY_ASSIGN(const size_t count, connection_->send_file(slice.file, slice.offset, slice.size_bytes,
                                                            env_.after(server_.config_.max_idle)));
      if (count == 0) {
        // The log was truncated after it promised these bytes; their length has gone out already.
        log_close("a file ends before the records it was to give");
        return fail(IoError::invalid);
      }
      slice.offset += count;
      slice.size_bytes -= count;
    }
  }
  return {};
}

}  // namespace ksim::rpc
