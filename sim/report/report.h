#pragma once
// A recorded run, or a campaign, as one HTML file that needs nothing else: no network, no other file (a
// matrix has its own page, sim/matrix/render.h). What it shows is one JSON object in it (run_data.cpp,
// campaign_data.cpp); page/ draws that.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/result.h"
#include "sim/history/sqlite.h"

namespace ksim::sim {

enum class Recorded : uint8_t { run, campaign, matrix };
// What wrote this file. Errors: INVALID_REQUEST with what can be reported.
Result<Recorded> what_recorded(Database& database);

struct RunPage {
  std::string file;                                           // as the commands on the page are to name it
  std::vector<std::pair<std::string, std::string>> checkers;  // code and invariant of all there are
  std::optional<std::string> seed_command;  // repeats it as well; none: only its plan is known to do so
  std::optional<std::string> explanation;   // one JSON object; none: the violations tell their stories
  std::string why_unexplained = {};         // what an explanation lacked; empty: there was nothing to explain
};
// Errors: INVALID_REQUEST where a table lacks what a run has or holds something else (check_recording), or
// the explanation is no JSON object.
Result<std::string> run_page(Database& database, const RunPage& page);

struct CampaignPage {
  std::string file;
  std::vector<std::string> marks;  // all there are, so that what was never reached can be named
  std::vector<std::string> fault_kinds;
  std::vector<std::pair<std::string, std::string>> checkers;  // code and invariant
};
Result<std::string> campaign_page(Database& database, const CampaignPage& page);

}  // namespace ksim::sim
