#pragma once
// Violations that are not about a lost record, explained from their invariant, subject and story and the
// facts around them, family by family.

#include <vector>

#include "core/base/result.h"
#include "sim/explain/explain.h"

namespace ksim::sim {

struct PastViolation {
  int64_t number = 0;
  std::string checker;
  int64_t at_ns = 0;
  std::string subject;
  std::string message;
  std::string invariant;
  std::string record;
  int64_t offset = -1;
  std::vector<std::string> story;

  // The partition that it is about, "orders-3"; empty: none.
  std::string partition() const;
  // The broker that it blames: "broker 2", "node 2", "leader 2" in its message; -1: none.
  int32_t suspect() const;
};

// Errors: INVALID_REQUEST.
Result<std::vector<PastViolation>> read_violations(Database& database);
Result<Explanation> explain_violation(Database& database, const PastViolation& violation);

}  // namespace ksim::sim
