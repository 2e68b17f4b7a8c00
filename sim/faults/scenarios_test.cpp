#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include <gtest/gtest.h>

#include "sim/faults/all.h"
#include "sim/plan/words.h"
#include "sim/workloads/all.h"

namespace ksim::sim {
namespace {

// Every scenario of the project parses, for several seeds, and prints itself as a plan that means the same;
// each kind of fault is drawn by one of them at least.
TEST(Scenarios, AllAreWellFormed) {
  const Vocabulary words = plan_vocabulary();
  size_t found = 0;
  std::set<std::string> unused;
  for (const FaultKind& kind : fault_kinds()) unused.emplace(kind.name);
  for (const auto& entry : std::filesystem::directory_iterator(KSIM_SOURCE_DIR "/scenarios")) {
    if (entry.path().extension() != ".toml") continue;
    ++found;
    std::ifstream file(entry.path());
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    for (uint64_t seed = 1; seed <= 20; ++seed) {
      const auto plan = draw_plan(text, entry.path().string(), seed, {}, words);
      ASSERT_TRUE(plan.ok()) << plan.error().message;
      EXPECT_EQ(plan->scenario + ".toml", entry.path().filename().string());
      for (const FaultPlan& fault : plan->faults) unused.erase(fault.kind);
      const auto back = parse_plan(print_plan(*plan), "printed", {}, words);
      ASSERT_TRUE(back.ok()) << back.error().message;
      EXPECT_EQ(print_plan(*back), print_plan(*plan));
    }
  }
  EXPECT_GE(found, 20U);
  EXPECT_EQ(unused, std::set<std::string>{});
}

}  // namespace
}  // namespace ksim::sim
