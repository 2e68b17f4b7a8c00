#include "sim/explain/spells.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "sim/history/sqlite.h"

namespace ksim::sim {
namespace {

bool cuts_off(const PastFault& fault) {
  static constexpr std::string_view kKinds[] = {
      "partition",  "partition_one_way", "bridge",     "clog",       "flap",
      "pause",      "suspend",           "stall_disk", "disk_error", "full_disk",
      "slow_disk",  "disk_bandwidth",    "refuse",     "bandwidth",  "latency",
      "late_bytes", "no_descriptors",    "slow_cpu",   "slow_reader"};
  return std::find(std::begin(kKinds), std::end(kKinds), fault.kind) != std::end(kKinds);
}

bool is_mark_of(const PastEvent& event, int32_t leader) {
  return event.name == "replica.high_watermark" && event.flag && event.node == leader;
}

// What was written was committed, by its leader's word: it waits for nobody. At the end it may, since that is
// what ends the wait.
bool commits(const Past& past, int32_t leader, int64_t from_ns, int64_t to_ns) {
  const int64_t ending_ns = to_ns - (to_ns - from_ns) / 10;
  return std::any_of(past.events.begin(), past.events.end(), [&](const PastEvent& event) {
    return is_mark_of(event, leader) && event.at_ns > from_ns && event.at_ns < ending_ns;
  });
}

int64_t end_at(const LogEnds& ends, int32_t node, int64_t at_ns) {
  int64_t offset = -1;
  for (const LogEnd& end : ends) {
    if (end.node == node && end.at_ns <= at_ns) offset = end.offset;
  }
  return offset;
}

// The member of the ISR that had least of what the leader had in the middle of the spell.
bool is_behind(const Past& past, const PastState& state, const LogEnds& ends, Spell& spell) {
  const int64_t middle = spell.from_ns + spell.lasted_ns() / 2;
  spell.leader_end = end_at(ends, state.leader, middle);
  for (const PastEvent& event : past.events) {
    if (is_mark_of(event, state.leader) && event.at_ns <= middle) spell.high_watermark = event.high_watermark;
  }
  if (spell.high_watermark < 0 || spell.leader_end <= spell.high_watermark) return false;
  spell.member_end = spell.leader_end;
  for (const int32_t member : state.isr) {
    const int64_t end = end_at(ends, member, middle);
    if (member == state.leader || end < 0 || end >= spell.member_end) continue;
    spell.member_end = end;
    spell.node = member;
  }
  return spell.member_end < spell.leader_end;
}

// From one turn of things to the next.
Spell spell_between(const Past& past, int64_t at_ns, int64_t next_ns, bool for_all, const LogEnds& ends) {
  const auto is = [&](std::string kind, int32_t node) {
    Spell spell;
    spell.from_ns = at_ns;
    spell.to_ns = next_ns;
    spell.kind = std::move(kind);
    spell.node = node;
    return spell;
  };
  const PastState* state = past.state_at(at_ns);
  if (state == nullptr || state->leader < 0) return is("leaderless", -1);
  if (past.down_at(state->leader, at_ns) != nullptr) return is("leader_down", state->leader);
  if (hampers(past, state->leader, at_ns) != nullptr) return is("leader_cut_off", state->leader);
  if (for_all && static_cast<int32_t>(state->isr.size()) < past.in_force.min_insync)
    return is("isr_too_small", state->leader);
  if (!for_all || commits(past, state->leader, at_ns, next_ns)) return is("slow", state->leader);
  for (const int32_t member : state->isr) {
    if (past.down_at(member, at_ns) != nullptr) return is("member_down", member);
  }
  for (const int32_t member : state->isr) {
    if (hampers(past, member, at_ns) != nullptr) return is("member_cut_off", member);
  }
  Spell behind = is("member_behind", state->leader);
  return is_behind(past, *state, ends, behind) ? behind : is("slow", state->leader);
}

}  // namespace

Result<LogEnds> read_log_ends(Database& database, const Outage& outage) {
  Query query(database,
              fmt::format("SELECT at_ns, node, coalesce(json_extract(detail, '$.end_offset'), -1) FROM event "
                          "WHERE name = 'log.appended' AND subject = {} AND at_ns <= {} ORDER BY id",
                          sql_text(outage.partition), outage.to_ns));
  LogEnds ends;
  while (query.next())
    ends.push_back({query.number(0), static_cast<int32_t>(query.number(1)), query.number(2)});
  TRY(query.end());
  return ends;
}

const PastFault* hampers(const Past& past, int32_t node, int64_t at_ns) {
  const PastFault* found = nullptr;
  for (const PastFault& fault : past.faults) {
    const bool acts = fault.began_ns <= at_ns && (!fault.ended_ns || at_ns < *fault.ended_ns);
    if (acts && cuts_off(fault) && fault.strikes(node)) found = &fault;
  }
  return found;
}

std::vector<Spell> spells_of(const Past& past, const Outage& outage, bool for_all, const LogEnds& ends) {
  std::set<int64_t> turns{outage.from_ns};
  const auto turn = [&](int64_t at_ns) {
    if (at_ns > outage.from_ns && at_ns < outage.to_ns) turns.insert(at_ns);
  };
  for (const PastState& state : past.states) turn(state.at_ns);
  for (const PastNode& node : past.nodes) turn(node.at_ns);
  for (const PastFault& fault : past.faults) turn(fault.began_ns), turn(fault.ended_ns.value_or(-1));
  std::vector<Spell> spells;
  for (auto turn_at = turns.begin(); turn_at != turns.end(); ++turn_at) {
    const auto next = std::next(turn_at);
    Spell spell = spell_between(past, *turn_at, next == turns.end() ? outage.to_ns : *next, for_all, ends);
    if (!spells.empty() && spells.back().kind == spell.kind && spells.back().node == spell.node) {
      spells.back().to_ns = spell.to_ns;
    } else {
      spells.push_back(std::move(spell));
    }
  }
  return spells;
}

}  // namespace ksim::sim
