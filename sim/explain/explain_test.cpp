// Histories made by hand, one for each kind of culprit: what took the record must be what the page names.

#include "sim/explain/explain.h"

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "sim/explain/made_history.h"
#include "sim/history/sqlite.h"

namespace ksim::sim {
namespace {

// 1 and 2 have it, 3 is out of the ISR; then both die, and 3 is all that is left.
Made unclean(Made made) {
  made.state(8, 1, 0, {1, 2}, {});
  made.isr_changed(1, 8, {1, 2});
  made.copy(1, 11, 40, "truncation"), made.copy(2, 12, 45, "truncation");
  made.committed(1, 12), made.told(13);
  made.node(1, NodeFault::crashed, 20), made.node(2, NodeFault::crashed, 21);
  made.state(25, -1, 1, {}, {2});
  made.state(30, 3, 2, {3}, {}, true), made.leads(3, 30, 2, {3});
  made.node(1, NodeFault::started, 39), made.follows(1, 39, 3, 2), made.cut(1, 40);
  made.node(2, NodeFault::started, 44), made.follows(2, 44, 3, 2), made.cut(2, 45);
  return made;
}

TEST(Explain, AnUncleanElectionThatTheTopicAllows) {
  const Explanation page = unclean(Made(-1, "1", "true")).page();
  expect_culprit(page, "unclean_election", 30, 3);
  EXPECT_NE(page.culprit->text.find("unclean.leader.election.enable=true"), std::string::npos);
  EXPECT_NE(page.culprit->text.find("broker 2 was down since 21.000 s"), std::string::npos);
  EXPECT_EQ(page.last_chance->at_ns, Made::at(30).ns);
  EXPECT_EQ(page.copies.size(), 2U);
}

TEST(Explain, AnUncleanElectionThatAnAdministratorAskedFor) {
  Made made = unclean(Made(-1, "1", "false"));
  made.asked(28, 30);
  const Explanation page = made.page();
  expect_culprit(page, "unclean_election", 30, 3);
  EXPECT_NE(page.culprit->text.find("administrator had asked for it at 28.000 s"), std::string::npos);
}

TEST(Explain, AnElectionFromOutsideThatNothingAllows) {
  expect_culprit(unclean(Made(-1, "1", "false")).page(), "election_outside_isr", 30, 3);
}

// The only eligible replica crashed, held all, and comes back: it must leave, and who led last has lost it.
TEST(Explain, TheLastKnownLeaderLeadsWithoutIt) {
  Made made;
  made.copy(1, 11, 22, "power loss"), made.copy(3, 12, 31, "truncation");
  made.state(8, 1, 0, {1, 3}, {}), made.isr_changed(1, 8, {1, 3});
  made.committed(1, 12), made.told(13);
  made.node(3, NodeFault::crashed, 18), made.state(20, 1, 0, {1}, {3});
  made.node(1, NodeFault::power_lost, 22), made.node(1, NodeFault::started, 23);
  made.state(24, -1, 1, {}, {3, 1}), made.registered(1, 25), made.state(25, -1, 1, {}, {3});
  made.node(3, NodeFault::started, 29), made.state(30, 1, 2, {1}, {}, true), made.registered(3, 30);
  made.leads(1, 30, 2, {1}), made.follows(3, 30, 1, 2), made.cut(3, 31);
  const Explanation page = made.page();
  expect_culprit(page, "last_known_leader", 30, 1);
  EXPECT_NE(page.culprit->text.find("It had lost nothing: broker 3 held the record"), std::string::npos)
      << to_text(page, 100);
}

// acks=1: the leader answers for itself and dies before anybody has fetched it.
Made alone(int32_t acks) {
  Made made(acks);
  made.copy(1, 11, 35, "truncation");
  made.told(12), made.node(1, NodeFault::crashed, 13);
  made.state(20, 2, 1, {2, 3}, {}), made.leads(2, 20, 1, {2, 3});
  made.node(1, NodeFault::started, 30), made.follows(1, 34, 2, 1), made.cut(1, 35);
  return made;
}

TEST(Explain, TheLeaderAloneHadIt) {
  const Explanation page = alone(1).page();
  expect_culprit(page, "leader_alone", 20, 2);
  EXPECT_EQ(page.acks, 1);
  expect_culprit(alone(0).page(), "nothing_promised", 20, 2);
}

TEST(Explain, ALeaderThatWasReplacedTookIt) {
  Made made(1);
  made.state(9, 2, 1, {2, 3}, {}), made.leads(2, 9, 1, {2, 3});
  made.copy(1, 11, 20, "truncation"), made.told(12), made.follows(1, 19, 2, 1), made.cut(1, 20);
  expect_culprit(made.page(), "deposed_leader", 11, 1);
}

TEST(Explain, TheLastCopyGoesWithThePower) {
  Made made(-1, "1");
  made.copy(2, 12, 20, "power loss"), made.copy(1, 11, 30, "power loss");
  made.state(8, 1, 0, {1, 2}, {}), made.isr_changed(1, 8, {1, 2});
  made.committed(1, 12), made.told(13);
  made.node(2, NodeFault::power_lost, 20), made.state(22, 1, 0, {1}, {}),
      made.node(1, NodeFault::power_lost, 30);
  made.state(35, 1, 2, {1}, {}, true), made.leads(1, 35, 2, {1});
  const Explanation page = made.page();
  expect_culprit(page, "power_loss", 30, 1);
  EXPECT_NE(page.culprit->text.find("broker 2 had lost it at 20.000 s"), std::string::npos);
  EXPECT_NE(page.culprit->text.find("flush.messages"), std::string::npos);
  EXPECT_NE(page.last_chance->text.find("page cache"), std::string::npos);
}

TEST(Explain, ADiskIsReplacedAndALogDamaged) {
  for (const auto& [by, kind] : {std::pair{"replaced disk", "replaced_disk"}, {"damage", "damage"}}) {
    Made made(-1, "1");
    made.copy(1, 11, 30, by, 15);
    made.state(8, 1, 0, {1}, {}), made.isr_changed(1, 8, {1}), made.committed(1, 11), made.told(12);
    if (kind == std::string("replaced_disk")) made.node(1, NodeFault::wiped, 30);
    made.state(35, 1, 2, {1}, {}), made.leads(1, 35, 2, {1});
    expect_culprit(made.page(), kind, 30, 1);
  }
}

TEST(Explain, RecoveryCutsWhatThePageCacheHeld) {
  Made made;
  made.copy(1, 11, 25, "recovery"), made.copy(2, 12, 40, "truncation"), made.copy(3, 12);
  made.committed(1, 13), made.told(14), made.node(1, NodeFault::crashed, 20),
      made.node(1, NodeFault::started, 24);
  expect_culprit(made.page(), "recovery", 25, 1);
}

// KIP-101: a follower that comes back cuts at its own high watermark, and leads.
TEST(Explain, AFollowerCutsBelowTheCommittedEnd) {
  Made made;
  made.copy(1, 11, 30, "truncation"), made.copy(2, 12, 20, "truncation");
  made.state(8, 1, 0, {1, 2}, {}), made.isr_changed(1, 8, {1, 2}), made.committed(1, 12), made.told(13);
  made.node(2, NodeFault::crashed, 18), made.node(2, NodeFault::started, 19), made.follows(2, 20, 1, 0),
      made.cut(2, 20);
  made.node(1, NodeFault::crashed, 21), made.state(25, 2, 1, {2}, {}), made.leads(2, 25, 1, {2});
  made.follows(1, 29, 2, 1), made.cut(1, 30);
  const Explanation page = made.page();
  expect_culprit(page, "truncation", 20, 2);
  EXPECT_NE(page.headline.find("below the committed end"), std::string::npos) << page.headline;
}

// What it cuts to follow a leader that lacks it is a consequence.
TEST(Explain, AFollowerThatObeysIsNotTheCulprit) {
  Made made = unclean(Made(-1, "1", "true"));
  EXPECT_NE(made.page().culprit->kind, "truncation");
}

TEST(Explain, AnAnswerThatCameTooEarly) {
  Made made = alone(-1);
  expect_culprit(made.page(), "acknowledgement", 12, 1);
}

TEST(Explain, AHighWatermarkThatPassedAMember) {
  Made made;
  made.copy(1, 11, 35, "truncation"), made.copy(3, 12, 36, "truncation");
  made.committed(1, 13), made.told(14), made.node(1, NodeFault::crashed, 15);
  made.state(20, 2, 1, {2, 3}, {}), made.leads(2, 20, 1, {2, 3});
  made.follows(1, 34, 2, 1), made.cut(1, 35), made.follows(3, 34, 2, 1), made.cut(3, 36);
  expect_culprit(made.page(), "high_watermark", 13, 1);
}

TEST(Explain, AReplicaThatStaysEligibleThoughTheIsrIsLargeEnough) {
  Made made;
  made.state(8, 1, 0, {1, 2}, {3}), made.isr_changed(1, 8, {1, 2});
  made.copy(1, 11), made.copy(2, 12), made.committed(1, 12), made.told(13);
  made.violation("R6", 14,
                 "the high watermark moved: broker 3 is in the ISR or ELR [1,2], but its log ends at 100",
                 kOffset);
  expect_culprit(made.page({}, false), "elr_kept", 8, 3);
}

TEST(Explain, AMemberThatJoinedWithoutIt) {
  Made made;
  made.state(8, 1, 0, {1, 2}, {}), made.isr_changed(1, 8, {1, 2});
  made.copy(1, 11, 35, "truncation"), made.copy(2, 12, 36, "truncation"), made.committed(1, 12),
      made.told(13);
  made.state(16, 1, 0, {1, 2, 3}, {}), made.isr_changed(1, 16, {1, 2, 3});
  made.node(1, NodeFault::crashed, 17), made.node(2, NodeFault::crashed, 17);
  made.state(25, 3, 1, {3}, {}), made.leads(3, 25, 1, {3});
  made.follows(1, 34, 3, 1), made.cut(1, 35), made.follows(2, 35, 3, 1), made.cut(2, 36);
  expect_culprit(made.page(), "isr_join", 16, 3);
}

TEST(Explain, AnUncleanRestartThatStaysEligible) {
  Made made;
  made.copy(1, 11, 35, "truncation"), made.copy(2, 12, 15, "power loss"), made.copy(3, 12, 36, "truncation");
  made.committed(1, 12), made.told(13), made.node(2, NodeFault::power_lost, 15),
      made.node(2, NodeFault::started, 16);
  made.registered(2, 17), made.node(1, NodeFault::crashed, 18), made.node(3, NodeFault::crashed, 18);
  made.state(25, 2, 1, {2}, {1, 3}), made.leads(2, 25, 1, {2});
  made.follows(1, 34, 2, 1), made.cut(1, 35), made.follows(3, 35, 2, 1), made.cut(3, 36);
  expect_culprit(made.page(), "unclean_restart", 17, 2);
}

// Without eligible leader replicas the contract permits what the last member of an ISR has lost.
Made lone_member(Made made, Nodes isr) {
  made.copy(1, 11, 16, "power loss"), made.copy(3, 12, 31, "truncation");
  made.state(8, 1, 0, {1, 3}, {}), made.isr_changed(1, 8, {1, 3}), made.committed(1, 12), made.told(13);
  made.node(3, NodeFault::crashed, 14), made.state(15, 1, 0, isr, {});
  made.node(1, NodeFault::power_lost, 16), made.node(1, NodeFault::started, 17);
  made.state(18, -1, 1, isr, {}), made.registered(1, 19), made.state(20, 1, 2, isr, {});
  made.leads(1, 20, 2, isr);
  made.node(3, NodeFault::started, 30), made.follows(3, 30, 1, 2), made.cut(3, 31);
  return made;
}

TEST(Explain, ALoneMemberWithoutEligibleReplicas) {
  for (const char* features :
       {"eligible.leader.replicas.version=0", "metadata.version=24", "metadata.version=7"}) {
    Made made;
    made.features(features);
    const Explanation page = lone_member(std::move(made), {1}).page();
    expect_culprit(page, "lone_member", 19, 1);
    expect_words(page, {"Eligible leader replicas are off", "only member: ISR [1]"});
    EXPECT_EQ(page.culprit->text.find("breaks a rule"), std::string::npos);
    EXPECT_NE(to_text(page, 100).find("*    19.000 s  back"), std::string::npos) << to_text(page, 100);
  }
}

TEST(Explain, ALoneMemberThatHadToLeave) {
  for (const char* features : {"", "eligible.leader.replicas.version=1", "metadata.version=25"}) {
    Made made;
    made.features(features);
    const Explanation page = lone_member(std::move(made), {1}).page();
    expect_culprit(page, "unclean_restart", 19, 1);
    expect_words(page, {"That breaks a rule of Kafka"});
  }
  // It is not alone: who has registered anew leaves the ISR then, with or without eligible replicas.
  Made made;
  made.features("eligible.leader.replicas.version=0");
  expect_culprit(lone_member(std::move(made), {1, 3}).page(), "unclean_restart", 19, 1);
}

TEST(Explain, TheReturnOnWhichItHingesIsAStep) {
  Made made;
  made.copy(1, 11, 22, "power loss"), made.copy(3, 12, 31, "truncation");
  made.state(8, 1, 0, {1, 3}, {}), made.isr_changed(1, 8, {1, 3}), made.committed(1, 12), made.told(13);
  made.node(3, NodeFault::crashed, 14), made.state(15, 1, 0, {1}, {3});
  // More that matters than there is room for.
  for (int64_t s = 16; s < 22; ++s)
    made.fault("crash", "broker-2", s, s), made.node(2, NodeFault::crashed, s);
  for (int32_t epoch = 1; epoch < 9; ++epoch) made.state(21, 1, epoch, {1}, {3});
  made.node(1, NodeFault::power_lost, 22), made.node(1, NodeFault::started, 23);
  made.state(24, -1, 9, {}, {3, 1}), made.registered(1, 25), made.state(25, -1, 9, {}, {3});
  made.node(3, NodeFault::started, 29), made.state(30, 1, 10, {1}, {}, true), made.registered(3, 30);
  made.leads(1, 30, 10, {1}), made.follows(3, 30, 1, 10), made.cut(3, 31);
  const Explanation page = made.page();
  expect_culprit(page, "last_known_leader", 30, 1);
  EXPECT_TRUE(std::any_of(page.steps.begin(), page.steps.end(), [](const Explanation::Step& step) {
    return step.node == 3 &&
           step.text.find("registers after a stop that was not in order") != std::string::npos;
  })) << to_text(page, 100);
}

TEST(Explain, AnAnswerBeforeTheSyncThatWasPromised) {
  Made made(1, "1", "false", "1");
  made.copy(1, 11, 20, "power loss");
  made.told(12), made.node(1, NodeFault::power_lost, 20), made.state(25, 2, 1, {2, 3}, {}),
      made.leads(2, 25, 1, {2, 3});
  expect_culprit(made.page(), "unflushed", 20, 1);
}

TEST(Explain, ARecordThatNoDiskEverHeld) {
  Made made;
  made.told(12);
  const Explanation page = made.page();
  expect_culprit(page, "acknowledgement", 12, 1);
  EXPECT_NE(page.headline.find("in no log"), std::string::npos);
}

TEST(Explain, ARecordThatIsThereHasNoCulprit) {
  Made made;
  for (const int32_t node : {1, 2, 3}) made.copy(node, 11);
  made.committed(1, 12), made.told(13);
  Question question = parse_question("record:10000000007").value();
  const Explanation page = made.page(question, false);
  EXPECT_FALSE(page.culprit);
  EXPECT_NE(page.headline.find("is not lost"), std::string::npos);
}

// ---- partitions that take no records ----

TEST(Explain, APartitionThatNobodyLed) {
  Made made;
  for (const int32_t node : {1, 2, 3}) made.copy(node, 11);
  made.node(1, NodeFault::crashed, 11), made.node(2, NodeFault::crashed, 11),
      made.state(12, -1, 1, {}, {1, 2});
  made.node(1, NodeFault::started, 30), made.state(31, 1, 2, {1}, {}), made.leads(1, 31, 2, {1});
  made.told(32);
  const Explanation page = made.page({}, false);
  expect_culprit(page, "leaderless", 12, -1);
  EXPECT_EQ(page.partition, "orders-0");
  EXPECT_NE(page.headline.find("22.000 s"), std::string::npos) << page.headline;
}

TEST(Explain, ALeaderThatNobodyHadMissedYet) {
  Made made;
  made.node(1, NodeFault::crashed, 10), made.state(19, 2, 1, {2, 3}, {}), made.leads(2, 19, 1, {2, 3}),
      made.told(20);
  made.copy(2, 20), made.copy(3, 20);
  expect_culprit(made.page({}, false), "leader_down", 10, 1);
}

TEST(Explain, AnIsrThatIsTooSmall) {
  Made made;
  made.state(9, 1, 0, {1}, {2}), made.state(25, 1, 0, {1, 2}, {}), made.told(25);
  made.copy(1, 25), made.copy(2, 25);
  expect_culprit(made.page({}, false), "isr_too_small", 10, 1);
}

// The leader is up, and waits for a member that is dead.
Made waits_for(Made made) {
  made.node(2, NodeFault::power_lost, 9), made.state(22, 1, 0, {1, 3}, {}), made.told(23);
  made.copy(1, 11), made.copy(3, 12);
  return made;
}

TEST(Explain, AMemberThatIsDown) {
  Explanation page = waits_for(Made()).page({}, false);
  expect_culprit(page, "member_down", 10, 2);
  expect_words(page, {"broker 1 led and was up", "broker 2 of the ISR [1,2,3] was down since 9.000 s",
                      "broker.session.timeout.ms=9000"});
  EXPECT_EQ(page.blamed, std::vector<std::string>{"broker.session.timeout.ms"});
  EXPECT_NE(page.headline.find("member 2 of its ISR was down for 12.000 s"), std::string::npos)
      << page.headline;
  // Its leader gives it up before the controller does.
  Made made;
  made.setting("replica.lag.time.max.ms", "4000");
  page = waits_for(std::move(made)).page({}, false);
  expect_words(page, {"replica.lag.time.max.ms=4000"});
  EXPECT_EQ(page.blamed, std::vector<std::string>{"replica.lag.time.max.ms"});
}

TEST(Explain, AMemberThatIsCutOff) {
  Made made;
  made.fault("partition", "broker-2, broker-1", 9, 22), made.state(8, 3, 1, {1, 2, 3}, {});
  made.leads(3, 8, 1, {1, 2, 3}), made.state(22, 3, 1, {1, 3}, {}), made.told(23), made.copy(3, 11);
  const Explanation page = made.page({}, false);
  expect_culprit(page, "member_cut_off", 10, 1);
  EXPECT_EQ(page.blamed, std::vector<std::string>{"replica.lag.time.max.ms"});
}

TEST(Explain, WhoAsksForNoMoreDoesNotWaitForTheIsr) {
  const Explanation page = waits_for(Made(1)).page({}, false);
  expect_culprit(page, "slow", 10, 1);
  EXPECT_TRUE(page.blamed.empty());
}

TEST(Explain, AMemberThatStandsStillWhileTheMarkMoves) {
  Made made;
  made.fault("latency", "broker-2", 9, 22), made.committed(1, 15), made.told(23), made.copy(1, 11);
  expect_culprit(made.page({}, false), "slow", 10, 1);
}

TEST(Explain, AMemberThatIsBehind) {
  Made made;
  made.committed(1, 8), made.appended(1, 9, 0, 120), made.appended(2, 9, 0, 120), made.appended(3, 9, 0, 110);
  made.appended(3, 24, 110, 120, 0, 0), made.committed(1, 24), made.told(25), made.copy(1, 11);
  const Explanation page = made.page({}, false);
  expect_culprit(page, "member_behind", 10, 3);
  expect_words(
      page, {"broker 3 of the ISR [1,2,3] was behind (half-way its log ended at 110, the leader's at 120"});
  EXPECT_EQ(page.blamed, std::vector<std::string>{"replica.lag.time.max.ms"});
}

// Only what was asked of whoever led is a reason.
TEST(Explain, AnAnswerThatClientsWaitFor) {
  Made made;
  made.node(1, NodeFault::crashed, 10), made.asked("producer-1", "broker-1", "Produce", 10, -1);
  made.asked("producer-1", "broker-3", "Produce", 10, -1);
  made.state(13, 2, 1, {2, 3}, {}), made.leads(2, 13, 1, {2, 3}), made.told(25), made.copy(2, 24);
  const Explanation page = made.page({}, false);
  expect_culprit(page, "slow", 13, 2);
  expect_words(page, {"At 10.000 s producer-1 sends a Produce request to broker-1 that is never answered",
                      "request.timeout.ms"});
  EXPECT_EQ(page.blamed, std::vector<std::string>{"request.timeout.ms"});
  EXPECT_EQ(to_text(page, 100).find("broker-3 that is never answered"), std::string::npos);
}

TEST(Explain, WhatIsKnownComesBeforeWhatIsNot) {
  Made made;
  made.node(1, NodeFault::crashed, 10), made.asked("producer-1", "broker-3", "Produce", 10, -1);
  made.state(15, 2, 1, {2, 3}, {}), made.leads(2, 15, 1, {2, 3}), made.told(25), made.copy(2, 24);
  expect_culprit(made.page({}, false), "leader_down", 10, 1);
}

TEST(Explain, NothingWentWrong) {
  Made made;
  for (const int32_t node : {1, 2, 3}) made.copy(node, 10);
  made.committed(1, 10), made.told(10);
  const Explanation page = made.page({}, false);
  EXPECT_FALSE(page.culprit);
  EXPECT_NE(to_text(page, 100).find("all held"), std::string::npos);
}

// ---- other violations ----

TEST(Explain, ALogThatWasNotCut) {
  Made made;
  for (const int32_t node : {1, 3}) made.copy(node, 11);
  const int64_t other = made.recorder().batch({"orders-0", kOffset, kOffset + 1, 1, 78, {}});
  made.recorder().copy({other, 2, Made::at(15), std::nullopt, std::nullopt, {}});
  made.state(14, 2, 1, {2, 3}, {}), made.leads(2, 14, 1, {2, 3}), made.state(20, 1, 2, {1, 3}, {}),
      made.leads(1, 20, 2, {1, 3});
  made.follows(2, 21, 1, 2), made.told(13);
  made.violation(
      "R2", 50,
      "all is quiet, yet leader 1 holds [100..102 epoch 0 crc 0000004d] and ISR member 2 [100..101 epoch 1]");
  expect_culprit(made.page({}, false), "not_cut", 21, 2);
}

TEST(Explain, WhoStandsStillIsWaitedFor) {
  Made made;
  const auto appended = [&](int32_t node, int64_t s, int64_t end) {
    const Event event{LogAppended{"orders-0", Uuid{1, 2}, 0, end - 1, end, 0}};
    made.recorder().event({node, 1, Made::at(s), &event});
  };
  appended(1, 40, 500), appended(2, 40, 500), appended(3, 12, 80), made.told(10);
  made.state(20, 1, 0, {1, 2}, {});
  made.violation("L", 55, "healed, and given all the time that healing may take, yet its ISR is [1,2]");
  expect_culprit(made.page({}, false), "silent_follower", 12, 3);
}

TEST(Explain, EveryFamilyHasAPage) {
  for (const char* checker :
       {"R1", "R2", "R3", "R4", "R5", "R6", "P1", "P2", "K1", "K2",     "S1",       "S2",   "S3",
        "S4", "M1", "M2", "M3", "M4", "M5", "Q1", "L",  "X1", "ASSERT", "LIVELOCK", "DISK", "PLAN"}) {
    Made made = alone(1);
    made.violation(checker, 40, "node 2 and consumer 1 are wrong at offset 5");
    const Explanation page = made.page(parse_question("violation:1").value());
    ASSERT_TRUE(page.culprit) << checker;
    EXPECT_FALSE(page.steps.empty()) << checker;
    EXPECT_FALSE(page.culprit->text.empty()) << checker;
  }
}

// ---- the forms ----

TEST(Explain, TheJsonHasItsNames) {
  const Explanation page = unclean(Made(-1, "1", "true")).page();
  const auto json = nlohmann::json::parse(to_json(page));
  for (const char* name :
       {"subject", "headline", "steps", "copies", "culprit", "last_chance", "remedies", "rule", "repeat"})
    EXPECT_TRUE(json.contains(name)) << name;
  EXPECT_EQ(json["subject"], "record 0000010000000007");
  EXPECT_EQ(json["culprit"]["kind"], "unclean_election");
  EXPECT_TRUE(json["copies"][0]["synced_ns"].is_null());
  EXPECT_EQ(json["steps"][0]["kind"], "sent");
}

TEST(Explain, APageSaysWhyNothingWasTried) {
  Explanation page = unclean(Made(-1, "1", "true")).page();
  EXPECT_FALSE(nlohmann::json::parse(to_json(page)).contains("untried"));
  page.untried = "this build cannot read the plan";
  EXPECT_EQ(nlohmann::json::parse(to_json(page))["untried"], page.untried);
  EXPECT_NE(to_text(page, 100).find("not tried\n  this build cannot read the plan"), std::string::npos);
}

TEST(Explain, APageIsAPage) {
  const std::string text = to_text(unclean(Made(-1, "1", "true")).page(), 100);
  EXPECT_LE(std::count(text.begin(), text.end(), '\n'), 60) << text;
  EXPECT_NE(text.find("*    30.000 s  election"), std::string::npos) << text;
}

TEST(Explain, RefusesWhatIsNotThere) {
  Made made;
  Database database = Database::open(made.image()).value();
  EXPECT_FALSE(explain(database, parse_question("record:abc").value()).ok());
  EXPECT_FALSE(explain(database, parse_question("partition:parcels-0").value()).ok());
  EXPECT_FALSE(explain(database, parse_question("violation:1").value()).ok());
  Database empty = Database::create().value();
  ASSERT_FALSE(explain(empty, {}).ok());
  EXPECT_EQ(explain(empty, {}).error().message, "is no recorded run (ksim scenario NAME --record FILE)");
  Database older = Database::copy(Made().image()).value();
  ASSERT_TRUE(older.run("DROP TABLE batch").ok());
  ASSERT_FALSE(explain(older, {}).ok());
  EXPECT_NE(explain(older, {}).error().message.find("has no table batch"), std::string::npos);
  Database spoilt = Database::copy(Made().image()).value();
  ASSERT_TRUE(spoilt.run("UPDATE partition_state SET elr = 'nobody'").ok());
  ASSERT_FALSE(explain(spoilt, {}).ok());
  EXPECT_NE(explain(spoilt, {}).error().message.find("column elr, row 1"), std::string::npos);
  for (const char* bad : {"", "record", "record:xyz", "violation:a", "topic:orders", "partition:"})
    EXPECT_FALSE(parse_question(bad).ok()) << bad;
}

}  // namespace
}  // namespace ksim::sim
