#include "sim/faults/all.h"

#include <charconv>

#include <fmt/format.h>

#include "sim/plan/words.h"

namespace ksim::sim {
std::vector<FaultKind> fault_kinds() {
  return {crash_fault(),
          power_loss_fault(),
          pause_fault(),
          stop_fault(),
          rolling_restart_fault(),
          partition_fault(),
          partition_one_way_fault(),
          latency_fault(),
          slow_disk_fault(),
          stall_disk_fault(),
          full_disk_fault()};
}

std::optional<FaultKind> find_fault(std::string_view name) {
  for (const FaultKind& kind : fault_kinds()) {
    if (kind.name == name) return kind;
  }
  return std::nullopt;
}

Vocabulary fault_vocabulary() {
  Vocabulary words;
  for (const FaultKind& kind : fault_kinds()) words.faults.push_back({kind.name, kind.parameters});
  return words;
}

std::string join_names(const std::vector<SimNode*>& nodes) {
  std::string text;
  for (const SimNode* node : nodes) text += (text.empty() ? "" : ", ") + node->name();
  return text;
}

namespace {

DiskToll toll_of(const std::vector<SimNode*>& nodes) {
  DiskToll sum;
  for (SimNode* node : nodes) {
    const DiskToll toll = node->device().toll();
    sum.waits += toll.waits;
    sum.waited_ns += toll.waited_ns;
    sum.refused += toll.refused;
  }
  return sum;
}

}  // namespace

TollSince::TollSince(std::vector<SimNode*> nodes) : nodes_(std::move(nodes)), before_(toll_of(nodes_)) {}

std::string TollSince::text() const {
  const DiskToll now = toll_of(nodes_);
  const int64_t ms = (now.waited_ns - before_.waited_ns) / 1'000'000;
  std::string text = fmt::format("{} operations waited {}.{:03} s for the disk", now.waits - before_.waits,
                                 ms / 1000, ms % 1000);
  if (now.refused > before_.refused)
    text += fmt::format(", {} found no space", now.refused - before_.refused);
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

}  // namespace ksim::sim
