#pragma once
// KRaft consensus as a pure state machine (KIP-595, KIP-630, KIP-996): step(input, time, draw) -> effects.
// No clock, disk, socket or source of randomness inside. Handlers are one per message, spread by noun:
// node.cpp (dispatch, start, stop), transitions.cpp (become_*), node_election.cpp, node_leader.cpp,
// node_replication.cpp, node_snapshot.cpp.
//
// Promises: an epoch never goes down; at most one vote an epoch; the high watermark never goes down; nothing
// is offered to others that its effects do not make durable first (invariants M1, M2, M3).
// A driver calls step() for everything that happens, and a Tick no later than next_deadline(). Equal inputs,
// times and draws give equal effects.

#include <deque>

#include "core/base/hash.h"
#include "core/raft/effects.h"
#include "core/raft/log_view.h"
#include "core/raft/peers.h"
#include "core/raft/state.h"

namespace ksim::raft {

// The random choices of one step, all from its one draw.
class Draws {
 public:
  explicit Draws(uint64_t draw) : draw_(draw) {}
  // Uniform in [0, bound), 0 if bound is 0.
  uint64_t below(uint64_t bound) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<uint64_t>((static_cast<Wide>(mix64(draw_, ++count_)) * bound) >> 64);
  }

 private:
  uint64_t draw_;
  uint64_t count_ = 0;
};

class Node {
 public:
  Node(NodeConfig config, LogView log)
      : config_(std::move(config)), peers_(config_.timers), log_(std::move(log)) {}

  // First call, once. `stored` is what quorum-state holds, none if there is no such file (rule B4).
  Effects start(const std::optional<ElectionRecord>& stored, Instant now, uint64_t draw);
  Effects step(Input input, Instant now, uint64_t draw);
  // When time alone will change something.
  Instant next_deadline() const { return next_deadline_; }

  // ---- facts ----
  const NodeConfig& config() const { return config_; }
  bool is_voter() const { return config_.is_voter(); }
  int32_t epoch() const { return epoch_; }
  std::optional<int32_t> leader_id() const { return leader_of(state_, config_.local.id); }
  const std::optional<ReplicaKey>& voted() const { return voted_; }
  const State& state() const { return state_; }
  const char* state_name() const { return raft::state_name(state_); }
  bool is_leader() const { return std::holds_alternative<Leader>(state_); }
  const Leader* leader() const { return std::get_if<Leader>(&state_); }
  const LogView& log() const { return log_; }
  // Everything below is committed; -1 while unknown. Never goes down (rule B37).
  int64_t high_watermark() const { return high_watermark_; }
  // How often a state was left: with the epoch, a name for the next random choices that does not depend on
  // how many messages came between.
  uint64_t transitions() const { return transitions_; }
  bool shutting_down() const { return shutdown_deadline_.has_value(); }

 private:
  struct Step {
    Instant now;
    Draws draws;
  };
  struct PendingFetch {  // a fetch that waits for records (rule B35)
    uint64_t ticket;
    FetchRequest request;
    Instant deadline;
  };
  struct DiskInFlight {
    PersistNumber number;
    std::optional<int64_t> flushes_to;
    bool stores_chunk = false;
  };

  // ---- node.cpp ----
  void initialize(Step& s, const std::optional<ElectionRecord>& stored);
  void on(Step& s, Tick&);
  void on(Step& s, RequestIn& in);
  void on(Step& s, ResponseIn& in);
  void on(Step& s, RequestFailed& in);
  void on(Step& s, DiskDone& in);
  void on(Step& s, ClientAppend& in);
  void on(Step& s, Resign& in);
  void on(Step& s, Shutdown& in);
  void on(Step& s, SnapshotCreated& in);
  void on(Step& s, CleanUpTo& in);
  // Does what is due and tells when to look again; 0 after a transition, which has to be looked at anew.
  Instant poll(Step& s);
  Instant poll_state(Step& s);
  void settle(Step& s);
  void maybe_complete_shutdown();
  uint64_t send(Step& s, int32_t peer, Request request, PersistNumber also = {});
  void reply(uint64_t ticket, Response response, PersistNumber also = {});
  template <class T>
  T stamped(ErrorCode error) const;
  PersistNumber persist(DiskAction action);
  std::optional<int32_t> reachable(std::optional<int32_t> leader) const;
  // Error, leader and epoch of any answer (Kafka: maybeHandleCommonResponse). True: there is no more to it.
  bool handle_common(Step& s, ErrorCode error, int32_t epoch, int32_t leader_id);
  // What a message says of epoch and leader, when it is news.
  void adopt(Step& s, int32_t epoch, std::optional<int32_t> leader);
  void forgot_own_leadership(Step& s, int32_t epoch);
  void require_consistent_leader(int32_t epoch, std::optional<int32_t> leader) const;
  // A request only voters get, from an epoch that is not over: NONE, else what to answer.
  ErrorCode validate_voter_request(int32_t epoch, std::optional<int32_t> leader) const;
  ErrorCode validate_leader_request(int32_t epoch) const;

  // ---- transitions.cpp ----
  void become_unattached(Step& s, int32_t epoch, std::optional<int32_t> leader);
  void become_voted(Step& s, const ReplicaKey& candidate);
  void become_prospective(Step& s);
  void become_candidate(Step& s);
  void become_candidate_again(Step& s);
  void become_leader(Step& s);
  void become_resigned(Step& s, std::vector<ReplicaKey> preferred_successors);
  void become_follower(Step& s, int32_t epoch, int32_t leader);
  void leave_state(Step& s);
  void entered(bool durable);
  Instant random_election_deadline(Step& s) const;

  // ---- node_election.cpp ----
  void handle(Step& s, uint64_t ticket, VoteRequest& request);
  void handle(Step& s, int32_t peer, VoteResponse& response);
  bool can_grant(const VoteRequest& request) const;
  void handle_pre_vote_response(Step& s, int32_t peer, const VoteResponse& response);
  void prospective_lost(Step& s);
  void candidate_lost(Step& s);
  Instant ask_for_votes(Step& s, const Tally& tally, bool pre_vote);
  Instant poll_as(Step& s, Unattached& state);
  Instant poll_as(Step& s, Prospective& state);
  Instant poll_as(Step& s, Candidate& state);

  // ---- node_leader.cpp ----
  void handle(Step& s, uint64_t ticket, BeginQuorumEpochRequest& request);
  void handle(Step& s, int32_t peer, BeginQuorumEpochResponse& response);
  void handle(Step& s, uint64_t ticket, EndQuorumEpochRequest& request);
  void handle(Step& s, int32_t peer, EndQuorumEpochResponse& response);
  Duration successor_backoff(const std::vector<ReplicaKey>& preferred) const;
  void open_epoch(Step& s, Leader& leader);
  void drain_appends(Leader& leader, Instant now);
  void flush_if_needed();
  void leader_advanced(Step& s);
  Instant poll_as(Step& s, Leader& state);
  Instant poll_as(Step& s, Resigned& state);

  // ---- node_replication.cpp ----
  void handle(Step& s, uint64_t ticket, FetchRequest& request);
  void handle(Step& s, int32_t peer, FetchResponse& response);
  bool has_news(const FetchRequest& request) const;
  void answer_fetch(uint64_t ticket, const FetchRequest& request);
  void complete_fetches(Step& s);
  void fail_fetches(ErrorCode error);
  bool truncate_diverging(OffsetAndEpoch leader_end);
  bool append_fetched(RecordBytes records);
  void follow_high_watermark(int64_t leader_high_watermark);
  void raise_high_watermark(int64_t offset, PersistNumber after);
  bool must_flush_before_fetch() const;
  Instant send_fetch(Step& s, int32_t peer);
  Instant fetch_from_anyone(Step& s);
  Instant poll_as(Step& s, Follower& state);

  // ---- node_snapshot.cpp ----
  void handle(Step& s, uint64_t ticket, FetchSnapshotRequest& request);
  void handle(Step& s, int32_t peer, FetchSnapshotResponse& response);
  bool begin_snapshot_fetch(Follower& follower, OffsetAndEpoch id);
  Instant send_fetch_snapshot(Step& s, const Follower& follower, int32_t peer);
  void install_snapshot(Follower& follower, int64_t size_bytes);

  NodeConfig config_;
  Peers peers_;
  LogView log_;
  Outbox out_;
  int32_t epoch_ = 0;
  std::optional<ReplicaKey> voted_;  // in epoch_
  State state_;
  uint32_t election_retries_ = 0;  // lost elections since a leader was known
  int64_t high_watermark_ = -1;
  std::deque<DiskInFlight> disk_;
  std::deque<PendingFetch> fetches_;
  PersistNumber last_append_;  // reads up to the log's end wait for it
  bool flush_in_flight_ = false;
  bool chunk_in_flight_ = false;
  std::optional<Instant> shutdown_deadline_;
  bool shutdown_complete_ = false;
  bool started_ = false;
  bool changed_state_ = false;
  uint64_t transitions_ = 0;
  uint64_t asked_anyone_ = 0;
  int32_t announced_epoch_ = -1;
  int32_t announced_leader_ = kNoNode;
  Instant next_deadline_;
};

// Answers carry the epoch and leader the answering node knows.
template <class T>
T Node::stamped(ErrorCode error) const {
  T response;
  response.error = error;
  response.leader_epoch = epoch_;
  response.leader_id = leader_id().value_or(kNoNode);
  return response;
}

}  // namespace ksim::raft
