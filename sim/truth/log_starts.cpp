// Where logs begin, and whether what was before may go: by retention, or since a client has asked for it.

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "sim/truth/cluster_view.h"

namespace ksim::sim {
namespace {

// A log start goes to the disk, which may be slow, before anybody is told; by then the clock by which it was
// decided may have been put back.
constexpr Duration kInTheMaking = seconds(10);

}  // namespace

int64_t PartitionTruth::first_kept_since(Instant since) const {
  int64_t first = first_kept();
  for (const UndoneDeletion& undone : undone_deletions) {
    // One that was replaced, and has not heard of it, goes on without what it has deleted.
    const bool held =
        undone.at >= since || std::any_of(reigns.begin(), reigns.end(), [&](const Reign& reign) {
          return reign.leader_epoch < undone.leader_epoch && (!reign.until || *reign.until >= since);
        });
    if (held) first = std::max(first, undone.below);
  }
  return first;
}

void ClusterView::on_delete_records(PartitionId id, int64_t offset) {
  const PartitionName& name = names_.name(id);
  PartitionTruth& truth = partition_at(name.topic, name.index);
  truth.deletion_asked = std::max(truth.deletion_asked, offset);
}

// Each replica deletes what is too old or too much by itself; what came from its leader says nothing new.
void ClusterView::on_start_moved(PartitionTruth& truth, PartitionId id, const ReplicaTruth* log,
                                 const LogStartMoved& event, const NodeEvent& note) {
  truth.unfounded_deletion.clear();
  // Who has not heard of an unclean election, or not cut its log yet, goes by a high watermark of before it.
  // So does who is elected by it: its log counts once it begins to lead. And who has heard of an election of
  // which the controller has not told yet, goes by what that election makes of the log.
  const bool leads = note.node == truth.claim.leader;
  const bool behind =
      !truth.unclean.empty() && (!leads || truth.counts_since < truth.unclean.back().leader_epoch);
  const auto epoch = truth.epochs.find(note.node);
  const bool ahead = epoch != truth.epochs.end() && epoch->second > truth.claim.leader_epoch;
  // And who still has what was committed until a leader went on without it.
  const bool of_lost =
      !leads && std::any_of(truth.lost.begin(), truth.lost.end(), [&](const LostBatch& gone) {
        return gone.batch.last_offset + 1 >= event.start_offset;
      });
  const bool of_another_log = event.start_offset > truth.committed_end() && (behind || ahead || of_lost);
  if (!event.reason.starts_with("leader offset") && !of_another_log) {
    truth.unfounded_deletion = unfounded(truth, id, log, event.start_offset, note);
    if (truth.unfounded_deletion.empty())
      truth.deleted_below = std::max(truth.deleted_below, event.start_offset);
  }
  truth.start[note.node] = event.start_offset;
}

// Why the records of `log` before `start` may not be deleted by the log itself; empty: they may. They go by
// whole segments (rules of retention.bytes, then retention.ms), none of them above the high watermark.
std::string ClusterView::unfounded(const PartitionTruth& truth, PartitionId id, const ReplicaTruth* log,
                                   int64_t start, const NodeEvent& note) const {
  if (start <= std::max(truth.deletion_asked, truth.deleted_below)) return {};
  const int64_t committed = truth.committed_end();
  if (start > committed) return fmt::format("{} is above {}, up to which all is committed", start, committed);
  if (log == nullptr) return {};
  struct Part {
    int64_t end = 0;
    int64_t bytes = 0;
    int64_t newest_ms = -1;
  };
  std::map<int64_t, Part> parts;  // by segment
  const auto known = truth.start.find(note.node);
  const int64_t old_start = known == truth.start.end() ? 0 : known->second;
  int64_t left = 0;
  for (const TruthBatch& batch : log->batches()) {
    Part& part = parts[batch.segment];
    part.end = batch.last_offset + 1;
    part.bytes += batch.size_bytes;
    part.newest_ms = std::max(part.newest_ms, batch.max_timestamp_ms);
  }
  std::erase_if(parts, [old_start](const auto& part) { return part.second.end <= old_start; });
  for (const auto& [base, part] : parts) left += part.bytes;
  const TopicPromise promise = promise_of(id);
  const Duration put_back = wall_put_back ? wall_put_back(note.node, note.at - kInTheMaking) : Duration{};
  const int64_t now_ms = wall_clock_ms(note.node, note.at) + put_back.ns / 1'000'000;
  for (const auto& [base, part] : parts) {
    if (base >= start) break;
    const bool too_much = promise.retention_bytes >= 0 && left - part.bytes >= promise.retention_bytes;
    const bool too_old = promise.retention_ms >= 0 && now_ms - part.newest_ms > promise.retention_ms;
    const bool asked = part.end <= truth.deletion_asked;
    if (!too_much && !too_old && !asked) {
      return fmt::format(
          "segment {} goes, whose newest record is {} ms old (retention.ms {}), where {} bytes are left "
          "(retention.bytes {})",
          base, now_ms - part.newest_ms, promise.retention_ms, left, promise.retention_bytes);
    }
    left -= part.bytes;
  }
  return {};
}

}  // namespace ksim::sim
