// The scenarios of the matrix, run: what the contract calls safe loses nothing, what it does not call so
// does.

#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "sim/faults/all.h"
#include "sim/matrix/matrix.h"
#include "sim/runner/check_plan.h"
#include "sim/runner/runner.h"

namespace ksim::sim {
namespace {

std::string text_of(std::string_view fault) {
  std::ifstream file(std::string(KSIM_SOURCE_DIR "/scenarios/matrix/") + std::string(fault) + ".toml");
  return {std::istreambuf_iterator<char>(file), {}};
}

Plan plan_of(const Cell& cell, uint64_t seed) {
  const std::string name(to_string(cell.fault));
  Plan plan = draw_plan(text_of(name), name, seed, settings_of(cell), fault_vocabulary()).value();
  EXPECT_EQ(what_is_wrong(plan, name, true).value_or(""), "");
  return plan;
}

TEST(MatrixCells, EveryFaultIsAScenarioThatTakesEverySetting) {
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(KSIM_SOURCE_DIR "/scenarios/matrix")) {
    if (entry.path().extension() == ".toml") ++files;
  }
  EXPECT_EQ(files, std::size(kMatrixFaults));
  const TypedDimensions all{"", "1,2,3", "1,3,5", "on,off", "none,each", "off", ""};
  const std::vector<Cell> cells = parse_dimensions(all).value().cells();
  for (size_t i = 0; i < cells.size(); i += 5) {
    const Plan plan = plan_of(cells[i], i);
    EXPECT_EQ(plan.scenario, "matrix_" + std::string(to_string(cells[i].fault)));
    EXPECT_FALSE(plan.about.empty());
    const Plan back = parse_plan(print_plan(plan), "printed", {}, fault_vocabulary()).value();
    EXPECT_EQ(print_plan(back), print_plan(plan));
  }
}

// Else a rate would be one of runs without a fault as well.
TEST(MatrixCells, EveryFaultStrikesInEveryRun) {
  RunMemory memory;
  for (const MatrixFault fault : kMatrixFaults) {
    for (const int32_t replication : {1, 3}) {
      const Cell cell{1, 1, replication, false, false, std::nullopt, fault};
      for (uint64_t seed = 1; seed <= 4; ++seed) {
        const RunSummary summary = run_plan(plan_of(cell, seed), {}, memory);
        EXPECT_TRUE(all_kinds_struck(summary.faults)) << witness_command(cell, seed) << "\n"
                                                      << tell_run(summary);
      }
    }
  }
}

TEST(MatrixCells, LoseWhereTheContractPermitsItAndNowhereElse) {
  using enum MatrixFault;
  const Cell cells[] = {
      {1, 2, 3, false, false, std::nullopt, partition},
      {kAcksAll, 1, 3, false, false, std::nullopt, partition},
      {kAcksAll, 2, 3, false, false, std::nullopt, power_loss_all},
      {kAcksAll, 2, 3, false, true, std::nullopt, power_loss_all},
      {kAcksAll, 1, 3, true, true, std::nullopt, rack_loss},
      {kAcksAll, 2, 3, true, false, std::nullopt, rack_loss},
      {kAcksAll, 2, 3, true, true, std::nullopt, isr_loss},
      {kAcksAll, 2, 3, false, true, false, isr_loss},
  };
  constexpr uint64_t kSeeds = 3;
  uint64_t disorder = 0;  // of what was sent again without idempotence
  RunMemory memory;
  for (const Cell& cell : cells) {
    const Expected wanted = expected(cell);
    uint64_t lost = 0;
    for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
      const RunSummary summary = run_plan(plan_of(cell, seed), {}, memory);
      EXPECT_EQ(summary.simulator_fault, "");
      EXPECT_TRUE(summary.holds()) << witness_command(cell, seed) << "\n" << tell_run(summary);
      EXPECT_GT(summary.counts.acknowledged, 0U);
      EXPECT_EQ(summary.counts.lost, summary.counts.permitted);
      EXPECT_EQ(summary.losses.size(), std::min<uint64_t>(summary.counts.lost, 20));
      if (cell.idempotence.value_or(cell.acks == kAcksAll)) {
        EXPECT_EQ(summary.counts.duplicated + summary.counts.reordered, 0U);
      } else if (cell.acks == kAcksAll) {
        disorder += summary.counts.duplicated + summary.counts.reordered;
      }
      lost += summary.counts.lost;
    }
    EXPECT_EQ(lost > 0, wanted.promise == Promise::permitted)
        << witness_command(cell, 1) << ": " << wanted.why;
  }
  EXPECT_GT(disorder, 0U);
}

}  // namespace
}  // namespace ksim::sim
