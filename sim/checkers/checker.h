#pragma once
// A checker watches one invariant of CONTRACT.md over a run. It is told of events at nodes, of what clients
// saw, and of faults; it asks the ClusterView for claims and for truth. It never parks, draws or folds.

#include <any>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/hooks.h"
#include "sim/history/facts.h"
#include "sim/history/node_notes.h"

namespace ksim::sim {

class ClusterView;

struct Violation {
  std::string checker;  // "R1"
  Instant at;
  std::string subject;  // "orders-3", "broker-2"
  std::string message;
  RecordId record = 0;  // 0: not about one record
  int64_t offset = -1;
};

// Where checkers report. The same (checker, subject) is kept once: what follows is its consequence.
class Verdicts {
 public:
  void violation(std::string_view checker, Instant at, std::string_view subject, std::string message,
                 RecordId record = 0, int64_t offset = -1);
  // Called with each violation as it is found, while the view still shows what led to it.
  std::function<void(const Violation&)> on_found;
  const std::vector<Violation>& violations() const { return violations_; }

 private:
  std::vector<Violation> violations_;
};

class Checker {
 public:
  Checker(const ClusterView& view, Verdicts& verdicts) : view_(view), verdicts_(verdicts) {}
  virtual ~Checker() = default;
  virtual std::string_view code() const = 0;  // "R1"
  virtual std::string_view text() const = 0;  // the invariant in words

  virtual void on_event(const NodeEvent&) {}
  virtual void on_node(int32_t node, NodeFault, Instant) { static_cast<void>(node); }
  // Core has reached a mark; node: -1 of a client.
  virtual void on_mark(Mark, int32_t node, std::string_view subject, Instant at) {
    static_cast<void>(node), static_cast<void>(subject), static_cast<void>(at);
  }
  virtual void on_session(const ProducerSession&) {}
  virtual void on_send_invoked(const SendOp&) {}
  virtual void on_send_completed(const SendOp&) {}
  virtual void on_assigned(const ReaderAssigned&) {}
  virtual void on_reader_call(const ReaderCall&) {}
  // Its process has died: whoever comes after it under its name has another number.
  virtual void on_reader_gone(uint32_t consumer) { static_cast<void>(consumer); }
  virtual void on_reader_rest(const ReaderRest&) {}
  virtual void on_consumed(const Consumed&) {}
  virtual void on_seek(const SeekAsked&) {}
  virtual void on_request(const RequestSeen&) {}
  virtual void on_quorum_fetch(const QuorumFetchArrived&) {}
  virtual void on_admin_call(const AdminCall&) {}
  virtual void on_position(const PositionSet&) {}
  virtual void on_latest(const LatestOffset&) {}
  virtual void on_time_lookup(const TimeLookup&) {}
  virtual void on_forged(const ForgedRequest&) {}
  // Twice: when it is invoked, and when it completed.
  virtual void on_deletion(const DeletionCall&) {}
  // What a workload of one's own tells: std::any_cast<Fact>(&fact) is null if it is another's.
  virtual void on_own_fact(const std::any& fact) { static_cast<void>(fact); }
  virtual void on_belief(const LeaderBelief&) {}
  // Twice: when it is invoked, and when it completed.
  virtual void on_topic_call(const TopicCall&) {}
  // All faults have ended, and what was down starts again.
  virtual void on_healed(Instant) {}
  // They have read all there is, or on_unrest was told why not. What comes to be committed from here on,
  // since it was still under way, is read by nobody.
  virtual void on_readers_stop() {}
  // Healing has taken all the time it may, and this keeps the run from being quiet: `what` is amiss in
  // `subject`.
  virtual void on_unrest(std::string_view subject, std::string_view what, Instant at) {
    static_cast<void>(subject), static_cast<void>(what), static_cast<void>(at);
  }
  // The run is over: everything is healed and quiet, or on_unrest was told why not.
  virtual void at_end(Instant) {}

 protected:
  void cry(Instant at, std::string_view subject, std::string message, RecordId record = 0,
           int64_t offset = -1) {
    verdicts_.violation(code(), at, subject, std::move(message), record, offset);
  }
  const ClusterView& view_;
  Verdicts& verdicts_;
};

}  // namespace ksim::sim
