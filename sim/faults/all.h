#pragma once

#include <optional>
#include <vector>

#include "sim/faults/fault.h"

namespace ksim::sim {

std::vector<FaultKind> fault_kinds();  // in the order in which they are listed
std::optional<FaultKind> find_fault(std::string_view name);
Vocabulary fault_vocabulary();

// One line a kind, each in its own file.
FaultKind crash_fault();
FaultKind power_loss_fault();
FaultKind pause_fault();
FaultKind stop_fault();
FaultKind rolling_restart_fault();
FaultKind partition_fault();
FaultKind partition_one_way_fault();
FaultKind latency_fault();
FaultKind slow_disk_fault();
FaultKind stall_disk_fault();
FaultKind full_disk_fault();
FaultKind disk_error_fault();
FaultKind wipe_disk_fault();
FaultKind clock_step_fault();
FaultKind clock_drift_fault();

}  // namespace ksim::sim
