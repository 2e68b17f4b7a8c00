#include "core/rpc/peer.h"

#include "core/rpc/api_versions.h"
#include "core/rpc/server.h"
#include "core/rpc/test_world.h"

namespace ksim::rpc {
namespace {

class PeerTest : public test::RpcWorld {
 protected:
  PeerTest() {
    handlers.on<wire::ApiVersionsRequest>(
        [this](const wire::ApiVersionsRequest&, IncomingRequest& request, ResponseSlot slot) {
          wire::ApiVersionsResponse response;
          response.api_keys = served_versions(handlers, ListenerKind::broker, request.arena);
          slot.respond(response);
        });
  }
  std::unique_ptr<RpcServer> serve(uint16_t port) {
    RpcServerConfig config;
    config.bind = {"server", port};
    auto server = std::make_unique<RpcServer>(env, config, handlers);
    EXPECT_TRUE(server->start().ok());
    return server;
  }
  bool call(RpcPeer& peer, Duration time) {
    return peer.call(wire::ApiVersionsRequest{}, env.after(time)).ok();
  }
  HandlerTable handlers;
};

TEST(Backoff, DoublesUpToItsLimitWithATwentyPercentJitter) {
  test::KeyedRandom random;
  Backoff backoff(milliseconds(50), seconds(1), Dice(random, Stream::backoff_jitter, 1));
  bool differs = false;
  for (const int64_t middle_ms : {50, 100, 200, 400, 800, 1000, 1000}) {
    const Duration wait = backoff.next();
    EXPECT_GE(wait, milliseconds(middle_ms * 8 / 10));
    EXPECT_LE(wait, milliseconds(middle_ms * 12 / 10));
    differs = differs || wait != milliseconds(middle_ms);
  }
  EXPECT_TRUE(differs);
  backoff.reset();
  EXPECT_LE(backoff.next(), milliseconds(60));
}

TEST_F(PeerTest, ConnectsAgainAfterAFailureAndWaitsInBetween) {
  run([&] {
    RpcPeer peer(env, {"server", 7}, {}, 1);
    EXPECT_FALSE(call(peer, seconds(5)));  // nobody listens
    const Instant begin = env.now();
    EXPECT_FALSE(call(peer, milliseconds(10)));  // within the back-off
    EXPECT_EQ(env.now() - begin, milliseconds(10));
    auto server = serve(7);
    EXPECT_TRUE(call(peer, seconds(5)));
    EXPECT_GE(env.now() - begin, milliseconds(40));
    EXPECT_TRUE(call(peer, seconds(5)));
    EXPECT_EQ(server->connection_count(), 1U);
    server->stop();
    EXPECT_FALSE(call(peer, seconds(5)));
    server = serve(7);
    EXPECT_TRUE(call(peer, seconds(5)));
    server->stop();
  });
}

// Rule D4. Without a request on the way nobody reads the end.
TEST_F(PeerTest, WhatTheServerFoundIdleIsConnectedAnewBeforeTheNextCall) {
  run([&] {
    RpcServerConfig config;
    config.bind = {"server", 7};
    config.max_idle = seconds(2);
    RpcServer server(env, config, handlers);
    ASSERT_TRUE(server.start().ok());
    RpcPeer peer(env, {"server", 7}, {}, 1);
    EXPECT_TRUE(call(peer, seconds(5)));
    env.sleep(seconds(3));
    ASSERT_EQ(server.connection_count(), 0U);
    EXPECT_TRUE(call(peer, seconds(5)));
    EXPECT_EQ(server.connection_count(), 1U);
    server.stop();
  });
}

TEST_F(PeerTest, AMovedPeerIsFoundAtOnce) {
  run([&] {
    RpcPeer peer(env, {"server", 7}, {}, 1);
    EXPECT_FALSE(call(peer, seconds(5)));
    auto server = serve(8);
    const Instant begin = env.now();
    peer.move_to({"server", 8});
    EXPECT_TRUE(call(peer, seconds(5)));
    EXPECT_EQ(env.now(), begin);
    server->stop();
  });
}

}  // namespace
}  // namespace ksim::rpc
