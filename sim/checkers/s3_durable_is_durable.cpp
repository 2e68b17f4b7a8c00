// S3: what the code counts as durable survives a power loss. When it says that something is, or goes on as if
// it were, that is asked of what a power loss at this moment would leave; after a power loss, of what is
// left.

#include <algorithm>
#include <cstdlib>
#include <set>

#include <fmt/format.h>

#include "sim/checkers/all.h"
#include "sim/truth/checkpoint_text.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {
namespace {

using Layer = DiskPeek::Layer;

constexpr std::string_view kRecoveryPoints = "recovery-point-offset-checkpoint";
constexpr std::string_view kLogStarts = "log-start-offset-checkpoint";
constexpr std::string_view kHighWatermarks = "replication-offset-checkpoint";

std::string in(std::string_view directory, std::string_view name) {
  return fmt::format("{}/{}", directory, name);
}

class DurableIsDurable final : public Checker {
 public:
  using Checker::Checker;
  std::string_view code() const override { return "S3"; }
  std::string_view text() const override { return "what is counted as durable survives a power loss"; }

  void on_event(const NodeEvent& note) override {
    if (const auto* e = std::get_if<CheckpointWritten>(note.event)) {
      checkpoint_written(note, *e);
    } else if (const auto* s = std::get_if<RaftSnapshotWritten>(note.event)) {
      snapshot_written(note, *s);
    } else if (const auto* l = std::get_if<LogLoaded>(note.event)) {
      if (l->log != kMetadataLog) loaded(note, *l);
    } else if (const auto* t = std::get_if<LogTruncated>(note.event)) {
      if (t->log != kMetadataLog) truncated(note, *t);
    } else if (const auto* m = std::get_if<LogStartMoved>(note.event)) {
      if (m->log != kMetadataLog) start_moved(note, *m);
    } else if (const auto* b = std::get_if<BrokerStateChanged>(note.event)) {
      if (b->state == "SHUTTING_DOWN") closing_.insert(note.node);
    } else if (const auto* f = std::get_if<LogDirFailed>(note.event)) {
      lost_[note.node].emplace(f->directory);
    }
  }

  void on_node(int32_t node, NodeFault fault, Instant at) override {
    if (!view_.has_node(node)) return;
    std::erase_if(synced_, [node](const auto& entry) { return entry.first.first == node; });
    std::erase_if(indexed_, [node](const auto& entry) { return entry.first.first == node; });
    if (fault == NodeFault::stopped) stopped(node, at);
    if (fault == NodeFault::power_lost) power_lost(node, at);
    if (fault == NodeFault::wiped) {
      std::erase_if(start_, [node](const auto& entry) { return entry.first.node == node; });
      snapshots_.erase(node);
    }
    running_.erase(node);
    closing_.erase(node);
    if (fault == NodeFault::started) lost_.erase(node);
  }

 private:
  struct LogKey {
    int32_t node = 0;
    Uuid topic_id;
    int32_t partition = 0;
    auto operator<=>(const LogKey&) const = default;
  };

  // ---- while it runs ----

  void checkpoint_written(const NodeEvent& note, const CheckpointWritten& e) {
    const std::string path = in(e.directory, e.file);
    const auto text = read_text(view_.disks(), note.node, path, Layer::durable);
    if (!text || text != read_text(view_.disks(), note.node, path, Layer::cached)) {
      return cry(note.at, fmt::format("node {}", note.node), path + " was written, and is not on its disk");
    }
    const auto entries = parse_checkpoint_text(*text);
    if (!entries) return cry(note.at, fmt::format("node {}", note.node), path + " is malformed");
    if (e.file != kRecoveryPoints) return;
    for (const auto& [log, point] : *entries) flushed(note.node, e.directory, log, point, note.at);
  }

  // Rule A70: below the recovery point a log is not looked at again.
  void flushed(int32_t node, std::string_view directory, const std::string& log, int64_t point, Instant at) {
    const auto name = split_log_name(log);
    const auto id = name ? view_.names().find(name->first, name->second) : std::nullopt;
    const PartitionTruth* truth = id ? view_.partition(*id) : nullptr;
    if (truth == nullptr) return;
    const auto replica = truth->replicas.find(node);
    if (replica == truth->replicas.end() || replica->second == nullptr) return;
    const ReplicaTruth& held = *replica->second;
    if (held.directory() != in(directory, log)) return;
    indexes_flushed(node, held.directory(), log, *id, point, at);
    const auto start = truth->start.find(node);
    int64_t& synced = synced_[{node, *id}];
    synced = std::max(synced, start == truth->start.end() ? 0 : start->second);
    for (size_t i = held.find(synced); i < held.batches().size(); ++i) {
      const TruthBatch& batch = held.batches()[i];
      if (batch.last_offset >= point) return;
      if (!held.is_durable(batch)) {
        return cry(at, log,
                   fmt::format("node {} counts {} as flushed below {}, but {} is not on its disk", node, log,
                               point, to_string(batch)));
      }
      synced = batch.last_offset + 1;
    }
  }

  // Rule A69: of a segment that is closed and flushed the indexes are not made anew.
  void indexes_flushed(int32_t node, const std::string& directory, const std::string& log, PartitionId id,
                       int64_t point, Instant at) {
    int64_t& indexed = indexed_[{node, id}];
    if (point <= indexed) return;
    std::vector<std::string> names = view_.disks().list(node, directory, Layer::cached);
    std::erase_if(names, [](const std::string& name) { return !name.ends_with(".log"); });
    std::sort(names.begin(), names.end());
    for (size_t i = 0; i + 1 < names.size(); ++i) {
      const int64_t next = std::strtol(names[i + 1].c_str(), nullptr, 10);
      if (next > point) break;
      if (next <= indexed) continue;
      const std::string stem = names[i].substr(0, names[i].size() - std::string_view(".log").size());
      for (const std::string_view suffix : {".index", ".timeindex"}) {
        const std::string path = in(directory, stem + std::string(suffix));
        const auto cached = read_text(view_.disks(), node, path, Layer::cached);
        const auto durable = read_text(view_.disks(), node, path, Layer::durable);
        if (!cached || cached == durable) continue;
        return cry(
            at, log,
            fmt::format("node {} counts {} as flushed below {}, but {}{} of {} bytes is not on its disk, {}",
                        node, log, point, stem, suffix, cached->size(),
                        durable ? fmt::format("which has {} bytes of it", durable->size()) : "nor its name"));
      }
      indexed = next;
    }
  }

  void snapshot_written(const NodeEvent& note, const RaftSnapshotWritten& e) {
    snapshots_[note.node] = std::max(snapshots_[note.node], e.end_offset);
    for (const std::string& directory : view_.log_dirs(note.node)) {
      const std::string path =
          fmt::format("{}/{}/{:020}-{:010}.checkpoint", directory, kMetadataLog, e.end_offset, e.epoch);
      const auto durable = read_text(view_.disks(), note.node, path, Layer::durable);
      if (durable && durable == read_text(view_.disks(), note.node, path, Layer::cached)) return;
    }
    cry(note.at, fmt::format("node {}", note.node),
        fmt::format("its snapshot up to {} of epoch {} is finished, and not on its disk", e.end_offset,
                    e.epoch));
  }

  // Where a log of this name is, by its directory.
  template <class E>
  std::string directory_of(int32_t node, const E& e) const {
    return log_directory(view_.disks(), node, view_.log_dirs(node), e.log, e.topic_id);
  }

  void loaded(const NodeEvent& note, const LogLoaded& e) {
    running_.insert(note.node);
    const std::string directory = directory_of(note.node, e);
    const auto metadata =
        read_text(view_.disks(), note.node, in(in(directory, e.log), "partition.metadata"), Layer::durable);
    if (!e.topic_id.is_zero() &&
        (!metadata || metadata->find("topic_id: " + e.topic_id.to_string()) == std::string::npos)) {
      cry(note.at, e.log,
          fmt::format("node {} uses it as of topic {}, and a power loss would leave no word of that",
                      note.node, e.topic_id.to_string()));
    }
    if (view_.disks().size(note.node, in(directory, kCleanShutdown), Layer::durable)) {
      cry(note.at, fmt::format("node {}", note.node),
          fmt::format("it has loaded {}, and a power loss would leave the marker of a stop in order", e.log));
    }
    const auto point =
        checkpointed(view_.disks(), note.node, in(directory, kRecoveryPoints), e.log, Layer::durable);
    if (point && *point > e.end_offset) {
      cry(note.at, e.log,
          fmt::format("node {} has loaded it up to {}, and a power loss would leave the recovery point {}",
                      note.node, e.end_offset, *point));
    }
    int64_t& start = start_[{note.node, e.topic_id, e.partition}];
    if (e.start_offset < start) {
      cry(note.at, e.log,
          fmt::format("node {} had moved its log start to {}, and loaded it as {}", note.node, start,
                      e.start_offset));
    }
    start = e.start_offset;
  }

  // What is cut and written anew must not count as flushed.
  void truncated(const NodeEvent& note, const LogTruncated& e) {
    int64_t& start = start_[{note.node, e.topic_id, e.partition}];
    start = std::min(start, e.to_offset);
    if (const auto id = view_.partition_of(*note.event)) {
      int64_t& synced = synced_[{note.node, *id}];
      synced = std::min(synced, e.to_offset);
      int64_t& indexed = indexed_[{note.node, *id}];
      indexed = std::min(indexed, e.to_offset);
    }
    const std::string directory = directory_of(note.node, e);
    const auto point =
        checkpointed(view_.disks(), note.node, in(directory, kRecoveryPoints), e.log, Layer::durable);
    if (point && *point > e.to_offset) {
      cry(note.at, e.log,
          fmt::format("node {} has cut it at {}, and a power loss would leave the recovery point {}",
                      note.node, e.to_offset, *point));
    }
    comes_back(note, e, in(directory, e.log));
  }

  // Other records follow: what was cut would stand before or between them after a power loss.
  void comes_back(const NodeEvent& note, const LogTruncated& e, const std::string& directory) {
    const auto segments = [&](Layer layer) {
      std::vector<std::string> names = view_.disks().list(note.node, directory, layer);
      std::erase_if(names, [](const std::string& name) { return !name.ends_with(".log"); });
      std::sort(names.begin(), names.end());
      return names;
    };
    const std::vector<std::string> now = segments(Layer::cached), durable = segments(Layer::durable);
    if (now.empty() || durable.empty()) return;
    const uint64_t size = view_.disks().size(note.node, in(directory, now.back()), Layer::cached).value_or(0);
    const uint64_t left =
        view_.disks().size(note.node, in(directory, now.back()), Layer::durable).value_or(0);
    if (durable.back() <= now.back() && left <= size) return;
    cry(note.at, e.log,
        fmt::format("node {} has cut it at {}, and a power loss would bring back what was behind", note.node,
                    e.to_offset));
  }

  // Rule D59: on disk before anybody is told, as a checkpoint or since the files begin there.
  void start_moved(const NodeEvent& note, const LogStartMoved& e) {
    start_[{note.node, e.topic_id, e.partition}] = e.start_offset;
    const std::string directory = directory_of(note.node, e);
    int64_t durable =
        checkpointed(view_.disks(), note.node, in(directory, kLogStarts), e.log, Layer::durable).value_or(0);
    if (durable < e.start_offset) {
      std::vector<std::string> names = view_.disks().list(note.node, in(directory, e.log), Layer::durable);
      std::erase_if(names, [](const std::string& name) { return !name.ends_with(".log"); });
      const auto first = std::min_element(names.begin(), names.end());
      if (first != names.end()) durable = std::max(durable, std::strtol(first->c_str(), nullptr, 10));
    }
    if (durable >= e.start_offset) return;
    cry(note.at, e.log,
        fmt::format("node {} has moved its log start to {}, and a power loss would leave {}", note.node,
                    e.start_offset, durable));
  }

  // ---- when it does not run any more ----

  // Without those that its process had given up: what stands there is of an earlier one, and may be of an
  // earlier log of some name.
  std::vector<std::string> kept_directories(int32_t node) const {
    std::vector<std::string> kept = view_.log_dirs(node);
    if (const auto lost = lost_.find(node); lost != lost_.end())
      std::erase_if(kept, [&](const std::string& directory) { return lost->second.contains(directory); });
    return kept;
  }

  // Rule A45: with the marker of a stop in order the next start trusts every log.
  void stopped(int32_t node, Instant at) {
    for (const std::string& directory : kept_directories(node)) {
      const std::string marker = in(directory, kCleanShutdown);
      if (!view_.disks().size(node, marker, Layer::cached)) continue;
      // One that was closing must have written it. Who could not even start leaves that of an earlier
      // process, which may have died in between.
      if (closing_.contains(node) && !view_.disks().size(node, marker, Layer::durable)) {
        cry(at, fmt::format("node {}", node), "a power loss would take the marker of its stop in order");
      }
      for (const PartitionId id : view_.partitions()) {
        const auto& replicas = view_.partition(id)->replicas;
        const auto replica = replicas.find(node);
        if (replica == replicas.end() || replica->second == nullptr) continue;
        const std::string log = to_string(view_.names().name(id));
        if (replica->second->directory() != in(directory, log)) continue;
        flushed(node, directory, log, replica->second->end_offset(), at);
      }
    }
  }

  void power_lost(int32_t node, Instant at) {
    const std::string subject = fmt::format("node {}", node);
    for (const std::string& directory : kept_directories(node)) {
      for (const std::string_view file : {kRecoveryPoints, kLogStarts, kHighWatermarks}) {
        const auto text = read_text(view_.disks(), node, in(directory, file), Layer::cached);
        if (!text) continue;
        const auto entries = parse_checkpoint_text(*text);
        if (!entries) {
          cry(at, subject, fmt::format("a power loss has left {} malformed", in(directory, file)));
        } else if (file == kRecoveryPoints) {
          for (const auto& [log, point] : *entries) reaches(node, log, point, at);
        }
      }
      if (!view_.disks().size(node, in(directory, kCleanShutdown), Layer::cached)) continue;
      // A broker that stops leaves it when its logs are closed; its process may be a controller, and go on.
      if (closing_.contains(node)) {
        vouched_for(node, directory, at);
      } else if (running_.contains(node)) {
        cry(at, subject, "a power loss while it ran has left the marker of a stop in order");
      }
    }
    snapshot_is_left(node, at);
  }

  void vouched_for(int32_t node, const std::string& directory, Instant at) {
    for (const PartitionId id : view_.partitions()) {
      const PartitionTruth& truth = *view_.partition(id);
      const std::string log = to_string(view_.names().name(id));
      const auto replica = truth.replicas.find(node);
      const bool elsewhere = replica != truth.replicas.end() && replica->second != nullptr &&
                             replica->second->directory() != in(directory, log);
      const bool lost =
          std::any_of(truth.destroyed.begin(), truth.destroyed.end(),
                      [&](const Destroyed& copy) { return copy.node == node && copy.at == at; });
      if (lost && !elsewhere)
        cry(at, log,
            fmt::format("a power loss of node {} has left the marker of a stop in order, and not all "
                        "that it vouches for",
                        node));
    }
  }

  void reaches(int32_t node, const std::string& log, int64_t point, Instant at) {
    const auto name = split_log_name(log);
    const auto id = name ? view_.names().find(name->first, name->second) : std::nullopt;
    const PartitionTruth* truth = id ? view_.partition(*id) : nullptr;
    if (truth == nullptr || point == 0) return;
    if (view_.is_deleted(*id)) return;  // its directory goes before its entry does
    const auto it = truth->replicas.find(node);
    const int64_t end = it == truth->replicas.end() || it->second == nullptr ? 0 : it->second->end_offset();
    if (end >= point) return;
    cry(at, log,
        fmt::format("node {} had checkpointed recovery point {}, and a power loss left its log ending at {}",
                    node, point, end));
  }

  // One that is finished gives way to a later one only.
  void snapshot_is_left(int32_t node, Instant at) {
    const auto known = snapshots_.find(node);
    if (known == snapshots_.end()) return;
    int64_t newest = -1;
    for (const std::string& directory : view_.log_dirs(node)) {
      for (const std::string& name : view_.disks().list(node, in(directory, kMetadataLog), Layer::cached)) {
        if (name.ends_with(".checkpoint")) newest = std::max(newest, std::strtol(name.c_str(), nullptr, 10));
      }
    }
    if (newest >= known->second) return;
    cry(at, fmt::format("node {}", node),
        fmt::format("it had finished a snapshot up to {}, and a power loss has left {}", known->second,
                    newest));
  }

  std::map<std::pair<int32_t, PartitionId>, int64_t> synced_;   // below it all was found on the disk
  std::map<std::pair<int32_t, PartitionId>, int64_t> indexed_;  // and the indexes of closed segments
  std::map<LogKey, int64_t> start_;                             // of each log, as its node has told
  std::map<int32_t, int64_t> snapshots_;                        // the newest that a node has finished
  std::map<int32_t, std::set<std::string>> lost_;               // directories that a process has given up
  std::set<int32_t> closing_;                                   // nodes whose broker closes its logs
  std::set<int32_t> running_;                                   // nodes that have loaded a log
};

}  // namespace

std::unique_ptr<Checker> make_durable_is_durable(const ClusterView& view, Verdicts& verdicts) {
  return std::make_unique<DurableIsDurable>(view, verdicts);
}

}  // namespace ksim::sim
