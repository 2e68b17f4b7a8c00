// S4: what a log takes is whole and sound: a batch whose bytes a disk has spoilt goes into no other log.
// Right after each append the file must hold batches with right CRCs up to where the log says that it ends.

#include <fmt/format.h>

#include "sim/checkers/all.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {
namespace {

class DamageStays final : public Checker {
 public:
  using Checker::Checker;
  std::string_view code() const override { return "S4"; }
  std::string_view text() const override { return "what a log takes is whole, and its checksums are right"; }

  void on_event(const NodeEvent& note) override {
    const auto* appended = std::get_if<LogAppended>(note.event);
    const ReplicaTruth* log = appended == nullptr ? nullptr : log_of(note, appended->log);
    if (log == nullptr || log->end_offset() >= appended->end_offset) return;
    cry(note.at, std::string(appended->log),
        fmt::format("node {} has appended {} to {}, but sound batches end at {}", note.node,
                    appended->base_offset, appended->end_offset, log->end_offset()),
        0, appended->base_offset);
  }

 private:
  const ReplicaTruth* log_of(const NodeEvent& note, std::string_view name) const {
    if (name == kMetadataLog) return view_.metadata_log(note.node);
    const auto id = view_.partition_of(*note.event);
    const PartitionTruth* partition = id ? view_.partition(*id) : nullptr;
    if (partition == nullptr) return nullptr;
    const auto found = partition->replicas.find(note.node);
    return found == partition->replicas.end() ? nullptr : found->second.get();
  }
};

}  // namespace

std::unique_ptr<Checker> make_damage_stays(const ClusterView& view, Verdicts& verdicts) {
  return std::make_unique<DamageStays>(view, verdicts);
}

}  // namespace ksim::sim
