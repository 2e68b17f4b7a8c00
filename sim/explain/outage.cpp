#include "sim/explain/outage.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "sim/explain/steps.h"
#include "sim/explain/words.h"
#include "sim/history/sqlite.h"

namespace ksim::sim {
namespace {

constexpr int64_t kNoticedNs = 1'000'000'000;
constexpr size_t kMostOutageSteps = 22;

// What kept the partition from taking records in one spell of an outage.
struct Spell {
  int64_t from_ns = 0;
  int64_t to_ns = 0;
  std::string kind;  // leaderless, leader_down, leader_cut_off, isr_too_small, slow
  int32_t node = -1;
};

bool cuts_off(const PastFault& fault) {
  static constexpr std::string_view kKinds[] = {"partition",      "bridge",  "clog",       "flap",
                                                "pause",          "suspend", "stall_disk", "refuse",
                                                "no_descriptors", "latency", "slow_cpu"};
  return std::find(std::begin(kKinds), std::end(kKinds), fault.kind) != std::end(kKinds);
}

Spell spell_at(const Past& past, int64_t at_ns) {
  const PastState* state = past.state_at(at_ns);
  if (state == nullptr || state->leader < 0) return {at_ns, at_ns, "leaderless", -1};
  if (past.down_at(state->leader, at_ns) != nullptr) return {at_ns, at_ns, "leader_down", state->leader};
  for (const PastFault& fault : past.faults) {
    const bool acts = fault.began_ns <= at_ns && (!fault.ended_ns || at_ns < *fault.ended_ns);
    if (acts && cuts_off(fault) && fault.strikes(state->leader))
      return {at_ns, at_ns, "leader_cut_off", state->leader};
  }
  if (static_cast<int32_t>(state->isr.size()) < past.in_force.min_insync)
    return {at_ns, at_ns, "isr_too_small", state->leader};
  return {at_ns, at_ns, "slow", state->leader};
}

std::vector<Spell> spells_of(const Past& past, const Outage& outage) {
  std::set<int64_t> turns{outage.from_ns};
  const auto turn = [&](int64_t at_ns) {
    if (at_ns > outage.from_ns && at_ns < outage.to_ns) turns.insert(at_ns);
  };
  for (const PastState& state : past.states) turn(state.at_ns);
  for (const PastNode& node : past.nodes) turn(node.at_ns);
  for (const PastFault& fault : past.faults) turn(fault.began_ns), turn(fault.ended_ns.value_or(-1));
  std::vector<Spell> spells;
  for (const int64_t at : turns) {
    Spell spell = spell_at(past, at);
    if (!spells.empty() && spells.back().kind == spell.kind && spells.back().node == spell.node) continue;
    if (!spells.empty()) spells.back().to_ns = at;
    spells.push_back(spell);
  }
  spells.back().to_ns = outage.to_ns;
  return spells;
}

// Where each member of ISR and ELR was, and who else was up.
std::string who_could_lead(const Past& past, int64_t at_ns) {
  const PastState* state = past.state_at(at_ns);
  if (state == nullptr) return "";
  std::string text =
      fmt::format("Only the ISR {} and the ELR {} may lead: ", set_text(state->isr), set_text(state->elr));
  Nodes members = state->isr;
  members.insert(members.end(), state->elr.begin(), state->elr.end());
  std::string why;
  for (const int32_t node : members) {
    const PastNode* down = past.down_at(node, at_ns);
    why += why.empty() ? "" : ", ";
    why += down == nullptr
               ? fmt::format("broker {} was up, but not registered or not unfenced yet", node)
               : fmt::format("broker {} was down since {} ({})", node, seconds_text(down->at_ns), down->what);
  }
  if (members.empty()) why = "nobody is left in them";
  return text + why + ".";
}

std::string words(const Past& past, const Spell& spell) {
  const std::string span = fmt::format("{} to {}", seconds_text(spell.from_ns), seconds_text(spell.to_ns));
  const PastState* state = past.state_at(spell.from_ns);
  if (spell.kind == "leaderless")
    return fmt::format("Nobody led it from {}. {}", span, who_could_lead(past, spell.from_ns));
  if (spell.kind == "leader_down") {
    const PastNode* down = past.down_at(spell.node, spell.from_ns);
    return fmt::format(
        "From {} its leader, broker {}, was down ({}), and the controller had not replaced it: it waits for "
        "broker.session.timeout.ms without a heartbeat before it fences a broker.",
        span, spell.node, down == nullptr ? "?" : down->what);
  }
  if (spell.kind == "leader_cut_off") {
    std::string by;
    for (const PastFault& fault : past.faults) {
      const bool acts =
          fault.began_ns <= spell.from_ns && (!fault.ended_ns || spell.from_ns < *fault.ended_ns);
      if (acts && cuts_off(fault) && fault.strikes(spell.node)) by = fault_text(fault);
    }
    return fmt::format("From {} its leader, broker {}, was up but hampered by a fault: {}.", span, spell.node,
                       by);
  }
  if (spell.kind == "isr_too_small")
    return fmt::format(
        "From {} broker {} led, but the ISR {} was smaller than min.insync.replicas={}: it refuses acks=all "
        "with NOT_ENOUGH_REPLICAS.",
        span, spell.node, set_text(state->isr), past.in_force.min_insync);
  return fmt::format(
      "From {} broker {} led with the ISR {}: clients had to find it, or waited for the ISR to fetch.", span,
      spell.node, state == nullptr ? "[]" : set_text(state->isr));
}

Explanation::Rule rule_for(const std::string& kind) {
  if (kind == "leaderless")
    return {"elections from ISR and ELR (KIP-966)",
            "Without unclean.leader.election.enable a partition waits for a replica that holds all that is "
            "committed: it "
            "prefers its records to being available."};
  if (kind == "leader_down")
    return {"heartbeats and fencing (KIP-631)",
            "The controller fences a broker it has not heard of for broker.session.timeout.ms, and only then "
            "elects another "
            "leader; a broker that stops in order hands its partitions over before."};
  if (kind == "isr_too_small")
    return {"min.insync.replicas",
            "With acks=all a leader takes nothing while fewer replicas than that are in sync."};
  if (kind == "leader_cut_off")
    return {"heartbeats and fencing (KIP-631)",
            "A leader whom clients cannot reach leads on for as long as the controller hears of it."};
  return {"metadata and retries",
          "A client that meets a broker which does not lead asks for metadata and tries again."};
}

// Produce requests of the waiting clients that were never answered, the first one of each client: it waits
// for them until request.timeout.ms is over, whoever leads meanwhile.
Result<std::string> unanswered(Database& database, const Outage& outage, Steps& steps) {
  Query query(
      database,
      fmt::format(
          "SELECT client, server, asked_ns, fate FROM call WHERE api = 'Produce' AND fate <> 'answered' AND "
          "asked_ns BETWEEN {0} AND {1} AND client IN (SELECT client FROM op WHERE kind = 'send' AND "
          "partition = "
          "{2} AND invoked_ns <= {1} AND coalesce(completed_ns, {1}) >= {0}) GROUP BY client, server ORDER "
          "BY "
          "asked_ns LIMIT 4",
          outage.from_ns, outage.to_ns, sql_text(outage.partition)));
  std::string text;
  while (query.next()) {
    const std::string line = fmt::format("{} sends a Produce request to {} that is never answered ({})",
                                         query.text(0), query.text(1), query.text(3));
    steps.add(Weight::context, query.number(2), "unanswered", -1, line);
    if (text.empty())
      text = fmt::format(" At {} {}: until request.timeout.ms is over it goes on waiting for it.",
                         seconds_text(query.number(2)), line);
  }
  TRY(query.end());
  return text;
}

Result<void> tell_errors(Database& database, const Outage& outage, Steps& steps) {
  Query query(
      database,
      fmt::format(
          "SELECT outcome, coalesce(error, ''), count(*), max(completed_ns) FROM op WHERE kind = 'send' AND "
          "partition = {} AND outcome <> 'ok' AND completed_ns BETWEEN {} AND {} GROUP BY 1, 2",
          sql_text(outage.partition), outage.from_ns, outage.to_ns));
  while (query.next())
    steps.add(Weight::spine, query.number(3), "told", -1,
              fmt::format("up to now {} sends are given up: {} ({})", query.number(2), query.text(1),
                          query.text(0)));
  return query.end();
}

}  // namespace

Result<std::optional<Outage>> longest_outage(Database& database, const std::string& partition) {
  const std::string which = partition.empty() ? "" : " AND partition = " + sql_text(partition);
  // Begins and ends of sends in order of time; what begins goes first.
  Query query(database, "SELECT partition, invoked_ns AS at, 1 AS turn, 0 AS ok FROM op WHERE kind = 'send'" +
                            which +
                            " UNION ALL SELECT partition, completed_ns, -1, outcome = 'ok' FROM op WHERE "
                            "kind = 'send' AND completed_ns "
                            "IS NOT NULL" +
                            which + " ORDER BY 1, 2, 3 DESC");
  std::optional<Outage> longest;
  std::string of;
  int64_t open = 0;
  int64_t waiting = 0;
  while (query.next()) {
    if (query.text(0) != of) {
      of = query.text(0);
      open = 0;
    }
    const int64_t at = query.number(1);
    if (query.number(2) > 0) {
      if (open++ == 0) waiting = at;
      continue;
    }
    --open;
    // One that was given up ends the wait only where no other one is left.
    if (query.number(3) == 0 && open > 0) continue;
    if (at - waiting >= kNoticedNs && (!longest || at - waiting > longest->lasted_ns()))
      longest = Outage{of, waiting, at};
    waiting = at;
  }
  TRY(query.end());
  return longest;
}

Result<Explanation> explain_outage(Database& database, const Past& past, const Outage& outage) {
  Explanation page;
  page.partition = outage.partition;
  page.subject = fmt::format("partition {}", outage.partition);
  const std::vector<Spell> spells = spells_of(past, outage);
  const auto longest = std::max_element(spells.begin(), spells.end(), [](const Spell& a, const Spell& b) {
    return a.to_ns - a.from_ns < b.to_ns - b.from_ns;
  });
  std::string parts;
  for (const Spell& spell : spells) {
    const std::string kind = spell.kind == "leaderless"    ? "nobody led it"
                             : spell.kind == "leader_down" ? fmt::format("its leader {} was down", spell.node)
                             : spell.kind == "leader_cut_off"
                                 ? fmt::format("its leader {} was hampered", spell.node)
                             : spell.kind == "isr_too_small" ? "its ISR was too small"
                                                             : "clients found their way";
    if (spell.to_ns - spell.from_ns >= kNoticedNs / 10)
      parts += fmt::format("{}{} for {}", parts.empty() ? "" : ", ", kind,
                           lasting_text(spell.to_ns - spell.from_ns));
  }
  page.headline = fmt::format("took no record for {}, from {} to {}: {}", lasting_text(outage.lasted_ns()),
                              seconds_text(outage.from_ns), seconds_text(outage.to_ns), parts);
  Steps steps;
  Nodes nodes;
  for (const PastState& state : past.states) {
    for (const int32_t node : state.isr) {
      if (!contains(nodes, node)) nodes.push_back(node);
    }
  }
  if (const PastState* state = past.state_at(outage.from_ns))
    steps.add(Weight::spine, state->at_ns, "before", state->leader,
              fmt::format("broker {} leads in epoch {}: ISR {}", state->leader, state->leader_epoch,
                          set_text(state->isr)));
  steps.add(Weight::spine, outage.from_ns, "waiting", -1,
            "sends wait from here on, and none is acknowledged");
  steps.add(Weight::spine, outage.to_ns, "served", -1,
            "the next send is acknowledged, or the last one given up");
  steps.add_states(past, outage.from_ns, outage.to_ns);
  const PastNode* before = nullptr;
  if (longest->node >= 0) before = past.down_at(longest->node, outage.to_ns);
  steps.add_troubles(past, nodes,
                     std::min(outage.from_ns, before == nullptr ? outage.from_ns : before->at_ns),
                     outage.to_ns);
  TRY(tell_errors(database, outage, steps));
  TRY_ASSIGN(const std::string waited, unanswered(database, outage, steps));
  page.steps = steps.take(kMostOutageSteps);
  std::string text = words(past, *longest);
  if (longest->kind == "slow") text += waited;
  for (const PastCall& call : past.elections) {
    if (call.completed_ns && *call.completed_ns >= outage.from_ns &&
        *call.completed_ns <= outage.to_ns + kNoticedNs)
      text += fmt::format(" {} asked for an election at {}.", call.client, seconds_text(call.invoked_ns));
  }
  page.culprit = Explanation::Culprit{longest->from_ns, longest->kind, longest->node, text};
  if (longest->kind == "leaderless") {
    // Who was up outside ISR and ELR could have led, without what it lacked.
    for (const PastNode& event : past.nodes) {
      const PastState* state = past.state_at(longest->from_ns);
      if (event.what != "unfenced" || event.at_ns > longest->to_ns || state == nullptr ||
          state->names(event.node) || !contains(nodes, event.node) ||
          past.down_at(event.node, longest->from_ns) != nullptr)
        continue;
      page.last_chance =
          Explanation::LastChance{std::max(event.at_ns, longest->from_ns),
                                  fmt::format("From then on broker {} was up and could have led by an "
                                              "unclean election, without what it lacked.",
                                              event.node)};
      break;
    }
  } else if (longest->kind == "leader_down") {
    page.last_chance = Explanation::LastChance{
        longest->from_ns,
        "A shorter broker.session.timeout.ms would have had it replaced sooner; a stop in order hands over "
        "leadership first."};
  }
  page.rule = rule_for(longest->kind);
  return page;
}

}  // namespace ksim::sim
