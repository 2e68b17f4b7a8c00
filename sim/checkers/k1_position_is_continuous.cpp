// K1: per consumer and partition the position neither skips a record nor steps back without a seek or reset.

#include <algorithm>

#include <fmt/format.h>

#include "sim/checkers/all.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {
namespace {

class PositionIsContinuous final : public Checker {
 public:
  using Checker::Checker;
  std::string_view code() const override { return "K1"; }
  std::string_view text() const override {
    return "a consumer's position neither skips a record nor steps back without a seek or reset";
  }

  // Nothing but a seek of the application needs no reason. A reset follows from OFFSET_OUT_OF_RANGE or from a
  // truncation, and these are true only where records are gone.
  void on_position(const PositionSet& set) override {
    const auto [it, fresh] = next_.try_emplace({set.consumer, set.partition}, set.offset);
    const int64_t before = it->second;
    it->second = set.offset;
    if (fresh || set.reason != "reset" || set.offset == before) return;
    const PartitionTruth* truth = view_.partition(set.partition);
    if (truth != nullptr && before < truth->first_kept()) return;  // deleted on purpose
    if (view_.loss_permitted(set.partition, std::min(before, set.offset), -1, Instant{0})) return;
    cry(set.at, to_string(view_.names().name(set.partition)),
        fmt::format("consumer {} was at {} and was reset to {}, though no record is gone", set.consumer,
                    before, set.offset));
  }

  void on_consumed(const Consumed& record) override {
    const auto [it, fresh] = next_.try_emplace({record.consumer, record.partition}, record.offset);
    const int64_t expected = it->second;
    it->second = record.offset + 1;
    if (fresh || record.offset == expected) return;
    const std::string subject = to_string(view_.names().name(record.partition));
    if (record.offset < expected) {
      cry(record.at, subject,
          fmt::format("consumer {} was at {} and was handed offset {}", record.consumer, expected,
                      record.offset),
          record.record, record.offset);
      return;
    }
    const PartitionTruth* truth = view_.partition(record.partition);
    if (truth == nullptr) return;
    for (int64_t offset = std::max(expected, truth->first_kept()); offset < record.offset; ++offset) {
      const TruthRecord* skipped = truth->committed_record(offset);
      if (skipped == nullptr || skipped->id == 0) continue;
      cry(record.at, subject,
          fmt::format("consumer {} went from {} to {} and skipped record {:016x} at offset {}",
                      record.consumer, expected, record.offset, skipped->id, offset),
          skipped->id, offset);
      return;
    }
  }

 private:
  std::map<std::pair<uint32_t, PartitionId>, int64_t> next_;
};

}  // namespace

std::unique_ptr<Checker> make_position_is_continuous(const ClusterView& view, Verdicts& verdicts) {
  return std::make_unique<PositionIsContinuous>(view, verdicts);
}

}  // namespace ksim::sim
