#pragma once
// The calling side: one connection to one server.

#include <deque>
#include <map>
#include <memory>
#include <optional>

#include "core/io/env.h"
#include "core/io/scope.h"
#include "core/rpc/reply.h"
#include "core/wire/header.h"

namespace ksim::rpc {

struct RpcClientConfig {
  std::string client_id;
  std::string_view purpose = "client";  // names the connection, see Network::connect; a literal
  std::string_view software_name = "ksim";
  std::string_view software_version = "0.1";
  bool ask_versions = true;  // false: the server speaks our newest versions (the quorum's own voters)
  uint32_t max_response_bytes = 512 * 1024 * 1024;
  // Of the question for versions, from when it is asked; none: open()'s deadline.
  std::optional<Duration> versions_timeout = std::nullopt;
};

// Takes one reply, or why there is none. Called once, by a fiber of the connection or one that calls; must
// not wait.
class Receiver {
 public:
  virtual ~Receiver() = default;
  virtual void receive(Result<RawReply> reply) = 0;
};

// Requests leave in the order of the calls, answers come in that order (rule G38). A failure of the network,
// an answer out of order or a deadline that passes ends the connection: every request on the way then fails
// with NETWORK_EXCEPTION, which says nothing about whether the server has acted on it; `io` tells the cause.
// Belongs to one shard. Fibers may call at the same time.
class RpcConnection {
 public:
  // Connects and learns the server's versions.
  static Result<std::unique_ptr<RpcConnection>> open(const Env& env, const Endpoint& to,
                                                     const RpcClientConfig& config, Deadline deadline);
  RpcConnection(const Env& env, ConnectionRef connection, const RpcClientConfig& config);
  RpcConnection(const RpcConnection&) = delete;
  RpcConnection& operator=(const RpcConnection&) = delete;
  ~RpcConnection();

  // Waits for the answer. UNSUPPORTED_VERSION, before anything is sent: the two have no version in common,
  // or the one they have (at most `max_version`) cannot carry this message.
  template <class Request>
  Result<Reply<typename Request::Response>> call(const Request& request, Deadline deadline,
                                                 int16_t max_version = Request::kMaxVersion) {
    TRY_ASSIGN(const int16_t version, version_for<Request>(max_version));
    TRY_ASSIGN(wire::Writer w, encoded(request, version));
    TRY_ASSIGN(RawReply raw, exchange(Request::kApiKey, version, std::move(w), deadline));
    return decoded<typename Request::Response>(std::move(raw));
  }

  // Returns at once; callback(Result<Reply<Response>>) comes when the answer does, also if nothing could be
  // sent. The first use starts two fibers.
  template <class Request, class Callback>
  void send(const Request& request, Deadline deadline, Callback callback,
            int16_t max_version = Request::kMaxVersion) {
    auto receiver =
        std::make_unique<CallbackReceiver<typename Request::Response, Callback>>(*this, std::move(callback));
    Result<int16_t> version = version_for<Request>(max_version);
    if (!version.ok()) return receiver->receive(Failure<Error>{std::move(version).error()});
    Result<wire::Writer> w = encoded(request, *version);
    if (!w.ok()) return receiver->receive(Failure<Error>{std::move(w).error()});
    post(Request::kApiKey, *version, std::move(w).value(), deadline, std::move(receiver));
  }

  // Produce with acks=0, which is never answered. ok: the bytes were handed to the network.
  template <class Request>
  Result<void> send_unanswered(const Request& request, Deadline deadline,
                               int16_t max_version = Request::kMaxVersion) {
    TRY_ASSIGN(const int16_t version, version_for<Request>(max_version));
    TRY_ASSIGN(wire::Writer w, encoded(request, version));
    return write_unanswered(std::move(w), deadline);
  }

  // The newest version both sides have.
  template <class Request>
  Result<int16_t> version_for(int16_t max_version = Request::kMaxVersion) const {
    return common_version(Request::kApiKey, Request::kMinVersion, max_version);
  }

  // False: it has failed or was closed, or the server has ended it while nothing was on the way, which nobody
  // may have read yet; it will not work again.
  bool is_usable() const {
    return !failure_.has_value() && !(in_flight_.empty() && connection_->peer_has_ended());
  }
  std::optional<IoError> failure() const { return failure_; }
  size_t in_flight() const { return in_flight_.size(); }
  Endpoint peer() const { return connection_->peer(); }
  // Ends the connection; what is on the way fails, in its own fibers. Never waits.
  void fail_calls() { end(IoError::closed); }
  // Fails what is on the way and ends the fibers; waits for them. What was written is still delivered. Needed
  // before destruction once send() was used, unless the fiber group was killed.
  void close();

 private:
  struct InFlight {
    const wire::ApiInfo* api = nullptr;
    int16_t version = 0;
    int32_t correlation_id = 0;
    Deadline deadline;
    Receiver* receiver = nullptr;  // null: nobody waits any more
    std::unique_ptr<Receiver> owned;
  };
  struct VersionRange {
    int16_t lowest = 0;
    int16_t highest = 0;
  };
  template <class Response, class Callback>
  class CallbackReceiver final : public Receiver {
   public:
    CallbackReceiver(RpcConnection& connection, Callback callback)
        : connection_(connection), callback_(std::move(callback)) {}
    void receive(Result<RawReply> raw) override {
      if (!raw.ok()) return callback_(Result<Reply<Response>>(Failure<Error>{std::move(raw).error()}));
      callback_(connection_.decoded<Response>(std::move(raw).value()));
    }

   private:
    RpcConnection& connection_;
    Callback callback_;
  };

  template <class Request>
  Result<wire::Writer> encoded(const Request& request, int16_t version) {
    wire::Writer w = begin(Request::kApiKey, version);
    encode(w, request, version);
    TRY(w.status());
    return w;
  }
  // Bytes that do not decode end the connection: nothing after them can be trusted.
  template <class Response>
  Result<Reply<Response>> decoded(RawReply raw) {
    Result<Reply<Response>> reply = decode_reply<Response>(std::move(raw));
    if (reply.ok()) return reply;
    return fail(undecodable(reply.error()));
  }

  Result<void> ask_versions(const RpcClientConfig& config, Deadline deadline);
  Result<int16_t> common_version(int16_t api_key, int16_t lowest, int16_t highest) const;
  wire::Writer begin(int16_t api_key, int16_t version);
  Result<RawReply> exchange(int16_t api_key, int16_t version, wire::Writer w, Deadline deadline);
  void post(int16_t api_key, int16_t version, wire::Writer w, Deadline deadline,
            std::unique_ptr<Receiver> receiver);
  Result<void> write_unanswered(wire::Writer w, Deadline deadline);
  InFlight& enqueue(int16_t api_key, int16_t version, wire::Writer w, Deadline deadline);
  void queue_bytes(wire::Writer w);
  // Writes what is queued, unless a fiber does so already.
  void flush(Deadline deadline);
  // Reads one answer and hands it to its receiver, unless a fiber reads already: then waits for a change.
  void await_progress(Deadline deadline);
  void take_answer(Frame frame);
  void end(IoError why);
  void note_end(IoError why);
  void fail_receivers();
  Error failure_error() const;
  Error undecodable(const Error& cause);
  Deadline earliest_deadline() const;
  void read_loop();
  void write_loop();

  const Env& env_;
  ConnectionRef connection_;
  FrameReader frames_;
  std::string client_id_;
  std::map<int16_t, VersionRange> server_versions_;
  bool versions_known_ = false;
  int32_t next_correlation_id_ = 0;
  std::deque<ByteBuffer> unsent_;
  std::deque<InFlight> in_flight_;
  std::optional<IoError> failure_;
  bool reading_ = false;
  bool writing_ = false;
  bool pumping_ = false;
  Condition answered_;  // an answer came, or the connection failed, or nobody reads any more
  Condition queued_;    // there is something to write, or the connection failed
  Scope scope_;
};

}  // namespace ksim::rpc
