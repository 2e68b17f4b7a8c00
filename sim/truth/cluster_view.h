#pragma once
// What checkers ask: truth from the disks, and claims (roles, epochs, high watermarks, ISR) from events. The
// view is fed before the checkers are.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/base/events.h"
#include "core/base/uuid.h"
#include "sim/history/facts.h"
#include "sim/history/node_notes.h"
#include "sim/truth/committed_metadata.h"
#include "sim/truth/replica_truth.h"

namespace ksim::sim {

// Copies that a power loss or a wiped disk has destroyed, or that recovery has cut off with a damaged batch:
// at `node`, from `from_offset` on.
struct Destroyed {
  int32_t node = 0;
  int64_t from_offset = 0;
  Instant at;
  int64_t end_offset = 0;  // of its log before
  // By base offset. A batch that the node has copied again is no more among them. Where all is deleted, the
  // last one is among them if the log's end is destroyed, until the node goes on there again.
  std::map<int64_t, TruthBatch> batches;
  bool wiped = false;
  bool damaged = false;  // it was cut off, since its first batch was damaged
  bool lone = false;     // without ELR: it registered after an unclean stop, and was the last of the ISR
};

// A batch that was committed and is so no more: the contract permits its loss, and a leader went on without.
struct LostBatch {
  TruthBatch batch;
  Instant at;
  int32_t leader_epoch = 0;  // of that leader
};

// A leader went on after a permitted loss that knew nothing of this deletion: what was before `below` is kept
// again.
struct UndoneDeletion {
  int64_t below = 0;
  Instant at;
  int32_t leader_epoch = 0;  // of that leader
};

// A broker from outside ISR and ELR was made leader.
struct UncleanElection {
  int32_t leader = -1;
  int32_t leader_epoch = 0;
  Instant at;
};

// A broker that was leader, by its own word or by the controller's. `until`: none, it still is.
struct Reign {
  int32_t leader = -1;
  int32_t leader_epoch = -1;  // the first of it
  Instant from;
  std::optional<Instant> until;
};

// The controller's committed state of a partition.
struct PartitionClaim {
  int32_t leader = -1;
  int32_t leader_epoch = -1;
  int32_t partition_epoch = -1;
  std::vector<int32_t> isr;
  std::vector<int32_t> elr;
  bool elr_known = false;  // false while only a leader told of it
  Instant at;              // when the controller told of it
};

// From the scenario: the configuration in force for a topic, its own or the cluster's.
struct TopicPromise {
  int32_t replication = 1;
  int32_t min_insync = 1;
  bool unclean_election = false;
  int64_t retention_ms = -1;     // -1: for ever
  int64_t retention_bytes = -1;  // -1: without limit
  bool append_time = false;      // the broker sets the records' timestamps
  bool flush_each = false;       // flush.messages=1: only a wiped disk destroys a copy
  // The most that is in force on any node at any time; without limit where an administrator may alter it.
  int64_t max_message_bytes = std::numeric_limits<int64_t>::max();
  int64_t segment_bytes = std::numeric_limits<int64_t>::max();
  int64_t segment_ms = std::numeric_limits<int64_t>::max();
  int64_t flush_ms = std::numeric_limits<int64_t>::max();
  int64_t flush_messages = std::numeric_limits<int64_t>::max();
  int32_t raised_min_insync = 0;  // to which administrators may raise it for a while; 0: nobody does
};

struct PartitionTruth {
  Uuid topic_id;
  std::set<Uuid> former_ids;  // of topics of this name that were before it
  PartitionClaim claim;
  std::map<int32_t, std::unique_ptr<ReplicaTruth>> replicas;  // by node
  std::map<int32_t, int64_t> high_watermark;                  // the last claim of each node
  std::map<int32_t, int32_t> epochs;                          // by node: in which it leads or follows
  // Batches that a leader has claimed to be committed, in order, as they stood in its log then.
  std::vector<TruthBatch> committed;
  int64_t committed_start = 0;
  // By epochs that the controller has not told of yet: from which offset on their leaders have committed.
  std::map<int32_t, int64_t> early_from;
  int32_t counts_since = -1;  // the newest epoch of a leader whose log was what is committed
  std::vector<LostBatch> lost;
  // Records before it were deleted on purpose: by retention or by DeleteRecords, where the truth bears it
  // out.
  int64_t deleted_below = 0;
  std::vector<UndoneDeletion> undone_deletions;
  int64_t deletion_asked = 0;        // the largest offset of which a client has asked for it
  std::map<int32_t, int64_t> start;  // of each node's log, as it says
  // A replica's log began anew there, above all it had, or was recovered after an unclean stop: of what was
  // before it knows nothing, nor what producers had written there.
  int64_t forgotten_below = 0;
  std::string unfounded_deletion;  // what is wrong with the deletion that was just heard of; empty: nothing
  std::vector<Destroyed> destroyed;
  std::vector<UncleanElection> unclean;  // that were allowed
  // The claim that was heard last elected one who must not lead.
  std::optional<UncleanElection> forbidden;
  // For unclean elections, by administrators who have no certain answer yet: by the number of the call, how
  // often brokers had forwarded something again when it was made.
  std::map<uint64_t, uint64_t> unclean_asked;
  int32_t last_leader = -1;     // that the controller has named
  bool unheard_leader = false;  // it may have named another one since, which nobody told of
  // Nobody leads, and nobody is left to: since the controller told of the state before. Where
  // min.insync.replicas was altered since, an operator has to decide (rule C30).
  std::optional<Instant> eligible_forgotten;
  std::vector<Reign> reigns;   // of brokers that believed to lead
  std::vector<Reign> elected;  // of brokers that the controller had made leader
  BatchContents contents;

  int64_t committed_end() const {
    // A loss may reach down to what was deleted before: nothing is left then, and the logs begin there.
    return std::max(committed.empty() ? committed_start : committed.back().last_offset + 1, deleted_below);
  }
  // Below it all was committed in epochs that the controller has told of.
  int64_t told_end() const {
    int64_t end = committed_end();
    for (const auto& [epoch, from] : early_from) end = std::min(end, from);
    return end;
  }
  // The first offset whose committed record must still be there.
  int64_t first_kept() const { return std::max(committed_start, deleted_below); }
  // The largest of what first_kept() was for anybody who led since then, or believed to.
  int64_t first_kept_since(Instant since) const;
  // The index of the first committed batch whose last offset is >= offset.
  size_t find_committed(int64_t offset) const;
  // What a reader is told of whose last record was of `epoch` (KIP-320); -1: it was handed none. A log that
  // has deleted where a later epoch began knows it from its own start on.
  int64_t end_of_epoch(int32_t epoch) const;
  // True if a batch of that producer session was lost.
  bool lost_any_of(uint32_t session) const;
  // True if this record stood at `offset` in a batch whose loss was permitted.
  bool was_lost(int64_t offset, RecordId record) const;
  // The committed record at `offset`, or nullptr.
  const TruthRecord* committed_record(int64_t offset) const;
};

struct NodeState {
  bool up = false;
  // Its disk may have lost data since it last registered: the controller's ISR may still name it.
  bool suspect = false;
  bool damaged = false;  // its disk has changed bytes of logs by itself, now or before
  uint32_t incarnation = 0;
  std::optional<Instant> unclean_since;  // when it last registered after an unclean stop
  bool owes_registration = false;  // it has not registered since its last unclean stop, as far as was told
  int64_t broker_epoch = -1;       // the last that it was registered in
};

constexpr std::string_view kMetadataLog = "__cluster_metadata-0";

// The log that an event is about; without a name: it is about none.
struct LogEvent {
  std::string_view log;
  Uuid topic_id;
  bool loaded = false;
};
LogEvent log_event(const Event& event);

// The log directory in which a node has the log of this topic; empty: there is none of its name. A directory
// that came back may have that of an earlier topic.
std::string log_directory(const DiskPeek& disks, int32_t node, const std::vector<std::string>& log_dirs,
                          std::string_view log, const Uuid& topic_id);

class ClusterView {
 public:
  ClusterView(const DiskPeek& peek, PartitionNames& names) : peek_(peek), names_(names) {}

  // ---- set-up ----
  void add_node(int32_t node, std::vector<std::string> log_dirs);
  void add_voter(int32_t node) { voters_.push_back(node); }
  void promise(const std::string& topic, const TopicPromise& promise) { promises_[topic] = promise; }
  Duration quorum_fetch_timeout = milliseconds(2000);  // controller.quorum.fetch.timeout.ms

  // The longest that any node has.
  Duration replica_lag_time_max = seconds(30);       // replica.lag.time.max.ms
  Duration retention_check_interval = seconds(300);  // log.retention.check.interval.ms
  Duration initial_task_delay = seconds(30);         // log.initial.task.delay.ms
  Duration flush_check_interval = Duration::max();   // log.flush.scheduler.interval.ms

  // How long a follower may wait for an answer that was lost: the sender's kernel has given the connection
  // up, and of that nobody tells (replica.socket.timeout.ms). 0: kernels are more patient than followers.
  Duration lost_answer_wait{0};

  bool clients_keep_time = false;  // nothing slows the machines of clients down, nor stops them for a while
  // broker.session.timeout.ms, the shortest and the longest that any node has.
  Duration session_timeout_min = milliseconds(9000);
  Duration session_timeout_max = milliseconds(9000);
  // leader.imbalance.check.interval.seconds, the longest; none: not everybody balances leaders by himself.
  std::optional<Duration> rebalance_interval_max;

  // ---- feeding ----
  void on_event(const NodeEvent& event);
  void on_node(int32_t node, NodeFault fault, Instant at);
  // The disk of a node changes bytes by itself.
  void on_damaged(int32_t node) { nodes_.at(node).state.damaged = true; }
  // Something holds machines up, or puts their clocks wrong.
  void on_trouble_began() { ++troubles_; }
  void on_trouble_ended(Instant at) {
    --troubles_;
    calm_since_ = at;
  }
  // A client is about to ask that the records before `offset` be deleted.
  void on_delete_records(PartitionId id, int64_t offset);
  // An administrator is about to ask for an unclean election: the number of that call. And no attempt of it
  // has gone without an answer, nor has one said that it may be done yet.
  uint64_t on_unclean_asked(PartitionId id);
  void on_unclean_answered(PartitionId id, uint64_t call);
  // A broker got no answer to what it forwards, or was refused, and sends it again.
  void on_forwarded_again() { ++forwarded_again_; }
  // min.insync.replicas of a topic has changed, or of the cluster: "". Committed metadata says so.
  void on_minimum_altered(std::string_view topic, Instant at) {
    minimum_altered_[std::string(topic)].push_back(at);
  }
  // From now on the controllers may keep no eligible leader replicas (eligible.leader.replicas.version 0).
  void on_elr_off() { elr_off_ = true; }
  // An administrator is about to alter min.insync.replicas of the cluster, which no topic goes by.
  // What a node's wall clock shows; by default a right one.
  std::function<int64_t(int32_t node)> wall_ms;
  // How far back it ever was; by default never.
  std::function<Duration(int32_t node)> lowest_wall_offset;
  // How far ahead of now it was at some time since then; by default never.
  std::function<Duration(int32_t node, Instant since)> wall_put_back;
  // What its other clock shows, by which it waits; by default the world's time.
  std::function<Instant(int32_t node)> local_time;

  // An administrator is about to delete a topic on purpose.
  void deleting_topic(const std::string& topic);
  // An administrator says himself where the replicas of a topic of this name are to be.
  void places_by_hand(const std::string& topic) { placed_by_hand_.insert(topic); }
  // Whether there is a topic of this name, and which, is nobody's to say: it has no records.
  void contested_topic(const std::string& topic) { contested_topics_.insert(topic); }

  // ---- asking ----
  const PartitionNames& names() const { return names_; }
  const PartitionTruth* partition(PartitionId id) const;
  std::vector<PartitionId> partitions() const;  // without those of deleted and contested topics
  // An administrator has asked that its topic be deleted.
  bool is_deleted(PartitionId id) const;
  const NodeState& node(int32_t id) const { return nodes_.at(id).state; }
  bool has_node(int32_t id) const { return nodes_.contains(id); }
  std::vector<int32_t> nodes() const;
  TopicPromise promise_of(PartitionId id) const;
  TopicPromise promise_of(const std::string& topic) const;
  // How many replicas were asked for; none: nobody knows.
  std::optional<int32_t> replication_of(const std::string& topic) const;
  bool placed_by_hand(const std::string& topic) const { return placed_by_hand_.contains(topic); }
  // The clock by which a node waits: it stands still while its machine sleeps. And what its other one shows.
  Instant clock(int32_t node, Instant at) const { return local_time ? local_time(node) : at; }
  int64_t wall_clock_ms(int32_t node, Instant at) const;
  // What that one showed at the earliest, however it was stepped meanwhile.
  int64_t earliest_wall_clock_ms(int32_t node, Instant at) const;
  const DiskPeek& disks() const { return peek_; }
  const std::vector<std::string>& log_dirs(int32_t node) const { return nodes_.at(node).log_dirs; }
  // The metadata log on a node's disk, or nullptr.
  const ReplicaTruth* metadata_log(int32_t node) const;
  // What is committed there, whoever has said so.
  const CommittedMetadata& metadata() const { return metadata_; }
  const std::vector<int32_t>& voters() const { return voters_; }
  // The node that last became the active controller and has neither stepped down nor died since; -1: none.
  int32_t active_controller() const { return active_controller_; }
  // Since when every machine that is up goes at its own speed, by an even clock; nothing: not now.
  std::optional<Instant> calm_since() const {
    return troubles_ == 0 ? std::optional<Instant>(calm_since_) : std::nullopt;
  }
  // True where CONTRACT.md permits the loss of a committed batch: for what became of its own copies, and for
  // unclean elections in later epochs than its own.
  bool loss_permitted(PartitionId id, const TruthBatch& batch) const;
  // The same of a record whose batch nobody knows, for what has happened since: since it was sent. With
  // acks=1 for what became of the leader.
  bool loss_permitted(PartitionId id, int64_t offset, int32_t acks, Instant since) const;
  // Where nobody leads: the record at `offset` in the log of the only one who has led since then, or believed
  // to, else nullptr. Nobody can commit it now, but it is not gone either.
  const TruthRecord* held_by_leader(PartitionId id, int64_t offset, Instant since) const;
  // The oldest epoch of those who led between these times, or believed to: what was told then may be of it.
  // -1: nobody did.
  int32_t oldest_epoch(PartitionId id, Instant from, Instant to) const;
  // Whether who asked at `asked` where a partition begins may be told, at `at`, that it is at `offset`: at
  // the first record that is kept, before it, or behind it where records are gone that the leader had
  // deleted.
  bool may_begin_at(PartitionId id, int64_t offset, Instant asked, Instant at) const;
  // The same of the end, where everything up to `committed` was committed when it was asked for.
  bool may_end_at(PartitionId id, int64_t offset, int64_t committed, Instant asked, Instant at) const;
  // True if what was told between these times may come from a leader that was replaced, and goes by what it
  // knew: there were several, or another one had been elected for a later epoch than that of who believed to
  // lead.
  bool replaced_may_tell(PartitionId id, Instant from, Instant to) const;
  // True if records that a reader had seen in [from, to) may be gone, of which it was told by a leader of
  // epoch `epoch` or a later one: they were lost in later epochs, or their loss is permitted. -1: nobody
  // knows the epoch, and what counts is what happened from `since` on.
  bool may_be_gone(PartitionId id, int64_t from, int64_t to, Instant since, int32_t epoch) const;
  // The first batch that is committed and that the log of `node` lacks although nothing permits it, or
  // nullptr.
  const TruthBatch* first_missing(PartitionId id, int32_t node) const {
    return first_lacking(id, node, false);
  }
  // True if its topic's min.insync.replicas, or the cluster's, was altered between these times.
  bool minimum_altered(PartitionId id, Instant from, Instant to) const;
  // True where a partition without a leader may stay so: its last committed records may be lost, and nobody
  // who may lead has them all.
  bool offline_permitted(PartitionId id) const;
  // The partition that an event of a replica's log is about. Nothing for the metadata log, and for a log of a
  // topic that was before the one which has its name now.
  std::optional<PartitionId> partition_of(const Event& event) const;

 private:
  struct Node {
    NodeState state;
    std::vector<std::string> log_dirs;
    std::unique_ptr<ReplicaTruth> metadata_log;
  };
  PartitionTruth& truth(PartitionId id) { return *partitions_.at(id); }
  PartitionTruth& partition_at(std::string_view topic, int32_t index);
  ReplicaTruth* open_log(int32_t node, const LogEvent& of, std::unique_ptr<ReplicaTruth>& slot,
                         BatchContents& contents);
  void on_log_event(const NodeEvent& note, const LogEvent& of);
  void committed_up_to(PartitionTruth& truth, PartitionId id, const ReplicaTruth& leader,
                       int32_t leader_epoch, int64_t high_watermark, Instant at);
  void begins_to_lead(PartitionTruth& truth, PartitionId id, const ReplicaTruth& leader, int32_t leader_epoch,
                      Instant at);
  void rebase(PartitionTruth& truth, PartitionId id, const ReplicaTruth& leader, int32_t leader_epoch,
              Instant at);
  static void on_truncated(PartitionTruth& truth, const LogTruncated& event, int32_t node);
  void on_start_moved(PartitionTruth& truth, PartitionId id, const ReplicaTruth* log,
                      const LogStartMoved& event, const NodeEvent& note);
  std::string unfounded(const PartitionTruth& truth, PartitionId id, const ReplicaTruth* log, int64_t start,
                        const NodeEvent& note) const;
  static void appended(PartitionTruth& truth, ReplicaTruth& log, int64_t base_offset);
  bool too_few_copies(const PartitionTruth& truth, PartitionId id, const TruthBatch& batch) const;
  int32_t budget(PartitionId id) const;
  void note_altered_minima(size_t steps_before, Instant at);
  // Who may have acknowledged a record with acks=1 since then, or has taken over the partition.
  static std::set<int32_t> leaders_since(const PartitionTruth& truth, Instant since);
  void on_registered(const BrokerRegistered& event, Instant at);
  // True if the configuration or an administrator allows it, or it is the last known leader and nobody else
  // is left (rule C26).
  bool may_elect_unclean(const PartitionTruth& truth, const TopicPromise& promise, int32_t leader) const;
  static bool is_present(PartitionTruth& truth, const Uuid& id);
  void on_partition_changed(const PartitionChanged& event, Instant at);
  const TruthBatch* first_lacking(PartitionId id, int32_t node, bool permitted_too) const;
  void on_disk_changed(int32_t node, bool wiped, Instant at);
  void on_loaded(PartitionTruth& truth, ReplicaTruth& log, Instant at);

  const DiskPeek& peek_;
  PartitionNames& names_;
  int32_t active_controller_ = -1;
  int32_t active_epoch_ = -1;
  Instant controller_since_;  // when the active controller became active
  std::map<int32_t, Node> nodes_;
  std::map<PartitionId, std::unique_ptr<PartitionTruth>> partitions_;
  std::map<std::string, TopicPromise> promises_;
  std::set<Uuid> deleted_topics_;
  std::set<std::string> contested_topics_;
  std::set<std::string> placed_by_hand_;
  uint64_t unclean_calls_ = 0;
  uint64_t forwarded_again_ = 0;
  bool elr_off_ = false;
  std::map<std::string, std::vector<Instant>, std::less<>>
      minimum_altered_;  // by topic, when it was committed
  int32_t troubles_ = 0;
  Instant calm_since_;
  std::vector<int32_t> voters_;
  BatchContents metadata_contents_;
  CommittedMetadata metadata_;
};

// "orders-3" -> ("orders", 3); nothing for names that are no partition directory.
std::optional<std::pair<std::string, int32_t>> split_log_name(std::string_view log);

}  // namespace ksim::sim
