#pragma once
// Why a partition took no records.

#include "core/base/result.h"
#include "sim/explain/explain.h"
#include "sim/explain/past.h"

namespace ksim::sim {

// A time in which sends waited and none was acknowledged.
struct Outage {
  std::string partition;
  int64_t from_ns = 0;
  int64_t to_ns = 0;

  int64_t lasted_ns() const { return to_ns - from_ns; }
};

// The longest one, of this partition or (empty) of all; nothing where none lasted a second.
Result<std::optional<Outage>> longest_outage(Database& database, const std::string& partition);
Result<Explanation> explain_outage(Database& database, const Past& past, const Outage& outage);

}  // namespace ksim::sim
