// Histories made by hand, one for each kind of culprit: what took the record must be what the page names.

#include "sim/explain/explain.h"

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "sim/explain/past.h"
#include "sim/history/recorder.h"
#include "sim/history/sqlite.h"

namespace ksim::sim {
namespace {

constexpr RecordId kRecord = make_record_id(1, 7);
constexpr int64_t kOffset = 100;

// Times in whole seconds; the partition is orders-0 with replicas 1, 2 and 3, and record kRecord stands at
// kOffset.
class Made {
 public:
  explicit Made(int32_t acks = -1, std::string min_insync = "2", std::string unclean = "false",
                std::string flush = "never") {
    recorder_.config("in force for orders", "replication", "3");
    recorder_.config("in force for orders", "min.insync.replicas", std::move(min_insync));
    recorder_.config("in force for orders", "unclean.leader.election.enable", std::move(unclean));
    recorder_.config("in force for orders", "flush.messages", std::move(flush));
    recorder_.session({1, "producer-1", acks, true, 5});
    for (const int32_t node : {1, 2, 3}) {
      recorder_.node(node, NodeFault::started, at(1));
      registered(node, 2);
    }
    state(2, 1, 0, {1, 2, 3}, {});
    leads(1, 2, 0, {1, 2, 3});
    for (const int32_t node : {2, 3}) follows(node, 2, 1, 0);
    op_ = recorder_.op({"producer-1", 1, "send", "orders-0", kRecord, acks, at(10), std::nullopt,
                        Outcome::pending, ErrorCode::NONE, -1});
    batch_ = recorder_.batch({"orders-0", kOffset, kOffset + 2, 0, 77, {{kOffset, kRecord}}});
  }

  static Instant at(int64_t s) { return Instant{s * 1'000'000'000}; }

  void state(int64_t s, int32_t leader, int32_t epoch, Nodes isr, Nodes elr, bool unclean = false) {
    tell(s, 101,
         PartitionChanged{"orders", Uuid{1, 2}, 0, leader, epoch, ++partition_epoch_, isr, elr, unclean});
  }
  void leads(int32_t node, int64_t s, int32_t epoch, Nodes isr) {
    tell(s, node, BecameLeader{"orders", Uuid{1, 2}, 0, epoch, 0, 0, isr});
  }
  void follows(int32_t node, int64_t s, int32_t leader, int32_t epoch) {
    tell(s, node, BecameFollower{"orders", Uuid{1, 2}, 0, leader, epoch, kOffset});
  }
  void isr_changed(int32_t leader, int64_t s, Nodes isr) {
    tell(s, leader, IsrChanged{"orders", Uuid{1, 2}, 0, 0, 1, isr});
  }
  void committed(int32_t leader, int64_t s, int32_t epoch = 0) {
    tell(s, leader, HighWatermarkChanged{"orders", Uuid{1, 2}, 0, epoch, kOffset + 3, true});
  }
  void cut(int32_t node, int64_t s) {
    tell(s, node, LogTruncated{"orders-0", Uuid{1, 2}, 0, kOffset + 3, kOffset});
  }
  void registered(int32_t node, int64_t s, bool clean = false) {
    tell(s, 101, BrokerRegistered{node, s, clean});
  }
  void node(int32_t node, NodeFault what, int64_t s) { recorder_.node(node, what, at(s)); }
  void copy(int32_t node, int64_t from, std::optional<int64_t> until = {}, std::string_view by = {},
            std::optional<int64_t> synced = {}) {
    CopyRow row{batch_, node, at(from), std::nullopt, std::nullopt, by};
    if (until) row.until = at(*until);
    if (synced) row.synced = at(*synced);
    recorder_.copy(row);
  }
  void told(int64_t s, Outcome outcome = Outcome::ok) {
    OpRow& op = recorder_.op_row(op_);
    op.completed = told_ = at(s);
    op.outcome = outcome;
    op.offset = outcome == Outcome::ok ? kOffset : -1;
  }
  // An administrator asks for an unclean election and is answered then.
  void asked(int64_t s, int64_t answered) {
    recorder_.op({"administrator", 9, "elect_leaders", "orders-0", 0, std::nullopt, at(s), at(answered),
                  Outcome::ok, ErrorCode::NONE, -1});
  }
  void violation(std::string checker, int64_t s, std::string message, int64_t offset = -1) {
    recorder_.violation(
        {std::move(checker), at(s), "orders-0", std::move(message), "what does not hold", 0, offset, {}});
  }
  Recorder& recorder() { return recorder_; }

  std::string image(bool lost = true) {
    RecordRow row;
    row.id = kRecord;
    row.session = 1;
    row.partition = "orders-0";
    row.sent_op = op_;
    row.acknowledged = told_;
    row.acknowledged_offset = recorder_.op_row(op_).offset;
    row.lost = lost;
    row.permitted = true;
    recorder_.record(row);
    return recorder_.image({"made", 1, "", 1, at(60), true, "0"}).value();
  }
  Explanation page(const Question& question = {}, bool lost = true) {
    Database database = Database::open(image(lost)).value();
    Result<Explanation> made = explain(database, question);
    EXPECT_TRUE(made.ok()) << made.error().message;
    return made.ok() ? std::move(made).value() : Explanation{};
  }

 private:
  template <class E>
  void tell(int64_t s, int32_t node, const E& of) {
    const Event event{of};
    recorder_.event({node, 1, at(s), &event});
  }

  Recorder recorder_;
  int32_t partition_epoch_ = -1;
  int64_t op_ = 0;
  int64_t batch_ = 0;
  std::optional<Instant> told_;
};

// That event, at this second, on this node.
void expect_culprit(const Explanation& page, const std::string& kind, int64_t s, int32_t node,
                    int line = __builtin_LINE()) {
  const testing::ScopedTrace trace(__FILE__, line, to_text(page, 100));
  ASSERT_TRUE(page.culprit);
  EXPECT_EQ(page.culprit->kind, kind);
  EXPECT_EQ(page.culprit->at_ns, Made::at(s).ns);
  EXPECT_EQ(page.culprit->node, node);
  ASSERT_TRUE(page.rule);
  EXPECT_NE(page.rule->text, "");
}

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
