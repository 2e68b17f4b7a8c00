#include "sim/plan/mutate.h"

#include <set>

#include <gtest/gtest.h>

#include "sim/plan/lineage.h"

namespace ksim::sim {
namespace {

const Vocabulary kMutationWords{{{"crash", {}, true},
                                 {"power_loss", {}},
                                 {"pause", {}, true},
                                 {"partition", {}},
                                 {"partition_one_way", {"direction"}},
                                 {"stop", {}},
                                 {"clog", {}},
                                 {"refuse", {}},
                                 {"no_descriptors", {}, true},
                                 {"reset", {}},
                                 {"stall_disk", {}},
                                 {"rolling_restart", {"gap"}},
                                 {"suspend", {}, true},
                                 {"wipe_disk", {}}},
                                {},
                                {"isr_of_one", "two_leaders"}};

constexpr std::string_view kScenario = R"toml(
duration = "20s"
limits = "tiny"
buggify = "drawn"
[cluster]
brokers = 3
controllers = 3
config = { "broker.session.timeout.ms" = { one_of = [2500, 9000] } }
[[topic]]
name = "orders"
partitions = 4
replication = 3
config = { "min.insync.replicas" = { one_of = [1, 2] } }
[[producer]]
name = "producer"
topic = "orders"
interval = { between = ["60ms", "150ms"] }
config = { acks = { one_of = ["all", "1"] } }
[[fault]]
kind = { one_of = ["crash", "pause"] }
target = "leader(orders-0)"
at = { between = ["2s", "9s"] }
lasts = "3s"
[[fault]]
kind = "wipe_disk"
target = "broker-1"
when = "log.truncated"
)toml";

Plan drawn(uint64_t seed) {
  auto plan = draw_plan(kScenario, "test", seed, {}, kMutationWords);
  EXPECT_TRUE(plan.ok()) << plan.error().message;
  return std::move(plan).value();
}

TEST(Mutate, TheSameNumbersMakeTheSamePlanAndOthersAnother) {
  std::set<std::string> made;
  const std::string before = print_plan(drawn(1));
  for (uint64_t mutation = 0; mutation < 200; ++mutation) {
    Plan once = drawn(1);
    Plan again = drawn(1);
    mutate(once, drawn(mutation + 2), mutation, kMutationWords);
    mutate(again, drawn(mutation + 2), mutation, kMutationWords);
    EXPECT_EQ(print_plan(once), print_plan(again));
    if (print_plan(once) != before) made.insert(print_plan(once));
  }
  EXPECT_GT(made.size(), 170U);
}

// What is printed of a mutated plan is a plan: words and triggers fit together. Disks are replaced where the
// scenario has it.
TEST(Mutate, ManyMutationsStillMakeAPlan) {
  std::set<std::string> kinds;
  size_t hung = 0, predicted = 0, of_clients = 0;
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    Plan plan = drawn(seed);
    for (uint64_t mutation = 0; mutation < 12; ++mutation)
      mutate(plan, drawn(seed * 100 + mutation), seed * 100 + mutation, kMutationWords);
    const auto again = parse_plan(print_plan(plan), "mutated", {}, kMutationWords);
    ASSERT_TRUE(again.ok()) << again.error().message;
    EXPECT_EQ(print_plan(*again), print_plan(plan));
    for (const FaultPlan& fault : plan.faults) {
      kinds.insert(fault.kind);
      hung += fault.trigger.when.empty() ? 0 : 1;
      predicted += fault.trigger.when == "isr_of_one" ? 1 : 0;
      of_clients += fault.target == "any producer" ? 1 : 0;
      EXPECT_TRUE(fault.kind != "wipe_disk" || fault.target == "broker-1");
    }
  }
  EXPECT_GE(kinds.size(), 10U);
  EXPECT_GT(hung, 60U);
  EXPECT_GT(predicted, 5U);
  EXPECT_GT(of_clients, 0U);
}

TEST(Lineage, IsReadAsItIsPrinted) {
  for (const char* text : {"0", "17", "18446744073709551615+0", "17+3f2a+91bc+ffffffff"}) {
    const auto lineage = parse_lineage(text);
    ASSERT_TRUE(lineage.has_value()) << text;
    EXPECT_EQ(to_string(*lineage), text);
  }
  EXPECT_EQ(parse_lineage("17+3f2a")->mutations, std::vector<uint32_t>{0x3f2a});
  for (const char* text : {"", "+", "17+", "+5", "17+100000000", "17++5", "17 +5", "x", "17+x", "-1"})
    EXPECT_FALSE(parse_lineage(text).has_value()) << text;
}

}  // namespace
}  // namespace ksim::sim
