#include "core/rpc/connection.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/wire/messages/api_versions.h"

namespace ksim::rpc {
namespace {

// The reply of a fiber that waits for it.
class WaitingReceiver final : public Receiver {
 public:
  void receive(Result<RawReply> reply) override { reply_.emplace(std::move(reply)); }
  bool done() const { return reply_.has_value(); }
  Result<RawReply> take() { return std::move(*reply_); }

 private:
  std::optional<Result<RawReply>> reply_;
};

}  // namespace

RpcConnection::RpcConnection(const Env& env, ConnectionRef connection, const RpcClientConfig& config)
    : env_(env),
      connection_(std::move(connection)),
      frames_(*connection_, config.max_response_bytes, nullptr),
      client_id_(config.client_id),
      answered_(env.scheduler),
      queued_(env.scheduler),
      scope_(env) {}

RpcConnection::~RpcConnection() = default;

Result<std::unique_ptr<RpcConnection>> RpcConnection::open(const Env& env, const Endpoint& to,
                                                           const RpcClientConfig& config, Deadline deadline) {
  IoResult<ConnectionRef> connection = env.network.connect(to, config.purpose, deadline);
  if (!connection.ok()) {
    Error error(ErrorCode::NETWORK_EXCEPTION, fmt::format("cannot connect to {}", to_string(to)));
    error.io = connection.error();
    return fail(std::move(error));
  }
  auto rpc = std::make_unique<RpcConnection>(env, std::move(connection).value(), config);
  if (config.versions_timeout) deadline = env.after(*config.versions_timeout);
  if (config.ask_versions) TRY(rpc->ask_versions(config, deadline));
  return rpc;
}

// A server that does not know our version answers in version 0, with its table (rule D2, G38).
Result<void> RpcConnection::ask_versions(const RpcClientConfig& config, Deadline deadline) {
  int16_t version = wire::ApiVersionsRequest::kMaxVersion;
  for (;;) {
    wire::ApiVersionsRequest request;
    request.client_software_name = config.software_name;
    request.client_software_version = config.software_version;
    TRY_ASSIGN(wire::Writer w, encoded(request, version));
    TRY_ASSIGN(RawReply raw, exchange(wire::ApiVersionsRequest::kApiKey, version, std::move(w), deadline));
    const bool refused = raw.body.size() >= 2 && load_be<int16_t>(raw.body.data()) ==
                                                     static_cast<int16_t>(ErrorCode::UNSUPPORTED_VERSION);
    if (refused) raw.version = 0;
    TRY_ASSIGN(const Reply<wire::ApiVersionsResponse> reply,
               decoded<wire::ApiVersionsResponse>(std::move(raw)));
    if (!refused && reply->error_code != 0) {
      end(IoError::invalid);
      return fail(error_code_of(reply->error_code), "ApiVersions was refused");
    }
    server_versions_.clear();
    for (const wire::ApiVersion& api : reply->api_keys)
      server_versions_[api.api_key] = {api.min_version, api.max_version};
    if (!refused) break;
    const auto own = server_versions_.find(wire::ApiVersionsRequest::kApiKey);
    const int16_t offered = own == server_versions_.end() ? int16_t{0} : own->second.highest;
    version = std::min(offered, static_cast<int16_t>(version - 1));
    if (version < 0)
      return fail(ErrorCode::UNSUPPORTED_VERSION, "the server knows no version of ApiVersions");
  }
  versions_known_ = true;
  return {};
}

Result<int16_t> RpcConnection::common_version(int16_t api_key, int16_t lowest, int16_t highest) const {
  if (!versions_known_) return highest;
  const auto found = server_versions_.find(api_key);
  if (found != server_versions_.end()) {
    const int16_t version = std::min(highest, found->second.highest);
    if (version >= lowest && version >= found->second.lowest) return version;
  }
  return fail(ErrorCode::UNSUPPORTED_VERSION,
              fmt::format("{} has no version of api {} in {}-{}", to_string(connection_->peer()), api_key,
                          lowest, highest));
}

wire::Writer RpcConnection::begin(int16_t api_key, int16_t version) {
  const wire::ApiInfo* const api = wire::find_api(api_key);
  ENSURE(api != nullptr);
  wire::Writer w;
  w.i32(0);
  wire::RequestHeader header;
  header.api_key = api_key;
  header.api_version = version;
  header.correlation_id = next_correlation_id_;
  header.client_id = client_id_;
  wire::encode(w, header, api->flexible_request_header(version));
  return w;
}

// ---- requests ----

void RpcConnection::queue_bytes(wire::Writer w) {
  ENSURE(w.splices().empty(), "a request carries its records in memory");
  w.patch_i32(0, static_cast<int32_t>(w.size() - 4));
  unsent_.push_back(w.take());
  next_correlation_id_ = next_correlation_id_ == INT32_MAX ? 0 : next_correlation_id_ + 1;
}

RpcConnection::InFlight& RpcConnection::enqueue(int16_t api_key, int16_t version, wire::Writer w,
                                                Deadline deadline) {
  InFlight& entry = in_flight_.emplace_back();
  entry.api = wire::find_api(api_key);
  entry.version = version;
  entry.correlation_id = next_correlation_id_;
  entry.deadline = deadline;
  queue_bytes(std::move(w));
  return entry;
}

Result<RawReply> RpcConnection::exchange(int16_t api_key, int16_t version, wire::Writer w,
                                         Deadline deadline) {
  if (failure_.has_value()) return fail(failure_error());
  WaitingReceiver waiting;
  enqueue(api_key, version, std::move(w), deadline).receiver = &waiting;
  // A cancelled caller leaves its answer to be read and dropped.
  struct Forget {
    RpcConnection& connection;
    WaitingReceiver& waiting;
    ~Forget() {
      for (InFlight& entry : connection.in_flight_)
        if (entry.receiver == &waiting) entry.receiver = nullptr;
    }
  } forget{*this, waiting};
  flush(deadline);
  while (!waiting.done() && !failure_.has_value()) {
    await_progress(deadline);
    if (!waiting.done() && env_.now() >= deadline) end(IoError::timed_out);
  }
  if (waiting.done()) return waiting.take();
  return fail(failure_error());
}

void RpcConnection::post(int16_t api_key, int16_t version, wire::Writer w, Deadline deadline,
                         std::unique_ptr<Receiver> receiver) {
  if (failure_.has_value()) return receiver->receive(fail(failure_error()));
  InFlight& entry = enqueue(api_key, version, std::move(w), deadline);
  entry.receiver = receiver.get();
  entry.owned = std::move(receiver);
  if (!pumping_) {
    pumping_ = true;
    scope_.spawn(
        "rpc.send", [this] { write_loop(); }, connection_->key());
    scope_.spawn(
        "rpc.receive", [this] { read_loop(); }, connection_->key());
  }
  queued_.notify_all();
}

Result<void> RpcConnection::write_unanswered(wire::Writer w, Deadline deadline) {
  if (failure_.has_value()) return fail(failure_error());
  queue_bytes(std::move(w));
  flush(deadline);
  if (failure_.has_value()) return fail(failure_error());
  return {};
}

void RpcConnection::flush(Deadline deadline) {
  if (writing_) return;
  writing_ = true;
  // A frame cut off in the middle, by cancellation too, leaves nothing that could follow it.
  struct Finish {
    RpcConnection& connection;
    bool whole = false;
    ~Finish() {
      connection.writing_ = false;
      if (!whole) connection.end(IoError::closed);
    }
  } finish{*this};
  while (!unsent_.empty() && !failure_.has_value()) {
    const ByteBuffer bytes = std::move(unsent_.front());
    unsent_.pop_front();
    const IoResult<void> written = write_all(*connection_, bytes, deadline);
    if (!written.ok()) end(written.error());
  }
  finish.whole = true;
}

// ---- answers ----

void RpcConnection::await_progress(Deadline deadline) {
  if (reading_) {
    static_cast<void>(answered_.wait(deadline, "answer"));
    return;
  }
  reading_ = true;
  struct Finish {
    RpcConnection& connection;
    ~Finish() {
      connection.reading_ = false;
      connection.answered_.notify_all();
    }
  } finish{*this};
  IoResult<Frame> frame = frames_.next(deadline);
  if (frame.ok())
    take_answer(std::move(frame).value());
  else
    end(frame.error());
}

void RpcConnection::take_answer(Frame frame) {
  if (in_flight_.empty()) return end(IoError::invalid);
  InFlight entry = std::move(in_flight_.front());
  wire::Arena arena;
  wire::Reader reader(frame.bytes.view(), arena);
  wire::ResponseHeader header;
  const Result<void> parsed =
      wire::decode(reader, header, entry.api->flexible_response_header(entry.version));
  if (!parsed.ok() || header.correlation_id != entry.correlation_id) {
    in_flight_.front() = std::move(entry);
    return end(IoError::invalid);
  }
  in_flight_.pop_front();
  if (entry.receiver == nullptr) return;
  RawReply reply;
  reply.body = frame.bytes.view().last(reader.remaining());
  reply.version = entry.version;
  reply.frame = std::move(frame);
  entry.receiver->receive(std::move(reply));
}

void RpcConnection::end(IoError why) {
  if (failure_.has_value()) return;
  connection_->abort();
  note_end(why);
}

void RpcConnection::note_end(IoError why) {
  failure_ = why;
  answered_.notify_all();
  queued_.notify_all();
}

Error RpcConnection::failure_error() const {
  Error error(ErrorCode::NETWORK_EXCEPTION,
              fmt::format("the connection to {} has ended", to_string(connection_->peer())));
  error.io = *failure_;
  return error;
}

Error RpcConnection::undecodable(const Error& cause) {
  end(IoError::invalid);
  Error error(ErrorCode::NETWORK_EXCEPTION, cause.message);
  error.io = IoError::invalid;
  return error;
}

void RpcConnection::fail_receivers() {
  while (!in_flight_.empty()) {
    const InFlight entry = std::move(in_flight_.front());
    in_flight_.pop_front();
    if (entry.receiver != nullptr) entry.receiver->receive(fail(failure_error()));
  }
}

void RpcConnection::close() {
  if (!failure_.has_value()) {
    connection_->close();  // what was sent without an answer to come still arrives
    note_end(IoError::closed);
  }
  scope_.close();
  fail_receivers();
  answered_.notify_all();
}

// ---- fibers of send() ----

Deadline RpcConnection::earliest_deadline() const {
  Deadline earliest = Instant::never();
  for (const InFlight& entry : in_flight_) earliest = std::min(earliest, entry.deadline);
  return earliest;
}

void RpcConnection::write_loop() {
  while (!failure_.has_value()) {
    if (!unsent_.empty() && !writing_) {
      flush(earliest_deadline());
      continue;
    }
    const Deadline deadline = earliest_deadline();
    static_cast<void>(queued_.wait(deadline, "nothing to send"));
    if (earliest_deadline() <= env_.now()) end(IoError::timed_out);
  }
}

void RpcConnection::read_loop() {
  while (!failure_.has_value()) await_progress(Instant::never());
  fail_receivers();
  answered_.notify_all();
}

}  // namespace ksim::rpc
