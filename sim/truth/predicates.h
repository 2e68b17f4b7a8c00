#pragma once
// What may hold of the state of a whole cluster, by name: "isr_of_one", "two_leaders". Faults hang on the
// moment at which one of them begins to hold (when = "isr_of_one"), and a guided swarm counts what was
// reached while one holds as something else than what was reached while all is well.
//
// Of each it is known where it holds (of a partition, or of the metadata quorum) and which node is there: the
// fault's target "here". To add one: a line in predicates.inc, and a call of hold() where it is seen.

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "sim/truth/cluster_view.h"

namespace ksim::sim {

enum class Predicate : uint8_t {
#define KSIM_PREDICATE(identifier, text) identifier,
#include "sim/truth/predicates.inc"
#undef KSIM_PREDICATE
  count_,
};
constexpr size_t kPredicateCount = static_cast<size_t>(Predicate::count_);
std::string_view predicate_name(Predicate predicate);
std::string_view predicate_text(Predicate predicate);

class Predicates {
 public:
  // `view` outlives it, and was told of everything before.
  explicit Predicates(const ClusterView& view) : view_(view) {}

  // It begins to hold, of what a mark would name as well: "orders-0", "__cluster_metadata-0". `node` is -1
  // where there is none.
  std::function<void(Predicate predicate, int32_t node, std::string_view subject)> on_true;

  void on_event(const NodeEvent& note);
  void on_node(int32_t node, NodeFault fault, Instant at);
  // Of anything.
  bool holds(Predicate predicate) const { return !holding_[static_cast<size_t>(predicate)].empty(); }

 private:
  static constexpr Duration kLong = seconds(1);
  // One that runs after another: since when it has not come to where that one was then.
  struct Race {
    int64_t goal = 0;
    Instant since;
    bool late = false;
  };

  // True if it holds now and did not before.
  bool begins(Predicate predicate, uint64_t of, bool holds);
  void hold(Predicate predicate, PartitionId id, bool holds, int32_t node);
  void hold_in_quorum(Predicate predicate, uint64_t of, bool holds, int32_t node);
  void look_at(PartitionId id, Instant at);
  void look_at_logs(PartitionId id, Instant at);
  void look_at_quorum(Instant at);
  void look_at_voters(Instant at);
  // True while it is late. `goal` is where the other one is now.
  bool run(Race& race, int64_t reached, int64_t goal, Instant at);
  void look_at_the_late(Instant at);

  const ClusterView& view_;
  std::array<std::set<uint64_t>, kPredicateCount> holding_;  // of which partitions, or nodes
  std::map<int32_t, Instant> active_;                        // who believes to be the active controller
  int32_t last_active_ = -1;
  std::map<PartitionId, std::pair<int32_t, Race>> watermarks_;  // with the leader epoch
  std::map<int32_t, Race> voters_;
  Instant next_look_ = Instant::never();
};

}  // namespace ksim::sim
