// R1: what was committed keeps offset and bytes in every later leader. That is what was acknowledged under
// acks=all (P2) and what was served to readers (R5).

#include <map>

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
    if (const auto* e = std::get_if<BecameLeader>(note.event)) {
      const auto id = view_.names().find(e->topic, e->partition);
      const PartitionTruth* truth = id ? view_.partition(*id) : nullptr;
      if (truth == nullptr || truth->former_ids.contains(e->topic_id)) return;
      if (e->leader_epoch < truth->claim.leader_epoch) return;
      if (e->leader_epoch > truth->claim.leader_epoch) {
        early_[*id] = {note.node, e->leader_epoch};
      } else {
        check(*id, note.node, note.at);
      }
    } else if (const auto* c = std::get_if<PartitionChanged>(note.event)) {
      const auto id = view_.names().find(c->topic, c->partition);
      if (const auto early = id ? early_.find(*id) : early_.end(); early != early_.end())
        heard(early, note.at);
    }
  }

  void at_end(Instant at) override {
    for (PartitionId id : view_.partitions()) {
      const PartitionTruth* truth = view_.partition(id);
      if (truth->claim.leader >= 0) check(id, truth->claim.leader, at);
    }
  }

 private:
  // Who leads before the controller's own word of its election has come: what that word permits is not known
  // yet.
  struct Early {
    int32_t node = -1;
    int32_t leader_epoch = -1;
  };
  using EarlyLeaders = std::map<PartitionId, Early>;

  void heard(EarlyLeaders::iterator early, Instant at) {
    const auto [id, leader] = *early;
    const int32_t epoch = view_.partition(id)->claim.leader_epoch;
    if (epoch < leader.leader_epoch) return;
    early_.erase(early);
    if (epoch == leader.leader_epoch) check(id, leader.node, at);
  }

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

  EarlyLeaders early_;
};

}  // namespace

std::unique_ptr<Checker> make_committed_survives(const ClusterView& view, Verdicts& verdicts) {
  return std::make_unique<CommittedSurvives>(view, verdicts);
}

}  // namespace ksim::sim
