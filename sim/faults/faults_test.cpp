#include <fmt/format.h>

#include "core/record/builder.h"
#include "sim/faults/all.h"
#include "sim/faults/settings.h"
#include "sim/faults/test_stage.h"

namespace ksim::sim {
namespace {

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

TEST_F(FaultsTest, ADeadDiskFailsAtEverythingAndIsTakenBack) {
  begin({fault("disk_error", "a", seconds(1), seconds(1), {{"what", "all"}}),
         fault("slow_disk", "b", seconds(1), seconds(1))});
  gave_up = {"a"};
  until(milliseconds(1100));
  const uint64_t before = rounds("a");
  until(milliseconds(1900));
  EXPECT_EQ(rounds("a"), before);
  until(seconds(3));
  EXPECT_TRUE(says(row_with("fails at every access"), "a starts anew, with the directory"));
  EXPECT_FALSE(says(row_with("slow"), "starts anew"));
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

}  // namespace
}  // namespace ksim::sim
