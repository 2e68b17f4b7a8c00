#pragma once
// How fast a campaign was: what came of the real times that it keeps of its runs.

#include <nlohmann/json.hpp>

#include "sim/history/sqlite.h"

namespace ksim::sim {

// Null where the file has no real times: an earlier ksim kept none.
Result<nlohmann::ordered_json> speed_data(Database& database);

// From..to microseconds in steps of a fourth of a doubling: where a time belongs in a distribution. Number
// and beginning of a step.
int64_t time_step(int64_t us);
int64_t step_us(int64_t step);

// How wide the pieces are in which so many runs in so much real time are counted: round, and neither too many
// nor with too little in them.
int64_t piece_ms(int64_t real_ms, int64_t runs);

}  // namespace ksim::sim
