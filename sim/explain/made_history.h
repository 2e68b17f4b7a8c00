#pragma once
// Histories made by hand, for tests.

#include <deque>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "sim/explain/explain.h"
#include "sim/explain/past.h"
#include "sim/history/recorder.h"
#include "sim/history/sqlite.h"

namespace ksim::sim {

constexpr RecordId kRecord = make_record_id(1, 7);
constexpr int64_t kOffset = 100;

// Times in whole seconds; the partition is orders-0 with replicas 1, 2 and 3, and record kRecord stands at
// kOffset.
class Made {
 public:
  explicit Made(int32_t acks = -1, std::string min_insync = "2", std::string unclean = "false",
                std::string flush = "never") {
    recorder_.config("in force for orders", "replication", "3");
    recorder_.config("in force for orders", "min.insync.replicas", std::move(min_insync));
    recorder_.config("in force for orders", "unclean.leader.election.enable", std::move(unclean));
    recorder_.config("in force for orders", "flush.messages", std::move(flush));
    recorder_.session({1, "producer-1", acks, true, 5});
    for (const int32_t node : {1, 2, 3}) {
      recorder_.node(node, NodeFault::started, at(1));
      registered(node, 2);
    }
    state(2, 1, 0, {1, 2, 3}, {});
    leads(1, 2, 0, {1, 2, 3});
    for (const int32_t node : {2, 3}) follows(node, 2, 1, 0);
    op_ = recorder_.op({"producer-1", 1, "send", "orders-0", kRecord, acks, at(10), std::nullopt,
                        Outcome::pending, ErrorCode::NONE, -1});
    batch_ = recorder_.batch({"orders-0", kOffset, kOffset + 2, 0, 77, {{kOffset, kRecord}}});
  }

  static Instant at(int64_t s) { return Instant{s * 1'000'000'000}; }

  void state(int64_t s, int32_t leader, int32_t epoch, Nodes isr, Nodes elr, bool unclean = false) {
    tell(s, 101,
         PartitionChanged{"orders", Uuid{1, 2}, 0, leader, epoch, ++partition_epoch_, isr, elr, unclean});
  }
  void leads(int32_t node, int64_t s, int32_t epoch, Nodes isr) {
    tell(s, node, BecameLeader{"orders", Uuid{1, 2}, 0, epoch, 0, 0, isr});
  }
  void follows(int32_t node, int64_t s, int32_t leader, int32_t epoch) {
    tell(s, node, BecameFollower{"orders", Uuid{1, 2}, 0, leader, epoch, kOffset});
  }
  void isr_changed(int32_t leader, int64_t s, Nodes isr) {
    tell(s, leader, IsrChanged{"orders", Uuid{1, 2}, 0, 0, 1, isr});
  }
  void committed(int32_t leader, int64_t s, int32_t epoch = 0) {
    tell(s, leader, HighWatermarkChanged{"orders", Uuid{1, 2}, 0, epoch, kOffset + 3, true});
  }
  void cut(int32_t node, int64_t s) {
    tell(s, node, LogTruncated{"orders-0", Uuid{1, 2}, 0, kOffset + 3, kOffset});
  }
  void registered(int32_t node, int64_t s, bool clean = false) {
    tell(s, 101, BrokerRegistered{node, s, clean});
  }
  // A cluster that begins with these features.
  void features(std::string levels) {
    recorder_.config("broker-1", "node.id", "1");
    recorder_.config("broker-1", "bootstrap.features", std::move(levels));
  }
  void setting(std::string name, std::string value) {
    recorder_.config("broker-1", std::move(name), std::move(value));
  }
  void fault(std::string_view kind, const std::string& target, int64_t s, int64_t until) {
    recorder_.fault({std::string(kind), target, at(s), at(until), fmt::format("at {}s", s), "it began"});
  }
  void node(int32_t node, NodeFault what, int64_t s) { recorder_.node(node, what, at(s)); }
  void copy(int32_t node, int64_t from, std::optional<int64_t> until = {}, std::string_view by = {},
            std::optional<int64_t> synced = {}) {
    CopyRow row{batch_, node, at(from), std::nullopt, std::nullopt, by};
    if (until) row.until = at(*until);
    if (synced) row.synced = at(*synced);
    recorder_.copy(row);
  }
  void told(int64_t s, Outcome outcome = Outcome::ok, int64_t offset = kOffset) {
    OpRow& op = recorder_.op_row(op_);
    op.completed = told_ = at(s);
    op.outcome = outcome;
    op.error = outcome == Outcome::ok ? ErrorCode::NONE : ErrorCode::REQUEST_TIMED_OUT;
    op.offset = outcome == Outcome::ok ? offset : -1;
  }
  // An administrator asks for an unclean election and is answered then.
  void asked(int64_t s, int64_t answered) {
    recorder_.op({"administrator", 9, "elect_leaders", "orders-0", 0, std::nullopt, at(s), at(answered),
                  Outcome::ok, ErrorCode::NONE, -1});
  }
  void violation(std::string checker, int64_t s, std::string message, int64_t offset = -1,
                 std::string subject = "orders-0", RecordId record = 0) {
    recorder_.violation({std::move(checker),
                         at(s),
                         std::move(subject),
                         std::move(message),
                         "what does not hold",
                         record,
                         offset,
                         {}});
  }
  // A request and its answer; an answer at -1 never came.
  void asked(const std::string& client, const std::string& server, std::string_view api, int64_t s,
             int64_t answered) {
    names_.push_back(client), names_.push_back(server);
    const std::string& from = names_[names_.size() - 2];
    const std::string& to = names_.back();
    const int32_t number = ++correlation_;
    recorder_.message({at(s), at(s), from, to, 1, api, number, 100, 1, false, false});
    if (answered >= 0)
      recorder_.message({at(answered), at(answered), to, from, 1, api, number, 100, 1, true, false});
  }
  // What a reader did: "read", "assign", "reset", ...
  void moved(std::string_view kind, int64_t s, int64_t offset, const std::string& partition = "orders-0") {
    recorder_.op({"consumer-1", 1, kind, partition, 0, std::nullopt, at(s), at(s), Outcome::ok,
                  ErrorCode::NONE, offset});
  }
  void raft(int32_t node, int64_t s, std::string_view state, int32_t epoch, int32_t leader = -1,
            int32_t voted = -1) {
    tell(s, node, RaftStateChanged{state, epoch, leader, voted});
  }
  void appended(int32_t node, int64_t s, int64_t base, int64_t end, int32_t epoch = 0, int32_t fetched = -1) {
    tell(s, node, LogAppended{"orders-0", Uuid{1, 2}, 0, base, end, epoch, fetched});
  }
  void decided(int32_t node, int64_t s, int64_t base, int64_t end, int32_t epoch, int32_t fetched = -1) {
    tell(s, node, LogAppended{"__cluster_metadata-0", Uuid{}, 0, base, end, epoch, fetched});
  }
  void proposed(int32_t leader, int64_t s, int32_t leader_epoch, int32_t partition_epoch, Nodes isr) {
    tell(s, leader, IsrProposed{"orders", Uuid{1, 2}, 0, leader_epoch, partition_epoch, isr, {}});
  }
  template <class E>
  void tell(int64_t s, int32_t node, const E& of) {
    const Event event{of};
    recorder_.event({node, 1, at(s), &event});
  }
  Recorder& recorder() { return recorder_; }

  std::string image(bool lost = true) {
    RecordRow row;
    row.id = kRecord;
    row.session = 1;
    row.partition = "orders-0";
    row.sent_op = op_;
    row.acknowledged = told_;
    row.acknowledged_offset = recorder_.op_row(op_).offset;
    row.lost = lost;
    row.permitted = true;
    recorder_.record(row);
    return recorder_.image({"made", 1, "", 1, at(60), true, "0"}).value();
  }
  Explanation page(const Question& question = {}, bool lost = true) {
    Database database = Database::open(image(lost)).value();
    Result<Explanation> made = explain(database, question);
    EXPECT_TRUE(made.ok()) << made.error().message;
    return made.ok() ? std::move(made).value() : Explanation{};
  }

 private:
  Recorder recorder_;
  int32_t partition_epoch_ = -1;
  int64_t op_ = 0;
  int64_t batch_ = 0;
  std::optional<Instant> told_;
  std::deque<std::string> names_;  // messages point to them
  int32_t correlation_ = 0;
};

// That event, at this second, on this node.
inline void expect_culprit(const Explanation& page, const std::string& kind, int64_t s, int32_t node,
                           int line = __builtin_LINE()) {
  const testing::ScopedTrace trace(__FILE__, line, to_text(page, 100));
  ASSERT_TRUE(page.culprit);
  EXPECT_EQ(page.culprit->kind, kind);
  EXPECT_EQ(page.culprit->at_ns, Made::at(s).ns);
  EXPECT_EQ(page.culprit->node, node);
  ASSERT_TRUE(page.rule);
  EXPECT_NE(page.rule->text, "");
}

// Its culprit says all of this.
inline void expect_words(const Explanation& page, std::initializer_list<std::string_view> words,
                         int line = __builtin_LINE()) {
  const testing::ScopedTrace trace(__FILE__, line, to_text(page, 100));
  ASSERT_TRUE(page.culprit);
  for (const std::string_view word : words)
    EXPECT_NE(page.culprit->text.find(word), std::string::npos) << word;
}

}  // namespace ksim::sim
