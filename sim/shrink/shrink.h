#pragma once
// Makes a plan smaller while the same thing still goes wrong: fewer and weaker faults, fewer clients, nodes,
// topics and settings, less time. What is left out shifts nothing else, since every draw of a run is keyed by
// what it is for. Hierarchical delta debugging (Zeller and Hildebrandt, 2002; Misherghi and Su, 2006): parts
// of a list go in halves, quarters and so on down to single ones, values become weaker step by step, until
// nothing helps any more.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/plan/plan.h"

namespace ksim::sim {

struct Attempt {
  Plan plan;
  std::string what;  // "without fault crash of broker-2"
};
// The place of the first attempt that still goes wrong in the same way; none of them does: nothing. A plan
// that cannot be run does not.
using FirstThatFails = std::function<std::optional<size_t>(const std::vector<Attempt>&)>;

// A mark that a run has reached.
struct MarkSeen {
  Instant at;
  std::string node;
  std::string_view mark;
  uint32_t nth = 0;  // of this mark, in the whole run
};
// A fault with a time that has begun in the run of a plan: by its place among the plan's faults.
struct FaultSeen {
  size_t fault = 0;
  Instant began;
  std::vector<std::string> nodes;  // that it struck
};
struct Sighting {
  std::vector<MarkSeen> marks;  // in their order
  std::vector<FaultSeen> faults;
};

struct ShrinkOptions {
  FirstThatFails first_that_fails;
  // What a run of the plan shows, for turning times into triggers; none: they stay times.
  std::function<Sighting(const Plan&)> watch;
  std::function<void(const std::string& what)> adopted;  // told of each step
  std::function<bool()> enough;                          // no more time
};

// `plan` goes wrong. What comes back does so too, and is no larger.
Plan shrink(Plan plan, const ShrinkOptions& options);

}  // namespace ksim::sim
