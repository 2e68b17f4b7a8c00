#pragma once
// A small plan, run and held to all checkers.

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "sim/faults/all.h"
#include "sim/runner/check_plan.h"
#include "sim/runner/runner.h"

namespace ksim::sim {

inline RunSummary run_well(const std::string& text, const RunRequest& request = {}) {
  const Plan plan = draw_plan(text, "test", 1, {}, fault_vocabulary()).value();
  EXPECT_EQ(what_is_wrong(plan, "test", true).value_or(""), "");
  RunMemory memory;
  RunSummary summary = run_plan(plan, request, memory);
  EXPECT_EQ(summary.simulator_fault, "");
  for (const ViolationRow& row : summary.violations)
    ADD_FAILURE() << row.checker << " in " << row.subject << ": " << row.message;
  return summary;
}

// What the faults did, a line each.
inline std::string effects_of(const RunSummary& summary) {
  std::string effects;
  for (const FaultRow& row : summary.faults) effects += row.effect + "\n";
  return effects;
}

}  // namespace ksim::sim
