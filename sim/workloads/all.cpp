#include "sim/workloads/all.h"

#include <charconv>

#include "sim/faults/all.h"
#include "sim/plan/words.h"

namespace ksim::sim {

std::vector<WorkloadKind> workload_kinds() { return {topic_admin_workload(), counter_workload()}; }

std::optional<WorkloadKind> find_workload(std::string_view name) {
  for (const WorkloadKind& kind : workload_kinds()) {
    if (kind.name == name) return kind;
  }
  return std::nullopt;
}

Vocabulary plan_vocabulary() {
  Vocabulary words = fault_vocabulary();
  for (const WorkloadKind& kind : workload_kinds()) {
    WorkloadWord& word = words.workloads.emplace_back();
    word.kind = kind.name;
    for (const WorkloadParameter& parameter : kind.parameters) word.parameters.push_back(parameter.name);
  }
  return words;
}

uint64_t parameter(const WorkloadPlan& plan, std::string_view name, uint64_t otherwise) {
  const auto it = plan.parameters.find(std::string(name));
  if (it == plan.parameters.end()) return otherwise;
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(it->second.data(), it->second.data() + it->second.size(), value);
  return error == std::errc{} ? value : otherwise;
}

Duration parameter(const WorkloadPlan& plan, std::string_view name, Duration otherwise) {
  const auto it = plan.parameters.find(std::string(name));
  return it == plan.parameters.end() ? otherwise : parse_duration(it->second).value_or(otherwise);
}

}  // namespace ksim::sim
