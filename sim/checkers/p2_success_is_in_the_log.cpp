// P2: a send reported successful is in the log, where it was said to be, as it was sent; one that definitely
// failed is not.

#include <set>

#include <fmt/format.h>

#include "sim/checkers/all.h"
#include "sim/checkers/early_leaders.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {
namespace {

class SuccessIsInTheLog final : public Checker {
 public:
  using Checker::Checker;
  std::string_view code() const override { return "P2"; }
  std::string_view text() const override {
    return "a send reported successful is in the log; one that definitely failed is not";
  }

  void on_session(const ProducerSession& session) override { acks_[session.session] = session.acks; }

  void on_event(const NodeEvent& note) override { early_.on_event(note); }
  void on_send_completed(const SendOp& op) override {
    if (op.outcome == Outcome::failed) failed_.insert(op.record);
    if (op.outcome == Outcome::ok && op.offset < 0 && acks_[op.session] == -1) {
      unplaced_.push_back(op);  // DUPLICATE_SEQUENCE_NUMBER: success without an offset
    }
    if (op.outcome == Outcome::ok && op.offset >= 0 && acks_[op.session] == 1) by_leader_.push_back(op);
    if (op.outcome == Outcome::ok && op.offset >= 0 && acks_[op.session] == -1)
      early_.judge(op.partition, [this, op] { judge_acknowledged(op); });
  }

  void at_end(Instant at) override {
    early_.at_end();
    std::set<RecordId> found;
    for (PartitionId id : view_.partitions()) {
      const PartitionTruth* truth = view_.partition(id);
      for (const TruthBatch& batch : truth->committed) look(id, *truth, batch, found, at);
      for (const LostBatch& gone : truth->lost) look(id, *truth, gone.batch, found, at);
    }
    for (const SendOp& op : by_leader_) {
      const PartitionTruth* truth = view_.partition(op.partition);
      const TruthRecord* there = truth == nullptr ? nullptr : truth->committed_record(op.offset);
      // Without a leader what it alone had stays where it is, until an operator decides.
      if (there == nullptr) there = view_.held_by_leader(op.partition, op.offset, op.invoked);
      if (there != nullptr && there->id == op.record) {
        judge_contents(op, *there);
        continue;
      }
      if (truth != nullptr && truth->was_lost(op.offset, op.record)) continue;
      if (view_.loss_permitted(op.partition, op.offset, 1, op.invoked)) continue;
      if (truth != nullptr && op.offset < truth->first_kept()) continue;
      cry(at, to_string(view_.names().name(op.partition)),
          fmt::format("record {:016x} was acknowledged by the leader alone at offset {}, and is not there "
                      "though that leader stayed and its copy was not destroyed",
                      op.record, op.offset),
          op.record, op.offset);
    }
    for (const SendOp& op : unplaced_) {
      if (found.contains(op.record) || view_.loss_permitted(op.partition, 0, -1, op.invoked)) continue;
      cry(at, to_string(view_.names().name(op.partition)),
          fmt::format("record {:016x} was acknowledged as a duplicate, yet is nowhere in the log", op.record),
          op.record);
    }
  }

 private:
  // By all that are in sync.
  void judge_acknowledged(const SendOp& op) {
    const PartitionTruth* truth = view_.partition(op.partition);
    const TruthRecord* there = truth == nullptr ? nullptr : truth->committed_record(op.offset);
    if (there != nullptr && there->id == op.record) return judge_contents(op, *there);
    if (truth != nullptr && op.offset < truth->committed_start) return;
    if (truth != nullptr && truth->was_lost(op.offset, op.record)) return;
    if (view_.loss_permitted(op.partition, op.offset, -1, op.invoked)) return;
    cry(op.completed, to_string(view_.names().name(op.partition)),
        fmt::format("record {:016x} was acknowledged at offset {}, where {} is committed (up to {})",
                    op.record, op.offset,
                    there == nullptr ? std::string("nothing") : fmt::format("record {:016x}", there->id),
                    truth == nullptr ? 0 : truth->committed_end()),
        op.record, op.offset);
  }

  void judge_contents(const SendOp& op, const TruthRecord& there) {
    const bool same = op.content_hash == 0 || op.content_hash == there.content_hash;
    const bool same_time = op.timestamp_ms < 0 || op.timestamp_ms == there.timestamp_ms;
    if (same && same_time) return;
    cry(op.completed, to_string(view_.names().name(op.partition)),
        fmt::format("record {:016x} was acknowledged at offset {}, where it has {}", op.record, op.offset,
                    same ? fmt::format("the timestamp {} instead of {}", there.timestamp_ms, op.timestamp_ms)
                         : std::string("another key, value or headers")),
        op.record, op.offset);
  }

  void look(PartitionId id, const PartitionTruth& truth, const TruthBatch& batch, std::set<RecordId>& found,
            Instant at) {
    const std::vector<TruthRecord>* records = truth.contents.find(batch);
    if (records == nullptr) return;
    for (const TruthRecord& record : *records) {
      found.insert(record.id);
      if (!failed_.contains(record.id)) continue;
      cry(at, to_string(view_.names().name(id)),
          fmt::format("record {:016x} was reported as definitely not written, yet stands at offset {}",
                      record.id, record.offset),
          record.id, record.offset);
    }
  }

  std::map<uint32_t, int32_t> acks_;
  std::set<RecordId> failed_;
  std::vector<SendOp> unplaced_;
  std::vector<SendOp> by_leader_;  // acks=1
  EarlyLeaders early_{view_};
};

}  // namespace

std::unique_ptr<Checker> make_success_is_in_the_log(const ClusterView& view, Verdicts& verdicts) {
  return std::make_unique<SuccessIsInTheLog>(view, verdicts);
}

}  // namespace ksim::sim
