#include "sim/swarm/swarm.h"

#include <set>

#include <gtest/gtest.h>

namespace ksim::sim {
namespace {

SwarmPlan plan_of(std::vector<std::string> scenarios) {
  SwarmPlan plan;
  plan.scenarios = std::move(scenarios);
  for (const std::string& name : plan.scenarios) plan.texts.push_back("text of " + name);
  plan.settings = {"duration=10s"};
  plan.build = "b1";
  return plan;
}

SeedResult result_of(uint64_t digest, std::string complaint = {}, uint64_t events = 100) {
  SeedResult result;
  result.digest = digest;
  result.events = events;
  result.holds = complaint.empty();
  result.complaint = std::move(complaint);
  result.counts.acknowledged = 7;
  result.marks = {1, 0, 5};
  result.fault_kinds = {"crash"};
  result.planned = {"crash", "pause"};
  return result;
}

TEST(Swarm, JobsAreAllRunsAndSomeOfThemTwice) {
  for (const uint64_t runs : {uint64_t{0}, uint64_t{1}, uint64_t{49}, uint64_t{50}, uint64_t{500}}) {
    std::set<uint64_t> first;
    std::set<uint64_t> again;
    for (uint64_t job = 0; job < swarm_jobs(runs); ++job) {
      const SwarmJob found = swarm_job(job);
      EXPECT_LT(found.number, runs);
      EXPECT_TRUE((found.recheck ? again : first).insert(found.number).second);
    }
    EXPECT_EQ(first.size(), runs);
    EXPECT_EQ(again.size(), runs / kRunsToRecheck);
  }
}

TEST(Swarm, ScenariosTakeTurns) {
  SwarmPlan plan = plan_of({"a", "b", "c"});
  plan.first_seed = 10;
  EXPECT_EQ(plan.scenario_of(4), "b");
  EXPECT_EQ(plan.seed_of(4), 11U);
  plan.last_seed = 11;
  EXPECT_EQ(plan.runs(), 6U);
  plan.last_seed = ~0ULL;
  plan.first_seed = 0;
  EXPECT_GT(plan.runs(), 1'000'000U);
}

TEST(Swarm, AFavouredScenarioHasThreeTurnsOfFour) {
  SwarmPlan plan = plan_of({"a", "b", "c"});
  plan.favoured = "b";
  plan.first_seed = 10;
  std::map<std::string, std::vector<uint64_t>> turns;
  for (uint64_t number = 0; number < 16; ++number)
    turns[plan.scenario_of(number)].push_back(plan.seed_of(number));
  const std::map<std::string, std::vector<uint64_t>> expected = {
      {"a", {10, 11}}, {"b", {10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21}}, {"c", {10, 11}}};
  EXPECT_EQ(turns, expected);
  plan.last_seed = 11;
  EXPECT_EQ(plan.runs(), 16U);
}

TEST(Swarm, NumbersDoNotMakeAnotherCause) {
  EXPECT_EQ(cause_of("R1 in orders-0: record 00ab at offset 17, ISR [1,2,3]"),
            cause_of("R1 in orders-5: record ff01 at offset 4, ISR [2,3]"));
  EXPECT_EQ(cause_of("R1 in orders-0: ISR [1,2] of 3"), cause_of("R1 in bills-12: ISR [4] of 4"));
  EXPECT_EQ(cause_of("R1 in orders-0: ISR [1] of 3"), "R1 in #: ISR [#] of #");
  EXPECT_EQ(cause_of("M1 in quorum: two lead: 1 and 2"), "M1 in quorum: two lead: # and #");
  EXPECT_EQ(cause_of("no event in 5 s: it hangs"), "no event in # s: it hangs");
  EXPECT_NE(cause_of("R1 in orders-0: gone"), cause_of("R2 in orders-0: gone"));
  EXPECT_NE(cause_of("R1 in orders-0: gone"), cause_of("R1 in orders-0: changed"));
  EXPECT_EQ(cause_of("R1"), "R1");
}

TEST(Swarm, FailuresAreGroupedAndTheSmallestIsKept) {
  Swarm swarm(plan_of({"a", "b"}));
  swarm.add(0, result_of(1), "");
  swarm.add(1, result_of(2, "R1 in x-0: gone 5", 300), "one.sqlite");
  swarm.add(2, result_of(3, "R1 in x-1: gone 7", 200), "");
  swarm.add(3, result_of(4, "L in x-1: stuck", 100), "");
  swarm.add_dead(4, SwarmOutcome::died, "killed by SIGSEGV");
  swarm.add_dead(6, SwarmOutcome::died, "killed by SIGKILL (out of memory?)");
  EXPECT_EQ(swarm.runs(), 6U);
  EXPECT_EQ(swarm.failures(), 5U);
  ASSERT_EQ(swarm.causes().size(), 4U);
  EXPECT_EQ(swarm.smallest(0), 2U);
  EXPECT_EQ(swarm.smallest(1), 3U);
  EXPECT_EQ(swarm.exit_code(), 1);
  swarm.add(
      5,
      [] {
        SeedResult result = result_of(9, "no event at all");
        result.simulator_fault = true;
        return result;
      }(),
      "");
  EXPECT_EQ(swarm.exit_code(), 3);
}

TEST(Swarm, ARepetitionThatDiffersIsSeenWhicheverComesFirst) {
  Swarm swarm(plan_of({"a"}));
  swarm.add(0, result_of(1), "");
  swarm.add_recheck(0, 1);
  EXPECT_EQ(swarm.exit_code(), 0);
  swarm.add_recheck(1, 5);
  swarm.add(1, result_of(6), "");
  swarm.add(2, result_of(7), "");
  swarm.add_recheck(2, 8);
  EXPECT_EQ(swarm.differences().size(), 2U);
  EXPECT_EQ(swarm.exit_code(), 3);
}

TEST(Swarm, ARepetitionThatDiesIsADifferenceUnlessTheFirstOneDidAsWell) {
  constexpr const char* kKilled = "killed by SIGSEGV";
  for (const bool backwards : {false, true}) {
    Swarm swarm(plan_of({"a"}));
    for (const bool repetitions : {backwards, !backwards}) {
      if (repetitions) {
        swarm.add_dead_recheck(0, SwarmOutcome::died, kKilled);
        swarm.add_recheck(1, 5);
        swarm.add_dead_recheck(2, SwarmOutcome::hung, "no end");
      } else {
        swarm.add(0, result_of(1), "");
        swarm.add_dead(1, SwarmOutcome::died, kKilled);
        swarm.add_dead(2, SwarmOutcome::died, kKilled);
      }
    }
    const std::map<uint64_t, std::string> expected{{0, "the second run died: killed by SIGSEGV"},
                                                   {1, "only the first run died: killed by SIGSEGV"}};
    EXPECT_EQ(swarm.differences(), expected);
    EXPECT_EQ(swarm.exit_code(), 3);
    const Result<Swarm> back = Swarm::load(swarm.image().value());
    ASSERT_TRUE(back.ok()) << back.error().message;
    EXPECT_EQ(back->differences(), expected);
    EXPECT_TRUE(back->rechecked(2));
  }
}

TEST(Swarm, AFaultThatIsPlannedAndNeverStrikesFailsIt) {
  Swarm swarm(plan_of({"a", "b"}));
  for (uint64_t number = 0; number < kPlansToStrike - 1; ++number) swarm.add(number, result_of(1), "");
  EXPECT_EQ(swarm.exit_code(), 0);
  EXPECT_EQ(swarm.without_effect(), (std::map<std::string, uint64_t>{{"pause", kPlansToStrike - 1}}));
  EXPECT_TRUE(swarm.dud_faults().empty());
  swarm.add(kPlansToStrike, result_of(1), "");
  EXPECT_EQ(swarm.dud_faults(), (std::map<std::string, uint64_t>{{"pause", kPlansToStrike}}));
  EXPECT_EQ(swarm.exit_code(), 1);
  const Result<Swarm> back = Swarm::load(swarm.image().value());
  ASSERT_TRUE(back.ok()) << back.error().message;
  EXPECT_EQ(back->exit_code(), 1);
  EXPECT_EQ(back->planned_runs("a", "crash"), 26U);
  SeedResult struck = result_of(1);
  struck.fault_kinds.push_back("pause");
  swarm.add(1000, struck, "");
  EXPECT_TRUE(swarm.without_effect().empty());
  EXPECT_EQ(swarm.exit_code(), 0);
}

// What was new in one session is not new in the next one, and what was mutated often stays so.
TEST(Swarm, AGuidedOneRemembersWhatItHasSeen) {
  SwarmPlan plan = plan_of({"a"});
  plan.guided = true;
  Swarm swarm(plan);
  const auto seen = [](uint64_t digest) {
    SeedResult result = result_of(digest);
    result.situations = {3, 40'000};
    return result;
  };
  swarm.add(0, seen(1), "");
  SeedResult more = seen(2);
  more.marks[2] = 20;
  swarm.add(1, more, "");
  for (uint64_t number = 2; number < 40; ++number) swarm.lineage_of(number);
  EXPECT_EQ(swarm.kept(), 2U);
  swarm.add(2, seen(3), "");
  EXPECT_EQ(swarm.kept(), 2U);
  const std::string image = swarm.image().value();
  Result<Swarm> back = Swarm::load(image);
  ASSERT_TRUE(back.ok()) << back.error().message;
  EXPECT_EQ(back->image().value(), image);
  for (uint64_t number = 40; number < 60; ++number)
    EXPECT_EQ(back->lineage_of(number), swarm.lineage_of(number)) << number;
  for (uint64_t number = 60; number < 63; ++number) {
    SeedResult same = more;
    same.digest = number;
    if (number == 61) same.marks[2] = 31;  // no more bits than 20
    back->add(number, same, "");
    EXPECT_FALSE(back->run(number).kept);
  }
  more.situations.push_back(40'001);
  back->add(70, more, "");
  EXPECT_TRUE(back->run(70).kept);
}

TEST(Swarm, GoesOnFromItsFile) {
  SwarmPlan plan = plan_of({"a", "b"});
  plan.last_seed = ~0ULL;
  Swarm swarm(plan);
  swarm.add(0, result_of(0xffffffffffffffffULL), "");
  swarm.add(1, result_of(2, "R1 in x-0: it's gone", 300), "one.sqlite", SwarmTimes{1500, 1400, 77'000});
  swarm.add_dead(7, SwarmOutcome::hung, "hung");
  swarm.add_recheck(0, 3);
  swarm.explain(0, "event 5 differs");
  swarm.add_died_once(1, "killed by SIGKILL");
  swarm.real_ms = 78'000;
  const Result<std::string> image = swarm.image();
  ASSERT_TRUE(image.ok()) << image.error().message;
  const Result<Swarm> back = Swarm::load(*image);
  ASSERT_TRUE(back.ok()) << back.error().message;
  EXPECT_EQ(back->plan(), plan);
  EXPECT_EQ(back->runs(), 3U);
  EXPECT_TRUE(back->has(7));
  EXPECT_FALSE(back->has(2));
  EXPECT_TRUE(back->rechecked(0));
  EXPECT_EQ(back->run(0).digest, 0xffffffffffffffffULL);
  EXPECT_EQ(back->run(1).counts.acknowledged, 7U);
  EXPECT_EQ(back->count(SwarmOutcome::hung), 1U);
  EXPECT_EQ(back->failed().at(1).recording, "one.sqlite");
  EXPECT_EQ(back->differences().at(0), "event 5 differs");
  EXPECT_EQ(back->died_once().at(1), "killed by SIGKILL");
  EXPECT_EQ(back->mark_runs("", 2), 2U);
  EXPECT_EQ(back->mark_runs("b", 2), 1U);
  EXPECT_EQ(back->mark_runs("", 1), 0U);
  EXPECT_EQ(back->fault_runs("", "crash"), 2U);
  EXPECT_EQ(back->pair_runs("crash", 2), 2U);
  EXPECT_EQ(back->pair_runs("crash", 1), 0U);
  EXPECT_EQ(*back->image(), *image);
  EXPECT_EQ(back->real_ms, 78'000U);
  EXPECT_FALSE(back->run(0).times.has_value());
  ASSERT_TRUE(back->run(1).times.has_value());
  EXPECT_EQ(back->run(1).times->real_us, 1500U);
  EXPECT_EQ(back->run(1).times->cpu_us, 1400U);
  EXPECT_EQ(back->run(1).times->ended_ms, 77'000U);
}

TEST(Swarm, AFileOfAnEarlierBuildHasNoRealTimes) {
  Swarm swarm(plan_of({"a"}));
  swarm.add(0, result_of(1), "", SwarmTimes{1500, 1400, 77'000});
  swarm.real_ms = 78'000;
  std::string image = swarm.image().value();
  for (const std::string name : {"run_time", "real_ms", "fault_plan", "died_once", "texts"}) {
    for (size_t at = image.find(name); at != std::string::npos; at = image.find(name)) image[at] = 'x';
  }
  const Result<Swarm> back = Swarm::load(image);
  ASSERT_TRUE(back.ok()) << back.error().message;
  EXPECT_EQ(back->runs(), 1U);
  EXPECT_FALSE(back->run(0).times.has_value());
  EXPECT_EQ(back->real_ms, 0U);
}

TEST(Swarm, RealTimesChangeNothingElse) {
  Swarm swarms[] = {Swarm(plan_of({"a"})), Swarm(plan_of({"a"}))};
  for (const uint64_t i : {0U, 1U}) {
    swarms[i].add(0, result_of(1), "", SwarmTimes{i, i, i});
    swarms[i].add(1, result_of(2, "R1 in x-0: gone"), "", SwarmTimes{5 * i, i, 7 * i});
    swarms[i].add_recheck(0, 1);
  }
  for (uint64_t number : {0U, 1U}) EXPECT_EQ(swarms[0].run(number).digest, swarms[1].run(number).digest);
  EXPECT_EQ(swarms[0].exit_code(), swarms[1].exit_code());
  EXPECT_TRUE(swarms[1].differences().empty());
}

// A repetition may end before its first run does, and the campaign between the two.
TEST(Swarm, ARepetitionWithoutItsRunIsNotKept) {
  Swarm swarm(plan_of({"a"}));
  swarm.add(0, result_of(1), "");
  swarm.add_recheck(1, 5);
  swarm.add_dead_recheck(2, SwarmOutcome::died, "killed");
  swarm.add_died_once(2, "killed");
  const Result<Swarm> back = Swarm::load(swarm.image().value());
  ASSERT_TRUE(back.ok()) << back.error().message;
  EXPECT_EQ(back->rechecks(), 0U);
}

TEST(Swarm, OtherFilesAreRefused) {
  EXPECT_FALSE(Swarm::load("").ok());
  EXPECT_FALSE(Swarm::load("SQLite format 3").ok());
  EXPECT_FALSE(Swarm::load("hello").ok());
}

}  // namespace
}  // namespace ksim::sim
