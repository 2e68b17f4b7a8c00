#pragma once
// Whether a file is a recorded run, and holds what schema.sql says: whoever reads one asks first, so that a
// spoilt file is refused in words instead of being read as something else.

#include <string>
#include <string_view>

#include "core/base/result.h"
#include "sim/history/sqlite.h"

namespace ksim::sim {

constexpr std::string_view kNoRecordedRun = "is no recorded run (ksim scenario NAME --record FILE)";

// Errors: INVALID_REQUEST with sqlite's reason.
Result<bool> has_table(Database& database, std::string_view name);
Result<bool> is_recorded_run(Database& database);
// Tables and columns that are not there are left to who asks for them: a recording of another version lacks
// some. Errors: INVALID_REQUEST with table, column and row, and what was found there.
Result<void> check_recording(Database& database);

}  // namespace ksim::sim
