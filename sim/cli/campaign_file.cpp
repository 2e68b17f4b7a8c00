#include "sim/cli/campaign_file.h"

#include "sim/history/sqlite.h"
#include "sim/report/report.h"

namespace ksim::sim {
namespace {

Failure<Error> bad(const std::string& file, const std::string& what) {
  return fail(ErrorCode::INVALID_REQUEST, file + " " + what);
}

// What sqlite says of it is no matter of which file of ksim it is.
Failure<Error> damaged(const std::string& file, std::string why) {
  constexpr std::string_view kSqlite = "sqlite: ";
  if (why.starts_with(kSqlite)) why.erase(0, kSqlite.size());
  return bad(file, "is damaged (" + why + ")");
}

}  // namespace

Result<void> check_campaign(const std::string& file, const std::string& image) {
  Result<Database> database = Database::open(image);
  if (!database.ok()) return bad(file, "is no sqlite file, and so no campaign");
  Query tables(*database, "SELECT count(*) FROM sqlite_master");
  while (tables.next()) {
  }
  if (const Result<void> readable = tables.end(); !readable.ok())
    return damaged(file, readable.error().message);
  const Result<Recorded> kind = what_recorded(*database);
  if (!kind.ok()) return bad(file, "is an sqlite file of something else, not a campaign");
  switch (*kind) {
    case Recorded::run:
      return bad(file, "is a recorded run, not a campaign");
    case Recorded::matrix:
      return bad(file, "is a matrix, not a campaign");
    case Recorded::campaign:
      return {};
  }
  return {};
}

Result<Swarm> load_campaign(const std::string& file, const std::string& image) {
  TRY(check_campaign(file, image));
  Result<Swarm> swarm = Swarm::load(image);
  if (!swarm.ok()) return damaged(file, swarm.error().message);
  return swarm;
}

}  // namespace ksim::sim
