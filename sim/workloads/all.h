#pragma once
// The kinds of clients that a plan's [[workload]] tables name. A new one is a file here, a line in this
// header and a row in all.cpp; EXTENDING.md shows it step by step.

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "sim/plan/plan.h"
#include "sim/world.h"

namespace ksim::sim {

struct WorkloadState;

struct WorkloadParameter {
  enum class Type : uint8_t { number, duration };
  std::string_view name;
  Type type = Type::number;
};

struct WorkloadKind {
  std::string_view name;
  std::string_view text;
  std::vector<WorkloadParameter> parameters;
  bool topic = true;  // it works on one of the plan's topics
  // `state` and `plan` outlive the process.
  ProcessFactory (*make)(WorkloadState& state, const WorkloadPlan& plan) = nullptr;
};

std::vector<WorkloadKind> workload_kinds();  // in the order in which they are listed
std::optional<WorkloadKind> find_workload(std::string_view name);
// Faults and workloads: all the words that a plan may use.
Vocabulary plan_vocabulary();

// A parameter of the plan; the default if it is not given.
uint64_t parameter(const WorkloadPlan& plan, std::string_view name, uint64_t otherwise);
Duration parameter(const WorkloadPlan& plan, std::string_view name, Duration otherwise);

// One line a kind, each in its own file.
WorkloadKind topic_admin_workload();
WorkloadKind counter_workload();

}  // namespace ksim::sim
