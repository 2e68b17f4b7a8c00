#pragma once
// The dependencies of operations as a graph that is not stored: its edges are read off the table. All of them
// point backwards, from what depends to what it depends on, for the table says of a poll which values it saw
// and of an op what went before; cycles and components are the same either way.
//
// Three kinds of nodes stand for many edges at once, so that there are as many as the history is long:
//   realtime   the n-th completion that is ok: reaches its op and, through the node before it, all earlier
//   ones process    the same within one process, one for each op slot       an offset at which several values
//   are: reaches all their senders

#include <cstdint>
#include <vector>

#include "sim/judge/history.h"
#include "sim/judge/logs.h"

namespace ksim::judge {

// Which edges count.
struct EdgeKinds {
  bool ww = false, wr = false, process = false, realtime = false;
};

class Graph {
 public:
  Graph(const History& history, const Logs& logs);

  // Nodes below vertices() are vertices: ops, or micro-ops where each is on its own.
  uint32_t vertices() const { return vertices_; }
  uint32_t nodes() const { return nodes_; }
  uint32_t op_of(uint32_t vertex) const { return by_micro_op_ ? op_of_micro_[vertex] : vertex; }

  // The next edge from `node`: `cursor` begins at 0 and is the graph's own. False: there are no more.
  bool next(uint32_t node, const EdgeKinds& kinds, uint32_t& cursor, uint32_t& to) const;

 private:
  bool next_of_vertex(uint32_t node, const EdgeKinds& kinds, uint32_t& cursor, uint32_t& to) const;
  bool next_write(uint32_t vertex, uint32_t micro, uint32_t& to) const;
  bool next_read(uint32_t vertex, uint32_t record, uint32_t& to) const;
  // The vertices of an op: to = the cursor-th; false if there are not so many.
  bool vertex_of(uint32_t op, uint32_t cursor, uint32_t& to) const;
  uint32_t sender(uint32_t value) const {
    const Value& sent = history_.values[value];
    return by_micro_op_ ? sent.writer_micro : sent.writer;
  }
  void note_slots();

  const History& history_;
  const Logs& logs_;
  bool by_micro_op_;
  uint32_t vertices_ = 0, first_process_ = 0, first_slot_ = 0,
           nodes_ = 0;  // realtime nodes follow the vertices
  std::vector<uint32_t> op_of_micro_;
  std::vector<uint32_t> sender_of_place_;    // of its value: a poll looks up many, and they lie together
  std::vector<uint32_t> before_in_process_;  // by op: the op with micro-ops before it in its process
  std::vector<uint32_t> slot_before_;  // by slot: the one before it at which a value is for the first time
  std::vector<uint32_t> crowded_;      // slots at which several values are for the first time, sorted
};

// Strongly connected components, by Pearce's variant of Tarjan's algorithm (2016) without recursion.
class Components {
 public:
  explicit Components(const Graph& graph) : graph_(graph), rank_(graph.nodes(), 0) {}

  // Starts at each root; follows edges of these kinds to nodes that `is_in(node)` lets through. Calls
  // found(first, last) with the nodes of each component of more than one.
  template <class IsIn, class Found>
  void find(uint32_t root, const EdgeKinds& kinds, IsIn&& is_in, Found&& found);

  // Two nodes that were visited are of one component if these are equal.
  uint32_t component(uint32_t node) const { return rank_[node]; }
  bool is_visited(uint32_t node) const { return rank_[node] != 0; }
  // Forgets visited nodes. Those of other components keep theirs.
  void forget(uint32_t node) { rank_[node] = 0; }
  // Nothing visited is left: numbers begin anew.
  void restart() { index_ = 1, component_ = UINT32_MAX; }

 private:
  struct Frame {
    uint32_t node;
    uint32_t cursor;
    bool is_root;
  };

  const Graph& graph_;
  std::vector<uint32_t> rank_;
  std::vector<Frame> frames_;
  std::vector<uint32_t> stack_;
  uint32_t index_ = 1;
  uint32_t component_ = UINT32_MAX;
};

template <class IsIn, class Found>
void Components::find(uint32_t root, const EdgeKinds& kinds, IsIn&& is_in, Found&& found) {
  if (rank_[root] != 0) return;
  frames_.push_back({root, 0, true});
  rank_[root] = index_++;
  while (!frames_.empty()) {
    Frame& frame = frames_.back();
    const uint32_t node = frame.node;
    uint32_t to = 0;
    bool descends = false;
    while (graph_.next(node, kinds, frame.cursor, to)) {
      if (!is_in(to)) continue;
      if (rank_[to] == 0) {
        descends = true;
        break;
      }
      if (rank_[to] < rank_[node]) {
        rank_[node] = rank_[to];
        frame.is_root = false;
      }
    }
    if (descends) {
      rank_[to] = index_++;
      frames_.push_back({to, 0, true});
      continue;
    }
    const bool is_root = frame.is_root;
    frames_.pop_back();
    if (!frames_.empty() && rank_[node] < rank_[frames_.back().node]) {
      rank_[frames_.back().node] = rank_[node];
      frames_.back().is_root = false;
    }
    if (!is_root) {
      stack_.push_back(node);
      continue;
    }
    const uint32_t least = rank_[node];
    size_t first = stack_.size();
    while (first > 0 && rank_[stack_[first - 1]] >= least) --first;
    stack_.push_back(node);
    for (size_t i = first; i < stack_.size(); ++i) rank_[stack_[i]] = component_;
    --component_;
    index_ -= static_cast<uint32_t>(stack_.size() - first);
    if (stack_.size() - first > 1) found(stack_.data() + first, stack_.data() + stack_.size());
    stack_.resize(first);
  }
}

}  // namespace ksim::judge
