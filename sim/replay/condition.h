#pragma once
// Where a replay stops: a small closed language over what the observer hears.
//
//   leader(orders-0) changes    the controller commits another leader, or none
//   isr(orders-0) changes       it commits another ISR
//   controller changes          another node becomes the active controller
//   violation                   a checker cries
//   isr.shrunk                  a mark of core is reached (ksim list marks)
//   isr_of_one                  a predicate begins to hold (ksim list predicates)
//   ... #3                      for the third time
//
// The first leader, ISR and controller that there are, are no changes.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/hooks.h"
#include "core/base/result.h"
#include "sim/history/node_notes.h"
#include "sim/truth/predicates.h"

namespace ksim::sim {

struct Condition {
  enum class Kind : uint8_t { leader, isr, controller, violation, mark, predicate } kind = Kind::violation;
  std::string partition;  // of leader and isr
  Mark mark{};
  Predicate predicate{};
  uint64_t occurrence = 1;
};

// `partitions`: those of the plan. Errors: INVALID_REQUEST with what was meant, perhaps.
Result<Condition> parse_condition(std::string_view text, const std::vector<std::string>& partitions);

// Counts how often it has happened. Each returns what has happened in words when it is the time that was
// asked for.
class ConditionWatch {
 public:
  explicit ConditionWatch(Condition condition) : condition_(std::move(condition)) {}

  std::optional<std::string> on_event(const NodeEvent& note);
  std::optional<std::string> on_mark(Mark mark, const std::string& node, std::string_view subject);
  std::optional<std::string> on_predicate(Predicate predicate, std::string_view subject);
  std::optional<std::string> on_violation(const std::string& what);
  uint64_t seen() const { return seen_; }

 private:
  std::optional<std::string> happened(std::string what);

  Condition condition_;
  uint64_t seen_ = 0;
  std::optional<std::string> before_;  // leader, ISR or controller
};

}  // namespace ksim::sim
