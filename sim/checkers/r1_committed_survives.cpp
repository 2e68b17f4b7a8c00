// R1: a record acknowledged under acks=all keeps offset and bytes in every later leader.

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
    return "what was acknowledged under acks=all keeps its offset and bytes in every later leader";
  }

  void on_send_completed(const SendOp& op) override {
    if (op.outcome != Outcome::ok || op.offset < 0) return;
    const auto session = acks_.find(op.session);
    if (session == acks_.end() || session->second != -1) return;
    acknowledged_[op.partition].push_back({op.offset, op.record, op.completed});
  }
  void on_session(const ProducerSession& session) override { acks_[session.session] = session.acks; }

  void on_event(const NodeEvent& note) override {
    const auto* e = std::get_if<BecameLeader>(note.event);
    if (e == nullptr) return;
    const auto id = view_.names().find(e->topic, e->partition);
    if (!id) return;
    const PartitionTruth* truth = view_.partition(*id);
    if (truth == nullptr || e->leader_epoch < truth->claim.leader_epoch) return;
    check(*id, *truth, note.node, note.at);
  }

  void at_end(Instant at) override {
    for (const auto& [id, records] : acknowledged_) {
      const PartitionTruth* truth = view_.partition(id);
      if (truth != nullptr && truth->claim.leader >= 0) check(id, *truth, truth->claim.leader, at);
    }
  }

 private:
  struct Acknowledged {
    int64_t offset;
    RecordId record;
    Instant at;
  };

  void check(PartitionId id, const PartitionTruth& truth, int32_t leader, Instant at) {
    const auto records = acknowledged_.find(id);
    const auto log = truth.replicas.find(leader);
    if (records == acknowledged_.end() || log == truth.replicas.end() || log->second == nullptr) return;
    const ReplicaTruth& held = *log->second;
    for (const Acknowledged& record : records->second) {
      if (record.offset < truth.first_kept()) continue;
      const RecordId there = record_at(truth, held, record.offset);
      if (there == record.record) continue;
      if (view_.loss_permitted(id, record.offset, -1, record.at)) continue;
      cry(at, to_string(view_.names().name(id)),
          fmt::format("record {:016x} was acknowledged at offset {} at {} ms, but leader {} holds {} there "
                      "(log end {})",
                      record.record, record.offset, record.at.ms(), leader,
                      there == 0 ? std::string("nothing") : fmt::format("record {:016x}", there),
                      held.end_offset()),
          record.record, record.offset);
      return;
    }
  }

  static RecordId record_at(const PartitionTruth& truth, const ReplicaTruth& log, int64_t offset) {
    const size_t at = log.find(offset);
    if (at >= log.batches().size() || log.batches()[at].base_offset > offset || !log.batches()[at].valid)
      return 0;
    const std::vector<TruthRecord>* records = truth.contents.find(log.batches()[at]);
    if (records == nullptr) return 0;
    for (const TruthRecord& record : *records) {
      if (record.offset == offset) return record.id;
    }
    return 0;
  }

  std::map<uint32_t, int32_t> acks_;
  std::map<PartitionId, std::vector<Acknowledged>> acknowledged_;
};

}  // namespace

std::unique_ptr<Checker> make_committed_survives(const ClusterView& view, Verdicts& verdicts) {
  return std::make_unique<CommittedSurvives>(view, verdicts);
}

}  // namespace ksim::sim
