#include "sim/net/sim_network.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "sim/test_world.h"

namespace ksim::sim {
namespace {

constexpr uint16_t kPort = 9092;

// Two nodes; "server" accepts and keeps what it reads, "client" does what a test wants.
class SimNetworkTest : public testing::Test {
 protected:
  void SetUp() override {
    server = &world.start("server", [this](Env& env) { serve(env); });
    world.node("client");
  }
  void serve(Env& env) {
    const auto listener = *env.network.listen({"", kPort});
    for (;;) {
      auto accepted = listener->accept(Instant::never());
      if (!accepted.ok()) return;
      ++connections;
      Connection& connection = **accepted;
      uint8_t buffer[4096];
      for (;;) {
        const IoResult<size_t> n = connection.read_some(buffer, Instant::never());
        if (!n.ok()) last_error = n.error();
        if (!n.ok() || *n == 0) break;
        received.append(reinterpret_cast<const char*>(buffer), *n);
        last_arrival = world.world().now();
        if (echo) static_cast<void>(write_all(connection, Bytes(buffer, *n), Instant::never()));
      }
      ++ended;
    }
  }
  SimNode& client(FunctionProcess::Body body) { return world.start("client", std::move(body)); }
  static IoResult<ConnectionRef> dial(Env& env, Duration patience = seconds(30)) {
    return env.network.connect({"server", kPort}, "test", env.after(patience));
  }
  // What is wrong with a way, in place of what was.
  struct Way {
    Fabric& fabric;
    Host& from;
    Host& to;
    uint64_t number = 0;
    void set(LinkTrouble trouble) {
      fabric.remove_trouble(from, to, number);
      number = fabric.add_trouble(from, to, trouble);
    }
    void block(bool blocked) { set({blocked, 0, 1000}); }
  };
  Way way(std::string_view from, std::string_view to) {
    return {world.world().fabric(), world.node(from).host(), world.node(to).host()};
  }
  Way& to_server() {
    if (!to_server_) to_server_.emplace(way("client", "server"));
    return *to_server_;
  }
  Way& to_client() {
    if (!to_client_) to_client_.emplace(way("server", "client"));
    return *to_client_;
  }
  void block_both(bool blocked) {
    to_server().block(blocked);
    to_client().block(blocked);
  }
  std::optional<Way> to_server_, to_client_;

  TestWorld world{1};
  SimNode* server = nullptr;
  std::string received;
  Instant last_arrival{0};
  IoError last_error = IoError::ok;
  int connections = 0;
  int ended = 0;
  bool echo = false;
};

TEST_F(SimNetworkTest, APartitionHoldsBytesAndDeliversThemAfterItHeals) {
  client([&](Env& env) {
    const ConnectionRef connection = *dial(env);
    ASSERT_TRUE(write_all(*connection, as_bytes("before "), Instant::never()).ok());
    env.sleep(milliseconds(100));
    block_both(true);
    ASSERT_TRUE(write_all(*connection, as_bytes("during"), Instant::never()).ok());
    env.sleep(seconds(10));
    EXPECT_EQ(received, "before ");
    block_both(false);
    env.sleep(seconds(15));
    EXPECT_EQ(received, "before during");
    EXPECT_EQ(last_error, IoError::ok);
    connection->close();
  });
  world.run(seconds(60));
  EXPECT_EQ(ended, 1);
}

TEST_F(SimNetworkTest, WhatWaitsForANarrowWayGoesOnWhenItIsWideAgain) {
  std::string sent;
  for (int i = 0; sent.size() < 20'000; ++i) sent += fmt::format("{} ", i);
  client([&](Env& env) {
    const ConnectionRef connection = *dial(env);
    LinkTrouble narrow;
    narrow.bytes_per_second = 1000;
    to_server().set(narrow);
    for (size_t at = 0; at < sent.size(); at += 1000) {
      ASSERT_TRUE(write_all(*connection, as_bytes(sent).subspan(at, std::min<size_t>(1000, sent.size() - at)),
                            Instant::never())
                      .ok());
      env.sleep(milliseconds(1));
    }
    env.sleep(seconds(5));
    EXPECT_LT(received.size(), 7000U);
    to_server().set({});
    env.sleep(seconds(1));
    EXPECT_EQ(received, sent) << "in order, and not after twenty seconds";
    connection->close();
  });
  world.run(seconds(60));
  EXPECT_EQ(ended, 1);
}

TEST_F(SimNetworkTest, ASenderGivesUpAndItsPeerLearnsWhenItNextSends) {
  IoError client_error = IoError::ok;
  client([&](Env& env) {
    const ConnectionRef connection = *dial(env);
    ASSERT_TRUE(write_all(*connection, as_bytes("x"), Instant::never()).ok());
    env.sleep(milliseconds(100));
    block_both(true);
    ASSERT_TRUE(write_all(*connection, as_bytes("y"), Instant::never()).ok());
    uint8_t byte[1];
    client_error = connection->read_some(byte, env.after(seconds(600))).error();
    block_both(false);
    env.sleep(seconds(600));
    EXPECT_EQ(ended, 0) << "nobody has told the server";
    env.sleep(seconds(1));
  });
  world.run(seconds(1500));
  EXPECT_EQ(client_error, IoError::reset);
  EXPECT_EQ(received, "x");
}

TEST_F(SimNetworkTest, OneWayCutsStopAcknowledgementsToo) {
  // The server's answers do not arrive: the client's bytes do, but are never acknowledged, so that its
  // kernel gives up in the end.
  Instant broke{0};
  client([&](Env& env) {
    const ConnectionRef connection = *dial(env);
    to_client().block(true);
    ASSERT_TRUE(write_all(*connection, as_bytes("heard"), Instant::never()).ok());
    uint8_t byte[1];
    EXPECT_EQ(connection->read_some(byte, env.after(seconds(600))).error(), IoError::reset);
    broke = world.world().now();
  });
  world.run(seconds(1000));
  EXPECT_EQ(received, "heard");
  EXPECT_GT(broke, Instant{} + seconds(59));
  EXPECT_LT(broke, Instant{} + seconds(200));
}

TEST_F(SimNetworkTest, APowerLossLeavesAConnectionHalfOpen) {
  bool asked = false;
  client([&](Env& env) {
    const ConnectionRef connection = *dial(env);
    ASSERT_TRUE(write_all(*connection, as_bytes("x"), Instant::never()).ok());
    env.sleep(seconds(1));
    world.world().later(1, [&] { server->power_loss(); });
    uint8_t byte[1];
    EXPECT_EQ(connection->read_some(byte, env.after(seconds(500))).error(), IoError::timed_out);
    asked = true;
    world.world().later(
        2, [&] { server->start(FunctionProcess::factory([this](Env& again) { serve(again); })); });
    env.sleep(seconds(1));
    ASSERT_TRUE(write_all(*connection, as_bytes("z"), Instant::never()).ok());
    EXPECT_EQ(connection->read_some(byte, env.after(seconds(500))).error(), IoError::reset);
    const ConnectionRef second = *dial(env);
    ASSERT_TRUE(write_all(*second, as_bytes("again"), Instant::never()).ok());
    second->close();
    env.sleep(seconds(1));
  });
  world.run(seconds(2000));
  EXPECT_TRUE(asked);
  EXPECT_EQ(received, "xagain");
  EXPECT_EQ(connections, 2);
}

TEST_F(SimNetworkTest, WhoeverAsksWhileAMachineHasNoPowerIsHeardAndAnsweredLater) {
  client([&](Env& env) {
    block_both(true);
    world.world().later(1, [&] { server->power_loss(); });
    world.world().later(
        2, [&] { server->start(FunctionProcess::factory([this](Env& again) { serve(again); })); });
    world.world().later(3, [&] { block_both(false); });
    const IoResult<ConnectionRef> connection = dial(env);  // asked before the machine had lost it
    ASSERT_TRUE(connection.ok());
    env.sleep(seconds(1));
    world.world().later(4, [&] { server->crash(); });
    uint8_t byte[1];
    const IoResult<size_t> n = (*connection)->read_some(byte, env.after(seconds(5)));
    ASSERT_TRUE(n.ok());
    EXPECT_EQ(*n, 0U);
  });
  world.run(seconds(200));
}

TEST_F(SimNetworkTest, TheKernelOfACrashedProcessEndsItsConnections) {
  client([&](Env& env) {
    const ConnectionRef connection = *dial(env);
    ASSERT_TRUE(write_all(*connection, as_bytes("x"), Instant::never()).ok());
    env.sleep(seconds(1));
    world.world().later(1, [&] { server->crash(); });
    uint8_t byte[1];
    const IoResult<size_t> n = connection->read_some(byte, env.after(seconds(5)));
    ASSERT_TRUE(n.ok());
    EXPECT_EQ(*n, 0U);
    EXPECT_EQ(dial(env).error(), IoError::refused);
  });
  world.run(seconds(20));
  EXPECT_EQ(received, "x");
}

TEST_F(SimNetworkTest, ACrashWithUnreadBytesResets) {
  client([&](Env& env) {
    const ConnectionRef connection = *dial(env);
    env.sleep(milliseconds(50));
    world.world().later(1, [&] { server->pause(); });
    env.sleep(milliseconds(1));
    ASSERT_TRUE(write_all(*connection, as_bytes("unread"), Instant::never()).ok());
    env.sleep(seconds(1));
    world.world().later(2, [&] { server->crash(); });
    uint8_t byte[1];
    EXPECT_EQ(connection->read_some(byte, env.after(seconds(5))).error(), IoError::reset);
  });
  world.run(seconds(20));
  EXPECT_EQ(received, "");
}

TEST_F(SimNetworkTest, ConnectingToNobodyTellsWhy) {
  client([&](Env& env) {
    EXPECT_EQ(env.network.connect({"server", 1}, "test", env.after(seconds(5))).error(), IoError::refused);
    EXPECT_EQ(env.network.connect({"nowhere", 1}, "test", env.after(seconds(5))).error(),
              IoError::unreachable);
    to_server().block(true);
    const Instant before = env.now();
    EXPECT_EQ(dial(env, seconds(5)).error(), IoError::timed_out);
    EXPECT_GE((env.now() - before).ms(), 5000);
    world.world().at(world.world().now() + seconds(4), 3, [&] { to_server().block(false); });
    EXPECT_TRUE(dial(env).ok());  // a later SYN gets through
  });
  world.run(seconds(100));
  EXPECT_EQ(connections, 1);
}

TEST_F(SimNetworkTest, AConnectCutShortLeavesNothingBehind) {
  for (int i = 0; i < 3; ++i) {
    SimNode& node = client([&](Env& env) { static_cast<void>(dial(env)); });
    world.run(microseconds(40 + 30 * i));
    node.crash();
    world.run(seconds(1));
  }
  // The server may have seen them, but each ends.
  world.run(seconds(200));
  EXPECT_EQ(ended, connections);
}

TEST_F(SimNetworkTest, BytesArriveInOrderWhateverTheSegments) {
  std::string sent;
  client([&](Env& env) {
    const ConnectionRef connection = *dial(env);
    for (int i = 0; i < 500; ++i) {
      const std::string text(static_cast<size_t>(1 + i * 7 % 3000), static_cast<char>('a' + i % 26));
      sent += text;
      ASSERT_TRUE(write_all(*connection, as_bytes(text), Instant::never()).ok());
      if (i % 50 == 0) env.sleep(milliseconds(3));
    }
    connection->close();
    env.sleep(seconds(5));
  });
  world.run(seconds(60));
  EXPECT_EQ(received, sent);
  EXPECT_EQ(ended, 1);
}

TEST_F(SimNetworkTest, BandwidthAndLatencyTakeTime) {
  echo = true;
  Duration normal{0};
  Duration troubled{0};
  client([&](Env& env) {
    const ConnectionRef connection = *dial(env);
    ByteBuffer block(200'000, 7);
    const auto round = [&] {
      const Instant before = env.now();
      Scope scope(env);
      scope.spawn("writer", [&] { EXPECT_TRUE(write_all(*connection, block, Instant::never()).ok()); });
      ByteBuffer back(block.size());
      EXPECT_TRUE(read_exactly(*connection, back, env.after(seconds(1000))).ok());
      scope.close();
      return env.now() - before;
    };
    normal = round();
    to_server().set({false, milliseconds(40).ns, 50'000});
    to_client().set({false, 0, 50'000});
    troubled = round();
    connection->close();
  });
  world.run(seconds(3000));
  EXPECT_GT(normal.ns, 300'000);
  EXPECT_LT(normal.ms(), 100);
  EXPECT_GT(troubled.ns, normal.ns * 3);
  EXPECT_GT(troubled.ms(), 40);
}

// Shards may listen on one port; each connection goes to one of them, by its key.
TEST(SimNetworkShards, ConnectionsAreSpreadOverListeners) {
  TestWorld world(3);
  NodeSetup setup;
  setup.name = "server";
  setup.shards = 3;
  world.world().add_node(setup);
  int accepted[3] = {};
  world.start("server", [&](Env& env) {
    const auto listener = *env.network.listen({"", kPort});
    while (listener->accept(env.after(seconds(5))).ok()) ++accepted[env.mailboxes.self()];
  });
  world.start("client", [&](Env& env) {
    env.sleep(milliseconds(10));
    for (int i = 0; i < 60; ++i)
      EXPECT_TRUE(env.network.connect({"server", kPort}, "t", env.after(seconds(1))).ok());
  });
  EXPECT_TRUE(world.run());
  for (const int n : accepted) EXPECT_GT(n, 5);
  EXPECT_EQ(accepted[0] + accepted[1] + accepted[2], 60);
}

}  // namespace
}  // namespace ksim::sim
