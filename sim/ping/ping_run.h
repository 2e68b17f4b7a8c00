#pragma once
// Runs a plan with ping nodes in the place of brokers: the scenario "ping".

#include "sim/campaign/run_function.h"

namespace ksim::sim {

constexpr std::string_view kPingScenario = "ping";

RunSummary run_ping(const Plan& plan, const RunRequest& request, RunMemory& memory);

}  // namespace ksim::sim
