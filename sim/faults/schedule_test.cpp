// When faults begin, and whom they strike.

#include "sim/faults/test_stage.h"

namespace ksim::sim {
namespace {

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

}  // namespace
}  // namespace ksim::sim
