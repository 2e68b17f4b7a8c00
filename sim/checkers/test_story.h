#pragma once
// A cluster of three brokers with one partition, told as a story to all checkers.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/base/log_knowledge.h"
#include "core/record/builder.h"
#include "sim/checkers/all.h"
#include "sim/truth/cluster_view.h"
#include "sim/truth/predicates.h"

namespace ksim::sim {

class FakeDisks final : public DiskPeek {
 public:
  std::vector<std::string> list(int32_t node, std::string_view directory, Layer) const override {
    std::vector<std::string> names;
    const std::string prefix = std::string(directory) + "/";
    for (const auto& [key, file] : files) {
      if (key.first == node && key.second.starts_with(prefix))
        names.push_back(key.second.substr(prefix.size()));
    }
    return names;
  }
  std::optional<uint64_t> size(int32_t node, std::string_view path, Layer layer) const override {
    const auto it = files.find({node, std::string(path)});
    if (it == files.end() || (layer == Layer::durable && !it->second.named)) return std::nullopt;
    return layer == Layer::durable ? it->second.durable : it->second.bytes.size();
  }
  size_t read(int32_t node, std::string_view path, uint64_t offset, MutableBytes into,
              Layer layer) const override {
    const auto it = files.find({node, std::string(path)});
    if (it == files.end() || offset >= it->second.bytes.size()) return 0;
    if (layer == Layer::durable && !it->second.named) return 0;
    const uint64_t end = layer == Layer::durable ? it->second.durable : it->second.bytes.size();
    if (offset >= end) return 0;
    const size_t n = std::min<size_t>(into.size(), end - offset);
    std::memcpy(into.data(), it->second.bytes.data() + offset, n);
    for (size_t i = 0; layer == Layer::durable && i < n; ++i) {
      if (offset + i >= it->second.torn_from) into[i] = 0;
    }
    return n;
  }
  bool was_damaged(int32_t node, std::string_view path, uint64_t offset, uint64_t size) const override {
    const auto it = files.find({node, std::string(path)});
    return it != files.end() && it->second.damaged_at >= offset && it->second.damaged_at < offset + size;
  }
  struct FakeFile {
    ByteBuffer bytes;
    uint64_t durable = 0;
    uint64_t torn_from = UINT64_MAX;  // of the durable bytes
    bool named = true;                // its name is durable as well
    uint64_t damaged_at = UINT64_MAX;
  };
  std::map<std::pair<int32_t, std::string>, FakeFile> files;
};

inline constexpr std::string_view kLog = "orders-0";
inline constexpr Uuid kTopic{7, 7};

class Story : public testing::Test {
 protected:
  void SetUp() override {
    for (int32_t node : {1, 2, 3}) {
      view.add_node(node, {"data"});
      view.add_voter(node);
      fault(node, NodeFault::started);
    }
    view.promise("orders", {3, 2, false});
    names.id("orders", 0);
    for (const CheckerKind& kind : checker_kinds()) checkers.push_back(kind.make(view, verdicts));
    session({1, "producer-1", -1, true, 5});
  }

  static ByteBuffer batch(int64_t offset, int32_t epoch, std::vector<RecordId> ids) {
    BatchOptions options;
    options.base_offset = offset;
    options.leader_epoch = epoch;
    BatchBuilder builder(options);
    for (RecordId id : ids) {
      uint8_t value[8];
      store_be(value, id);
      builder.append({1000, std::nullopt, Bytes(value), {}});
    }
    return builder.build();
  }

  FakeDisks::FakeFile& log_file(int32_t node, std::string_view log = kLog) {
    return disks.files[{node, fmt::format("data/{}/{:020}.log", log, 0)}];
  }
  void write(int32_t node, int64_t offset, int32_t epoch, std::vector<RecordId> ids,
             std::string_view log = kLog) {
    write_batch(node, batch(offset, epoch, ids), log);
  }
  void write_batch(int32_t node, const ByteBuffer& bytes, std::string_view log = kLog) {
    auto& file = log_file(node, log);
    file.bytes.insert(file.bytes.end(), bytes.begin(), bytes.end());
    file.durable = file.bytes.size();
    const BatchView view(bytes);
    const auto followed = follows.find(node);
    emit(node, LogAppended{log, topic, 0, view.base_offset(), view.next_offset(), view.leader_epoch(),
                           followed == follows.end() ? -1 : followed->second});
  }
  void replicate(std::vector<int32_t> nodes, int64_t offset, int32_t epoch, std::vector<RecordId> ids) {
    for (int32_t node : nodes) write(node, offset, epoch, ids);
  }
  template <class E>
  void emit(int32_t node, const E& event) {
    if constexpr (std::is_same_v<E, BecameFollower>) follows[node] = event.leader_epoch;
    if constexpr (std::is_same_v<E, BecameLeader>) follows.erase(node);
    const Event wrapped{event};
    const NodeEvent note{node, view.node(node).incarnation, tick(), &wrapped};
    view.on_event(note);
    for (auto& checker : checkers) checker->on_event(note);
    predicates.on_event(note);
  }
  void fault(int32_t node, NodeFault kind) {
    view.on_node(node, kind, tick());
    for (auto& checker : checkers) checker->on_node(node, kind, now);
    predicates.on_node(node, kind, now);
  }
  void session(const ProducerSession& session) {
    for (auto& checker : checkers) checker->on_session(session);
  }
  void lead(int32_t node, int32_t epoch, std::vector<int32_t> isr = {1, 2, 3}, bool unclean = false) {
    emit(1, PartitionChanged{"orders", kTopic, 0, node, epoch, epoch, isr, {}, unclean});
    for (int32_t other : {1, 2, 3}) {
      if (other != node) emit(other, BecameFollower{"orders", kTopic, 0, node, epoch, 0});
    }
    emit(node, BecameLeader{"orders", kTopic, 0, epoch, 0, 0, isr});
  }
  void high_watermark(int32_t node, int64_t offset, bool leader = true, int32_t epoch = 0) {
    emit(node, HighWatermarkChanged{"orders", kTopic, 0, epoch, offset, leader});
  }
  void acknowledge(RecordId id, int64_t offset, Outcome outcome = Outcome::ok) {
    acknowledge({session_of(id), 0, id, tick(), tick(), outcome, ErrorCode::NONE, offset});
  }
  void acknowledge(const SendOp& op) {
    for (auto& checker : checkers) checker->on_send_invoked(op);
    for (auto& checker : checkers) checker->on_send_completed(op);
  }
  void consume(int64_t offset, RecordId id, uint32_t consumer = 1, int32_t epoch = 0) {
    uint8_t value[8];
    store_be(value, id);
    const Consumed record{consumer, 0, offset, epoch, id, content_hash(std::nullopt, Bytes(value)), tick()};
    for (auto& checker : checkers) checker->on_consumed(record);
  }
  void set_position(int64_t offset, std::string_view reason, uint32_t consumer = 1) {
    for (auto& checker : checkers) checker->on_position({consumer, 0, offset, reason, tick()});
  }
  // A broker tells where that is.
  void seek_to_end(int64_t offset) {
    const Instant sought = tick();
    for (auto& checker : checkers) checker->on_position({1, 0, offset, "seek", tick(), sought});
  }
  void latest(int64_t offset) {
    const Instant asked = tick();
    for (auto& checker : checkers) checker->on_latest({1, 0, offset, asked, tick()});
  }
  void assign(uint32_t consumer = 1, bool from_end = false) {
    for (auto& checker : checkers) checker->on_assigned({consumer, "consumer", 0, from_end, tick()});
  }
  void end() {
    for (auto& checker : checkers) checker->at_end(tick());
  }
  Instant tick() { return now = now + milliseconds(1); }

  std::string cries() const {
    std::string codes;
    for (const Violation& violation : verdicts.violations()) {
      if (codes.find(violation.checker) == std::string::npos)
        codes += (codes.empty() ? "" : " ") + violation.checker;
    }
    return codes;
  }
  bool cried(std::string_view code) const {
    for (const Violation& violation : verdicts.violations()) {
      if (violation.checker == code) return true;
    }
    return false;
  }

  // A file of a node, all of it synced.
  void keep(int32_t node, const std::string& path, std::string_view text) {
    auto& file = disks.files[{node, path}];
    file.bytes = to_buffer(as_bytes(text));
    file.durable = file.bytes.size();
  }

  static LogFacts log_of(int64_t start, int64_t end, int64_t first_segment,
                         std::vector<LogFacts::Epoch> epochs, bool tracks_producers = false,
                         std::vector<LogFacts::Producer> producers = {}, int64_t expired_before_ms = 0) {
    LogFacts facts;
    facts.start_offset = facts.high_watermark = start;
    facts.end_offset = end;
    facts.first_segment = first_segment;
    facts.epochs = std::move(epochs);
    facts.tracks_producers = tracks_producers;
    facts.producers = std::move(producers);
    facts.expired_before_ms = expired_before_ms;
    return facts;
  }

  // What the log of a node says it knows once it was loaded.
  void loaded(int32_t node, const LogFacts& facts, std::string_view log = kLog) {
    struct Knows final : LogKnowledge {
      explicit Knows(const LogFacts& what) : known(what) {}
      LogFacts facts() const override { return known; }
      LogFacts known;
    } state(facts);
    if (log != kMetadataLog) {
      keep(node, fmt::format("data/{}/partition.metadata", log),
           "version: 0\ntopic_id: " + topic.to_string());
    }
    emit(node, LogLoaded{log, topic, 0, true, facts.start_offset, facts.end_offset, 0, &state});
  }

  Uuid topic = kTopic;                 // whose logs are written and loaded
  std::map<int32_t, int32_t> follows;  // by node: in which epoch
  FakeDisks disks;
  PartitionNames names;
  ClusterView view{disks, names};
  Predicates predicates{view};
  Verdicts verdicts;
  std::vector<std::unique_ptr<Checker>> checkers;
  Instant now{0};
};

inline constexpr RecordId a = make_record_id(1, 1), b = make_record_id(1, 2), c = make_record_id(1, 3);

}  // namespace ksim::sim
