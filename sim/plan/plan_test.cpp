#include "sim/plan/plan.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "sim/plan/words.h"

namespace ksim::sim {
namespace {

const Vocabulary kWords{{{"crash", {"restart_after"}}, {"partition", {"between"}}},
                        {{"counter", {"step"}}},
                        {"isr_of_one", "two_leaders"}};

constexpr std::string_view kText = R"toml(
about = "a test"
duration = { between = ["20s", "40s"] }
[cluster]
brokers = 3
controllers = 3
shards = { between = [1, 4] }
racks = ["a", "b"]
config = { "default.replication.factor" = 3 }
[[topic]]
name = "orders"
partitions = { between = [1, 9] }
replication = 3
config = { "min.insync.replicas" = "2" }
[[producer]]
topic = "orders"
count = 2
burst = 7
config = { acks = { one_of = ["1", "all"] } }
[[raw_driver]]
topic = "orders"
interval = { between = ["20ms", "40ms"] }
[[workload]]
kind = "counter"
topic = "orders"
count = 2
step = { one_of = [3, 3] }
[[fault]]
kind = "crash"
target = "leader(orders-0)"
when = "isr.shrunk"
subject = "orders-0"
nth = 2
restart_after = "5s"
[[fault]]
kind = "crash"
target = "here"
when = "isr_of_one"
delay = "20ms"
at_latest = "9s"
)toml";

Plan draw(uint64_t seed, std::vector<Setting> settings = {}) {
  auto plan = draw_plan(kText, "test.toml", seed, settings, kWords);
  EXPECT_TRUE(plan.ok()) << plan.error().message;
  return std::move(plan).value();
}

std::string error_of(std::string_view text, std::vector<Setting> settings = {}) {
  const auto plan = draw_plan(text, "bad.toml", 1, settings, kWords);
  return plan.ok() ? "(no error)" : plan.error().message;
}

TEST(Plan, IsDrawnBySeedAndPrintedInFull) {
  const Plan plan = draw(42);
  EXPECT_EQ(plan.scenario, "test");
  ASSERT_EQ(plan.cluster.nodes.size(), 6U);
  EXPECT_EQ(plan.cluster.nodes[0].rack, "a");
  EXPECT_EQ(plan.cluster.nodes[1].rack, "b");
  EXPECT_TRUE(plan.cluster.nodes[5].controller);
  ASSERT_EQ(plan.producers.size(), 2U);
  EXPECT_EQ(plan.producers[1].name, "producer-2");
  EXPECT_EQ(plan.producers[1].burst, 7U);
  ASSERT_EQ(plan.workloads.size(), 2U);
  EXPECT_EQ(plan.workloads[1].name, "counter-2");
  EXPECT_EQ(plan.workloads[1].parameters.at("step"), "3");
  ASSERT_EQ(plan.raw_drivers.size(), 1U);
  EXPECT_EQ(plan.raw_drivers[0].name, "raw-driver");
  EXPECT_GE(plan.raw_drivers[0].interval, milliseconds(20));
  EXPECT_EQ(plan.faults[0].parameters.at("restart_after"), "5s");
  EXPECT_EQ(plan.faults[0].trigger.at_latest, std::nullopt);
  EXPECT_EQ(plan.faults[1].trigger.at_latest, seconds(9));
  EXPECT_GE(plan.duration, seconds(20));
  EXPECT_LE(plan.duration, seconds(40));
  EXPECT_EQ(print_plan(draw(42)), print_plan(plan));
  EXPECT_NE(print_plan(draw(43)), print_plan(plan));
}

TEST(Plan, APrintedPlanParsesToItself) {
  for (uint64_t seed : {uint64_t{0}, uint64_t{7}, ~uint64_t{0}}) {
    const std::string text = print_plan(draw(seed));
    const auto back = parse_plan(text, "plan.toml", {}, kWords);
    ASSERT_TRUE(back.ok()) << back.error().message << "\n" << text;
    EXPECT_EQ(print_plan(*back), text);
    EXPECT_EQ(back->seed, seed);
  }
}

TEST(Plan, AClientMayUseSeveralTopics) {
  const std::string text = "[cluster]\nbrokers = 1\n[[topic]]\nname = \"a\"\n[[topic]]\nname = \"b\"\n";
  const auto plan = parse_plan(
      text + "[[producer]]\ntopic = \"a\"\nalso = [\"b\"]\n[[consumer]]\ntopic = \"b\"\nalso = [\"a\"]\n",
      "plan.toml", {}, kWords);
  ASSERT_TRUE(plan.ok()) << plan.error().message;
  EXPECT_EQ(plan->producers[0].also, std::vector<std::string>{"b"});
  EXPECT_EQ(plan->consumers[0].also, std::vector<std::string>{"a"});
  const auto back = parse_plan(print_plan(*plan), "plan.toml", {}, kWords);
  ASSERT_TRUE(back.ok()) << back.error().message;
  EXPECT_EQ(print_plan(*back), print_plan(*plan));
  EXPECT_NE(error_of(text + "[[producer]]\ntopic = \"a\"\nalso = [\"c\"]\n").find("no topic \"c\""),
            std::string::npos);
  EXPECT_NE(error_of(text + "[[consumer]]\ntopic = \"a\"\nalso = [\"a\"]\n").find("twice"), std::string::npos);
}

TEST(Plan, OneDrawDoesNotShiftAnother) {
  const Plan all = draw(9);
  const Plan fixed = draw(9, {{"topic.orders.partitions", "6"}});
  EXPECT_EQ(fixed.topics[0].partitions, 6);
  EXPECT_EQ(fixed.duration, all.duration);
  EXPECT_EQ(fixed.cluster.nodes[2].shards, all.cluster.nodes[2].shards);
}

TEST(Plan, AnyTwoNumbersHaveSomeBetweenThem) {
  for (const char* range : {"[-9223372036854775808, 5]", "[-9223372036854775808, 9223372036854775807]"}) {
    const std::string words =
        error_of(kText, {{"topic.orders.partitions", fmt::format("{{ between = {} }}", range)}});
    EXPECT_NE(words.find("partitions"), std::string::npos) << words;
  }
}

TEST(Plan, SettingsReachTablesAndArrays) {
  const Plan plan = draw(
      1, {{"topic.orders.config.\"min.insync.replicas\"", "1"}, {"fault.0.nth", "3"}, {"duration", "12s"}});
  EXPECT_EQ(plan.topics[0].config.at("min.insync.replicas"), "1");
  EXPECT_EQ(plan.faults[0].trigger.nth, 3U);
  EXPECT_EQ(plan.duration, seconds(12));
}

TEST(Plan, SaysWhereItIsWrong) {
  EXPECT_EQ(error_of("duration = 5"),
            "bad.toml:1:12: duration: expected a duration such as \"250ms\" or \"10s\"");
  EXPECT_EQ(error_of("durration = \"5s\""),
            "bad.toml:1:1: unknown key \"durration\"; did you mean \"duration\"?");
  EXPECT_NE(error_of("a = [").find("bad.toml:1:"), std::string::npos);
  EXPECT_NE(error_of("[=").find("bad.toml:1:"), std::string::npos);
  EXPECT_NE(error_of("[[fault]]\nkind = \"crush\"\nat = \"1s\"").find("did you mean \"crash\"?"),
            std::string::npos);
  EXPECT_NE(error_of("[[fault]]\nkind = \"crash\"").find("either at"), std::string::npos);
  EXPECT_NE(error_of("[[fault]]\nkind = \"crash\"\nat = \"1s\"\ntarget = \"here\"").find("belongs to when"),
            std::string::npos);
  EXPECT_NE(error_of("[[fault]]\nkind = \"crash\"\nat = \"1s\"\nat_latest = \"2s\"").find("belongs to when"),
            std::string::npos);
  EXPECT_NE(error_of("[[fault]]\nkind = \"crash\"\nat = \"1s\"\nsubject = \"a-0\"").find("belongs to when"),
            std::string::npos);
  EXPECT_NE(
      error_of("[[fault]]\nkind = \"crash\"\nwhen = \"isr.shrank\"").find("did you mean \"isr.shrunk\"?"),
      std::string::npos);
  EXPECT_NE(
      error_of("[[fault]]\nkind = \"crash\"\nwhen = \"isr_of_two\"")
          .find(
              "no predicate \"isr_of_two\"; there are isr_of_one, two_leaders; did you mean \"isr_of_one\"?"),
      std::string::npos);
  EXPECT_NE(error_of("[[topic]]\nname = \"t\"\nreplication = 3").find("needs as many brokers"),
            std::string::npos);
  EXPECT_NE(error_of("[[producer]]\ntopic = \"x\"").find("no topic \"x\""), std::string::npos);
  EXPECT_NE(error_of(kText, {{"topic.nowhere.partitions", "1"}}).find("there is no \"nowhere\""),
            std::string::npos);
  EXPECT_NE(error_of(kText, {{"nonsense", "1"}}).find("unknown key \"nonsense\""), std::string::npos);
}

TEST(Words, Durations) {
  EXPECT_EQ(parse_duration("1.5s"), milliseconds(1500));
  EXPECT_EQ(parse_duration("250ms"), milliseconds(250));
  EXPECT_EQ(parse_duration("2m"), seconds(120));
  EXPECT_FALSE(parse_duration("5").has_value());
  EXPECT_FALSE(parse_duration("s").has_value());
  EXPECT_FALSE(parse_duration("-1s").has_value());
  for (int64_t ns : {0, 1, 999, 1500, 1'500'000, 1'500'000'000})
    EXPECT_EQ(parse_duration(format_duration({ns})), Duration{ns});
  EXPECT_EQ(format_duration(milliseconds(10'250)), "10.25s");
  EXPECT_EQ(nearest("leder_crash", {"leader_crash", "power_loss"}), "leader_crash");
  EXPECT_FALSE(nearest("zzz", {"leader_crash"}).has_value());
}

TEST(Plan, TinyLimitsAreDrawnAndStandInThePlan) {
  const Plan production = draw(7);
  EXPECT_EQ(production.sizes.segment_bytes, kProductionLimits.segment_bytes);
  EXPECT_EQ(production.cluster.config.size(), 1U);
  const Plan tiny = draw(7, {{"limits", "tiny"}});
  EXPECT_GE(tiny.sizes.segment_bytes, kTinyLimits.segment_bytes);
  EXPECT_LT(tiny.sizes.segment_bytes, 1 << 20);
  EXPECT_TRUE(tiny.cluster.config.contains("log.index.interval.bytes"));
  EXPECT_EQ(tiny.cluster.config.at("default.replication.factor"), "3") << "what is given stays";
  EXPECT_NE(draw(8, {{"limits", "tiny"}}).sizes.segment_bytes, tiny.sizes.segment_bytes);
  const Plan given = draw(7, {{"limits", "tiny"},
                              {"sizes.segment_bytes", "20000"},
                              {"cluster.config.\"log.index.interval.bytes\"", "17"}});
  EXPECT_EQ(given.sizes.segment_bytes, 20'000);
  EXPECT_EQ(given.sizes.request_bytes, tiny.sizes.request_bytes) << "one setting moves no other";
  EXPECT_EQ(given.cluster.config.at("log.index.interval.bytes"), "17");
  for (const Plan& plan : {production, tiny, given}) {
    const auto again = parse_plan(print_plan(plan), "plan.toml", {}, kWords);
    ASSERT_TRUE(again.ok()) << again.error().message;
    EXPECT_EQ(print_plan(*again), print_plan(plan));
    EXPECT_EQ(again->sizes.segment_bytes, plan.sizes.segment_bytes);
  }
}

}  // namespace
}  // namespace ksim::sim
