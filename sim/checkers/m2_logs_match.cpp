// M2: two voters that hold the same (offset, epoch) hold the same bytes there and the same prefix before it.

#include <fmt/format.h>

#include "sim/checkers/all.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {
namespace {

class LogsMatch final : public Checker {
 public:
  using Checker::Checker;
  std::string_view code() const override { return "M2"; }
  std::string_view text() const override {
    return "metadata logs that share an (offset, epoch) share its bytes and everything before";
  }

  void on_event(const NodeEvent& note) override {
    const auto* loaded = std::get_if<LogLoaded>(note.event);
    const auto* appended = std::get_if<LogAppended>(note.event);
    const auto* truncated = std::get_if<LogTruncated>(note.event);
    const bool metadata = (loaded != nullptr && loaded->log == kMetadataLog) ||
                          (appended != nullptr && appended->log == kMetadataLog) ||
                          (truncated != nullptr && truncated->log == kMetadataLog);
    if (!metadata) return;
    const ReplicaTruth* log = view_.metadata_log(note.node);
    if (log == nullptr) return;
    int64_t& upto = verified_[note.node];
    if (loaded != nullptr) upto = 0;
    if (truncated != nullptr) upto = std::min(upto, truncated->to_offset);
    for (size_t i = log->find(upto); i < log->batches().size(); ++i) judge(*log, i, note.at);
    upto = log->end_offset();
  }

 private:
  // A batch, and the one before it: by induction the whole prefix. Before the first batch of a log that
  // starts after a snapshot nothing is known.
  struct Known {
    uint32_t crc;
    int64_t last_offset;
    int32_t node;
    std::optional<std::pair<int64_t, int32_t>> previous;
  };

  void judge(const ReplicaTruth& log, size_t i, Instant at) {
    const TruthBatch& batch = log.batches()[i];
    std::optional<std::pair<int64_t, int32_t>> previous;
    if (i > 0) previous.emplace(log.batches()[i - 1].base_offset, log.batches()[i - 1].leader_epoch);
    const auto [it, fresh] = known_.try_emplace({batch.base_offset, batch.leader_epoch},
                                                Known{batch.crc, batch.last_offset, log.node(), previous});
    if (fresh) return;
    Known& known = it->second;
    const bool other_past = known.previous && previous && known.previous != previous;
    if (known.crc != batch.crc || known.last_offset != batch.last_offset || other_past) {
      cry(at, kMetadataLog,
          fmt::format("nodes {} and {} both hold offset {} of epoch {}, but with {}", known.node, log.node(),
                      batch.base_offset, batch.leader_epoch,
                      other_past ? "another batch before it" : "other bytes"));
    }
    if (!known.previous) known.previous = previous;
  }

  std::map<std::pair<int64_t, int32_t>, Known> known_;
  std::map<int32_t, int64_t> verified_;
};

}  // namespace

std::unique_ptr<Checker> make_logs_match(const ClusterView& view, Verdicts& verdicts) {
  return std::make_unique<LogsMatch>(view, verdicts);
}

}  // namespace ksim::sim
