#include "core/metadata/registry.h"

#include <gtest/gtest.h>

namespace ksim {
namespace {

using State = BrokerControlState;

TEST(Registry, RuleC14NextState) {
  const auto next = [](State current, bool want_fence, bool want_shut_down, int64_t offset,
                       bool leads = false, std::optional<int64_t> shutdown = {}, int64_t lowest = 0) {
    return next_broker_state(current, {want_fence, want_shut_down, offset}, 100, leads, shutdown, lowest);
  };
  EXPECT_EQ(next(State::fenced, true, false, 200), State::fenced);
  EXPECT_EQ(next(State::fenced, false, false, 99), State::fenced);  // has not seen its registration
  EXPECT_EQ(next(State::fenced, false, false, 100), State::unfenced);
  EXPECT_EQ(next(State::fenced, true, true, 0), State::shutdown_now);
  EXPECT_EQ(next(State::unfenced, false, false, 0), State::unfenced);
  EXPECT_EQ(next(State::unfenced, true, false, 0), State::fenced);
  EXPECT_EQ(next(State::unfenced, true, true, 0), State::shutdown_now);
  EXPECT_EQ(next(State::unfenced, false, true, 0, true), State::controlled_shutdown);
  EXPECT_EQ(next(State::unfenced, false, true, 0, false), State::shutdown_now);
  EXPECT_EQ(next(State::controlled_shutdown, false, true, 0, true, 50, 60), State::controlled_shutdown);
  EXPECT_EQ(next(State::controlled_shutdown, false, true, 0, false, 50, 49), State::controlled_shutdown);
  EXPECT_EQ(next(State::controlled_shutdown, false, true, 0, false, 50, 50), State::shutdown_now);
}

BrokerRef broker(int32_t id, int64_t epoch, bool fenced, bool stopping = false) {
  auto registration = std::make_shared<BrokerRegistration>();
  registration->id = id;
  registration->epoch = epoch;
  registration->fenced = fenced;
  registration->in_controlled_shutdown = stopping;
  return registration;
}

TEST(Registry, RuleC13SessionsBelongToOneEpoch) {
  BrokerSessions sessions(milliseconds(9000));
  const Instant start{};
  sessions.registered(1, 10, start);
  EXPECT_TRUE(sessions.valid(1, 10, start + milliseconds(9000)));
  EXPECT_FALSE(sessions.valid(1, 10, start + milliseconds(9000) + nanoseconds(1)));
  EXPECT_FALSE(sessions.valid(1, 11, start));
  sessions.contact(1, 10, start + milliseconds(5));
  EXPECT_TRUE(sessions.valid(1, 10, start + milliseconds(9005)));
  sessions.registered(1, 20, start);
  EXPECT_FALSE(sessions.valid(1, 10, start));
  sessions.forget(1);
  EXPECT_FALSE(sessions.valid(1, 20, start));
}

TEST(Registry, RuleC16OldestContactFirst) {
  MetadataImage image;
  for (int32_t id : {1, 2, 3, 4}) image.cluster.brokers.set(id, broker(id, 10, id == 4));
  BrokerSessions sessions(milliseconds(100));
  sessions.activate(image, Instant{});
  EXPECT_EQ(sessions.next_expiry(image), Instant{} + milliseconds(100) + nanoseconds(1));
  sessions.heartbeat(2, 10, Instant{} + milliseconds(1), 0);
  sessions.heartbeat(1, 10, Instant{} + milliseconds(2), 0);
  sessions.heartbeat(3, 10, Instant{} + milliseconds(90), 0);
  EXPECT_EQ(sessions.stalest(image, Instant{} + milliseconds(101)), std::nullopt);
  EXPECT_EQ(sessions.stalest(image, Instant{} + milliseconds(150)), 2);
  image.cluster.brokers.set(2, broker(2, 10, true));
  EXPECT_EQ(sessions.stalest(image, Instant{} + milliseconds(150)), 1);
  image.cluster.brokers.set(1, broker(1, 10, true));
  EXPECT_EQ(sessions.stalest(image, Instant{} + milliseconds(150)), std::nullopt);
}

TEST(Registry, RuleC14LowestOffsetIsOfActiveBrokers) {
  MetadataImage image;
  image.cluster.brokers.set(1, broker(1, 10, false));
  image.cluster.brokers.set(2, broker(2, 10, false, true));
  image.cluster.brokers.set(3, broker(3, 10, true));
  BrokerSessions sessions(milliseconds(100));
  sessions.activate(image, Instant{});
  EXPECT_EQ(sessions.lowest_active_offset(image), -1);
  sessions.heartbeat(1, 10, Instant{}, 70);
  sessions.heartbeat(2, 10, Instant{}, 5);
  EXPECT_EQ(sessions.lowest_active_offset(image), 70);
  sessions.entered_shutdown(2, 40);
  sessions.entered_shutdown(2, 50);
  EXPECT_EQ(sessions.shutdown_offset(2), 40);
  sessions.fenced(2);
  EXPECT_EQ(sessions.shutdown_offset(2), std::nullopt);
}

}  // namespace
}  // namespace ksim
