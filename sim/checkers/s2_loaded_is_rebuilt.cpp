// S2: the leader epochs and the producers that a log knows after it was loaded or truncated are those that
// its own batches tell; lookups through its indexes find what a scan finds; its high watermark was reached.
// A load is as dear as reading the log, which it does anyway; a truncation costs a walk over the headers that
// the truth keeps.

#include <fmt/format.h>

#include "core/base/log_knowledge.h"
#include "sim/checkers/all.h"
#include "sim/checkers/s2_index_lookups.h"
#include "sim/truth/checkpoint_text.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {
namespace {

using Producers = std::map<int64_t, LogFacts::Producer>;

std::string to_string(const LogFacts::Producer& p) {
  return fmt::format("producer {} epoch {}, last sequence {} at offset {}, time {}, transaction from {}",
                     p.producer_id, p.epoch, p.last_sequence, p.last_offset, p.last_timestamp_ms,
                     p.txn_first_offset);
}

// Rules A33 to A37, over whole batches.
Producers rebuild(const std::vector<TruthBatch>& batches) {
  Producers producers;
  for (const TruthBatch& batch : batches) {
    const TruthProducer& from = batch.producer;
    if (from.id < 0 || (batch.control && !from.ends_transaction)) continue;
    LogFacts::Producer& known = producers[from.id];
    known.producer_id = from.id;
    if (known.epoch != from.epoch) known.last_sequence = -1, known.last_offset = -1;
    known.epoch = from.epoch;
    known.last_timestamp_ms = from.max_timestamp_ms;
    if (batch.control) {
      known.txn_first_offset = -1;
      continue;
    }
    known.last_sequence = from.last_sequence;
    known.last_offset = batch.last_offset;
    if (from.transactional && known.txn_first_offset < 0) known.txn_first_offset = batch.base_offset;
  }
  return producers;
}

// Why `loaded` is not what the batches say, or nothing.
std::string epochs_differ(const LogFacts& loaded, const std::vector<TruthBatch>& batches) {
  size_t at = 0;  // entry of the epoch of the batch before
  int64_t free_from = loaded.start_offset;
  int32_t epoch = -1;
  for (const TruthBatch& batch : batches) {
    if (batch.last_offset < loaded.start_offset || batch.leader_epoch < 0) continue;
    if (batch.leader_epoch != epoch) {
      if (epoch >= 0) ++at;
      epoch = batch.leader_epoch;
      if (at >= loaded.epochs.size()) return fmt::format("epoch {} is not known", epoch);
      // Between two batches there may be a hole that compaction has made: the epoch began somewhere in it.
      const int64_t latest = std::max(batch.base_offset, loaded.start_offset);
      const LogFacts::Epoch& entry = loaded.epochs[at];
      if (entry.epoch != epoch || entry.start_offset < free_from || entry.start_offset > latest) {
        return fmt::format("epoch {} from {} is known where {} begins the batches of epoch {}", entry.epoch,
                           entry.start_offset, latest, epoch);
      }
    }
    free_from = batch.last_offset + 1;
  }
  if (epoch < 0) return {};  // an empty log may remember the epoch of what it held
  if (at + 1 < loaded.epochs.size()) {
    return fmt::format("epoch {} from {} is known, of which there is no batch", loaded.epochs[at + 1].epoch,
                       loaded.epochs[at + 1].start_offset);
  }
  return {};
}

std::string producer_differs(const LogFacts& facts, const LogFacts::Producer& loaded,
                             const LogFacts::Producer& rebuilt) {
  const bool same_batch =
      loaded.last_sequence == rebuilt.last_sequence && loaded.last_offset == rebuilt.last_offset;
  // What began below the first segment is known only to the log.
  const bool older_batch = rebuilt.last_offset < 0 && loaded.last_offset < facts.first_segment;
  const bool same_transaction = loaded.txn_first_offset == rebuilt.txn_first_offset;
  const bool older_transaction =
      loaded.txn_first_offset >= 0 && loaded.txn_first_offset < facts.first_segment;
  if (loaded.epoch == rebuilt.epoch && loaded.last_timestamp_ms == rebuilt.last_timestamp_ms &&
      (same_batch || older_batch) && (same_transaction || older_transaction)) {
    return {};
  }
  return fmt::format("it knows {}, but its batches say {}", to_string(loaded), to_string(rebuilt));
}

std::string producers_differ(const LogFacts& facts, const std::vector<TruthBatch>& batches) {
  Producers rebuilt = rebuild(batches);
  for (const LogFacts::Producer& loaded : facts.producers) {
    const auto same = rebuilt.find(loaded.producer_id);
    if (same == rebuilt.end()) {
      if (loaded.last_offset < facts.first_segment) continue;
      return fmt::format("it knows {}, but has no batch of it", to_string(loaded));
    }
    if (std::string why = producer_differs(facts, loaded, same->second); !why.empty()) return why;
    rebuilt.erase(same);
  }
  for (const auto& [id, missing] : rebuilt) {
    if (missing.txn_first_offset < 0 && missing.last_timestamp_ms < facts.expired_before_ms) continue;
    return fmt::format("it does not know {}", to_string(missing));
  }
  return {};
}

class LoadedIsRebuilt final : public Checker {
 public:
  using Checker::Checker;
  std::string_view code() const override { return "S2"; }
  std::string_view text() const override {
    return "what a log knows after loading or truncation is what its batches tell";
  }

  void on_event(const NodeEvent& note) override {
    if (const auto* moved = std::get_if<HighWatermarkChanged>(note.event)) {
      const auto id = moved->leader ? view_.names().find(moved->topic, moved->partition) : std::nullopt;
      if (id) reached_[*id] = std::max(reached_[*id], moved->high_watermark);
    } else if (const auto* loaded = std::get_if<LogLoaded>(note.event)) {
      check(note, loaded->log, loaded->knowledge, "loaded");
      check_high_watermark(note, loaded->log);
    } else if (const auto* truncated = std::get_if<LogTruncated>(note.event)) {
      check(note, truncated->log, truncated->knowledge, "truncated");
    }
  }

 private:
  void check(const NodeEvent& note, std::string_view log, const LogKnowledge* log_knows,
             std::string_view when) {
    const ReplicaTruth* truth = truth_of(note, log);
    if (log_knows == nullptr || truth == nullptr) return;
    const LogFacts facts = log_knows->facts();
    const std::vector<TruthBatch>& batches = truth->batches();
    std::string why;
    if (!batches.empty() && facts.end_offset != std::max(truth->end_offset(), facts.start_offset)) {
      why = fmt::format("it ends at {}, its batches at {}", facts.end_offset, truth->end_offset());
    }
    if (why.empty() &&
        (facts.high_watermark < facts.start_offset || facts.high_watermark > facts.end_offset)) {
      why = fmt::format("its high watermark {} is not within [{}, {}]", facts.high_watermark,
                        facts.start_offset, facts.end_offset);
    }
    if (why.empty()) why = epochs_differ(facts, batches);
    for (const LogFacts::Indexes& indexes : facts.indexes) {
      if (why.empty()) why = lookups_differ(indexes, *truth, view_.disks());
    }
    if (why.empty() && facts.tracks_producers) why = producers_differ(facts, batches);
    if (!why.empty()) cry(note.at, log, fmt::format("node {}, log {}: {}", note.node, when, why));
  }

  // What it will take for its high watermark, a leader must have reached.
  void check_high_watermark(const NodeEvent& note, std::string_view log) {
    const auto id = view_.partition_of(*note.event);
    const ReplicaTruth* truth = truth_of(note, log);
    if (!id || truth == nullptr) return;
    const std::string& directory = truth->directory();
    const auto mark = checkpointed(
        view_.disks(), note.node,
        fmt::format("{}/replication-offset-checkpoint", directory.substr(0, directory.rfind('/'))), log,
        DiskPeek::Layer::cached);
    if (!mark || *mark <= reached_[*id]) return;
    cry(note.at, log,
        fmt::format("node {} has checkpointed the high watermark {}, but no leader came further than {}",
                    note.node, *mark, reached_[*id]));
  }

  const ReplicaTruth* truth_of(const NodeEvent& note, std::string_view log) const {
    if (log == kMetadataLog) return view_.metadata_log(note.node);
    const auto id = view_.partition_of(*note.event);
    const PartitionTruth* partition = id ? view_.partition(*id) : nullptr;
    if (partition == nullptr) return nullptr;
    const auto it = partition->replicas.find(note.node);
    return it == partition->replicas.end() ? nullptr : it->second.get();
  }

  std::map<PartitionId, int64_t> reached_;  // the largest high watermark of any leader
};

}  // namespace

std::unique_ptr<Checker> make_loaded_is_rebuilt(const ClusterView& view, Verdicts& verdicts) {
  return std::make_unique<LoadedIsRebuilt>(view, verdicts);
}

}  // namespace ksim::sim
