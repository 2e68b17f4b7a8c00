#pragma once
// One fiber that carries this node's requests to one voter, one after the other.

#include <deque>

#include "core/io/scope.h"
#include "core/raft/driver/quorum_addresses.h"
#include "core/raft/effects.h"
#include "core/rpc/peer.h"

namespace ksim::raft {

// Whoever wants the answers. Called on the channel's fiber; must not wait.
class PeerAnswers {
 public:
  virtual void peer_answered(int32_t peer, uint64_t correlation, Response response) = 0;
  virtual void peer_failed(int32_t peer, uint64_t correlation) = 0;

 protected:
  ~PeerAnswers() = default;
};

class PeerChannel {
 public:
  // `purpose` names the connection; a literal.
  PeerChannel(const Env& env, const QuorumAddresses& quorum, int32_t peer, std::string_view purpose,
              int32_t local_id, Duration request_timeout, PeerAnswers& answers);

  void start(Scope& scope);
  // Never waits. What is too old to matter any more is dropped when too much has come together.
  void send(uint64_t correlation, Request request);

 private:
  struct Outgoing {
    uint64_t correlation = 0;
    Request request;
  };
  void run();
  void exchange(Outgoing outgoing);
  void note_failure(const Error& error) const;
  Result<Response> ask(const VoteRequest& request);
  Result<Response> ask(const BeginQuorumEpochRequest& request);
  Result<Response> ask(const EndQuorumEpochRequest& request);
  Result<Response> ask(const FetchRequest& request);
  Result<Response> ask(const FetchSnapshotRequest& request);

  const Env& env_;
  const QuorumAddresses& quorum_;
  int32_t peer_;
  std::string fiber_name_;
  Duration request_timeout_;
  PeerAnswers& answers_;
  rpc::RpcPeer connection_;
  bool failing_ = false;
  std::deque<Outgoing> queue_;
  Condition queued_;
};

}  // namespace ksim::raft
