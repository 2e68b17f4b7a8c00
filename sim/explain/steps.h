#pragma once
// The steps of a page: gathered by weight, so that what matters least goes when there are too many.

#include <cstdint>
#include <string>
#include <vector>

#include "sim/explain/explain.h"
#include "sim/explain/past.h"

namespace ksim::sim {

// How much a step matters: what is heaviest stays.
enum class Weight : uint8_t { detail, context, cause, spine };

class Steps {
 public:
  void add(Weight weight, int64_t at_ns, std::string kind, int32_t node, std::string text);
  // Elections and changes of the ISR after `from_ns` and up to `to_ns`.
  void add_states(const Past& past, int64_t from_ns, int64_t to_ns);
  // What happened to those nodes, and faults that struck them or began before and went on.
  void add_troubles(const Past& past, const Nodes& nodes, int64_t from_ns, int64_t to_ns);
  // One thing that happened to a node.
  void add_node(Weight weight, const Past& past, const PastNode& event);
  bool has(int64_t at_ns, int32_t node) const;
  // In order of time, `most` at most.
  std::vector<Explanation::Step> take(size_t most);

 private:
  struct Weighted {
    Weight weight;
    size_t place = 0;
    Explanation::Step step;
  };
  std::vector<Weighted> steps_;
};

}  // namespace ksim::sim
