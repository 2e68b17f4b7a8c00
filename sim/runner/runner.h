#pragma once
// run(Plan): boots the cluster, creates the topics, lets the workload and the faults play, heals everything,
// waits until all is quiet, and sums up.

#include <string>

#include "sim/memory.h"
#include "sim/observer/summary.h"
#include "sim/plan/plan.h"

namespace ksim::sim {

class DigestTrace;

struct RunOptions {
  bool faults = true;
  bool checkers = true;
  std::string record_path;  // empty: not recorded
  DigestTrace* trace = nullptr;
};

// Real time, `repeat` and the seed's command are the caller's to fill in.
RunSummary run_plan(const Plan& plan, const RunOptions& options, RunMemory& memory);

}  // namespace ksim::sim
