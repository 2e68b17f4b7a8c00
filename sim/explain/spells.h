#pragma once
// An outage, cut where something changed: what kept the partition from taking records in each piece.

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "sim/explain/outage.h"
#include "sim/explain/past.h"

namespace ksim::sim {

struct Spell {
  int64_t from_ns = 0;
  int64_t to_ns = 0;
  // leaderless, leader_down, leader_cut_off, isr_too_small; of a member of the ISR for which it waited:
  // member_down, member_cut_off, member_behind; and slow, where none of them is known
  std::string kind;
  int32_t node = -1;
  // Of member_behind.
  int64_t member_end = -1;
  int64_t leader_end = -1;
  int64_t high_watermark = -1;

  int64_t lasted_ns() const { return to_ns - from_ns; }
};

// What a replica's log ended with after each append.
struct LogEnd {
  int64_t at_ns = 0;
  int32_t node = -1;
  int64_t offset = -1;
};
using LogEnds = std::vector<LogEnd>;

// Errors: INVALID_REQUEST.
Result<LogEnds> read_log_ends(Database& database, const Outage& outage);
// What hampers a node then; null: nothing.
const PastFault* hampers(const Past& past, int32_t node, int64_t at_ns);
// `for_all`: somebody waits for the whole ISR (acks=all).
std::vector<Spell> spells_of(const Past& past, const Outage& outage, bool for_all, const LogEnds& ends);

}  // namespace ksim::sim
