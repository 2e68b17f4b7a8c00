// Cycles of dependencies: G0, G1c, and those with process and realtime edges.
//
// In a component of the whole graph a code is reported unless another one that was found there implies it. So
// each is looked for only where none that implies it is there, and then any cycle of its edges is one of it:
// where no cycle is of ww alone, one of ww and process edges has both, and so on.

#include <algorithm>

#include "sim/judge/families.h"
#include "sim/judge/graph.h"

namespace ksim::judge {
namespace {

constexpr EdgeKinds kG0{.ww = true, .wr = false, .process = false, .realtime = false};
constexpr EdgeKinds kG0Process{.ww = true, .wr = false, .process = true, .realtime = false};
constexpr EdgeKinds kG0Realtime{.ww = true, .wr = false, .process = false, .realtime = true};
constexpr EdgeKinds kG1c{.ww = true, .wr = true, .process = false, .realtime = false};
constexpr EdgeKinds kG1cProcess{.ww = true, .wr = true, .process = true, .realtime = false};
constexpr EdgeKinds kG1cRealtime{.ww = true, .wr = true, .process = false, .realtime = true};

// Edges that the search for shortest cycles may look at in all, beside one search for each cycle.
constexpr uint64_t kPatience = 20'000'000;

class Cycles {
 public:
  Cycles(const History& history, const Logs& logs, Findings& findings)
      : history_(history), findings_(findings), graph_(history, logs), whole_(graph_) {}

  void find() {
    EdgeKinds all = kG1cRealtime;
    all.process = true;
    all.ww = history_.settings.ww_deps;
    std::vector<std::vector<uint32_t>> components;
    for (uint32_t vertex = 0; vertex < graph_.vertices(); ++vertex) {
      whole_.find(
          vertex, all, [](uint32_t) { return true; },
          [&](const uint32_t* first, const uint32_t* last) {
            if (has_vertices(first, last)) components.emplace_back(first, last);
          });
    }
    if (components.empty()) return;
    parts_.emplace(graph_);
    found_from_.assign(graph_.nodes(), kNone);
    for (std::vector<uint32_t>& component : components) {
      std::sort(component.begin(), component.end());
      look_into(component);
    }
  }

 private:
  bool has_vertices(const uint32_t* first, const uint32_t* last) const {
    return std::count_if(first, last, [this](uint32_t node) { return node < graph_.vertices(); }) > 1;
  }

  void look_into(const std::vector<uint32_t>& component) {
    const bool ww = history_.settings.ww_deps;
    if (ww && is_there(component, kG0, Code::g0)) return;
    const bool g0_process = ww && is_there(component, kG0Process, Code::g0_process);
    const bool g0_realtime = !g0_process && ww && is_there(component, kG0Realtime, Code::g0_realtime);
    if (is_there(component, kG1c, Code::g1c) || g0_process) return;
    if (is_there(component, kG1cProcess, Code::g1c_process) || g0_realtime) return;
    is_there(component, kG1cRealtime, Code::g1c_realtime);
  }

  // Looks for a cycle of these edges, and reports it.
  bool is_there(const std::vector<uint32_t>& component, EdgeKinds kinds, Code code) {
    kinds.ww = kinds.ww && history_.settings.ww_deps;
    const auto is_in = [&, of = whole_.component(component[0])](uint32_t node) {
      return whole_.component(node) == of;
    };
    std::vector<std::vector<uint32_t>> found;
    parts_->restart();
    for (const uint32_t node : component) {
      parts_->find(node, kinds, is_in, [&](const uint32_t* first, const uint32_t* last) {
        if (has_vertices(first, last)) found.emplace_back(first, last);
      });
    }
    if (!found.empty() && !findings_.is_full(code)) report(found, kinds, code);
    for (const uint32_t node : component) parts_->forget(node);
    return !found.empty();
  }

  void report(std::vector<std::vector<uint32_t>>& parts, const EdgeKinds& kinds, Code code) {
    std::stable_sort(parts.begin(), parts.end(),
                     [](const auto& a, const auto& b) { return a.size() < b.size(); });
    std::vector<uint32_t> best;
    for (std::vector<uint32_t>& part : parts) {
      std::sort(part.begin(), part.end());
      for (const uint32_t start : part) {
        if (start >= graph_.vertices()) break;
        if (!best.empty() && (best.size() == 2 || looked_at_ > kPatience)) break;
        shorten(start, kinds, best);
      }
    }
    // The graph points backwards. The op that comes first in the history comes first.
    std::reverse(best.begin(), best.end());
    for (uint32_t& vertex : best) vertex = graph_.op_of(vertex);
    best.erase(std::unique(best.begin(), best.end()), best.end());
    while (best.size() > 1 && best.front() == best.back()) best.pop_back();
    std::rotate(best.begin(), std::min_element(best.begin(), best.end()), best.end());
    Witness witness(history_);
    findings_.add(code, witness.ops(best));
  }

  // A shortest cycle through a vertex, in its part, if it is shorter than the best so far: breadth first,
  // where only vertices count as steps.
  void shorten(uint32_t start, const EdgeKinds& kinds, std::vector<uint32_t>& best) {
    const uint32_t part = parts_->component(start);
    touched_.clear();
    std::vector<uint32_t> level{start};
    std::vector<uint32_t> next;
    uint32_t last = kNone;  // the vertex before the start again
    for (size_t length = 1; last == kNone && !level.empty() && (best.empty() || length < best.size());
         ++length) {
      next.clear();
      for (const uint32_t vertex : level) {
        if (step(vertex, start, part, kinds, next)) {
          last = vertex;
          break;
        }
      }
      level.swap(next);
    }
    if (last != kNone) {
      std::vector<uint32_t> cycle;
      for (uint32_t vertex = last; vertex != start; vertex = found_from_[vertex]) cycle.push_back(vertex);
      cycle.push_back(start);
      std::reverse(cycle.begin(), cycle.end());
      best = std::move(cycle);
    }
    for (const uint32_t node : touched_) found_from_[node] = kNone;
  }

  // Adds the vertices that are one step away. True: the start is, and this is not the start.
  bool step(uint32_t vertex, uint32_t start, uint32_t part, const EdgeKinds& kinds,
            std::vector<uint32_t>& next) {
    std::vector<uint32_t>& open = open_;
    open.assign(1, vertex);
    std::vector<uint32_t> passed;  // from the start: a cycle may come back through them
    while (!open.empty()) {
      const uint32_t node = open.back();
      open.pop_back();
      uint32_t cursor = 0;
      uint32_t to = 0;
      while (graph_.next(node, kinds, cursor, to)) {
        ++looked_at_;
        if (parts_->component(to) != part) continue;
        if (to == start) {
          if (vertex != start) return true;
          continue;
        }
        if (found_from_[to] != kNone) continue;
        found_from_[to] = vertex;
        if (to < graph_.vertices()) {
          touched_.push_back(to);
          next.push_back(to);
        } else {
          (vertex == start ? passed : touched_).push_back(to);
          open.push_back(to);
        }
      }
    }
    for (const uint32_t node : passed) found_from_[node] = kNone;
    return false;
  }

  const History& history_;
  Findings& findings_;
  Graph graph_;
  Components whole_;
  std::optional<Components> parts_;   // of a component, by the edges that are looked at
  std::vector<uint32_t> found_from_;  // by node: the vertex it was found from
  std::vector<uint32_t> touched_, open_;
  uint64_t looked_at_ = 0;
};

}  // namespace

void find_cycles(const History& history, const Logs& logs, Findings& findings) {
  Cycles(history, logs, findings).find();
}

}  // namespace ksim::judge
