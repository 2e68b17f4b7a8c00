// R5: nothing above the truly committed offset is served to consumers; what was served never changes.

#include <fmt/format.h>

#include "sim/checkers/all.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {
namespace {

class ServedIsCommitted final : public Checker {
 public:
  using Checker::Checker;
  std::string_view code() const override { return "R5"; }
  std::string_view text() const override {
    return "consumers are served committed records only, and what was served never changes";
  }

  void on_consumed(const Consumed& record) override {
    const PartitionTruth* truth = view_.partition(record.partition);
    const std::string subject = to_string(view_.names().name(record.partition));
    const auto [known, fresh] = served_.try_emplace({record.partition, record.offset},
                                                    Served{record.record, record.content_hash, record.at});
    if (!fresh &&
        (known->second.record != record.record || known->second.content_hash != record.content_hash)) {
      if (!view_.loss_permitted(record.partition, record.offset, -1, known->second.at)) {
        cry(record.at, subject,
            fmt::format("offset {} was served as record {:016x} at {} ms and as record {:016x} now",
                        record.offset, known->second.record, known->second.at.ms(), record.record),
            record.record, record.offset);
      }
      known->second = {record.record, record.content_hash, record.at};
    }
    if (truth == nullptr) return;
    const TruthRecord* committed = truth->committed_record(record.offset);
    if (committed == nullptr) {
      if (record.offset < truth->committed_start ||
          view_.loss_permitted(record.partition, record.offset, -1, Instant{0}))
        return;
      cry(record.at, subject,
          fmt::format("consumer {} was served offset {}, but only {} and below are committed",
                      record.consumer, record.offset, truth->committed_end()),
          record.record, record.offset);
    } else if (committed->id != record.record || committed->content_hash != record.content_hash) {
      if (view_.loss_permitted(record.partition, record.offset, -1, Instant{0})) return;
      cry(record.at, subject,
          fmt::format("consumer {} was served record {:016x} at offset {}, where record {:016x} is committed",
                      record.consumer, record.record, record.offset, committed->id),
          record.record, record.offset);
    }
  }

 private:
  struct Served {
    RecordId record;
    uint64_t content_hash;
    Instant at;
  };
  std::map<std::pair<PartitionId, int64_t>, Served> served_;
};

}  // namespace

std::unique_ptr<Checker> make_served_is_committed(const ClusterView& view, Verdicts& verdicts) {
  return std::make_unique<ServedIsCommitted>(view, verdicts);
}

}  // namespace ksim::sim
