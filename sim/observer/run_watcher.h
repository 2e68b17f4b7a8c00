#pragma once
// Who looks at a run while it goes on. The observer tells it what it hears, after the view was told. It can
// change nothing of the run, but end it.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/hooks.h"
#include "sim/checkers/checker.h"
#include "sim/history/recorder.h"
#include "sim/truth/cluster_view.h"
#include "sim/truth/predicates.h"

namespace ksim::sim {

class RunWatcher {
 public:
  virtual ~RunWatcher() = default;

  // The run is not played beyond this moment.
  virtual Instant until() const { return Instant::never(); }
  // Set by the run before it begins: ends it here and now, without healing and without a verdict.
  std::function<void()> halt;

  virtual void on_begin(const ClusterView&) {}
  virtual void on_event(const NodeEvent&) {}
  virtual void on_node(int32_t node, NodeFault what, Instant at) {
    static_cast<void>(node), static_cast<void>(what), static_cast<void>(at);
  }
  // When it begins, when it ends, or when it has come to nothing.
  virtual void on_fault(const FaultRow&) {}
  virtual void on_mark(Mark, const std::string& node, std::string_view subject, Instant at) {
    static_cast<void>(node), static_cast<void>(subject), static_cast<void>(at);
  }
  virtual void on_predicate(Predicate, int32_t node, std::string_view subject, Instant at) {
    static_cast<void>(node), static_cast<void>(subject), static_cast<void>(at);
  }
  virtual void on_violation(const Violation&, const std::vector<std::string>& story) {
    static_cast<void>(story);
  }
  // When it is invoked, and when it is completed.
  virtual void on_op(const OpRow&) {}
  // When it has arrived, or never will.
  virtual void on_message(const MessageRow&) {}
  // It was ended, or has come to its end. `events` of the simulator so far, `digest` of them.
  virtual void on_end(Instant at, uint64_t events, uint64_t digest) {
    static_cast<void>(at), static_cast<void>(events), static_cast<void>(digest);
  }
};

}  // namespace ksim::sim
