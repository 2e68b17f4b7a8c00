#include "core/raft/driver/peer_channel.h"

#include "core/raft/driver/wire_requests.h"
#include "core/raft/driver/wire_responses.h"

namespace ksim::raft {

namespace {

rpc::RpcClientConfig client_config(int32_t local_id, std::string_view purpose) {
  rpc::RpcClientConfig config;
  config.client_id = "raft-client-" + std::to_string(local_id);
  config.purpose = purpose;
  return config;
}

}  // namespace

PeerChannel::PeerChannel(const Env& env, const QuorumAddresses& quorum, int32_t peer,
                         std::string_view purpose, int32_t local_id, Duration request_timeout,
                         PeerAnswers& answers)
    : env_(env),
      quorum_(quorum),
      peer_(peer),
      fiber_name_(purpose),
      request_timeout_(request_timeout),
      answers_(answers),
      connection_(env, quorum.voters.at(peer), client_config(local_id, purpose), static_cast<uint64_t>(peer)),
      queued_(env.scheduler) {}

void PeerChannel::start(Scope& scope) {
  scope.spawn(
      fiber_name_, [this] { run(); }, static_cast<uint64_t>(peer_));
}

void PeerChannel::send(uint64_t correlation, Request request) {
  constexpr size_t kMostWaiting = 4;  // the core has one request in flight; older ones are abandoned
  if (queue_.size() == kMostWaiting) queue_.pop_front();
  queue_.push_back({correlation, std::move(request)});
  queued_.notify_all();
}

void PeerChannel::run() {
  for (;;) {
    while (queue_.empty()) static_cast<void>(queued_.wait(Instant::never(), "raft request"));
    Outgoing outgoing = std::move(queue_.front());
    queue_.pop_front();
    exchange(std::move(outgoing));
  }
}

void PeerChannel::exchange(Outgoing outgoing) {
  Result<Response> response = std::visit([&](const auto& request) { return ask(request); }, outgoing.request);
  if (response.ok()) {
    failing_ = false;
    answers_.peer_answered(peer_, outgoing.correlation, std::move(response).value());
    return;
  }
  const auto* vote = std::get_if<VoteRequest>(&outgoing.request);
  if (vote != nullptr && vote->pre_vote && response.error().code == ErrorCode::UNSUPPORTED_VERSION) {
    // Rule B10: a peer that knows no pre-votes.
    VoteResponse too_old;
    too_old.error = ErrorCode::UNSUPPORTED_VERSION;
    answers_.peer_answered(peer_, outgoing.correlation, too_old);
    return;
  }
  if (!std::exchange(failing_, true)) note_failure(response.error());
  answers_.peer_failed(peer_, outgoing.correlation);
}

// Once until it works again: a peer that is down is asked many times a second.
void PeerChannel::note_failure(const Error& error) const {
  const std::string text = "no answer from voter " + std::to_string(peer_) + ": " + to_string(error);
  LogLine line;
  line.module = fiber_name_;
  line.text = text;
  env_.emit(line);
}

Result<Response> PeerChannel::ask(const VoteRequest& request) {
  wire::Arena arena;
  TRY_ASSIGN(const auto reply,
             connection_.call(to_wire(request, quorum_, arena), env_.after(request_timeout_)));
  TRY_ASSIGN(VoteResponse response, from_wire(*reply));
  return Response(std::move(response));
}

Result<Response> PeerChannel::ask(const BeginQuorumEpochRequest& request) {
  wire::Arena arena;
  TRY_ASSIGN(const auto reply,
             connection_.call(to_wire(request, quorum_, arena), env_.after(request_timeout_)));
  TRY_ASSIGN(BeginQuorumEpochResponse response, from_wire(*reply));
  return Response(std::move(response));
}

Result<Response> PeerChannel::ask(const EndQuorumEpochRequest& request) {
  wire::Arena arena;
  TRY_ASSIGN(const auto reply,
             connection_.call(to_wire(request, quorum_, arena), env_.after(request_timeout_)));
  TRY_ASSIGN(EndQuorumEpochResponse response, from_wire(*reply));
  return Response(std::move(response));
}

Result<Response> PeerChannel::ask(const FetchRequest& request) {
  const Deadline deadline = env_.after(request_timeout_);
  TRY_ASSIGN(const auto connection, connection_.connected(deadline));
  TRY_ASSIGN(const int16_t version, connection->version_for<wire::FetchRequest>());
  wire::Arena arena;
  TRY_ASSIGN(const auto reply,
             connection->call(to_wire(request, version, quorum_, arena), deadline, version));
  TRY_ASSIGN(FetchResponse response, from_wire(*reply, reply.frame.bytes));
  return Response(std::move(response));
}

Result<Response> PeerChannel::ask(const FetchSnapshotRequest& request) {
  wire::Arena arena;
  TRY_ASSIGN(const auto reply,
             connection_.call(to_wire(request, quorum_, arena), env_.after(request_timeout_)));
  TRY_ASSIGN(FetchSnapshotResponse response, from_wire(*reply, reply.frame.bytes));
  return Response(std::move(response));
}

}  // namespace ksim::raft
