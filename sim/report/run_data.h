#pragma once
// What a page shows, as one JSON object. Times are microseconds of virtual time; long tables are columns, and
// times in them differences to the row before. Names are numbers of a table of names.

#include <nlohmann/json.hpp>

#include "sim/report/report.h"

namespace ksim::sim {

Result<nlohmann::ordered_json> run_data(Database& database, const RunPage& page);
Result<nlohmann::ordered_json> campaign_data(Database& database, const CampaignPage& page);

}  // namespace ksim::sim
