// L: when faults end, every operation completes in bounded virtual time, there is a controller, and every
// partition has a leader and its full ISR. The runner heals, waits and then asks.

#include <algorithm>

#include <fmt/format.h>

#include "sim/checkers/all.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {
namespace {

class EverythingCompletes final : public Checker {
 public:
  using Checker::Checker;
  std::string_view code() const override { return "L"; }
  std::string_view text() const override {
    return "after healing there is a controller, every partition has a leader and its full ISR, and every "
           "call ends";
  }

  void on_send_invoked(const SendOp& op) override { open_.emplace(op.record, op); }
  void on_send_completed(const SendOp& op) override { open_.erase(op.record); }

  void at_end(Instant at) override {
    if (view_.active_controller() < 0 && !view_.voters().empty())
      cry(at, "controller", "no controller is active after healing");
    for (PartitionId id : view_.partitions()) partition(id, at);
    if (open_.empty()) return;
    const SendOp& first = open_.begin()->second;
    cry(at, to_string(view_.names().name(first.partition)),
        fmt::format("{} sends never completed; the first is record {:016x}, sent at {} ms", open_.size(),
                    first.record, first.invoked.ms()),
        first.record);
  }

 private:
  void partition(PartitionId id, Instant at) {
    const PartitionTruth* truth = view_.partition(id);
    const PartitionClaim& claim = truth->claim;
    if (claim.leader_epoch < 0) return;
    const std::string subject = to_string(view_.names().name(id));
    if (claim.leader < 0) {
      std::vector<int32_t> holders;
      for (const auto& [node, log] : truth->replicas) {
        if (log != nullptr && log->end_offset() >= truth->committed_end() && view_.node(node).up)
          holders.push_back(node);
      }
      const bool excused =
          view_.loss_permitted(id, std::max<int64_t>(truth->committed_end() - 1, 0), -1, Instant{0});
      if (excused) return;  // beyond the budget a partition may stay offline until an operator decides
      cry(at, subject,
          fmt::format("no leader after healing (epoch {}, ISR [{}], ELR [{}]); brokers [{}] are up and hold "
                      "all committed "
                      "records",
                      claim.leader_epoch, fmt::join(claim.isr, ","), fmt::join(claim.elr, ","),
                      fmt::join(holders, ",")));
      return;
    }
    const auto replication = static_cast<size_t>(view_.promise_of(id).replication);
    if (claim.isr.size() < replication) {
      cry(at, subject,
          fmt::format("after healing the ISR is [{}], {} of {} replicas", fmt::join(claim.isr, ","),
                      claim.isr.size(), replication));
    }
  }

  std::map<RecordId, SendOp> open_;
};

}  // namespace

std::unique_ptr<Checker> make_everything_completes(const ClusterView& view, Verdicts& verdicts) {
  return std::make_unique<EverythingCompletes>(view, verdicts);
}

}  // namespace ksim::sim
