// What comes over the ways between machines, late, slowly or not at all.

#include "sim/faults/test_stage.h"

namespace ksim::sim {
namespace {

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
          ++(dialled.error() == IoError::refused          ? life.refused
             : dialled.error() == IoError::too_many_files ? life.short_of
                                                          : life.errors);
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
      if (!accepted.ok()) {
        if (accepted.error() == IoError::closed) return;
        env.sleep(milliseconds(10));
        continue;
      }
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

// Who dials "c" stands in its queue until it can be accepted.
TEST_F(FaultsOfWaysTest, WithoutDescriptorsNothingIsAcceptedAndNothingOpened) {
  begin({fault("no_descriptors", "c", seconds(1), seconds(2)),
         fault("reset", "a", milliseconds(1500), std::nullopt),
         fault("no_descriptors", "a", seconds(4), seconds(2)),
         fault("reset", "c", milliseconds(4500), std::nullopt)});
  until(milliseconds(1400));
  EXPECT_GT(rounds("a"), 50U);
  until(milliseconds(1600));
  const uint64_t before = rounds("a");
  EXPECT_EQ(lives["a"].dialled, 2U);
  until(milliseconds(2900));
  EXPECT_EQ(rounds("a"), before);
  EXPECT_EQ(lives["a"].errors, 1U);
  EXPECT_EQ(lives["b"].dialled, 1U);  // what is open goes on
  EXPECT_GT(rounds("b"), 150U);
  until(milliseconds(3900));
  EXPECT_GT(rounds("a"), before + 50);
  EXPECT_EQ(lives["a"].dialled, 2U);
  until(milliseconds(5900));
  EXPECT_EQ(lives["a"].dialled, 2U);
  EXPECT_GT(lives["a"].short_of, 50U);
  EXPECT_EQ(lives["b"].short_of, 0U);
  EXPECT_EQ(lives["b"].dialled, 2U);
  until(seconds(7));
  EXPECT_EQ(lives["a"].dialled, 3U);
  EXPECT_TRUE(says(rows.at(0), "no descriptor is left")) << rows.at(0).effect;
  EXPECT_TRUE(says(rows.at(0), "felt ")) << rows.at(0).effect;
}

TEST_F(FaultsOfWaysTest, AnotherProcessHasDescriptorsOfItsOwn) {
  begin({fault("no_descriptors", "a", seconds(1), seconds(8)),
         fault("crash", "a", seconds(2), milliseconds(500)), fault("crash", "b", seconds(4), seconds(2)),
         fault("no_descriptors", "b", seconds(5), seconds(1))});
  until(milliseconds(1900));
  EXPECT_EQ(lives["a"].dialled, 1U);
  until(seconds(3));
  EXPECT_EQ(lives["a"].dialled, 2U);
  EXPECT_EQ(rows.at(0).ended, at(seconds(2)));
  until(seconds(7));
  EXPECT_FALSE(row_with("no process that could want").took_effect);
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
