#include "core/broker/lifecycle.h"

#include <gtest/gtest.h>

namespace ksim::broker {
namespace {

class MiddleRandom : public Random {
 public:
  uint64_t draw(Stream, uint64_t, uint64_t) override {
    return uint64_t{1} << 63;
  }  // below(41) = 20: no jitter
};

class LifecycleTest : public testing::Test {
 protected:
  Lifecycle::Request due() {
    now = std::max(now, lifecycle.next_at());
    auto request = lifecycle.due(now);
    EXPECT_TRUE(request.has_value());
    EXPECT_FALSE(lifecycle.due(now).has_value()) << "one at a time";
    return request.value_or(Lifecycle::Request{});
  }
  void beat(Lifecycle::HeartbeatAnswer answer) {
    EXPECT_EQ(due().kind, Lifecycle::Request::Kind::heartbeat);
    lifecycle.heartbeat_answered(answer, now);
  }
  int64_t wait_ms() const { return (lifecycle.next_at() - now).ms(); }
  void run_to_running() {
    lifecycle.start(now);
    static_cast<void>(due());
    lifecycle.registered(77, now);
    beat({true, true, false});
    lifecycle.ready_to_unfence(now);
    beat({true, false, false});
    ASSERT_EQ(lifecycle.state(), BrokerState::running);
  }

  MiddleRandom random;
  Instant now = Instant{} + seconds(5);
  Lifecycle lifecycle{LifecycleOptions{}, Dice(random, Stream::backoff_jitter, 1)};
};

TEST_F(LifecycleTest, FromStartToUnfenced) {
  lifecycle.start(now);
  EXPECT_EQ(lifecycle.state(), BrokerState::starting);
  EXPECT_EQ(due().kind, Lifecycle::Request::Kind::registration);
  lifecycle.registered(77, now);
  EXPECT_EQ(wait_ms(), 0);
  Lifecycle::Request request = due();
  EXPECT_EQ(request.kind, Lifecycle::Request::Kind::heartbeat);
  EXPECT_EQ(request.broker_epoch, 77);
  EXPECT_TRUE(request.want_fence);
  lifecycle.heartbeat_answered({false, true, false}, now);
  EXPECT_EQ(lifecycle.state(), BrokerState::starting);
  EXPECT_EQ(wait_ms(), 10);
  beat({true, true, false});
  EXPECT_EQ(lifecycle.state(), BrokerState::recovery);
  EXPECT_TRUE(lifecycle.caught_up());
  beat({true, true, false});
  EXPECT_EQ(wait_ms(), 2000);
  lifecycle.ready_to_unfence(now);
  EXPECT_EQ(wait_ms(), 0);
  request = due();
  EXPECT_FALSE(request.want_fence);
  lifecycle.heartbeat_answered({true, false, false}, now);
  EXPECT_EQ(lifecycle.state(), BrokerState::running);
  EXPECT_TRUE(lifecycle.unfenced());
  EXPECT_EQ(wait_ms(), 2000);
}

TEST_F(LifecycleTest, FailuresBackOffUpToTheSessionTimeout) {
  lifecycle.start(now);
  for (int64_t expected : {100, 200, 400, 800, 1600, 3200, 6400, 9000, 9000}) {
    static_cast<void>(due());
    lifecycle.failed(now);
    EXPECT_EQ(wait_ms(), expected);
  }
  static_cast<void>(due());
  lifecycle.registered(5, now);
  static_cast<void>(due());
  lifecycle.failed(now);
  EXPECT_EQ(wait_ms(), 100) << "success starts the back-off again";
}

TEST_F(LifecycleTest, WithoutRegistrationTheProcessStops) {
  lifecycle.start(now);
  const Instant limit = now + seconds(60);
  EXPECT_EQ(lifecycle.gives_up_at(), limit);
  EXPECT_FALSE(lifecycle.gave_up(limit - milliseconds(1)));
  EXPECT_TRUE(lifecycle.gave_up(limit));
  static_cast<void>(due());
  lifecycle.registered(5, now);
  EXPECT_FALSE(lifecycle.gave_up(limit + seconds(100)));
}

TEST_F(LifecycleTest, NewsDuringARequestMakesTheNextOneImmediate) {
  lifecycle.start(now);
  static_cast<void>(due());
  lifecycle.registered(77, now);
  beat({true, true, false});
  static_cast<void>(due());
  lifecycle.ready_to_unfence(now);
  lifecycle.heartbeat_answered({true, true, false}, now);
  EXPECT_FALSE(due().want_fence);
  lifecycle.heartbeat_answered({true, true, false}, now);
  EXPECT_EQ(wait_ms(), 2000);
  static_cast<void>(due());
  lifecycle.ready_to_unfence(now);
  lifecycle.failed(now);
  EXPECT_EQ(wait_ms(), 100) << "never at once after a failure";
}

TEST_F(LifecycleTest, ControlledShutdownAsksUntilItMay) {
  run_to_running();
  lifecycle.begin_controlled_shutdown(now);
  EXPECT_EQ(lifecycle.state(), BrokerState::pending_controlled_shutdown);
  EXPECT_EQ(wait_ms(), 0);
  EXPECT_TRUE(due().want_shutdown);
  lifecycle.heartbeat_answered({true, false, false}, now);
  EXPECT_EQ(wait_ms(), 50);
  beat({true, false, false});
  EXPECT_EQ(wait_ms(), 2000);
  lifecycle.begin_controlled_shutdown(now);
  beat({true, false, true});
  EXPECT_EQ(lifecycle.state(), BrokerState::shutting_down);
  EXPECT_TRUE(lifecycle.next_at().is_never());
}

TEST_F(LifecycleTest, ShutdownIsNotControlledUnlessRunning) {
  lifecycle.start(now);
  static_cast<void>(due());
  lifecycle.begin_controlled_shutdown(now);
  EXPECT_EQ(lifecycle.state(), BrokerState::shutting_down);
  lifecycle.registered(5, now);
  EXPECT_TRUE(lifecycle.next_at().is_never());
  EXPECT_FALSE(lifecycle.gave_up(now + seconds(1000)));
}

TEST_F(LifecycleTest, AFailedDirectoryIsReportedOrTheProcessStops) {
  run_to_running();
  const Uuid directory{7, 7};
  lifecycle.directory_failed(directory, now);
  const Instant limit = now + seconds(30);
  EXPECT_EQ(lifecycle.gives_up_at(), limit);
  EXPECT_EQ(wait_ms(), 0);
  EXPECT_EQ(due().offline_directories, std::vector<Uuid>{directory});
  lifecycle.failed(now);
  EXPECT_TRUE(lifecycle.gave_up(limit));
  beat({true, false, false});
  EXPECT_FALSE(lifecycle.gave_up(limit));
  EXPECT_EQ(due().offline_directories.size(), 1u) << "said in every heartbeat";
}

}  // namespace
}  // namespace ksim::broker
