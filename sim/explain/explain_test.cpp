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
  EXPECT_FALSE(explain(empty, {}).ok());
  for (const char* bad : {"", "record", "record:xyz", "violation:a", "topic:orders", "partition:"})
    EXPECT_FALSE(parse_question(bad).ok()) << bad;
}

}  // namespace
}  // namespace ksim::sim
