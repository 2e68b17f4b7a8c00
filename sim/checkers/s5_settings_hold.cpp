// S5: what a topic's settings say of its logs holds: no batch is longer than max.message.bytes (rule D11), no
// segment goes on beyond segment.bytes or segment.ms (rule A67), what retention.ms or retention.bytes
// gives up goes in time (rule A74), and what flush.ms or flush.messages asks for is on the disk in time
// (rule A70).

#include <algorithm>

#include <fmt/format.h>

#include "sim/checkers/all.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {
namespace {

// A look at all logs takes its time, where disks are slow by nature.
constexpr Duration kToDeleteIt = seconds(4);
constexpr Duration kToFlushIt = seconds(4);
constexpr Duration kLongest = seconds(3600);  // of what a run may wait for
constexpr Duration kMostOftenSeen = milliseconds(200);

class SettingsHold final : public Checker {
 public:
  using Checker::Checker;
  std::string_view code() const override { return "S5"; }
  std::string_view text() const override {
    return "batches, segments, what is retained and what is not flushed are no larger and no older than the "
           "settings "
           "say";
  }

  void on_event(const NodeEvent& note) override {
    Node& node = nodes_[note.node];
    if (const auto* a = std::get_if<LogAppended>(note.event)) {
      if (const auto id = view_.partition_of(*note.event)) appended(*id, *a, note);
    } else if (const auto* h = std::get_if<HighWatermarkChanged>(note.event)) {
      node.logs[{std::string(h->topic), h->partition}].high_watermark = h->high_watermark;
    } else if (const auto* l = std::get_if<BecameLeader>(note.event)) {
      Log& log = node.logs[{std::string(l->topic), l->partition}];
      log.high_watermark = l->high_watermark;
      log.due_segment = -1;
    } else if (const auto* f = std::get_if<BecameFollower>(note.event)) {
      node.logs[{std::string(f->topic), f->partition}].due_segment = -1;
    } else if (const auto* c = std::get_if<LogTruncated>(note.event)) {
      if (const auto name = split_log_name(c->log)) {
        Log& log = node.logs[*name];
        log.high_watermark = std::min(log.high_watermark, c->to_offset);
        log.due_segment = -1;
        log.flushed = std::min(log.flushed, c->to_offset);
      }
    } else if (const auto* s = std::get_if<BrokerStateChanged>(note.event)) {
      node.running = s->state == "RUNNING";
      node.running_since = note.at;
    } else if (std::holds_alternative<LogDirFailed>(*note.event)) {
      node.disk_failed = true;
    }
    if (note.at >= node.next_look) look(note.node, node, note.at);
  }
  void on_node(int32_t node, NodeFault, Instant) override { nodes_.erase(node); }
  void at_end(Instant at) override {
    for (auto& [id, node] : nodes_) look(id, node, at);
  }

 private:
  struct Log {
    int64_t high_watermark = 0;  // as the node itself says
    int64_t due_segment = -1;    // its oldest one, if that is to go; -1: it is not
    Instant due_since;
    int64_t flushed = 0;    // what is below is on the disk
    int64_t unflushed = 0;  // where the first batch begins that is not
    Instant unflushed_since;
    Instant too_many_since;  // not flushed, by flush.messages
    bool appended = false;   // since the node is up
  };
  struct Node {
    bool running = false;
    bool disk_failed = false;
    Instant running_since;
    Instant next_look;
    std::map<std::pair<std::string, int32_t>, Log> logs;
  };

  static const ReplicaTruth* log_of(const PartitionTruth& truth, int32_t node) {
    const auto it = truth.replicas.find(node);
    return it == truth.replicas.end() ? nullptr : it->second.get();
  }
  // The index of the first batch of that segment.
  static size_t first_of(const std::vector<TruthBatch>& batches, int64_t segment) {
    const auto at = std::partition_point(batches.begin(), batches.end(),
                                         [&](const TruthBatch& batch) { return batch.segment < segment; });
    return static_cast<size_t>(at - batches.begin());
  }

  // ---- what is appended ----

  void appended(PartitionId id, const LogAppended& a, const NodeEvent& note) {
    const PartitionTruth* truth = view_.partition(id);
    const ReplicaTruth* log = truth == nullptr ? nullptr : log_of(*truth, note.node);
    if (log == nullptr || a.topic_id != truth->topic_id) return;
    if (const auto name = split_log_name(a.log)) nodes_[note.node].logs[*name].appended = true;
    const std::vector<TruthBatch>& batches = log->batches();
    const size_t from = log->find(a.base_offset);
    if (from == batches.size()) return;
    const TopicPromise promise = view_.promise_of(id);
    int64_t newest_ms = -1;
    for (size_t i = from; i < batches.size(); ++i) {
      newest_ms = std::max(newest_ms, batches[i].max_timestamp_ms);
      // A follower takes what its leader has.
      if (a.fetched_epoch < 0 && !batches[i].control && batches[i].size_bytes > promise.max_message_bytes) {
        cry(note.at, a.log,
            fmt::format("leader {} took {} of {} bytes, where max.message.bytes is {}", note.node,
                        to_string(batches[i]), batches[i].size_bytes, promise.max_message_bytes),
            0, batches[i].base_offset);
      }
    }
    const TruthBatch& last = batches.back();
    const auto end = static_cast<int64_t>(last.position + last.size_bytes);
    // A batch that is longer than a whole segment has one for itself.
    if (last.position > 0 && end > promise.segment_bytes) {
      cry(note.at, a.log,
          fmt::format("node {} wrote {} into segment {}, which has {} bytes now (segment.bytes {})",
                      note.node, to_string(last), last.segment, end, promise.segment_bytes),
          0, last.base_offset);
    }
    // By the records' own times. What one append brings stands in one segment.
    const TruthBatch& first = batches[first_of(batches, last.segment)];
    const bool goes_on =
        first.base_offset < a.base_offset && first.position == 0 && batches[from].position > 0;
    if (goes_on && first.max_timestamp_ms >= 0 && newest_ms - first.max_timestamp_ms > promise.segment_ms) {
      cry(note.at, a.log,
          fmt::format("node {} wrote {} into segment {}, which began {} ms before it (segment.ms {})",
                      note.node, to_string(last), last.segment, newest_ms - first.max_timestamp_ms,
                      promise.segment_ms),
          0, last.base_offset);
    }
  }

  // ---- what is retained ----

  Duration due() const {
    return Duration{view_.retention_check_interval.ns * 2} + view_.initial_task_delay + kToDeleteIt;
  }

  void look(int32_t id, Node& node, Instant at) {
    node.next_look = at + std::max(kMostOftenSeen, Duration{view_.retention_check_interval.ns / 4});
    const auto calm = view_.calm_since();
    const bool well = calm && node.running && !node.disk_failed && !view_.node(id).damaged;
    const Instant since = well ? std::max(*calm, node.running_since) : at;
    for (auto& [name, log] : node.logs) {
      look_for_unflushed(id, name, log, well, since, at);
      const int64_t segment = well ? oldest_due(id, name, log.high_watermark, at) : -1;
      if (segment < 0 || segment != log.due_segment || log.due_since < since) log.due_since = at;
      log.due_segment = segment;
      if (segment < 0 || at - log.due_since <= due()) continue;
      cry(at, fmt::format("{}-{}", name.first, name.second),
          fmt::format("node {} keeps segment {}, which retention has given up since {} ms", id, segment,
                      log.due_since.ms()));
    }
  }

  // The oldest segment of the log, if retention gives it up now; else -1.
  int64_t oldest_due(int32_t node, const std::pair<std::string, int32_t>& name, int64_t high_watermark,
                     Instant at) const {
    const TopicPromise promise = view_.promise_of(name.first);
    const auto id = view_.names().find(name.first, name.second);
    const PartitionTruth* truth = id ? view_.partition(*id) : nullptr;
    const ReplicaTruth* log = truth == nullptr ? nullptr : log_of(*truth, node);
    if (log == nullptr || (promise.retention_ms < 0 && promise.retention_bytes < 0)) return -1;
    const auto start = truth->start.find(node);
    const std::vector<TruthBatch>& batches = log->batches();
    const size_t at_start = start == truth->start.end() ? batches.size() : log->find(start->second);
    if (at_start == batches.size()) return -1;
    const int64_t segment = batches[at_start].segment;
    int64_t bytes = 0;
    int64_t left = 0;
    int64_t newest_ms = -1;
    int64_t end = 0;
    for (size_t i = first_of(batches, segment); i < batches.size(); ++i) {
      left += batches[i].size_bytes;
      if (batches[i].segment != segment) continue;
      bytes += batches[i].size_bytes;
      end = batches[i].last_offset + 1;
      newest_ms = std::max(newest_ms, batches[i].max_timestamp_ms);
    }
    if (end > high_watermark) return -1;
    const int64_t now_ms = view_.wall_clock_ms(node, at);
    const bool too_much = promise.retention_bytes >= 0 && left - bytes >= promise.retention_bytes;
    // Without a time of its own a segment goes by its file's.
    const bool too_old =
        promise.retention_ms >= 0 && newest_ms >= 0 && now_ms - newest_ms > promise.retention_ms;
    return too_much || too_old ? segment : -1;
  }

  // ---- what is flushed ----

  void look_for_unflushed(int32_t node, const std::pair<std::string, int32_t>& name, Log& log, bool well,
                          Instant since, Instant at) {
    const TopicPromise promise = view_.promise_of(name.first);
    const bool by_time = milliseconds(promise.flush_ms) < kLongest && view_.flush_check_interval < kLongest;
    const bool by_count = promise.flush_messages < std::numeric_limits<int64_t>::max();
    if (!by_time && !by_count) return;
    const auto id = view_.names().find(name.first, name.second);
    const PartitionTruth* truth = id ? view_.partition(*id) : nullptr;
    const ReplicaTruth* held = truth == nullptr ? nullptr : log_of(*truth, node);
    if (held == nullptr) return;
    const std::vector<TruthBatch>& batches = held->batches();
    size_t first = held->find(log.flushed);
    while (first < batches.size() && held->is_durable(batches[first]))
      log.flushed = batches[first++].last_offset + 1;
    const bool none = first == batches.size();
    const int64_t unflushed = none ? -1 : batches[first].base_offset;
    const bool anew = !well || none || unflushed != log.unflushed;
    log.unflushed = unflushed;
    if (anew || log.unflushed_since < since) log.unflushed_since = at;
    const bool too_many =
        by_count && log.appended && held->end_offset() - unflushed >= promise.flush_messages;
    if (anew || !too_many || log.too_many_since < since) log.too_many_since = at;
    if (none) return;
    const Duration age = at - log.unflushed_since;
    if (by_time && age > milliseconds(promise.flush_ms) + view_.flush_check_interval * 2 +
                             view_.initial_task_delay + kToFlushIt) {
      cry(at, fmt::format("{}-{}", name.first, name.second),
          fmt::format("node {} has not flushed {} for {} ms (flush.ms {})", node, to_string(batches[first]),
                      age.ms(), promise.flush_ms));
    } else if (at - log.too_many_since > kToFlushIt) {
      cry(at, fmt::format("{}-{}", name.first, name.second),
          fmt::format("node {} has not flushed [{}..{}) for {} ms (flush.messages {})", node, log.unflushed,
                      held->end_offset(), (at - log.too_many_since).ms(), promise.flush_messages));
    }
  }

  std::map<int32_t, Node> nodes_;
};

}  // namespace

std::unique_ptr<Checker> make_settings_hold(const ClusterView& view, Verdicts& verdicts) {
  return std::make_unique<SettingsHold>(view, verdicts);
}

}  // namespace ksim::sim
