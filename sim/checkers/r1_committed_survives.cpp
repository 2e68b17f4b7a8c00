// R1: what was committed keeps offset and bytes in every later leader. That is what was acknowledged under
// acks=all (P2) and what was served to readers (R5).

#include <fmt/format.h>

#include "sim/checkers/all.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {
namespace {

class CommittedSurvives final : public Checker {
 public:
  using Checker::Checker;
  std::string_view code() const override { return "R1"; }
  std::string_view text() const override {
    return "what was committed, acknowledged under acks=all or served, keeps its offset and bytes in every "
           "later "
           "leader";
  }

  void on_event(const NodeEvent& note) override {
    const auto* e = std::get_if<BecameLeader>(note.event);
    if (e == nullptr) return;
    const auto id = view_.names().find(e->topic, e->partition);
    if (!id) return;
    const PartitionTruth* truth = view_.partition(*id);
    if (truth == nullptr || e->leader_epoch < truth->claim.leader_epoch) return;
    check(*id, note.node, note.at);
  }

  void at_end(Instant at) override {
    for (PartitionId id : view_.partitions()) {
      const PartitionTruth* truth = view_.partition(id);
      if (truth->claim.leader >= 0) check(id, truth->claim.leader, at);
    }
  }

 private:
  void check(PartitionId id, int32_t leader, Instant at) {
    const TruthBatch* missing = view_.first_missing(id, leader);
    if (missing == nullptr) return;
    const PartitionTruth& truth = *view_.partition(id);
    const std::vector<TruthRecord>* records = truth.contents.find(*missing);
    const bool named = records != nullptr && !records->empty();
    const auto log = truth.replicas.find(leader);
    const bool held = log != truth.replicas.end() && log->second != nullptr;
    cry(at, to_string(view_.names().name(id)),
        fmt::format("{} is committed, first with record {:016x}, but leader {} lacks it (log end {})",
                    to_string(*missing), named ? records->front().id : 0, leader,
                    held ? log->second->end_offset() : 0),
        named ? records->front().id : 0, missing->base_offset);
  }
};

}  // namespace

std::unique_ptr<Checker> make_committed_survives(const ClusterView& view, Verdicts& verdicts) {
  return std::make_unique<CommittedSurvives>(view, verdicts);
}

}  // namespace ksim::sim
