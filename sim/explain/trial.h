#pragma once
// The same run again with one thing changed: how it ended, as far as a page is concerned, and what that says
// of the change.

#include <optional>
#include <string>

#include "core/base/result.h"
#include "sim/explain/explain.h"

namespace ksim::sim {

struct Ending {
  std::string cause;         // of its first violation, without numbers; empty: none
  std::string digest;        // of the run
  int64_t acknowledged = 0;  // in the page's partition; where it is about none, in all
  int64_t lost = 0;
  int64_t given_up = 0;
  int64_t waited_ns = 0;
  std::string told;   // of the page's record: what its client was told; empty: it was not sent
  bool gone = false;  // the record was acknowledged and is lost
};

// Of a recorded run, but for cause and digest. Errors: INVALID_REQUEST.
Result<Ending> ending_of(Database& database, const Explanation& page);
// Through the pipe of a worker; nothing where the text is none.
std::string packed(const Ending& ending);
std::optional<Ending> unpacked(const std::string& text);

// The run that the page explains.
Explanation::Remedy as_it_was(const Ending& before, const Explanation& page);
// A page about a record goes by the record, whatever else of its partition is lost; one about an offset by
// the partition, since nobody knows whose record it was.
//   record, offset  saved, lost anyway; refused or not acknowledged: its client was told something else
//   outage          sooner, no better
//   violation       saved, violated anyway
// And "other violation", of a run that holds no longer what the one before did.
Explanation::Remedy judged(const std::string& setting, const Ending& before, const Ending& now,
                           const Explanation& page);

}  // namespace ksim::sim
