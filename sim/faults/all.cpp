#include "sim/faults/all.h"

#include <charconv>

#include "sim/plan/words.h"
#include "sim/truth/predicates.h"

namespace ksim::sim {
std::vector<FaultKind> fault_kinds() {
  return {crash_fault(),          power_loss_fault(),
          pause_fault(),          stop_fault(),
          restart_fault(),        rolling_restart_fault(),
          partition_fault(),      partition_one_way_fault(),
          latency_fault(),        jitter_fault(),
          bandwidth_fault(),      clog_fault(),
          flap_fault(),           bridge_fault(),
          reset_fault(),          refuse_fault(),
          slow_reader_fault(),    slow_cpu_fault(),
          slow_timer_fault(),     slow_disk_fault(),
          disk_bandwidth_fault(), stall_disk_fault(),
          full_disk_fault(),      disk_error_fault(),
          wipe_disk_fault(),      clock_step_fault(),
          clock_drift_fault(),    restore_disk_fault(),
          latent_sector_fault(),  new_address_fault(),
          late_bytes_fault(),     suspend_fault(),
          bit_rot_fault(),        misdirected_write_fault(),
          no_descriptors_fault()};
}

std::optional<FaultKind> find_fault(std::string_view name) {
  for (const FaultKind& kind : fault_kinds()) {
    if (kind.name == name) return kind;
  }
  return std::nullopt;
}

Vocabulary fault_vocabulary() {
  Vocabulary words;
  for (const FaultKind& kind : fault_kinds())
    words.faults.push_back({kind.name, kind.parameters, kind.clients});
  for (size_t i = 0; i < kPredicateCount; ++i)
    words.predicates.push_back(predicate_name(static_cast<Predicate>(i)));
  return words;
}

std::string join_names(const std::vector<SimNode*>& nodes) {
  std::string text;
  for (const SimNode* node : nodes) text += (text.empty() ? "" : ", ") + node->name();
  return text;
}

Duration parameter(const FaultPlan& plan, std::string_view name, Duration otherwise) {
  const auto it = plan.parameters.find(std::string(name));
  return it == plan.parameters.end() ? otherwise : parse_duration(it->second).value_or(otherwise);
}

uint64_t parameter(const FaultPlan& plan, std::string_view name, uint64_t otherwise) {
  const auto it = plan.parameters.find(std::string(name));
  if (it == plan.parameters.end()) return otherwise;
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(it->second.data(), it->second.data() + it->second.size(), value);
  return error == std::errc{} ? value : otherwise;
}

std::string parameter(const FaultPlan& plan, std::string_view name, const std::string& otherwise) {
  const auto it = plan.parameters.find(std::string(name));
  return it == plan.parameters.end() ? otherwise : it->second;
}

}  // namespace ksim::sim
