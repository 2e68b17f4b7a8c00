#pragma once
// What the clients of a recorded run saw, in the form that `ksim check` reads (sim/judge/HISTORY.md).
//
//   key       a partition, "orders-3"
//   value     a record's id in hex, as in the table `record`
//   process   0 is the world: log start offsets that moved are its trims, faults its notes. A reader is a
//   process. A
//             producer session, which may have many sends open, is as many processes as it has open at once
//   poll      one call, with the records that it returned
//   assign    before the first poll, naming all that the reader ever reads; before that of a new client of
//   the same
//             name a crash. A seek is an assign without the partition and one with it
//
// Where a reader's client sets its position itself it begins anew only if it goes to the end
// (auto.offset.reset=latest): else what it jumps over or reads again is what the judge is to see. Of
// partitions that no reader reads from their start nothing is told of what was read. What raw drivers forge
// is not there: nothing of it may have an effect.

#include <string>

#include "core/base/result.h"

namespace ksim::sim {

// `recording`: the bytes of the sqlite file. Errors: INVALID_REQUEST where it is none that a run was recorded
// to.
Result<std::string> client_history(const std::string& recording);

}  // namespace ksim::sim
