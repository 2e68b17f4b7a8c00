#pragma once

#include <optional>
#include <vector>

#include "sim/faults/fault.h"

namespace ksim::sim {

std::vector<FaultKind> fault_kinds();  // in the order in which they are listed
std::optional<FaultKind> find_fault(std::string_view name);
Vocabulary fault_vocabulary();  // with the predicates

// One line a kind, each in its own file.
FaultKind crash_fault();
FaultKind power_loss_fault();
FaultKind pause_fault();
FaultKind stop_fault();
FaultKind suspend_fault();
FaultKind restart_fault();
FaultKind rolling_restart_fault();
FaultKind partition_fault();
FaultKind partition_one_way_fault();
FaultKind latency_fault();
FaultKind jitter_fault();
FaultKind bandwidth_fault();
FaultKind clog_fault();
FaultKind flap_fault();
FaultKind bridge_fault();
FaultKind reset_fault();
FaultKind refuse_fault();
FaultKind slow_reader_fault();
FaultKind no_descriptors_fault();
FaultKind slow_cpu_fault();
FaultKind slow_timer_fault();
FaultKind slow_disk_fault();
FaultKind disk_bandwidth_fault();
FaultKind stall_disk_fault();
FaultKind full_disk_fault();
FaultKind disk_error_fault();
FaultKind wipe_disk_fault();
FaultKind restore_disk_fault();
FaultKind latent_sector_fault();
FaultKind bit_rot_fault();
FaultKind misdirected_write_fault();
FaultKind new_address_fault();
FaultKind late_bytes_fault();
FaultKind clock_step_fault();
FaultKind clock_drift_fault();

}  // namespace ksim::sim
