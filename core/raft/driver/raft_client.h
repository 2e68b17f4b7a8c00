#pragma once
// A node's part in the metadata quorum: the consensus core with its disk, its peers and its listeners.
//
// The core belongs to this shard and is stepped by whoever brings it something; a step never waits. What it
// decides is carried out by a few fibers: one for the disk, one for time, two for each other voter (elections
// and replication, so that a vote never stands behind a waiting fetch), one for each listener, one that
// cleans up. Requests of other nodes wait on the fiber of their connection.
//
// A failure of the disk, or of a listener, is final: nothing leaves this node's quorum any more, and
// on_failure is called once.

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "core/io/scope.h"
#include "core/raft/driver/listener_feed.h"
#include "core/raft/driver/metadata_log.h"
#include "core/raft/driver/peer_channel.h"
#include "core/raft/driver/quorum_addresses.h"
#include "core/raft/node.h"
#include "core/raft/persist_gate.h"
#include "core/rpc/dispatcher.h"
#include "core/wire/messages/begin_quorum_epoch.h"
#include "core/wire/messages/describe_quorum.h"
#include "core/wire/messages/end_quorum_epoch.h"
#include "core/wire/messages/fetch.h"
#include "core/wire/messages/fetch_snapshot.h"
#include "core/wire/messages/vote.h"

namespace ksim::raft {

struct RaftOptions {
  NodeConfig node;
  QuorumAddresses quorum;
  MetadataLogConfig log;
  int64_t retention_bytes = 100 << 20;            // metadata.max.retention.bytes
  int64_t retention_ms = 7LL * 24 * 3600 * 1000;  // metadata.max.retention.ms
  Duration cleaning_interval = seconds(60);       // rule B43
  std::function<void(const Error&)> on_failure;   // may be empty; must not wait
};

// Where an append will be if it is committed.
struct AppendedAt {
  int64_t base_offset = -1;
  int64_t last_offset = -1;
};

class RaftClient final : private PeerAnswers {
 public:
  // Loads log, snapshots and quorum-state. Nothing runs before start().
  static Result<std::unique_ptr<RaftClient>> open(const Env& env, RaftOptions options);
  ~RaftClient();
  RaftClient(const RaftClient&) = delete;
  RaftClient& operator=(const RaftClient&) = delete;

  void start();
  // May be called before or after start(); the listener outlives the client or its close(). It is given
  // everything from the beginning.
  void add_listener(RaftListener& listener);
  // Handlers of Vote, BeginQuorumEpoch, EndQuorumEpoch, Fetch, FetchSnapshot and DescribeQuorum, for the
  // controllers' listener. The client outlives the table's use.
  void register_handlers(rpc::HandlerTable& table);

  // ---- for the controller ----
  // One batch, atomic (rule B27). Returns at once, before anything can be sent: whether it is committed shows
  // when handle_commit brings it, or a leader change comes first (rule B28: outcome unknown).
  // NOT_LEADER_OR_FOLLOWER: not the leader of `epoch` any more. RECORD_LIST_TOO_LARGE: over 8 MiB.
  // UNKNOWN_SERVER_ERROR: the next offset is not `required_offset`.
  Result<AppendedAt> append(int32_t epoch, std::span<const Bytes> values,
                            std::optional<int64_t> required_offset = {});
  // Where the next append of this leader will be; its log end if it does not lead.
  int64_t next_append_offset() const;
  void resign(int32_t epoch);

  // ---- snapshots (rules B41, B42) ----
  // None if there is no need: it exists already, or the log begins above. `id` is where a batch ends, at or
  // below what handle_commit has brought.
  Result<std::unique_ptr<SnapshotWriter>> create_snapshot(OffsetAndEpoch id,
                                                          int64_t last_contained_timestamp_ms);
  // Freezes it and makes it known.
  Result<void> complete_snapshot(std::unique_ptr<SnapshotWriter> writer);
  std::optional<OffsetAndEpoch> latest_snapshot() const { return log_->latest_snapshot(); }

  // ---- state; no waits ----
  const Node& node() const { return node_; }
  int32_t node_id() const { return options_.node.local.id; }
  LeaderAndEpoch leader_and_epoch() const { return feed_.leader; }
  std::optional<Endpoint> leader_endpoint() const;
  // Waits until another leader or epoch than `known` is known here, at most until the deadline; what is known
  // then. Nobody may wait any more when the client is destroyed.
  LeaderAndEpoch wait_leader_change(const LeaderAndEpoch& known, Deadline deadline);
  int64_t high_watermark() const { return feed_.high_watermark; }
  // Every listener gets a handle_nudge(), once for any number of calls before it.
  void nudge() {
    ++feed_.nudges;
    feed_.changed.notify_all();
  }
  const MetadataLog& log() const { return *log_; }
  const std::optional<Error>& failure() const { return failure_; }

  // ---- requests of others; they wait for their answer ----
  wire::VoteResponse handle(const wire::VoteRequest& request, wire::Arena& arena);
  wire::BeginQuorumEpochResponse handle(const wire::BeginQuorumEpochRequest& request, wire::Arena& arena);
  wire::EndQuorumEpochResponse handle(const wire::EndQuorumEpochRequest& request, wire::Arena& arena);
  // `records` keeps what the response's records are a view of.
  wire::FetchResponse handle(const wire::FetchRequest& request, wire::Arena& arena, ByteBuffer& records);
  wire::FetchSnapshotResponse handle(const wire::FetchSnapshotRequest& request, wire::Arena& arena,
                                     ByteBuffer& bytes);
  wire::DescribeQuorumResponse handle(const wire::DescribeQuorumRequest& request, wire::Arena& arena) const;

  // Rule B31: a leader hands over first, within the timeout. Then close().
  void shutdown(Duration timeout);
  // Ends all fibers and closes the log. Requests that wait are answered BROKER_NOT_AVAILABLE.
  void close();

 private:
  // Where a request's fiber waits.
  class Waiter {
   public:
    Waiter(RaftClient& client, uint64_t ticket);
    ~Waiter();
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;
    Result<Response> wait();
    std::optional<Response> response;
    Condition answered;

   private:
    RaftClient& client_;
    uint64_t ticket_;
  };

  RaftClient(const Env& env, RaftOptions options, std::unique_ptr<MetadataLog> log,
             std::optional<ElectionRecord> stored);

  uint64_t draw();
  void apply(Input input);
  void carry_out();
  void take(SendRequest& out);
  void take(SendReply& out);
  void take(AppendOutcome& out);
  void take(StateChanged& out);
  void take(LeaderChanged& out);
  void take(HighWatermarkUpdated& out);
  void take(SnapshotInstalled& out);
  void take(ShutdownComplete& out);
  void peer_answered(int32_t peer, uint64_t correlation, Response response) override;
  void peer_failed(int32_t peer, uint64_t correlation) override;

  void run_disk();
  Result<void> perform(DiskAction& action);
  void run_timer();
  void run_cleaner();
  Result<void> clean();
  void run_feed(RaftListener& listener);
  void failed(const Error& error);
  Result<Response> ask_core(Request request);
  void fill_describe(const Leader& leader, wire::DescribeQuorumResponsePartitionData& partition,
                     wire::Arena& arena) const;

  const Env& env_;
  RaftOptions options_;
  std::unique_ptr<MetadataLog> log_;
  std::optional<ElectionRecord> stored_;
  Node node_;
  PersistGate gate_;
  FeedState feed_;
  std::map<int32_t, std::unique_ptr<PeerChannel>> elections_;     // by voter
  std::map<int32_t, std::unique_ptr<PeerChannel>> replications_;  // by voter
  std::map<uint64_t, Waiter*> waiters_;                           // by ticket
  uint64_t last_ticket_ = 0;
  std::optional<AppendOutcome> outcome_;
  std::optional<Error> failure_;
  Condition disk_wanted_;
  Condition timer_moved_;
  Condition shutdown_done_;
  Condition leader_changed_;
  Instant timer_until_;  // what the timer's fiber waits for
  std::vector<RaftListener*> listeners_;
  std::vector<ListenerFeed*> feeds_;
  bool started_ = false;
  bool closed_ = false;
  bool shutdown_complete_ = false;
  Scope scope_;
};

}  // namespace ksim::raft
