#include "sim/explain/outage.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "sim/explain/spells.h"
#include "sim/explain/steps.h"
#include "sim/explain/words.h"
#include "sim/history/sqlite.h"

namespace ksim::sim {
namespace {

constexpr int64_t kNoticedNs = 1'000'000'000;
constexpr size_t kMostOutageSteps = 22;

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

// Who is fenced leaves the ISR at once; who stands still is left out by its leader. The sooner one of the
// two.
bool fenced_first(const Past& past, const Spell& spell) {
  return spell.kind == "member_down" && past.in_force.session_timeout_ms < past.in_force.replica_lag_ms;
}

std::string member_words(const Past& past, const Spell& spell, const PastState& state,
                         const std::string& span) {
  std::string why;
  if (spell.kind == "member_down") {
    const PastNode* down = past.down_at(spell.node, spell.from_ns);
    why = fmt::format("was down since {} ({})", seconds_text(down == nullptr ? spell.from_ns : down->at_ns),
                      down == nullptr ? "?" : down->what);
  } else if (spell.kind == "member_cut_off") {
    const PastFault* by = hampers(past, spell.node, spell.from_ns);
    why = fmt::format("was up but hampered by a fault ({})", by == nullptr ? "?" : fault_text(*by));
  } else {
    why = fmt::format(
        "was behind (half-way its log ended at {}, the leader's at {}, and the high watermark stood at {})",
        spell.member_end, spell.leader_end, spell.high_watermark);
  }
  return fmt::format(
      "From {} broker {} led and was up, but broker {} of the ISR {} {}: acks=all waits for every member. {}",
      span, state.leader, spell.node, set_text(state.isr), why,
      fenced_first(past, spell)
          ? fmt::format(
                "It leaves the ISR when the controller fences it, broker.session.timeout.ms={} after its "
                "last heartbeat.",
                past.in_force.session_timeout_ms)
          : fmt::format("It leaves the ISR when it has not come to the end of the leader's log for "
                        "replica.lag.time.max.ms={}.",
                        past.in_force.replica_lag_ms));
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
    const PastFault* by = hampers(past, spell.node, spell.from_ns);
    return fmt::format("From {} its leader, broker {}, was up but hampered by a fault: {}.", span, spell.node,
                       by == nullptr ? "?" : fault_text(*by));
  }
  if (spell.kind.starts_with("member_")) return member_words(past, spell, *state, span);
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
  if (kind.starts_with("member_"))
    return {
        "acks=all and the ISR (replica.lag.time.max.ms, broker.session.timeout.ms)",
        "With acks=all a leader answers when every member of the ISR has the record. A member that does not "
        "fetch stays "
        "one until it has lagged for replica.lag.time.max.ms, or is fenced after broker.session.timeout.ms "
        "without a "
        "heartbeat."};
  if (kind == "leader_cut_off")
    return {"heartbeats and fencing (KIP-631)",
            "A leader whom clients cannot reach leads on for as long as the controller hears of it."};
  return {"metadata and retries",
          "A client that meets a broker which does not lead asks for metadata and tries again."};
}

// Of the sends that waited in it: their clients.
std::string waiting_sends(const Outage& outage) {
  return fmt::format(
      "kind = 'send' AND partition = {} AND invoked_ns <= {} AND coalesce(completed_ns, {}) >= {}",
      sql_text(outage.partition), outage.to_ns, outage.to_ns, outage.from_ns);
}

// Produce requests of the waiting clients to whoever led it, by the controller's word, that were never
// answered, the first one of each client: it waits for them until request.timeout.ms is over, or the
// connection ends, whoever leads meanwhile.
Result<std::string> unanswered(Database& database, const Past& past, const Outage& outage, Steps& steps) {
  Query query(database,
              fmt::format("SELECT client, server, asked_ns, fate FROM call WHERE api = 'Produce' AND "
                          "fate <> 'answered' AND asked_ns BETWEEN {} AND {} AND client IN (SELECT "
                          "client FROM op WHERE {}) ORDER BY asked_ns",
                          outage.from_ns, outage.to_ns, waiting_sends(outage)));
  constexpr size_t kMostQuoted = 4;
  std::string text;
  std::set<std::pair<std::string, std::string>> told;
  while (query.next()) {
    const PastState* state = past.state_at(query.number(2));
    const bool leads = state != nullptr && query.text(1) == fmt::format("broker-{}", state->leader);
    if (!leads || told.size() == kMostQuoted || !told.emplace(query.text(0), query.text(1)).second) continue;
    const std::string line = fmt::format("{} sends a Produce request to {} that is never answered ({})",
                                         query.text(0), query.text(1), query.text(3));
    steps.add(Weight::context, query.number(2), "unanswered", -1, line);
    if (text.empty())
      text = fmt::format(
          " At {} {}: until request.timeout.ms is over, or the connection ends, it goes on waiting for it.",
          seconds_text(query.number(2)), line);
  }
  TRY(query.end());
  return text;
}

// Somebody waited for the whole ISR.
Result<bool> waits_for_all(Database& database, const Outage& outage) {
  Query query(database,
              fmt::format("SELECT count(*) FROM op LEFT JOIN producer_session s USING (session) WHERE {} "
                          "AND coalesce(op.acks, s.acks, -1) = -1",
                          waiting_sends(outage)));
  bool all = false;
  while (query.next()) all = query.number(0) > 0;
  TRY(query.end());
  return all;
}

std::string kind_words(const Spell& spell) {
  if (spell.kind == "leaderless") return "nobody led it";
  if (spell.kind == "leader_down") return fmt::format("its leader {} was down", spell.node);
  if (spell.kind == "leader_cut_off") return fmt::format("its leader {} was hampered", spell.node);
  if (spell.kind == "isr_too_small") return "its ISR was too small";
  if (spell.kind == "member_down") return fmt::format("member {} of its ISR was down", spell.node);
  if (spell.kind == "member_cut_off") return fmt::format("member {} of its ISR was hampered", spell.node);
  if (spell.kind == "member_behind") return fmt::format("member {} of its ISR was behind", spell.node);
  return "clients found their way";
}

std::string parts_text(const std::vector<Spell>& spells) {
  std::string parts;
  for (const Spell& spell : spells) {
    if (spell.lasted_ns() >= kNoticedNs / 10)
      parts += fmt::format("{}{} for {}", parts.empty() ? "" : ", ", kind_words(spell),
                           lasting_text(spell.lasted_ns()));
  }
  return parts;
}

// The longest one. Why clients were slow to find the leader is known only where one waits for an answer
// (`waited`): otherwise what else was longest comes first, if it lasted for a good part.
const Spell& decisive_of(const std::vector<Spell>& spells, bool waited) {
  const auto weight = [&](const Spell& spell) {
    return spell.kind == "slow" && !waited ? spell.lasted_ns() / 4 : spell.lasted_ns();
  };
  return *std::max_element(spells.begin(), spells.end(),
                           [&](const Spell& a, const Spell& b) { return weight(a) < weight(b); });
}

// Whoever was in the ISR at any time.
Nodes members_of(const Past& past) {
  Nodes nodes;
  for (const PastState& state : past.states) {
    for (const int32_t node : state.isr) {
      if (!contains(nodes, node)) nodes.push_back(node);
    }
  }
  return nodes;
}

// The settings that words() gives as a reason.
std::vector<std::string> blamed_by(const Past& past, const Spell& spell, bool waited) {
  if (spell.kind == "leaderless") return {"unclean.leader.election.enable"};
  if (spell.kind == "leader_down") return {"broker.session.timeout.ms"};
  if (spell.kind == "isr_too_small") return {"min.insync.replicas"};
  if (spell.kind.starts_with("member_"))
    return {fenced_first(past, spell) ? "broker.session.timeout.ms" : "replica.lag.time.max.ms"};
  if (spell.kind == "slow" && waited) return {"request.timeout.ms"};
  return {};
}

std::optional<Explanation::LastChance> last_chance_of(const Past& past, const Spell& spell,
                                                      const Nodes& nodes) {
  if (spell.kind == "leaderless") {
    // Who was up outside ISR and ELR could have led, without what it lacked.
    for (const PastNode& event : past.nodes) {
      const PastState* state = past.state_at(spell.from_ns);
      if (event.what != "unfenced" || event.at_ns > spell.to_ns || state == nullptr ||
          state->names(event.node) || !contains(nodes, event.node) ||
          past.down_at(event.node, spell.from_ns) != nullptr)
        continue;
      return Explanation::LastChance{std::max(event.at_ns, spell.from_ns),
                                     fmt::format("From then on broker {} was up and could have led by an "
                                                 "unclean election, without what it lacked.",
                                                 event.node)};
    }
  }
  if (spell.kind == "leader_down")
    return Explanation::LastChance{
        spell.from_ns,
        "A shorter broker.session.timeout.ms would have had it replaced sooner; a stop in order hands over "
        "leadership first."};
  if (spell.kind.starts_with("member_"))
    return Explanation::LastChance{
        spell.from_ns,
        fmt::format("A shorter {} would have had it out of the ISR sooner{}.",
                    fenced_first(past, spell) ? "broker.session.timeout.ms" : "replica.lag.time.max.ms",
                    spell.kind == "member_down" ? "; a stop in order leaves the ISR first" : "")};
  return std::nullopt;
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
  page.about = Explanation::About::outage;
  page.partition = outage.partition;
  page.waited_ns = outage.lasted_ns();
  page.subject = fmt::format("partition {}", outage.partition);
  TRY_ASSIGN(const bool for_all, waits_for_all(database, outage));
  TRY_ASSIGN(const LogEnds ends, read_log_ends(database, outage));
  const std::vector<Spell> spells = spells_of(past, outage, for_all, ends);
  page.headline = fmt::format("took no record for {}, from {} to {}: {}", lasting_text(outage.lasted_ns()),
                              seconds_text(outage.from_ns), seconds_text(outage.to_ns), parts_text(spells));
  Steps steps;
  TRY_ASSIGN(const std::string waited, unanswered(database, past, outage, steps));
  const Spell& decisive = decisive_of(spells, !waited.empty());
  const Nodes nodes = members_of(past);
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
  if (decisive.node >= 0) before = past.down_at(decisive.node, decisive.from_ns);
  steps.add_troubles(past, nodes,
                     std::min(outage.from_ns, before == nullptr ? outage.from_ns : before->at_ns),
                     outage.to_ns);
  TRY(tell_errors(database, outage, steps));
  if (!steps.has(decisive.from_ns, decisive.node))
    steps.add(
        Weight::spine, decisive.from_ns, decisive.kind, decisive.node,
        fmt::format("from here on {}, for {}", kind_words(decisive), lasting_text(decisive.lasted_ns())));
  page.steps = steps.take(kMostOutageSteps);
  std::string text = words(past, decisive);
  if (decisive.kind == "slow") text += waited;
  for (const PastCall& call : past.elections) {
    if (call.completed_ns && *call.completed_ns >= outage.from_ns &&
        *call.completed_ns <= outage.to_ns + kNoticedNs)
      text += fmt::format(" {} asked for an election at {}.", call.client, seconds_text(call.invoked_ns));
  }
  page.culprit = Explanation::Culprit{decisive.from_ns, decisive.kind, decisive.node, text};
  page.blamed = blamed_by(past, decisive, !waited.empty());
  page.last_chance = last_chance_of(past, decisive, nodes);
  page.rule = rule_for(decisive.kind);
  return page;
}

}  // namespace ksim::sim
