#include "core/client/subscription_state.h"

#include <gtest/gtest.h>

#include "core/client/testing.h"

namespace ksim::client {
namespace {

using testing::kFirst;
using testing::kSecond;

constexpr LeaderAndEpoch kLeader{1, 5};

struct SubscriptionStateTest : ::testing::Test {
  PartitionPosition& first() { return *state.find(kFirst); }
  SubscriptionState state{AutoOffsetReset::earliest};
  void SetUp() override { state.assign({kFirst, kSecond}); }
};

TEST_F(SubscriptionStateTest, positions_survive_a_new_assignment) {
  first().seek_validated({7, 3, kLeader});
  EXPECT_EQ(first().jumps(), 1U);
  first().advance(8, 3);
  EXPECT_EQ(first().jumps(), 1U);
  EXPECT_EQ(first().jumped_to(), 7);
  first().seek_validated({7, 3, kLeader});
  state.assign({kSecond, kFirst});
  EXPECT_EQ(first().position()->offset, 7);
  EXPECT_EQ(state.order().front()->first, kSecond);
  state.move_to_end(kSecond);
  EXPECT_EQ(state.order().front()->first, kFirst);
  state.assign({kSecond});
  EXPECT_EQ(state.find(kFirst), nullptr);
}

TEST_F(SubscriptionStateTest, a_position_with_an_epoch_is_validated_first) {  // G39, G41
  first().seek_unvalidated({7, 3, kLeader});
  EXPECT_EQ(first().state(), FetchState::await_validation);
  EXPECT_FALSE(first().is_fetchable());
  first().complete_validation();
  EXPECT_TRUE(first().is_fetchable());
  first().leader_is(kLeader, true);
  EXPECT_TRUE(first().is_fetchable());
  first().leader_is({2, 6}, true);
  EXPECT_EQ(first().state(), FetchState::await_validation);
  EXPECT_EQ(first().position()->leader, (LeaderAndEpoch{2, 6}));
  first().complete_validation();
  first().leader_is({3, 7}, false);  // the leader does not know how
  EXPECT_TRUE(first().is_fetchable());
}

TEST_F(SubscriptionStateTest, a_position_without_an_epoch_goes_on_with_the_new_leader) {
  first().seek_unvalidated({7, std::nullopt, kLeader});
  first().leader_is({2, 6}, true);
  EXPECT_TRUE(first().is_fetchable());
  first().leader_is({}, true);
  EXPECT_EQ(first().position()->leader, (LeaderAndEpoch{2, 6}));
}

TEST_F(SubscriptionStateTest, a_reset_is_ended_by_a_position_only) {
  first().request_reset(AutoOffsetReset::latest);
  EXPECT_FALSE(first().position());
  first().leader_is({2, 6}, true);
  first().complete_validation();
  EXPECT_EQ(first().state(), FetchState::await_reset);
  first().seek_unvalidated({9, 6, {2, 6}});
  EXPECT_EQ(first().state(), FetchState::await_validation);
  EXPECT_FALSE(first().reset_to());
}

TEST_F(SubscriptionStateTest, a_new_leader_ends_the_preference_for_a_replica) {  // G41
  first().seek_validated({7, std::nullopt, kLeader});
  first().prefer_replica(9, Instant{100});
  EXPECT_EQ(first().preferred_replica(Instant{100}), 9);
  EXPECT_EQ(first().preferred_replica(Instant{101}), std::nullopt);
  first().prefer_replica(9, Instant{100});
  first().leader_is({2, 6}, true);
  EXPECT_EQ(first().preferred_replica(Instant{1}), std::nullopt);
}

// Rule G42.
TEST_F(SubscriptionStateTest, validation) {
  const FetchPosition asked{7, 3, kLeader};
  const auto ask = [&] { first().seek_unvalidated(asked); };
  ask();
  EXPECT_FALSE(state.complete_validation(kFirst, asked, 3, 7));
  EXPECT_TRUE(first().is_fetchable());
  ask();
  EXPECT_FALSE(state.complete_validation(kFirst, {6, 3, kLeader}, 3, 1));  // for another position
  EXPECT_EQ(first().state(), FetchState::await_validation);
  EXPECT_FALSE(state.complete_validation(kFirst, asked, 2, 5));
  EXPECT_EQ(*first().position(), (FetchPosition{5, 2, kLeader}));
  ask();
  EXPECT_FALSE(state.complete_validation(kFirst, asked, -1, -1));
  EXPECT_EQ(first().state(), FetchState::await_reset);
}

TEST(SubscriptionStateNoPolicy, truncation_is_told) {
  SubscriptionState state(AutoOffsetReset::none);
  state.assign({kFirst});
  const FetchPosition asked{7, 3, kLeader};
  state.find(kFirst)->seek_unvalidated(asked);
  const auto divergent = state.complete_validation(kFirst, asked, 2, 5);
  ASSERT_TRUE(divergent);
  EXPECT_EQ(divergent->divergent_offset, 5);
  const auto undefined = state.complete_validation(kFirst, asked, -1, -1);
  ASSERT_TRUE(undefined);
  EXPECT_FALSE(undefined->divergent_offset);
  EXPECT_EQ(state.find(kFirst)->state(), FetchState::await_validation);
}

}  // namespace
}  // namespace ksim::client
