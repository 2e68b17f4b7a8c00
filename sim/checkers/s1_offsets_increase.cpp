// S1: offsets in a log are unique and strictly increasing; the log start offset never decreases, and moves
// over what retention or a client has given up only.

#include <algorithm>

#include <fmt/format.h>

#include "sim/checkers/all.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {
namespace {

class OffsetsIncrease final : public Checker {
 public:
  using Checker::Checker;
  std::string_view code() const override { return "S1"; }
  std::string_view text() const override {
    return "offsets in a log are unique and increase; the log start offset never decreases, and moves over "
           "what was "
           "given up only";
  }

  void on_event(const NodeEvent& note) override {
    const auto id = view_.partition_of(*note.event);
    if (!id) return;
    const PartitionTruth* truth = view_.partition(*id);
    const auto it = truth->replicas.find(note.node);
    if (it == truth->replicas.end() || it->second == nullptr) return;
    if (!it->second->disorder().empty()) {
      cry(note.at, to_string(view_.names().name(*id)),
          fmt::format("node {}: {}", note.node, it->second->disorder()));
    }
    int64_t start = -1;
    if (const auto* moved = std::get_if<LogStartMoved>(note.event)) {
      start = moved->start_offset;
      if (!truth->unfounded_deletion.empty()) {
        cry(note.at, to_string(view_.names().name(*id)),
            fmt::format("node {} moved its log start to {} ({}), yet nothing permits it: {}", note.node,
                        start, moved->reason, truth->unfounded_deletion));
      }
    }
    if (const auto* loaded = std::get_if<LogLoaded>(note.event)) start = loaded->start_offset;
    if (const auto* cut = std::get_if<LogTruncated>(note.event)) {
      // Cut below its start it begins anew there; whether that was lawful is the replicas' matter.
      Known& known = start_[{*id, note.node}];
      known.start = std::min(known.start, cut->to_offset);
    }
    if (start < 0) return;
    Known& known = start_[{*id, note.node}];
    const bool excused =
        view_.node(note.node).suspect || view_.may_be_gone(*id, start, known.start, known.at, -1);
    if (start < known.start && !excused) {
      cry(note.at, to_string(view_.names().name(*id)),
          fmt::format("node {}: the log start offset went back from {} to {}", note.node, known.start,
                      start));
    }
    known = {start, note.at};
  }

  // What it has now was another disk's: a new one, or an older state of its own.
  void on_node(int32_t node, NodeFault fault, Instant) override {
    if (fault == NodeFault::wiped)
      std::erase_if(start_, [node](const auto& entry) { return entry.first.second == node; });
  }

 private:
  struct Known {
    int64_t start = 0;
    Instant at;
  };
  std::map<std::pair<PartitionId, int32_t>, Known> start_;
};

}  // namespace

std::unique_ptr<Checker> make_offsets_increase(const ClusterView& view, Verdicts& verdicts) {
  return std::make_unique<OffsetsIncrease>(view, verdicts);
}

}  // namespace ksim::sim
