// R5: nothing above the truly committed offset is served to consumers; what was served never changes.

#include <algorithm>

#include <fmt/format.h>

#include "sim/checkers/all.h"
#include "sim/checkers/early_leaders.h"
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

  void on_event(const NodeEvent& note) override { early_.on_event(note); }
  void on_consumed(const Consumed& record) override {
    early_.judge(record.partition, [this, record] { judge(record); });
  }

  // What is not served a second time vanishes all the same.
  void at_end(Instant at) override {
    early_.at_end();
    for (const auto& [where, served] : served_) {
      const auto [id, offset] = where;
      const PartitionTruth* truth = view_.partition(id);
      if (truth == nullptr || offset < truth->committed_start) continue;
      const TruthRecord* committed = truth->committed_record(offset);
      // It had been deleted when the log began to count of the leader that had served it.
      if (committed == nullptr && offset < truth->first_kept()) continue;
      const bool same = committed != nullptr && committed->id == served.record &&
                        committed->content_hash == served.content_hash;
      if (same || gone(*truth, offset, served)) continue;
      cry(at, to_string(view_.names().name(id)),
          fmt::format(
              "record {:016x} was served at offset {} at {} ms, where {} is committed now", served.record,
              offset, served.at.ms(),
              committed == nullptr ? std::string("nothing") : fmt::format("record {:016x}", committed->id)),
          served.record, offset);
    }
  }

 private:
  void judge(const Consumed& record) {
    const PartitionTruth* truth = view_.partition(record.partition);
    const std::string subject = to_string(view_.names().name(record.partition));
    const Served now{record.record, record.content_hash, record.at, record.leader_epoch};
    const auto [known, fresh] = served_.try_emplace({record.partition, record.offset}, now);
    if (!fresh &&
        (known->second.record != record.record || known->second.content_hash != record.content_hash)) {
      const bool stale =
          truth != nullptr && gone(*truth, record.offset, now);  // read long before it is handed over
      if (truth == nullptr || (!stale && !gone(*truth, record.offset, known->second))) {
        cry(record.at, subject,
            fmt::format("offset {} was served as record {:016x} at {} ms and as record {:016x} now",
                        record.offset, known->second.record, known->second.at.ms(), record.record),
            record.record, record.offset);
      }
      if (!stale) known->second = now;
    }
    if (truth == nullptr) return;
    const TruthRecord* committed = truth->committed_record(record.offset);
    if (committed == nullptr) {
      if (record.offset < truth->first_kept() || gone(*truth, record.offset, now)) return;
      cry(record.at, subject,
          fmt::format("consumer {} was served offset {}, but only {} and below are committed",
                      record.consumer, record.offset, truth->committed_end()),
          record.record, record.offset);
    } else if (committed->id != record.record || committed->content_hash != record.content_hash ||
               (record.timestamp_ms >= 0 && committed->timestamp_ms != record.timestamp_ms)) {
      if (gone(*truth, record.offset, now)) return;
      cry(record.at, subject,
          fmt::format(
              "consumer {} was served record {:016x} at offset {}, where record {:016x} is committed{}",
              record.consumer, record.record, record.offset, committed->id,
              committed->id == record.record ? " with other contents, headers or timestamp" : ""),
          record.record, record.offset);
    }
  }

  struct Served {
    RecordId record;
    uint64_t content_hash;
    Instant at;
    int32_t leader_epoch;
  };

  // It was lost, and might be; or a leader served it that an unclean election had deposed.
  static bool gone(const PartitionTruth& truth, int64_t offset, const Served& served) {
    if (truth.was_lost(offset, served.record)) return true;
    return served.leader_epoch >= 0 &&
           std::any_of(truth.unclean.begin(), truth.unclean.end(),
                       [&](const auto& e) { return e.leader_epoch > served.leader_epoch; });
  }
  std::map<std::pair<PartitionId, int64_t>, Served> served_;
  EarlyLeaders early_{view_};
};

}  // namespace

std::unique_ptr<Checker> make_served_is_committed(const ClusterView& view, Verdicts& verdicts) {
  return std::make_unique<ServedIsCommitted>(view, verdicts);
}

}  // namespace ksim::sim
