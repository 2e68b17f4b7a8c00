#include "sim/observer/run_observer.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/record/builder.h"
#include "sim/observer/report.h"

namespace ksim::sim {
namespace {

class NoDisks final : public DiskPeek {
 public:
  std::vector<std::string> list(int32_t, std::string_view, Layer) const override { return {}; }
  std::optional<uint64_t> size(int32_t, std::string_view, Layer) const override { return std::nullopt; }
  size_t read(int32_t, std::string_view, uint64_t, MutableBytes, Layer) const override { return 0; }
};

Instant at_ms(int64_t ms) { return Instant{} + milliseconds(ms); }

class ObserverTest : public testing::Test {
 protected:
  int64_t send(uint64_t n, int64_t ms) {
    op = {1, partition, make_record_id(1, n), at_ms(ms), {}, Outcome::pending, ErrorCode::NONE, -1};
    return observer.on_send_invoked(op);
  }
  void done(int64_t number, int64_t ms, Outcome outcome, int64_t offset = -1) {
    SendOp completed = op;
    completed.completed = at_ms(ms);
    completed.outcome = outcome;
    completed.offset = offset;
    observer.on_send_completed(number, completed);
  }
  NoDisks disks;
  RunObserver observer{disks, {false, true}};
  PartitionId partition = observer.names().id("orders", 0);
  SendOp op;
};

TEST_F(ObserverTest, CountsOutcomesAndUnavailability) {
  observer.on_session({1, "producer-1", 1, false, 5});
  done(send(1, 0), 10, Outcome::ok, 0);
  done(send(2, 20), 4020, Outcome::ok, 1);  // four seconds without an acknowledgement
  done(send(3, 4030), 4040, Outcome::failed);
  done(send(4, 4050), 4060, Outcome::unknown);
  const RunSummary summary = observer.finish(at_ms(5000));
  EXPECT_EQ(summary.counts.sent, 4U);
  EXPECT_EQ(summary.counts.acknowledged, 2U);
  EXPECT_EQ(summary.counts.failed, 1U);
  EXPECT_EQ(summary.counts.unknown, 1U);
  ASSERT_EQ(summary.partitions.size(), 1U);
  EXPECT_EQ(summary.partitions[0].unavailable, milliseconds(4000));
  EXPECT_EQ(summary.partitions[0].interruptions, 1U);
  // Nothing stands in any log: both acknowledged records are lost, and acks=1 without a fault permits none.
  EXPECT_EQ(summary.counts.lost, 2U);
  EXPECT_EQ(summary.counts.permitted, 0U);
}

TEST_F(ObserverTest, SendsThatAreGivenUpHaveWaitedToo) {
  observer.on_session({1, "producer-1", -1, true, 5});
  const int64_t first = send(1, 1000);
  const int64_t second = send(2, 2500);
  done(first, 5000, Outcome::unknown);
  done(second, 6500, Outcome::failed);         // until then one of them was open
  done(send(3, 9000), 9400, Outcome::failed);  // nobody waited before, and this one was not long
  const RunSummary summary = observer.finish(at_ms(9500));
  EXPECT_EQ(summary.partitions[0].unavailable, milliseconds(5500));
  EXPECT_EQ(summary.partitions[0].interruptions, 1U);
  EXPECT_EQ(summary.counts.unavailable_ms, 5500U);
}

TEST_F(ObserverTest, TheLongestWaitIsOneOfThem) {
  observer.on_session({1, "producer-1", 1, false, 5});
  done(send(1, 0), 2000, Outcome::ok, 0);
  done(send(2, 3000), 6000, Outcome::ok, 1);
  done(send(3, 7000), 8500, Outcome::ok, 2);
  const RunSummary summary = observer.finish(at_ms(9000));
  EXPECT_EQ(summary.partitions[0].unavailable, milliseconds(6500));
  EXPECT_EQ(summary.partitions[0].longest, milliseconds(3000));
  EXPECT_EQ(summary.partitions[0].interruptions, 3U);
}

TEST_F(ObserverTest, NamesWhatWasLost) {
  observer.on_session({1, "producer-1", 1, false, 5});
  done(send(1, 0), 10, Outcome::ok, 7);
  const RunSummary summary = observer.finish(at_ms(20));
  ASSERT_EQ(summary.losses.size(), 1U);
  const LostRecord& lost = summary.losses[0];
  EXPECT_EQ(lost.record, make_record_id(1, 1));
  EXPECT_EQ(lost.client, "producer-1");
  EXPECT_EQ(lost.partition, "orders-0");
  EXPECT_EQ(lost.offset, 7);
  EXPECT_EQ(lost.acknowledged, at_ms(10));
  EXPECT_FALSE(lost.permitted);
}

// The log of orders-0 on broker 1.
class OneLog final : public DiskPeek {
 public:
  std::vector<std::string> list(int32_t node, std::string_view directory, Layer) const override {
    if (node != 1 || directory != "data/orders-0") return {};
    return {"00000000000000000000.log"};
  }
  std::optional<uint64_t> size(int32_t node, std::string_view path, Layer) const override {
    return has(node, path) ? std::optional<uint64_t>(bytes.size()) : std::nullopt;
  }
  size_t read(int32_t node, std::string_view path, uint64_t offset, MutableBytes into, Layer) const override {
    if (!has(node, path) || offset >= bytes.size()) return 0;
    const size_t n = std::min<size_t>(into.size(), bytes.size() - offset);
    std::memcpy(into.data(), bytes.data() + offset, n);
    return n;
  }
  ByteBuffer bytes;

 private:
  static bool has(int32_t node, std::string_view path) {
    return node == 1 && path == "data/orders-0/00000000000000000000.log";
  }
};

TEST(Observer, WhatWhoLedLastHoldsIsNotLostWhereNobodyLeads) {
  const auto lost = [](bool somebody_leads) {
    OneLog disks;
    RunObserver observer(disks, {false, true});
    observer.view().add_node(1, {"data"});
    const PartitionId partition = observer.names().id("orders", 0);
    const std::vector<int32_t> isr = {1};
    observer.on_event(101, 1, at_ms(1), PartitionChanged{"orders", {}, 0, 1, 0, 0, isr, {}, false});
    observer.on_event(1, 1, at_ms(2), BecameLeader{"orders", {}, 0, 0, 0, 0, isr});
    observer.on_session({1, "producer-1", 1, false, 5});
    SendOp op{1, partition, make_record_id(1, 1), at_ms(10), {}, Outcome::pending, ErrorCode::NONE, -1};
    const int64_t number = observer.on_send_invoked(op);
    BatchBuilder builder({});
    uint8_t value[8];
    store_be(value, op.record);
    builder.append({1000, std::nullopt, Bytes(value), {}});
    disks.bytes = builder.build();
    observer.on_event(1, 1, at_ms(11), LogAppended{"orders-0", {}, 0, 0, 1, 0, -1});
    op.completed = at_ms(12);
    op.outcome = Outcome::ok;
    op.offset = 0;
    observer.on_send_completed(number, op);
    if (!somebody_leads)
      observer.on_event(101, 1, at_ms(13), PartitionChanged{"orders", {}, 0, -1, 1, 1, {}, {}, false});
    return observer.finish(at_ms(20)).counts.lost;
  };
  EXPECT_EQ(lost(false), 0U);
  EXPECT_EQ(lost(true), 1U) << "who leads has to commit it";
}

TEST_F(ObserverTest, MachinesAreCalmWhileOnlyWaysAndProcessesAreStruck) {
  const int64_t cut = observer.on_fault("partition", "broker-1", at_ms(1000), "at 1 s", "");
  EXPECT_EQ(observer.view().calm_since(), Instant{});
  const int64_t held = observer.on_fault("pause", "broker-1", at_ms(2000), "at 2 s", "");
  observer.on_fault_ended(cut, at_ms(3000));
  EXPECT_FALSE(observer.view().calm_since().has_value());
  observer.on_fault_ended(held, at_ms(4000));
  EXPECT_EQ(observer.view().calm_since(), at_ms(4000));
}

TEST_F(ObserverTest, AnUncleanElectionStaysAskedForWhereABrokerHasForwardedItAgain) {
  const auto stays_asked = [&](std::string_view purpose) {
    const PartitionId partition = observer.names().id(fmt::format("of-{}", purpose), 0);
    const uint64_t call = observer.on_unclean_asked(partition);
    observer.on_mark(Mark::controller_asked_again, 1, purpose, at_ms(1));
    observer.on_unclean_answered(partition, call);
    return !observer.view().partition(partition)->unclean_asked.empty();
  };
  EXPECT_TRUE(stays_asked("forwarding"));
  EXPECT_FALSE(stays_asked("lifecycle"));
}

TEST_F(ObserverTest, TheReportHasTheDigestLineOnceAndJsonParses) {
  observer.on_violation("ASSERT", at_ms(1), "broker-1", "ENSURE failed");
  const int64_t fault = observer.on_fault("crash", "broker-1", at_ms(12000), "at 12 s", "led 2 partitions");
  observer.on_fault_ended(fault, at_ms(15000));
  RunSummary summary = observer.finish(at_ms(30000));
  summary.scenario = "leader_crash";
  summary.digest = 0x0123456789abcdefULL;
  const std::string text = render_report(summary, {});
  EXPECT_NE(text.find("\ndigest 0123456789abcdef\n"), std::string::npos);
  EXPECT_EQ(text.find("digest"), text.rfind("digest"));
  EXPECT_NE(text.find("VIOLATION ASSERT"), std::string::npos);
  EXPECT_EQ(text.find('\033'), std::string::npos);
  const auto json = nlohmann::json::parse(render_json(summary));
  EXPECT_EQ(json["digest"], "0123456789abcdef");
  EXPECT_FALSE(json["holds"].get<bool>());
  EXPECT_EQ(json["faults"][0]["effect"], "led 2 partitions");
}

TEST(Story, AViolationComesWithWhatLedToIt) {
  NoDisks disks;
  RunObserver observer(disks, {true, false});
  observer.view().add_node(1, {"data"});
  observer.view().add_node(2, {"data"});
  observer.view().promise("orders", {2, 2, false});
  const PartitionId partition = observer.names().id("orders", 0);
  const std::vector<int32_t> isr = {1, 2};
  observer.on_event(101, 1, at_ms(1), PartitionChanged{"orders", {}, 0, 1, 3, 4, isr, {}, false});
  observer.on_session({1, "producer-1", -1, true, 5});
  SendOp op{1, partition, make_record_id(1, 7), at_ms(10), {}, Outcome::pending, ErrorCode::NONE, -1};
  const int64_t number = observer.on_send_invoked(op);
  observer.on_node(1, NodeFault::crashed, at_ms(12));
  op.completed = at_ms(20);
  op.outcome = Outcome::ok;
  op.offset = 5;
  observer.on_send_completed(number, op);
  RunSummary summary = observer.finish(at_ms(30));
  summary.repeat = "ksim scenario x --seed 1";
  ASSERT_FALSE(summary.violations.empty());
  EXPECT_EQ(summary.violations[0].checker, "P2");
  EXPECT_EQ(summary.violations[0].record, make_record_id(1, 7));
  EXPECT_EQ(summary.violations[0].offset, 5);
  const std::string text = render_report(summary, {});
  for (const char* words :
       {"What must hold  a send reported successful is in the log", "leader 1, leader epoch 3, ISR [1,2]",
        "sent by producer-1 (acks=all", "acknowledged at offset 5", "node 1: its process dies",
        "Why nothing permits it", "The members [1,2] of the ISR did not hold it then",
        "ksim scenario x --seed 1 --record run.sqlite",
        "from record_story where record = '0000010000000007'"}) {
    EXPECT_NE(text.find(words), std::string::npos) << words << "\n" << text;
  }
}

TEST(Sparkline, ScalesAndNarrows) {
  EXPECT_EQ(sparkline({0, 1, 8}, 10), " ▁█");
  EXPECT_EQ(sparkline({1, 1, 2, 2}, 2), "▄█");
}

}  // namespace
}  // namespace ksim::sim
