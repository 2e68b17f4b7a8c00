// P4: an idempotent producer is told OUT_OF_ORDER_SEQUENCE_NUMBER only where something is missing in front: a
// send of its own in that partition that it gave up before, or records that the partition has lost.
// Applications take it for a sign of lost data (KIP-360; KAFKA-15591).

#include <map>
#include <set>

#include <fmt/format.h>

#include "sim/checkers/all.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {
namespace {

class NoGapWithoutLoss final : public Checker {
 public:
  using Checker::Checker;
  std::string_view code() const override { return "P4"; }
  std::string_view text() const override {
    return "an idempotent producer is refused as out of order only behind a send that was given up, or where "
           "records were lost";
  }

  void on_session(const ProducerSession& session) override {
    if (session.idempotent) idempotent_.insert(session.session);
  }

  // Of a producer whose batches are deleted, or were before the snapshot that a log is loaded with, the last
  // one alone is known: repetitions of those before it cannot be recognised.
  void on_event(const NodeEvent& note) override {
    if (!std::holds_alternative<LogLoaded>(*note.event) &&
        !std::holds_alternative<LogStartMoved>(*note.event))
      return;
    if (const auto partition = view_.partition_of(*note.event)) forgot_[*partition] = note.at;
  }

  void on_send_completed(const SendOp& op) override {
    if (op.outcome == Outcome::ok || !idempotent_.contains(op.session)) return;
    // Once is enough: what comes behind it has a gap in front.
    if (!gaps_.insert({op.session, op.partition}).second) return;
    if (op.error != ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER) return;
    const PartitionTruth* truth = view_.partition(op.partition);
    if (truth != nullptr && truth->lost_any_of(op.session)) return;
    const auto forgot = forgot_.find(op.partition);
    if (forgot != forgot_.end() && op.invoked <= forgot->second) return;
    cry(op.completed, to_string(view_.names().name(op.partition)),
        fmt::format("record {:016x} of session {} was refused with OUT_OF_ORDER_SEQUENCE_NUMBER, though the "
                    "producer had given up none before it, and none was lost",
                    op.record, op.session),
        op.record);
  }

 private:
  std::set<uint32_t> idempotent_;
  std::map<PartitionId, Instant> forgot_;
  std::set<std::pair<uint32_t, PartitionId>> gaps_;
};

}  // namespace

std::unique_ptr<Checker> make_no_gap_without_loss(const ClusterView& view, Verdicts& verdicts) {
  return std::make_unique<NoGapWithoutLoss>(view, verdicts);
}

}  // namespace ksim::sim
