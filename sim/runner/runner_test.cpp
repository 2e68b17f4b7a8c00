#include "sim/runner/runner.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "sim/faults/all.h"
#include "sim/ping/ping_run.h"
#include "sim/verify/trace.h"

namespace ksim::sim {
namespace {

std::vector<std::string> scenario_files() {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(KSIM_SOURCE_DIR) + "/scenarios")) {
    if (entry.path().extension() == ".toml") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

Plan plan_of(const std::string& file, uint64_t seed, const std::string& duration) {
  std::ifstream in(file);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  auto plan = draw_plan(text, file, seed, {{"duration", duration}}, fault_vocabulary());
  EXPECT_TRUE(plan.ok()) << plan.error().message;
  return std::move(plan).value();
}

RunSummary play(const Plan& plan, const RunRequest& request, RunMemory& memory) {
  RunSummary summary =
      plan.scenario == kPingScenario ? run_ping(plan, request, memory) : run_plan(plan, request, memory);
  EXPECT_EQ(summary.simulator_fault, "") << plan.scenario;
  return summary;
}

// The first faults of every scenario are in it.
constexpr const char* kShort = "9s";

TEST(Digests, DependOnThePlanAlone) {
  RunMemory used(0xa5);
  for (const std::string& file : scenario_files()) {
    const Plan plan = plan_of(file, 2, kShort);
    RunMemory fresh;
    const RunSummary first = play(plan, {}, fresh);
    EXPECT_TRUE(first.holds()) << file;
    // `used` has all the scenarios before behind it, and now a seed of this one.
    play(plan_of(file, 3, "4s"), {}, used);
    size_t events = 0;
    TraceWriter trace([&](Bytes) { ++events; });
    RunRequest watched;
    watched.checkers = false;
    watched.record = true;
    watched.trace = &trace;
    const RunSummary second = play(plan, watched, used);
    EXPECT_EQ(second.digest, first.digest) << file;
    EXPECT_FALSE(second.recording.empty());
    EXPECT_GT(events, 0U);
    EXPECT_EQ(used.pages.lent(), 0U) << file;
  }
}

TEST(Plans, PrintedAndReadAreTheSameRun) {
  RunMemory memory;
  for (const std::string& file : scenario_files()) {
    const Plan plan = plan_of(file, 4, "5s");
    const auto again = parse_plan(print_plan(plan), "plan", {}, fault_vocabulary());
    ASSERT_TRUE(again.ok()) << again.error().message;
    EXPECT_EQ(print_plan(*again), print_plan(plan));
    EXPECT_EQ(play(*again, {}, memory).digest, play(plan, {}, memory).digest) << file;
  }
}

}  // namespace
}  // namespace ksim::sim
