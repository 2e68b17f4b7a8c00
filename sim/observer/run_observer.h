#pragma once
// The one place to which a run's world, nodes and workloads tell what happens. It feeds the cluster view,
// the checkers and, if asked, the recorder, and makes the summary. It observes only: nothing it does can
// change a run.

#include <any>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/hooks.h"
#include "sim/checkers/checker.h"
#include "sim/history/recorder.h"
#include "sim/observer/copies.h"
#include "sim/observer/run_watcher.h"
#include "sim/observer/situations.h"
#include "sim/observer/story.h"
#include "sim/observer/summary.h"
#include "sim/truth/cluster_view.h"
#include "sim/truth/predicates.h"

namespace ksim::sim {

struct ObserverOptions {
  bool checkers = true;
  bool record = false;
};

class RunObserver {
 public:
  RunObserver(const DiskPeek& disks, ObserverOptions options);

  PartitionNames& names() { return names_; }
  ClusterView& view() { return view_; }
  const ClusterView& view() const { return view_; }
  Predicates& predicates() { return predicates_; }
  // It outlives the observer, which must record.
  void watch(RunWatcher* watcher) { watcher_ = watcher; }
  Recorder* recorder() { return recorder_ ? &*recorder_ : nullptr; }
  const Verdicts& verdicts() const { return verdicts_; }

  // ---- world ----
  void on_event(int32_t node, uint32_t incarnation, Instant at, const Event& event);
  void on_node(int32_t node, NodeFault fault, Instant at);
  // A fault took effect; returns its number for on_fault_ended. `effect` tells what it really did.
  int64_t on_fault(std::string kind, std::string target, Instant at, std::string cause, std::string effect);
  // A fault of the plan came to nothing: `why` says what was missing.
  void on_fault_missed(std::string kind, std::string target, Instant at, std::string cause, std::string why);
  void on_fault_ended(int64_t fault, Instant at, std::string effect = {});
  void on_mark(Mark mark, int32_t node, std::string_view subject, Instant at);  // node: -1 of a client
  // An assertion in core, a livelock, a node that would not stop: violations that no checker finds.
  void on_violation(std::string code, Instant at, std::string subject, std::string message);
  // An invariant of the simulator's own that broke inside a node.
  void on_simulator_fault(std::string what);

  // ---- workloads ----
  void on_session(const ProducerSession& session);
  // The name that the plan gives to a consumer of this number, or to a raw driver that reads.
  void on_reader(uint32_t number, std::string name) { readers_[number] = std::move(name); }
  void on_reader_gone(uint32_t number);
  // The op's number, to complete it with.
  int64_t on_send_invoked(const SendOp& op);
  void on_send_completed(int64_t number, const SendOp& op);
  // Any other call of a client, for the history. Returns the op's number, to complete it with.
  int64_t on_call_invoked(const std::string& client, std::string_view kind, std::string subject, Instant at,
                          std::optional<uint32_t> reader = std::nullopt);
  void on_call_completed(int64_t number, Instant at, Outcome outcome, ErrorCode error, int64_t offset = -1);
  void on_assigned(const ReaderAssigned& assigned);
  void on_reader_call(const ReaderCall& call);
  void on_reader_rest(const ReaderRest& rest);
  void on_consumed(const Consumed& record);
  void on_seek(const SeekAsked& seek);
  void on_request(const RequestSeen& request);
  void on_quorum_fetch(const QuorumFetchArrived& fetch);
  void on_admin_call(const AdminCall& call);
  void on_position(const PositionSet& set);
  void on_latest(const LatestOffset& answer);
  void on_time_lookup(const TimeLookup& lookup);
  // What an administrator is about to delete on purpose.
  void on_topic_deleted(const std::string& topic) { view_.deleting_topic(topic); }
  void on_deletion(const DeletionCall& call);
  uint64_t on_unclean_asked(PartitionId partition) { return view_.on_unclean_asked(partition); }
  void on_unclean_answered(PartitionId partition, uint64_t call) {
    view_.on_unclean_answered(partition, call);
  }
  void on_forged(const ForgedRequest& forged);
  // A fact of a workload's own, for a checker that knows its type (Checker::on_own_fact).
  void on_own_fact(const std::any& fact);
  void on_belief(const LeaderBelief& belief);
  // A topic that several clients create and delete as they like: no records are in it, and whether it is
  // there in the end nobody can say beforehand. Told before the first of them asks.
  void on_topic_contested(const std::string& topic) { view_.contested_topic(topic); }
  // Returns the op's number, to complete it with.
  int64_t on_topic_call_invoked(const TopicCall& call);
  void on_topic_call_completed(int64_t number, const TopicCall& call);

  // Healing has taken all the time it may.
  void on_healed(Instant at);
  void on_readers_stop();
  void on_unrest(std::string_view subject, std::string_view what, Instant at);

  // True while sends are open: the runner waits for them after healing.
  bool sends_pending() const { return open_sends_ > 0; }
  uint64_t acknowledged() const { return counts_.acknowledged; }

  // Asks the checkers a last time and sums up. Scenario, seed, digest and speed are the caller's to fill in.
  RunSummary finish(Instant at);

 private:
  struct Pressure {  // of sends on one partition
    uint32_t open = 0;
    Instant waiting_since;
    Duration unavailable{0};
    Duration longest{0};
    uint32_t interruptions = 0;
    uint64_t acknowledged = 0;
  };
  struct Sent {
    PartitionId partition;
    uint32_t session;
    int64_t op = 0;
    Instant invoked;
    std::optional<Instant> acknowledged;
    int64_t offset = -1;
    uint64_t holders = 0;  // as in RecordStory
    uint64_t lagging = 0;
  };

  std::string reader_name(uint32_t number) const;
  bool is_old_news(const Event& event) const;
  void note_timeline(const NodeEvent& note);
  void note_throughput(const NodeEvent& note);
  uint64_t holders_of(PartitionId id, int64_t offset) const;
  uint64_t isr_of(PartitionId id) const;
  std::string join_holders(uint64_t holders) const;
  void explain(const Violation& violation);
  std::string invariant_of(std::string_view code) const;
  void end_wait(Pressure& pressure, Instant at);
  void settle_records(RunSummary& summary);
  void count_order(RunCounts& counts) const;

  PartitionNames names_;
  ClusterView view_;
  Predicates predicates_{view_};
  Verdicts verdicts_;
  std::vector<std::unique_ptr<Checker>> checkers_;
  std::optional<Recorder> recorder_;
  std::optional<Copies> copies_;  // where there is a recorder
  RunCounts counts_;
  std::vector<TimelineEntry> timeline_;
  std::vector<FaultRow> faults_;
  std::map<std::tuple<int32_t, std::string>, bool> leading_;  // (node, log)
  std::map<int32_t, std::vector<uint32_t>> throughput_;
  std::map<PartitionId, Pressure> pressure_;
  std::map<PartitionId, PartitionClaim> claims_;
  std::map<PartitionId, Uuid> topic_ids_;
  std::map<RecordId, Sent> sent_;
  std::map<uint32_t, ProducerSession> sessions_;
  std::map<uint32_t, std::string> readers_;
  std::vector<MarkRow> marks_;
  Situations situations_;
  uint64_t faults_acting_ = 0;
  uint64_t open_sends_ = 0;
  Story story_{view_};
  std::vector<std::vector<std::string>> explanations_;  // of verdicts_.violations(), in their order
  std::string simulator_fault_;
  RunWatcher* watcher_ = nullptr;
};

}  // namespace ksim::sim
