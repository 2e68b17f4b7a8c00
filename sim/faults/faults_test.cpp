#include <map>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/record/builder.h"
#include "sim/faults/all.h"
#include "sim/faults/schedule.h"
#include "sim/faults/settings.h"
#include "sim/test_world.h"

namespace ksim::sim {
namespace {

// The world begins at this instant; the times of these tests count from it.
constexpr Instant kBegin = Instant{} + seconds(1);
Instant at(Duration d) { return kBegin + d; }

struct Row {
  std::string kind;
  Instant began;
  std::optional<Instant> ended;
  std::string effect;
  bool took_effect = true;
  std::string cause = {};
};

// Three machines that write and sync a file and count how often they could.
class FaultsTest : public testing::Test, public FaultStage, public FaultTeller {
 protected:
  struct Life {
    uint64_t rounds = 0;
    uint64_t errors = 0;
    uint32_t starts = 0;
    bool found_file = false;
    uint64_t found_bytes = 0;
    WallTime wall{0};
    Instant local{0};
    uint64_t dialled = 0;  // connections
    uint64_t refused = 0;
    Duration slowest{0};  // round
  };

  FaultsTest() {
    for (const char* name : {"a", "b", "c"}) nodes.push_back(&test.node(name));
  }

  FaultPlan fault(std::string kind, std::string target, Duration begins, std::optional<Duration> lasts,
                  std::map<std::string, std::string> parameters = {}) {
    FaultPlan plan;
    plan.kind = std::move(kind);
    plan.target = std::move(target);
    plan.trigger.at = at(begins) - Instant{};
    plan.lasts = lasts;
    plan.parameters = std::move(parameters);
    return plan;
  }
  void begin(std::vector<FaultPlan> of) {
    plans = std::move(of);
    schedule.emplace(*this, plans, *this);
    for (SimNode* node : nodes) start(*node);
    schedule->start();
  }
  void until(Duration when) { test.world().run_until(at(when)); }
  void heal() { schedule->heal(); }
  uint64_t rounds(const char* name) { return lives[name].rounds; }
  // The row of a kind whose words have this.
  Row row_with(std::string_view words) const {
    for (const Row& row : rows) {
      if (row.effect.find(words) != std::string::npos) return row;
    }
    ADD_FAILURE() << "no fault says: " << words;
    return {};
  }

  virtual void live(const std::string&, Env& env, Life& life) {
    ++life.starts;
    const auto found = env.disk.stat("f");
    life.found_file = found.ok();
    life.found_bytes = found.ok() ? found->size_bytes : 0;
    const auto file = env.disk.open("f", Open::create);
    for (uint64_t offset = 0;; offset += 8) {
      env.sleep(milliseconds(10));
      life.wall = env.clock.wall();
      life.local = env.clock.now();
      uint8_t into[8];
      const bool good = file.ok() && write_fully(**file, offset, as_bytes("12345678")).ok() &&
                        read_fully(**file, offset, into).ok() && (*file)->sync(SyncMode::all).ok();
      ++(good ? life.rounds : life.errors);
    }
  }

  // ---- FaultStage ----
  World& world() override { return test.world(); }
  std::vector<SimNode*> resolve(const std::string& target, uint64_t) override {
    asked.insert(target);
    if (target == "all") return nodes;
    if (target == "any") return {nodes.front()};
    SimNode* node = test.world().find(target);
    return node == nullptr ? std::vector<SimNode*>{} : std::vector<SimNode*>{node};
  }
  void start(SimNode& node) override {
    if (node.kept_down() || node.alive()) return;
    if (node.running()) return test.world().later(node.key(), [this, &node] { start(node); });
    Life& life = lives[node.name()];
    node.start(FunctionProcess::factory([this, &life, &node](Env& env) { live(node.name(), env, life); }));
  }
  void crash(SimNode& node) override {
    node.crash();
    schedule->died(node);
  }
  void power_loss(const std::vector<SimNode*>& lost) override {
    for (SimNode* node : lost) node->power_loss();
  }
  void replace_disk(SimNode& node, const DiskCopy& copy) override {
    node.power_loss();
    node.replace_disk(copy);
  }
  bool move(SimNode& node) override { return moved.insert(node.name()).second; }
  void configure(SimNode& node, const Properties& settings) override { configured[node.name()] = settings; }
  void stop(SimNode& node) override { node.stop(); }
  std::vector<SimNode*> others(const SimNode& node, bool) override {
    std::vector<SimNode*> rest = nodes;
    std::erase(rest, &node);
    return rest;
  }
  void damaged(SimNode& node) override { spoilt.insert(node.name()); }
  std::string role_of(const SimNode&) override { return {}; }

  // ---- FaultTeller ----
  int64_t fault_began(const FaultPlan& plan, const std::string&, const std::string& cause,
                      const std::string& effect) override {
    rows.push_back({plan.kind, test.world().now(), std::nullopt, effect, true, cause});
    return static_cast<int64_t>(rows.size());
  }
  void fault_missed(const FaultPlan& plan, const std::string&, const std::string&,
                    const std::string& why) override {
    rows.push_back({plan.kind, test.world().now(), test.world().now(), why, false});
  }
  void fault_ended(int64_t row, const std::string& what) override {
    Row& ended = rows[static_cast<size_t>(row - 1)];
    ended.ended = test.world().now();
    ended.effect += "; " + what;
  }

  TestWorld test;
  std::vector<SimNode*> nodes;
  std::map<std::string, Life> lives;
  std::map<std::string, Properties> configured;
  std::set<std::string> asked;  // targets
  std::set<std::string> moved;
  std::set<std::string> spoilt;
  std::vector<FaultPlan> plans;
  std::vector<Row> rows;
  std::optional<FaultSchedule> schedule;
};

bool says(const Row& row, std::string_view words) { return row.effect.find(words) != std::string::npos; }

TEST_F(FaultsTest, TheLastOfSeveralStallsEndsThem) {
  begin({fault("stall_disk", "a", seconds(1), seconds(5)), fault("stall_disk", "a", seconds(2), seconds(1))});
  until(seconds(2));
  const uint64_t before = rounds("a");
  EXPECT_GT(before, 5U);
  until(milliseconds(5990));
  EXPECT_EQ(rounds("a"), before);
  until(seconds(8));
  EXPECT_GT(rounds("a"), before + 50);
  EXPECT_EQ(rows.at(0).ended, at(seconds(6)));
  EXPECT_TRUE(says(rows.at(0), "waited")) << rows.at(0).effect;
  EXPECT_EQ(rows.at(1).ended, at(seconds(3)));
}

TEST_F(FaultsTest, ADiskIsFullUntilTheLastFaultThatFillsItEnds) {
  begin({fault("full_disk", "a", seconds(1), seconds(5)), fault("full_disk", "a", seconds(2), seconds(1)),
         fault("slow_disk", "b", seconds(1), seconds(9), {{"factor", "1000"}}),
         fault("slow_disk", "b", seconds(2), seconds(1), {{"factor", "2"}})});
  until(seconds(4));
  const uint64_t slow = rounds("b");
  until(seconds(5));
  EXPECT_LT(rounds("b") - slow, 20U);
  EXPECT_NE(test.node("a").device().trouble().capacity_bytes, ~0ULL);
  until(seconds(7));
  EXPECT_EQ(test.node("a").device().trouble().capacity_bytes, ~0ULL);
  EXPECT_EQ(test.node("b").device().trouble().slow_per_mille, 1'000'000U);
}

TEST_F(FaultsTest, ADiskTransfersNoMoreThanItsBandwidth) {
  begin({fault("disk_bandwidth", "a", seconds(1), seconds(4), {{"bytes_per_second", "1000"}})});
  until(seconds(1));
  const uint64_t a = rounds("a"), b = rounds("b");
  until(seconds(5));
  EXPECT_LT((rounds("a") - a) * 10, (rounds("b") - b) * 9);
  EXPECT_TRUE(says(rows.at(0), "1000 bytes a second")) << rows.at(0).effect;
  until(seconds(6));
  EXPECT_EQ(test.node("a").device().trouble().bytes_per_second, ~0ULL);
}

TEST_F(FaultsTest, ADiskHasTheRoomThatIsLeftToIt) {
  begin({fault("full_disk", "a", seconds(1), seconds(30)),
         fault("full_disk", "b", seconds(1), seconds(30), {{"room", "4096"}})});
  until(seconds(8));
  EXPECT_GT(lives["a"].errors, 0U);
  EXPECT_EQ(lives["b"].errors, 0U);
  until(seconds(16));
  EXPECT_GT(lives["b"].errors, 0U);
}

TEST_F(FaultsTest, ARestartGivesOtherSettings) {
  begin({fault("restart", "a", seconds(1), seconds(2), {{"set", "num.io.threads=3, log.segment.bytes=9"}})});
  until(seconds(2));
  EXPECT_EQ(configured["a"], (Properties{{"num.io.threads", "3"}, {"log.segment.bytes", "9"}}));
  EXPECT_TRUE(says(rows.at(0), "a was asked to stop, to have num.io.threads=3, log.segment.bytes=9"));
}

TEST(Settings, AreReadAndRefused) {
  EXPECT_EQ(parse_settings("a=1,b = x y ,").value(), (Properties{{"a", "1"}, {"b", "x y"}}));
  EXPECT_FALSE(parse_settings("a").ok());
  EXPECT_FALSE(parse_settings("=1").ok());
  EXPECT_FALSE(parse_settings("min.insync.replicas=1").ok());
}

TEST_F(FaultsTest, AMachineIsDownUntilTheLastFaultThatKeepsItDownEnds) {
  begin({fault("power_loss", "a", seconds(1), seconds(5)), fault("crash", "a", seconds(2), seconds(1)),
         fault("crash", "b", seconds(1), seconds(2)), fault("power_loss", "b", seconds(2), seconds(4))});
  until(seconds(4));
  EXPECT_FALSE(test.node("a").alive());
  EXPECT_FALSE(test.node("b").alive());
  until(seconds(7));
  EXPECT_EQ(lives["a"].starts, 2U);
  EXPECT_EQ(lives["b"].starts, 2U);
  EXPECT_FALSE(row_with("a is down already").took_effect);
  EXPECT_EQ(row_with("b stays down for another fault").kind, "crash");
  EXPECT_TRUE(says(row_with("b, whose process was down, lost power"), "started b"));
}

TEST_F(FaultsTest, APauseIsOverWhenItsProcessDies) {
  begin({fault("pause", "a", seconds(1), seconds(8)), fault("pause", "a", seconds(2), seconds(1)),
         fault("crash", "a", seconds(5), seconds(1))});
  until(seconds(2));
  const uint64_t before = rounds("a");
  until(milliseconds(4900));
  EXPECT_EQ(rounds("a"), before);
  until(seconds(8));
  EXPECT_GT(rounds("a"), before + 50);  // the new process is not frozen
  EXPECT_EQ(rows.at(0).ended, at(seconds(5)));
  EXPECT_TRUE(says(rows.at(0), "a died frozen")) << rows.at(0).effect;
  EXPECT_TRUE(says(rows.at(1), "a stays frozen for another fault")) << rows.at(1).effect;
}

// Nothing that waits in it is due when it wakes up, however long it was away.
TEST_F(FaultsTest, ASuspendedMachineGoesOnAsIfNoTimeHadPassed) {
  begin({fault("suspend", "a", seconds(2), seconds(60)), fault("pause", "b", seconds(2), seconds(60)),
         fault("suspend", "a", seconds(10), seconds(10))});
  const auto behind = [&](const char* name) {
    return static_cast<double>((lives["c"].local - lives[name].local).ns) / 1e9;
  };
  const auto wall = [&](const char* name) {
    return static_cast<double>((lives["c"].wall - lives[name].wall).ns) / 1e9;
  };
  const auto way = [&](const char* from, const char* to) {
    return test.world().fabric().trouble(test.node(from).host(), test.node(to).host()).blocked;
  };
  until(seconds(3));
  const uint64_t before = rounds("a");
  EXPECT_TRUE(way("a", "b") && way("c", "a"));
  EXPECT_FALSE(way("b", "c"));
  until(seconds(61));
  EXPECT_EQ(rounds("a"), before);
  until(seconds(70));
  EXPECT_GT(rounds("a"), before + 100);
  EXPECT_NEAR(behind("a"), 60, 0.1);
  EXPECT_NEAR(wall("a"), 0, 0.1);
  EXPECT_NEAR(behind("b"), 0, 0.1);
  EXPECT_FALSE(way("a", "b") || way("c", "a"));
  EXPECT_TRUE(says(row_with("a fell asleep"), "continued: nothing was on these ways"));
  EXPECT_TRUE(says(rows.at(2), "a stays frozen for another fault")) << rows.at(2).effect;
}

TEST_F(FaultsTest, WhoStartsOnASuspendedMachineIsAwake) {
  begin({fault("suspend", "a", seconds(2), seconds(60)), fault("crash", "a", seconds(5), seconds(1))});
  until(seconds(5));
  const uint64_t before = rounds("a");
  until(seconds(8));
  EXPECT_GT(rounds("a"), before + 100);
  EXPECT_EQ(rows.at(0).ended, at(seconds(5)));
  EXPECT_TRUE(says(rows.at(0), "a died in its sleep")) << rows.at(0).effect;
}

TEST_F(FaultsTest, APredicateBeginsAFaultWhereItHolds) {
  const auto hung = [&](std::string target, std::string subject, uint32_t nth, Duration delay) {
    FaultPlan plan = fault("crash", std::move(target), {}, seconds(1));
    plan.trigger = {{}, "isr_of_one", std::move(subject), nth, delay, {}};
    return plan;
  };
  begin({hung("here", "orders-1", 2, milliseconds(20)), hung("c", "", 1, {}), hung("here", "orders-9", 1, {}),
         hung("b", "", 7, {})});
  until(seconds(2));
  schedule->became_true(Predicate::isr_of_one, &test.node("a"), "orders-1");
  schedule->became_true(Predicate::offline, &test.node("a"), "orders-1");
  schedule->became_true(Predicate::isr_of_one, &test.node("b"), "orders-2");
  schedule->became_true(Predicate::isr_of_one, nullptr, "orders-9");
  EXPECT_TRUE(test.node("c").alive()) << "before any other fiber, but not in the middle of this";
  until(milliseconds(2500));
  EXPECT_FALSE(test.node("c").alive());
  schedule->became_true(Predicate::isr_of_one, &test.node("a"), "orders-1");
  EXPECT_FALSE(row_with("nobody was there then").took_effect);
  until(milliseconds(2519));
  EXPECT_TRUE(test.node("a").alive());
  until(milliseconds(2521));
  EXPECT_FALSE(test.node("a").alive());
  heal();
  EXPECT_FALSE(row_with("isr_of_one came true 4 times, and not 7").took_effect);
}

TEST_F(FaultsTest, AReplicaOfThePartitionThatAMomentIsAboutIsStruck) {
  const auto hung = [&](std::string target, uint32_t nth) {
    FaultPlan plan = fault("crash", std::move(target), {}, seconds(1));
    plan.trigger = {{}, "leader.became", "", nth, milliseconds(1), {}};
    return plan;
  };
  begin({hung("outsider(here)", 1), hung("follower(here)", 2), hung("leader(here)", 3)});
  until(seconds(1));
  for (const char* subject : {"orders-3", "bills-0", "__cluster_metadata-0"})
    schedule->reached(Mark::leader_became, test.node("c"), subject);
  until(milliseconds(2500));
  EXPECT_EQ(asked, (std::set<std::string>{"follower(bills-0)", "outsider(orders-3)"}));
  EXPECT_FALSE(row_with("there was no outsider(here) then").took_effect);
  EXPECT_EQ(lives["c"].starts, 2U) << "the metadata log is nobody's partition";
}

TEST_F(FaultsTest, WhatDoesNotComeInTimeIsNotAwaited) {
  const auto hung = [&](std::string target, uint32_t nth, Duration at_latest) {
    FaultPlan plan = fault("crash", std::move(target), {}, seconds(1));
    plan.trigger = {{}, "isr_of_one", "", nth, seconds(1), at(at_latest) - Instant{}};
    return plan;
  };
  begin({hung("b", 3, seconds(3)), hung("here", 2, seconds(5)), hung("c", 1, seconds(4))});
  until(milliseconds(2500));
  schedule->became_true(Predicate::isr_of_one, &test.node("a"), "orders-1");
  until(milliseconds(3001));
  EXPECT_FALSE(test.node("b").alive()) << "the third time had not come";
  until(milliseconds(3499));
  EXPECT_TRUE(test.node("c").alive()) << "the first time has come, a second ago";
  until(milliseconds(3501));
  EXPECT_FALSE(test.node("c").alive());
  until(milliseconds(5001));
  EXPECT_EQ(rows.size(), 3U);
  EXPECT_TRUE(rows.back().took_effect) << "here is anywhere";
  EXPECT_EQ(rows.front().cause, "at 4s, since isr_of_one had not come");
  EXPECT_EQ(rows.at(1).cause, "on isr_of_one #1 after 1s");
  schedule->became_true(Predicate::isr_of_one, &test.node("a"), "orders-1");
  schedule->became_true(Predicate::isr_of_one, &test.node("a"), "orders-1");
  until(seconds(9));
  EXPECT_EQ(rows.size(), 3U) << "once is enough";
}

TEST_F(FaultsTest, WaysAreTroubledUntilTheLastFaultEnds) {
  begin({fault("partition", "a", seconds(1), seconds(5)),
         fault("partition", "b", seconds(2), seconds(1), {{"peer", "a"}}),
         fault("latency", "c", seconds(1), seconds(5), {{"factor", "10"}}),
         fault("latency", "b", seconds(2), seconds(1), {{"factor", "20"}})});
  const auto way = [&](const char* from, const char* to) {
    return test.world().fabric().trouble(test.node(from).host(), test.node(to).host());
  };
  until(milliseconds(2500));
  EXPECT_TRUE(way("b", "a").blocked);
  EXPECT_EQ(way("b", "c").slow_per_mille, 20'000U);
  until(seconds(4));
  EXPECT_TRUE(way("b", "a").blocked);
  EXPECT_EQ(way("b", "c").slow_per_mille, 10'000U);
  until(seconds(7));
  EXPECT_FALSE(way("b", "a").blocked);
  EXPECT_EQ(way("b", "c").slow_per_mille, 1000U);
  // Which of two faults of one instant comes first is up to the seed.
  const auto some_row_says = [&](std::string_view what) {
    return std::any_of(rows.begin(), rows.end(), [&](const auto& row) { return says(row, what); });
  };
  EXPECT_TRUE(some_row_says("2 of them were cut already"));
  EXPECT_TRUE(some_row_says("nothing was on these ways"));
}

TEST_F(FaultsTest, WhatComesToNothingIsToldWithItsReason) {
  FaultPlan marked = fault("crash", "a", {}, std::nullopt);
  marked.trigger = {};
  marked.trigger.when = std::string(mark_name(static_cast<Mark>(0)));
  marked.trigger.nth = 3;
  begin({fault("crash", "a", seconds(100), std::nullopt), marked,
         fault("crash", "nobody", seconds(1), std::nullopt),
         fault("partition", "a", seconds(1), std::nullopt, {{"peer", "a"}})});
  schedule->reached(static_cast<Mark>(0), test.node("a"), "");
  until(seconds(10));
  heal();
  ASSERT_EQ(rows.size(), 4U);
  for (const Row& row : rows) EXPECT_FALSE(row.took_effect) << row.effect;
  row_with("there was no nobody then");
  row_with("a: there is nobody on the other side");
  row_with("all was healed at 11s, before it was due");
  row_with(marked.trigger.when + " was reached 1 times, and not 3");
}

TEST_F(FaultsTest, AWallClockStepsAndIsPutRight) {
  begin({fault("clock_step", "a", seconds(1), seconds(3), {{"by", "-1h"}}),
         fault("clock_step", "a", seconds(2), seconds(5), {{"by", "10s"}})});
  const auto off = [&] {
    return static_cast<double>(lives["a"].wall.ns - kWallEpochNs - (test.world().now() - Instant{}).ns) / 1e9;
  };
  until(milliseconds(1500));
  EXPECT_NEAR(off(), -3600, 0.1);
  until(seconds(3));
  EXPECT_NEAR(off(), -3590, 0.1);
  until(seconds(5));
  EXPECT_NEAR(off(), 10, 0.1);
  until(seconds(8));
  EXPECT_NEAR(off(), 0, 0.1);
}

TEST_F(FaultsTest, AClockDriftsAndIsPutRight) {
  begin({fault("clock_drift", "a", seconds(10), seconds(100), {{"ppm", "50000"}}),
         fault("clock_drift", "b", seconds(10), seconds(100), {{"ppm", "-20000"}}),
         fault("clock_drift", "a", seconds(20), seconds(10), {{"ppm", "50000"}})});
  const auto gained = [&](const char* name) {
    return static_cast<double>((lives[name].local - lives["c"].local).ns) / 1e9;
  };
  until(seconds(110));
  EXPECT_NEAR(gained("a"), 5, 0.1);
  EXPECT_NEAR(gained("b"), -2, 0.1);
  until(seconds(200));
  EXPECT_NEAR(gained("a"), 5, 0.1);
  EXPECT_EQ(test.node("a").clock().drift_ppb(), 0);
}

TEST_F(FaultsTest, DriftsThatPassEachOtherLeaveAClockAsItWas) {
  begin({fault("clock_drift", "a", seconds(1), seconds(3), {{"ppm", "-50000"}}),
         fault("clock_drift", "a", seconds(2), seconds(3), {{"ppm", "50000"}}),
         fault("clock_drift", "a", seconds(3), seconds(3), {{"ppm", "50000"}})});
  const auto drift = [&](int64_t at_s) { return until(seconds(at_s)), test.node("a").clock().drift_ppb(); };
  EXPECT_EQ(drift(4), 50'000'000) << "of the last two";
  EXPECT_EQ(drift(5), 50'000'000);
  EXPECT_EQ(drift(7), 0);
}

TEST_F(FaultsTest, ADiskFailsAtWhatIsAskedFor) {
  begin({fault("disk_error", "a", seconds(1), seconds(1), {{"what", "read"}}),
         fault("disk_error", "b", seconds(1), seconds(1), {{"what", "write"}, {"path", "f"}}),
         fault("disk_error", "c", seconds(1), seconds(1), {{"what", "sync"}})});
  until(seconds(3));
  for (const char* name : {"a", "b", "c"}) EXPECT_GT(lives[name].errors, 50U) << name;
  for (const Row& row : rows) EXPECT_TRUE(says(row, " failed")) << row.effect;
  const uint64_t read = rounds("a");
  const uint64_t synced = rounds("c");
  until(seconds(4));
  EXPECT_GT(rounds("a"), read + 50);
  EXPECT_EQ(rounds("c"), synced);  // a file whose sync has failed stays failed
}

TEST_F(FaultsTest, AReplacedMachineHasAnEmptyDisk) {
  begin({fault("wipe_disk", "a", seconds(1), seconds(1)), fault("crash", "b", seconds(1), seconds(1))});
  until(seconds(3));
  EXPECT_EQ(lives["a"].starts, 2U);
  EXPECT_FALSE(lives["a"].found_file);
  EXPECT_TRUE(lives["b"].found_file);
}

TEST_F(FaultsTest, ADiskIsPutBackToWhatItWas) {
  // Its name is durable by then.
  begin({fault("restore_disk", "a", seconds(11), seconds(2)), fault("crash", "b", seconds(11), seconds(2))});
  until(seconds(11));
  const uint64_t bytes = rounds("a") * 8;
  EXPECT_GT(bytes, 4000U);
  until(milliseconds(12'900));
  EXPECT_EQ(lives["a"].starts, 1U);  // a snapshot of a running machine
  EXPECT_GT(rounds("a") * 8, bytes + 400);
  until(milliseconds(13'100));
  EXPECT_EQ(lives["a"].starts, 2U);
  EXPECT_GE(lives["a"].found_bytes + 8, bytes);
  EXPECT_LE(lives["a"].found_bytes, bytes + 8);
  EXPECT_EQ(lives["b"].starts, 2U);
  EXPECT_TRUE(says(rows.at(0), "snapshot")) << rows.at(0).effect;
}

// The second life reads what the first has written, from the beginning.
TEST_F(FaultsTest, OneSectorCannotBeRead) {
  begin({fault("latent_sector", "a", seconds(11), seconds(59), {{"path", "f"}}),
         fault("latent_sector", "b", seconds(11), seconds(59), {{"path", "nosuch"}}),
         fault("crash", "a", milliseconds(11'100), milliseconds(10))});
  until(seconds(30));
  // It may be the sector that the first life was in.
  EXPECT_GE(lives["a"].errors, Image::kSectorBytes / 8);
  EXPECT_LE(lives["a"].errors, Image::kSectorBytes / 8 + 11);
  EXPECT_EQ(lives["b"].errors, 0U);
  EXPECT_TRUE(row_with("a cannot read f at").took_effect);
  EXPECT_FALSE(row_with("nothing durable").took_effect);
}

// "a" writes batches into a log of a partition, syncs it, and looks again and again which of them are sound.
class FaultsOfLogsTest : public FaultsTest {
 protected:
  static constexpr size_t kBatches = 40;

  void live(const std::string& name, Env& env, Life& life) override {
    if (name != "a") return;
    ++life.starts;
    ASSERT_TRUE(env.disk.make_dir("orders-0").ok());
    const auto file = env.disk.open("orders-0/00000000000000000000.log", Open::create);
    ASSERT_TRUE(file.ok());
    const auto write = [&](size_t n) {
      BatchOptions options;
      options.base_offset = static_cast<int64_t>(n);
      BatchBuilder builder(options);
      const ByteBuffer value(3000, static_cast<uint8_t>('a' + n % 26));
      builder.append({1000, std::nullopt, Bytes(value), {}});
      const ByteBuffer batch = builder.build();
      ASSERT_TRUE(write_fully(**file, n * batch.size(), batch).ok());
      ASSERT_TRUE((*file)->sync(SyncMode::all).ok());
      size = batch.size();
    };
    ASSERT_TRUE(env.disk.sync_dir("orders-0").ok() && env.disk.sync_dir("").ok());
    for (size_t n = 0; n < kBatches; ++n) write(n);
    for (size_t n = kBatches;; ++n) {
      env.sleep(milliseconds(200));
      write(n);
      unsound.clear();
      for (size_t i = 0; i <= n; ++i) {
        ByteBuffer batch(size);
        ASSERT_TRUE(read_fully(**file, i * size, batch).ok());
        if (!BatchView(batch).crc_matches()) unsound.push_back(i);
      }
    }
  }
  size_t size = 0;
  std::vector<size_t> unsound;
};

TEST_F(FaultsOfLogsTest, BitsFlipUntilTheyArePutRight) {
  begin({fault("bit_rot", "a", seconds(2), seconds(3), {{"batches", "3"}}),
         fault("bit_rot", "a", seconds(2), seconds(3), {{"path", "nosuch"}})});
  until(milliseconds(1900));
  EXPECT_EQ(unsound.size(), 0U);
  until(milliseconds(4900));
  EXPECT_EQ(unsound.size(), 3U);
  EXPECT_EQ(spoilt, std::set<std::string>{"a"});
  until(seconds(6));
  EXPECT_EQ(unsound.size(), 0U);
  EXPECT_TRUE(row_with("bits flipped in 32 bytes of orders-0/").took_effect);
  row_with("3 of 3 damaged places were put right");
  EXPECT_FALSE(row_with("no batch in a durable file with \"nosuch\"").took_effect);
}

TEST_F(FaultsOfLogsTest, AWriteGoesAstrayAndSpoilsTwoPlaces) {
  begin({fault("misdirected_write", "a", seconds(2), seconds(3)),
         fault("misdirected_write", "b", seconds(2), seconds(3))});
  until(milliseconds(4900));
  ASSERT_EQ(unsound.size(), 2U);
  EXPECT_LT(unsound[0], 50U) << "one that was there";
  EXPECT_GE(unsound[1], kBatches + 5) << "one that was written since";
  until(seconds(6));
  EXPECT_EQ(unsound.size(), 0U);
  EXPECT_TRUE(row_with("a write went astray").took_effect);
  EXPECT_TRUE(says(row_with("b will misdirect a write"), "no write of whole sectors came by"));
}

TEST_F(FaultsTest, ABrokerMovesOnlyIfItCan) {
  begin(
      {fault("new_address", "a", seconds(1), seconds(1)), fault("new_address", "a", seconds(3), seconds(1))});
  until(seconds(5));
  EXPECT_EQ(moved, std::set<std::string>{"a"});
  EXPECT_EQ(lives["a"].starts, 2U);
  EXPECT_TRUE(row_with("to come back under another port").took_effect);
  EXPECT_FALSE(row_with("the last at its first port").took_effect);
}

// "a" tells "c" a word on a connection, gives it up and tells another word on the next one.
class LateBytesTest : public FaultsTest {
 protected:
  void live(const std::string& name, Env& env, Life&) override {
    if (name == "b") return;
    if (name == "c") return listen(env);
    const auto dial = [&] { return *env.network.connect({"c", 9092}, "tell", env.after(seconds(30))); };
    const auto tell = [&](Connection& connection, std::string_view word) {
      EXPECT_TRUE(write_all(connection, as_bytes(word), env.after(seconds(30))).ok());
    };
    const ConnectionRef first = dial();
    env.sleep(milliseconds(1100));
    tell(*first, "old");
    env.sleep(milliseconds(100));
    first->abort();
    const ConnectionRef second = dial();
    tell(*second, "new");
    env.sleep(seconds(10));
  }
  void listen(Env& env) {
    const auto listener = *env.network.listen({"", 9092});
    Scope scope(env);
    for (uint64_t n = 0;; ++n) {
      auto accepted = listener->accept(Instant::never());
      if (!accepted.ok()) return;
      const std::shared_ptr<Connection> connection = std::move(*accepted);
      const auto hear = [this, connection] {
        uint8_t word[3];
        while (read_exactly(*connection, word, Instant::never()).ok()) heard.emplace_back(as_text(word));
        heard.emplace_back("end");
      };
      scope.spawn("hear", hear, n);
    }
  }
  std::vector<std::string> heard;
};

TEST_F(LateBytesTest, WhatWasUnderWayArrivesBehindWhatCameAfterTheReconnect) {
  begin({fault("late_bytes", "a", seconds(1), seconds(8), {{"extra", "3s"}})});
  until(seconds(3));
  EXPECT_TRUE(says(rows.at(0), "arrives 3 s later")) << rows.at(0).effect;
  EXPECT_EQ(heard, std::vector<std::string>{"new"});
  until(seconds(6));
  EXPECT_EQ(heard, (std::vector<std::string>{"new", "old", "end"}));
  EXPECT_TRUE(says(rows.at(0), "what is sent on 1 connections of a arrives 3 s later")) << rows.at(0).effect;
}

TEST_F(LateBytesTest, TheEndOfOneLeavesTheOther) {
  begin({fault("late_bytes", "a", milliseconds(800), seconds(8), {{"extra", "3s"}}),
         fault("late_bytes", "a", milliseconds(900), milliseconds(100), {{"extra", "1s"}})});
  until(seconds(3));
  EXPECT_EQ(heard, std::vector<std::string>{"new"});
  until(seconds(6));
  EXPECT_EQ(heard, (std::vector<std::string>{"new", "old", "end"}));
}

TEST_F(LateBytesTest, ElseAResetTakesNothingWithIt) {
  begin({fault("late_bytes", "b", seconds(1), seconds(8), {{"extra", "3s"}})});
  until(seconds(3));
  EXPECT_EQ(heard, (std::vector<std::string>{"old", "end", "new"}));
  EXPECT_FALSE(rows.at(0).took_effect);
}

// "c" answers; "a" and "b" ask it again and again, on a connection that they keep as long as it is good.
class FaultsOfWaysTest : public FaultsTest {
 protected:
  static constexpr uint16_t kPort = 9092;
  static constexpr size_t kAskBytes = 1000;

  void live(const std::string& name, Env& env, Life& life) override {
    ++life.starts;
    if (name == "c") return answer(env);
    ConnectionRef connection;
    for (;;) {
      env.sleep(milliseconds(10));
      const Instant began = env.now();
      if (connection == nullptr) {
        auto dialled = env.network.connect({"c", kPort}, "ask", env.after(seconds(30)));
        if (!dialled.ok()) {
          ++(dialled.error() == IoError::refused ? life.refused : life.errors);
          continue;
        }
        ++life.dialled;
        connection = std::move(*dialled);
      }
      uint8_t ask[kAskBytes] = {};
      const bool good = write_all(*connection, ask, env.after(seconds(30))).ok() &&
                        read_exactly(*connection, ask, env.after(seconds(30))).ok();
      ++(good ? life.rounds : life.errors);
      if (!good) connection.reset();
      life.slowest = std::max(life.slowest, env.now() - began);
    }
  }
  void answer(Env& env) {
    const auto listener = *env.network.listen({"", kPort});
    Scope scope(env);
    for (uint64_t n = 0;; ++n) {
      auto accepted = listener->accept(Instant::never());
      if (!accepted.ok()) return;
      const std::shared_ptr<Connection> connection = std::move(*accepted);
      scope.spawn(
          "answer",
          [connection] {
            uint8_t asked[kAskBytes];
            while (read_exactly(*connection, asked, Instant::never()).ok() &&
                   write_all(*connection, asked, Instant::never()).ok()) {
            }
          },
          n);
    }
  }
  // What "a" did from here on.
  void forget() { lives["a"] = lives["b"] = {}; }
};

TEST_F(FaultsOfWaysTest, JitterAndNarrowWaysMakeRoundsSlow) {
  begin({fault("jitter", "a", seconds(1), seconds(4), {{"up_to", "300ms"}}),
         fault("bandwidth", "b", seconds(1), seconds(4), {{"bytes_per_second", "2000"}})});
  until(seconds(1));
  EXPECT_LT(lives["a"].slowest, milliseconds(100));
  until(seconds(5));
  EXPECT_GT(lives["a"].slowest, milliseconds(150));
  EXPECT_LT(lives["a"].slowest, milliseconds(700));
  EXPECT_GT(lives["b"].slowest, milliseconds(900));  // half a second each way
  until(seconds(6));
  forget();
  until(seconds(8));
  EXPECT_LT(lives["a"].slowest, milliseconds(100));
  EXPECT_LT(lives["b"].slowest, milliseconds(100));
  EXPECT_EQ(lives["a"].errors + lives["b"].errors, 0U);
  for (const Row& row : rows) EXPECT_TRUE(says(row, "were slow")) << row.effect;
}

TEST_F(FaultsOfWaysTest, WhatIsCloggedArrivesAllAtTheEnd) {
  begin({fault("clog", "a", seconds(1), seconds(4))});
  until(milliseconds(1100));
  const uint64_t before = rounds("a");
  until(milliseconds(4900));
  EXPECT_EQ(rounds("a"), before);
  until(seconds(6));
  EXPECT_GT(rounds("a"), before + 20);
  EXPECT_EQ(lives["a"].dialled, 1U);
  EXPECT_EQ(lives["a"].errors, 0U);
}

TEST_F(FaultsOfWaysTest, FlappingCutsAgainAndAgain) {
  begin({fault("flap", "a", seconds(1), seconds(9), {{"down", "600ms"}, {"up", "1400ms"}})});
  until(seconds(12));
  EXPECT_TRUE(says(rows.at(0), "cut off 5 times")) << rows.at(0).effect;
  EXPECT_GT(lives["a"].slowest, milliseconds(500));
  EXPECT_LT(lives["a"].slowest, seconds(2));
  EXPECT_FALSE(test.world().fabric().trouble(test.node("a").host(), test.node("c").host()).blocked);
}

TEST_F(FaultsOfWaysTest, OnlyTheBridgeSeesBothHalves) {
  begin({fault("bridge", "c", seconds(1), seconds(2)), fault("bridge", "a", seconds(4), seconds(2))});
  const auto cut = [&](const char* from, const char* to) {
    return test.world().fabric().trouble(test.node(from).host(), test.node(to).host()).blocked;
  };
  until(seconds(2));
  EXPECT_TRUE(cut("a", "b") && cut("b", "a"));
  EXPECT_FALSE(cut("a", "c") || cut("c", "b"));
  until(seconds(5));
  EXPECT_TRUE(cut("b", "c") && cut("c", "b"));
  EXPECT_FALSE(cut("a", "b") || cut("a", "c"));
}

TEST_F(FaultsOfWaysTest, ConnectionsAreResetAndRefused) {
  begin({fault("reset", "c", seconds(1), std::nullopt, {{"peer", "a"}}),
         fault("refuse", "c", seconds(2), seconds(2)), fault("reset", "a", seconds(3), std::nullopt),
         fault("reset", "a", milliseconds(3100), std::nullopt)});
  until(milliseconds(2900));
  EXPECT_EQ(lives["a"].dialled, 2U);
  EXPECT_EQ(lives["a"].errors, 1U);
  EXPECT_EQ(lives["b"].dialled, 1U);
  until(milliseconds(3900));
  EXPECT_GT(lives["a"].refused, 20U);
  until(seconds(5));
  EXPECT_EQ(lives["a"].dialled, 3U);
  EXPECT_EQ(lives["b"].dialled, 1U);  // what is there goes on
  EXPECT_FALSE(row_with("no connection to reset").took_effect);
  EXPECT_TRUE(says(rows.at(1), "felt ")) << rows.at(1).effect;
}

TEST_F(FaultsOfWaysTest, WhoReadsOrComputesSlowlyIsWaitedFor) {
  begin({fault("slow_reader", "c", seconds(1), seconds(2), {{"pause", "400ms"}}),
         fault("slow_cpu", "c", seconds(4), seconds(2), {{"factor", "10000"}}),
         fault("slow_timer", "a", seconds(7), seconds(2), {{"up_to", "800ms"}})});
  until(seconds(3));
  EXPECT_GE(lives["a"].slowest, milliseconds(400));
  until(milliseconds(3900));
  forget();
  until(milliseconds(6500));
  EXPECT_GT(lives["a"].slowest, milliseconds(20));
  forget();
  until(milliseconds(7900));
  const uint64_t before = rounds("a");
  until(seconds(9));
  EXPECT_GT(lives["b"].rounds, before);
  EXPECT_LT(rounds("a") - before, 20U);
  until(seconds(10));
  forget();
  until(seconds(11));
  EXPECT_GT(rounds("a"), 50U);
}

}  // namespace
}  // namespace ksim::sim
