// What events of a replica's log tell, and where that log stands on the disks.

#include <algorithm>
#include <charconv>

#include "sim/truth/checkpoint_text.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {
namespace {

// A log start that is on the disk holds, also where the process has ended before it could tell of it.
bool start_was_raised(const ClusterView& view, const PartitionTruth& truth, int32_t node,
                      const LogLoaded& log) {
  const auto known = truth.start.find(node);
  if (known == truth.start.end() || log.start_offset <= known->second) return false;
  if (log.topic_id != truth.topic_id) return false;
  for (const std::string& directory : view.log_dirs(node)) {
    const auto on_disk = checkpointed(view.disks(), node, directory + "/log-start-offset-checkpoint", log.log,
                                      DiskPeek::Layer::cached);
    if (on_disk == log.start_offset) return true;
  }
  return false;
}

}  // namespace

std::optional<std::pair<std::string, int32_t>> split_log_name(std::string_view log) {
  const size_t dash = log.rfind('-');
  if (dash == std::string_view::npos || dash == 0) return std::nullopt;
  int32_t index = 0;
  const char* end = log.data() + log.size();
  const auto parsed = std::from_chars(log.data() + dash + 1, end, index);
  if (parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
  return std::make_pair(std::string(log.substr(0, dash)), index);
}

LogEvent log_event(const Event& event) {
  return std::visit(
      [](const auto& e) -> LogEvent {
        if constexpr (requires { e.log, e.topic_id; }) {
          return {e.log, e.topic_id, std::is_same_v<std::decay_t<decltype(e)>, LogLoaded>};
        } else {
          return {};
        }
      },
      event);
}

std::string log_directory(const DiskPeek& disks, int32_t node, const std::vector<std::string>& log_dirs,
                          std::string_view log, const Uuid& topic_id) {
  std::string first;
  for (const std::string& directory : log_dirs) {
    const std::string path = directory + "/" + std::string(log);
    if (disks.list(node, path, DiskPeek::Layer::cached).empty()) continue;
    const auto text = read_text(disks, node, path + "/partition.metadata", DiskPeek::Layer::cached);
    if (text && text->find("topic_id: " + topic_id.to_string()) != std::string::npos) return directory;
    if (first.empty()) first = directory;
  }
  return first;
}

std::optional<PartitionId> ClusterView::partition_of(const Event& event) const {
  const LogEvent of = log_event(event);
  const auto name = split_log_name(of.log);
  if (of.log == kMetadataLog || !name) return std::nullopt;
  const auto id = names_.find(name->first, name->second);
  const PartitionTruth* truth = id ? partition(*id) : nullptr;
  if (truth == nullptr || truth->former_ids.contains(of.topic_id)) return std::nullopt;
  return id;
}

ReplicaTruth* ClusterView::open_log(int32_t node, const LogEvent& of, std::unique_ptr<ReplicaTruth>& slot,
                                    BatchContents& contents) {
  if (slot != nullptr && !of.loaded) return slot.get();
  const std::string directory = log_directory(peek_, node, log_dirs(node), of.log, of.topic_id);
  if (directory.empty()) return slot.get();
  std::string path = directory + "/" + std::string(of.log);
  // It may be loaded from another directory than before.
  if (slot != nullptr && slot->directory() == path) return slot.get();
  slot = std::make_unique<ReplicaTruth>(peek_, node, std::move(path), contents);
  slot->reload();
  return slot.get();
}

void ClusterView::on_log_event(const NodeEvent& note, const LogEvent& of) {
  const Event& event = *note.event;
  PartitionTruth* truth = nullptr;
  PartitionId id{};
  ReplicaTruth* log = nullptr;
  if (of.log == kMetadataLog) {
    log = open_log(note.node, of, nodes_.at(note.node).metadata_log, metadata_contents_);
  } else if (const auto name = split_log_name(of.log)) {
    truth = &partition_at(name->first, name->second);
    if (!is_present(*truth, of.topic_id)) return;
    id = names_.id(name->first, name->second);
    log = open_log(note.node, of, truth->replicas[note.node], truth->contents);
  }
  if (const auto* e = std::get_if<LogAppended>(&event)) {
    if (truth != nullptr && log != nullptr && !truth->destroyed.empty()) {
      appended(*truth, *log, e->base_offset);
    } else if (log != nullptr) {
      log->appended();
    }
  } else if (const auto* e = std::get_if<LogTruncated>(&event)) {
    if (log != nullptr) log->truncated(e->to_offset);
    if (truth != nullptr) on_truncated(*truth, *e, note.node);
  } else if (const auto* e = std::get_if<LogStartMoved>(&event)) {
    if (truth != nullptr) on_start_moved(*truth, id, log, *e, note);
  } else if (const auto* e = std::get_if<SegmentRolled>(&event)) {
    if (log != nullptr) log->rolled(e->base_offset);
  } else if (const auto* e = std::get_if<LogLoaded>(&event)) {
    if (truth != nullptr && start_was_raised(*this, *truth, note.node, *e)) {
      const LogStartMoved moved{e->log, e->topic_id, e->partition, e->start_offset, "found on its disk"};
      on_start_moved(*truth, id, log, moved, note);
    }
    if (truth != nullptr) truth->start[note.node] = e->start_offset;
    if (truth != nullptr && !e->clean)
      truth->forgotten_below = std::max(truth->forgotten_below, e->start_offset);
    if (truth != nullptr && log != nullptr) {
      on_loaded(*truth, *log, note.at);
    } else if (log != nullptr) {
      log->reload();
    }
  }
}

void ClusterView::on_truncated(PartitionTruth& truth, const LogTruncated& event, int32_t node) {
  const bool begins_anew = event.to_offset > event.from_offset;
  if (begins_anew) {
    truth.forgotten_below = std::max(truth.forgotten_below, event.to_offset);
    // It goes on behind this batch again, like the others.
    const auto there = [&](const auto& gone) { return gone.second.last_offset + 1 == event.to_offset; };
    for (Destroyed& copy : truth.destroyed) {
      if (copy.node == node) std::erase_if(copy.batches, there);
    }
  }
  const auto start = truth.start.find(node);
  if (start == truth.start.end()) return;
  start->second = begins_anew ? event.to_offset : std::min(start->second, event.to_offset);
}

// What a node has lost and copied again from another is a copy again.
void ClusterView::appended(PartitionTruth& truth, ReplicaTruth& log, int64_t base_offset) {
  log.appended();
  for (Destroyed& copy : truth.destroyed) {
    if (copy.node != log.node() || copy.batches.empty()) continue;
    for (size_t i = log.find(base_offset); i < log.batches().size(); ++i) {
      const auto again = copy.batches.find(log.batches()[i].base_offset);
      if (again != copy.batches.end() && again->second.same(log.batches()[i])) copy.batches.erase(again);
    }
  }
}

// Recovery cuts a log off at the first batch whose CRC is wrong (rule A70): those from there on are gone, if
// it is damage that has made it so.
void ClusterView::on_loaded(PartitionTruth& truth, ReplicaTruth& log, Instant at) {
  if (!nodes_.at(log.node()).state.damaged) return log.reload();
  const std::vector<TruthBatch> before = log.batches();
  log.reload();
  const std::vector<TruthBatch>& after = log.batches();
  const int64_t end = after.empty() ? log.end_offset() : after.back().last_offset + 1;
  const auto cut = std::find_if(before.begin(), before.end(),
                                [end](const TruthBatch& batch) { return batch.base_offset >= end; });
  if (cut == before.end() || !log.was_damaged(*cut)) return;
  Destroyed copy{log.node(), cut->base_offset, at, before.back().last_offset + 1, {}, false, true};
  for (auto batch = cut; batch != before.end(); ++batch) copy.batches.emplace(batch->base_offset, *batch);
  // Rule C11, of one that has registered before it came to load its log.
  copy.lone = elr_off_ && truth.claim.isr == std::vector<int32_t>{log.node()};
  truth.destroyed.push_back(std::move(copy));
}

}  // namespace ksim::sim
