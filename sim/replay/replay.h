#pragma once
// Looks at a run while it is played again: shows what was asked for as it comes, stops where it should, and
// shows the cluster then.

#include <deque>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sim/observer/run_watcher.h"
#include "sim/replay/condition.h"
#include "sim/replay/follow.h"
#include "sim/replay/state.h"

namespace ksim::sim {

struct ReplayOptions {
  std::optional<Instant> until;
  std::optional<Condition> stop_at;
  std::vector<Follow> follow;
  bool messages = false;
  bool state = true;  // at the end
  bool json = false;  // one object a line
  size_t last = 15;   // events before the stop that are shown, debug ones left out; 0: none
  std::function<void(std::string_view)> print;
};

class Replay final : public RunWatcher {
 public:
  // `names`: of brokers and controllers, by id.
  Replay(ReplayOptions options, std::map<int32_t, std::string> names);

  Instant until() const override { return options_.until.value_or(Instant::never()); }
  void on_begin(const ClusterView& view) override { view_ = &view; }
  void on_event(const NodeEvent& note) override;
  void on_node(int32_t node, NodeFault what, Instant at) override;
  void on_fault(const FaultRow& fault) override;
  void on_mark(Mark mark, const std::string& node, std::string_view subject, Instant at) override;
  void on_predicate(Predicate predicate, int32_t node, std::string_view subject, Instant at) override;
  void on_violation(const Violation& violation, const std::vector<std::string>& story) override;
  void on_op(const OpRow& op) override;
  void on_message(const MessageRow& message) override;
  void on_end(Instant at, uint64_t events, uint64_t digest) override;

  bool stopped() const { return !stopped_by_.empty(); }
  uint64_t seen() const { return condition_ ? condition_->seen() : 0; }  // of what it was to stop at

 private:
  // One thing that happened, in both forms.
  struct Line {
    Instant at;
    std::string_view kind;  // event, node, fault, mark, predicate, violation, call, message
    std::string machine;
    std::string_view component;
    LogLevel level = LogLevel::info;
    std::string name;
    std::string subject;
    std::string detail;
    std::string fields{};  // of an event, as JSON, where that is wanted
  };
  void tell(Line line, bool wanted);
  void show(const Line& line) const;
  void show_json(const nlohmann::ordered_json& object) const;
  bool follows(const Line& line) const;
  std::string name_of(int32_t node) const;
  void stop(Instant at, const std::optional<std::string>& why);

  ReplayOptions options_;
  Heard heard_;
  std::optional<ConditionWatch> condition_;
  const ClusterView* view_ = nullptr;
  std::deque<Line> last_;
  std::string stopped_by_;
  Instant stopped_at_;
  nlohmann::ordered_json state_;  // when it stopped
};

}  // namespace ksim::sim
