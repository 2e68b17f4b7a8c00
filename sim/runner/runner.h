#pragma once
// run(Plan): boots the cluster, creates the topics, lets the workload and the faults play, heals everything,
// waits until all is quiet, and sums up.

#include "sim/campaign/run_function.h"

namespace ksim::sim {

// Real time, `repeat` and the seed's command are the caller's to fill in.
RunSummary run_plan(const Plan& plan, const RunRequest& request, RunMemory& memory);

}  // namespace ksim::sim
