// R7: where a leader says that an epoch ends, it ends in its log; and who has cut off what differed keeps
// nothing of a later epoch than the one that it was told (KIP-101, KIP-279, KIP-595). Of partitions and of
// the metadata.

#include <set>

#include <fmt/format.h>

#include "sim/checkers/all.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {
namespace {

class EpochEnds final : public Checker {
 public:
  using Checker::Checker;
  std::string_view code() const override { return "R7"; }
  std::string_view text() const override {
    return "an epoch ends where its leader says, and who has cut what differed keeps nothing of a later one";
  }

  void on_event(const NodeEvent& note) override {
    if (const auto* l = std::get_if<BecameLeader>(note.event)) {
      led_[{note.node, fmt::format("{}-{}", l->topic, l->partition)}].insert(l->leader_epoch);
    } else if (const auto* s = std::get_if<RaftStateChanged>(note.event)) {
      if (s->state == "leader") led_[{note.node, std::string(kMetadataLog)}].insert(s->epoch);
    } else if (const auto* told = std::get_if<EpochEndTold>(note.event)) {
      if (const Log log = log_of(note, told->log); log.truth != nullptr) judge(*told, log, note);
    } else if (const auto* cut = std::get_if<DivergenceCut>(note.event)) {
      if (const Log log = log_of(note, cut->log); log.truth != nullptr) judge(*cut, log, note);
    }
  }

 private:
  struct Log {
    const ReplicaTruth* truth = nullptr;
    int64_t start = 0;
  };
  Log log_of(const NodeEvent& note, std::string_view name) const {
    if (name == kMetadataLog) {
      const ReplicaTruth* log = view_.metadata_log(note.node);
      // Where it begins nobody tells; what is in front of a snapshot is nobody's concern.
      return {log, log == nullptr || log->batches().empty() ? 0 : log->batches().front().base_offset};
    }
    const auto id = view_.partition_of(*note.event);
    if (!id) return {};
    const PartitionTruth& partition = *view_.partition(*id);
    const auto replica = partition.replicas.find(note.node);
    if (replica == partition.replicas.end()) return {};
    const auto start = partition.start.find(note.node);
    return {replica->second.get(), start == partition.start.end() ? 0 : start->second};
  }

  void judge(const EpochEndTold& told, const Log& log, const NodeEvent& note) {
    const std::vector<TruthBatch>& batches = log.truth->batches();
    std::string wrong;
    if (told.epoch > told.asked_epoch) wrong = "which is above";
    bool has_it =
        told.end_offset <= log.start || led_[{note.node, std::string(told.log)}].contains(told.epoch);
    for (const TruthBatch& batch : batches) {
      has_it = has_it || batch.leader_epoch == told.epoch;
      if (batch.last_offset < log.start) continue;
      const bool below = batch.last_offset < told.end_offset;
      const bool fits = below ? batch.leader_epoch <= told.epoch
                              : batch.base_offset < told.end_offset || batch.leader_epoch > told.asked_epoch;
      if (!fits) wrong = fmt::format("and it holds {}", to_string(batch));
    }
    if (!has_it && !batches.empty()) wrong = "of which it holds nothing";
    if (wrong.empty()) return;
    cry(note.at, told.log,
        fmt::format("node {} was asked where epoch {} ends, and told the end of epoch {}, {}, {}", note.node,
                    told.asked_epoch, told.epoch, told.end_offset, wrong),
        0, told.end_offset);
  }

  void judge(const DivergenceCut& cut, const Log& log, const NodeEvent& note) {
    const std::vector<TruthBatch>& batches = log.truth->batches();
    if (batches.empty()) return;
    const TruthBatch& last = batches.back();
    if (last.last_offset < log.start || last.leader_epoch < cut.epoch) return;
    if (last.leader_epoch == cut.epoch && last.last_offset < cut.end_offset) return;
    cry(note.at, cut.log,
        fmt::format("node {} was told that its leader ends epoch {} at {}, cut its log, and kept {}",
                    note.node, cut.epoch, cut.end_offset, to_string(last)),
        0, last.base_offset);
  }

  std::map<std::pair<int32_t, std::string>, std::set<int32_t>> led_;  // by node and log
};

}  // namespace

std::unique_ptr<Checker> make_epoch_ends(const ClusterView& view, Verdicts& verdicts) {
  return std::make_unique<EpochEnds>(view, verdicts);
}

}  // namespace ksim::sim
