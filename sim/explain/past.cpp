#include "sim/explain/past.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "sim/explain/features.h"
#include "sim/history/sqlite.h"

namespace ksim::sim {
namespace {

constexpr int64_t kMostMs = 1'000'000'000;

int32_t small(const Query& query, int column) { return static_cast<int32_t>(query.number(column)); }

Result<void> read_states(Database& database, Past& past) {
  Query query(database,
              "SELECT at_ns, leader, leader_epoch, isr, elr, unclean, partition_epoch FROM partition_state "
              "WHERE partition = " +
                  sql_text(past.partition) + " ORDER BY at_ns, partition_epoch");
  while (query.next()) {
    past.states.push_back({query.number(0), small(query, 1), small(query, 2), parse_nodes(query.text(3)),
                           parse_nodes(query.text(4)), query.number(5) != 0, small(query, 6)});
  }
  return query.end();
}

Result<void> read_events(Database& database, Past& past) {
  Query query(
      database,
      "SELECT id, at_ns, node, name, coalesce(json_extract(detail, '$.leader'), -1), "
      "coalesce(json_extract(detail, '$.leader_epoch'), -1), coalesce(json_extract(detail, '$.from_offset'), "
      "json_extract(detail, '$.epoch_start_offset'), -1), coalesce(json_extract(detail, '$.to_offset'), "
      "json_extract(detail, '$.end_offset'), -1), coalesce(json_extract(detail, '$.high_watermark'), -1), "
      "coalesce(json_extract(detail, '$.isr'), ''), coalesce(json_extract(detail, '$.clean'), 0) FROM event "
      "WHERE subject = " +
          sql_text(past.partition) +
          " AND name IN ('replica.became_leader', 'replica.became_follower', 'replica.high_watermark', "
          "'isr.changed', 'log.truncated', 'log.loaded') ORDER BY id");
  while (query.next()) {
    PastEvent event{query.number(0), query.number(1), small(query, 2),           query.text(3),
                    small(query, 4), small(query, 5), query.number(6),           query.number(7),
                    query.number(8), false,           parse_nodes(query.text(9))};
    // Of a high watermark "leader" says whether it is the leader's.
    event.flag = event.name == "replica.high_watermark" ? event.leader == 1 : query.number(10) != 0;
    past.events.push_back(std::move(event));
  }
  return query.end();
}

Result<void> read_nodes(Database& database, Past& past) {
  Query query(
      database,
      "SELECT at_ns, node, what, '' FROM node_event UNION ALL "
      "SELECT at_ns, json_extract(detail, '$.broker_id'), CASE name WHEN 'broker.fenced' THEN 'fenced' WHEN "
      "'broker.unfenced' THEN 'unfenced' ELSE CASE json_extract(detail, '$.clean') WHEN 1 THEN 'registered' "
      "ELSE 'registered uncleanly' END END, coalesce(json_extract(detail, '$.reason'), '') FROM event "
      "WHERE name IN ('broker.registered', 'broker.fenced', 'broker.unfenced') ORDER BY 1");
  while (query.next()) {
    PastNode node{query.number(0), small(query, 1), query.text(2), query.text(3)};
    // A new controller tells once more what its predecessor may have told.
    const auto same = [&](const PastNode& known) {
      return known.node == node.node && known.what == node.what;
    };
    const auto last = std::find_if(past.nodes.rbegin(), past.nodes.rend(),
                                   [&](const PastNode& known) { return known.node == node.node; });
    if (last != past.nodes.rend() && same(*last)) continue;
    past.nodes.push_back(std::move(node));
  }
  return query.end();
}

Result<void> read_faults(Database& database, Past& past) {
  Query query(database,
              "SELECT kind, target, began_ns, ended_ns, cause, effect FROM fault WHERE took_effect ORDER BY "
              "began_ns, id");
  while (query.next()) {
    past.faults.push_back({query.text(0), query.text(1), query.number(2), query.number_or_null(3),
                           query.text(4), query.text(5)});
  }
  TRY(query.end());
  Query calls(database,
              "SELECT client, kind, invoked_ns, completed_ns, outcome FROM op WHERE kind = 'elect_leaders' "
              "AND partition = " +
                  sql_text(past.partition) + " ORDER BY id");
  while (calls.next()) {
    past.elections.push_back(
        {calls.text(0), calls.text(1), calls.number(2), calls.number_or_null(3), calls.text(4)});
  }
  return calls.end();
}

Result<void> read_in_force(Database& database, Past& past) {
  const size_t dash = past.partition.rfind('-');
  const std::string topic = past.partition.substr(0, dash);
  Query query(database, "SELECT name, value FROM config WHERE scope = " + sql_text("in force for " + topic));
  while (query.next()) {
    const std::string name = query.text(0);
    const std::string value = query.text(1);
    if (name == "replication") past.in_force.replication = static_cast<int32_t>(query.number(1));
    if (name == "min.insync.replicas") past.in_force.min_insync = static_cast<int32_t>(query.number(1));
    if (name == "unclean.leader.election.enable") past.in_force.unclean_election = value == "true";
    if (name == "flush.messages") past.in_force.flush_each = value == "1";
  }
  TRY(query.end());
  // A cluster begins with the features of its first node, whichever that is.
  Query features(database,
                 "SELECT value FROM config WHERE name = 'bootstrap.features' AND scope = (SELECT scope FROM "
                 "config WHERE name = 'node.id' ORDER BY rowid LIMIT 1)");
  if (features.next()) {
    past.in_force.elr = elr_on(features.text(0));
  } else {
    TRY(features.end());
  }
  Query times(
      database,
      "SELECT name, max(CAST(value AS INTEGER)) FROM config WHERE name IN ('replica.lag.time.max.ms', "
      "'broker.session.timeout.ms') GROUP BY name");
  while (times.next())
    (times.text(0) == "replica.lag.time.max.ms" ? past.in_force.replica_lag_ms
                                                : past.in_force.session_timeout_ms) =
        std::clamp<int64_t>(times.number(1), 0, kMostMs);
  return times.end();
}

}  // namespace

Nodes parse_nodes(const std::string& text) {
  Nodes nodes;
  const char* const end = text.data() + text.size();
  for (const char* at = text.data(); at != end;) {
    int32_t node = 0;
    const auto parsed = std::from_chars(at, end, node);
    if (parsed.ec == std::errc{}) nodes.push_back(node);
    at = parsed.ptr == at ? at + 1 : parsed.ptr;
  }
  return nodes;
}

bool contains(const Nodes& nodes, int32_t node) {
  return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

std::string sql_text(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("''") : std::string(1, c);
  return out + "'";
}

bool PastBatch::holds(int32_t node, int64_t at_ns) const {
  return std::any_of(copies.begin(), copies.end(), [&](const PastCopy& copy) {
    return copy.node == node && copy.from_ns <= at_ns && (!copy.until_ns || at_ns < *copy.until_ns);
  });
}

bool PastBatch::had(int32_t node, int64_t at_ns) const {
  return std::any_of(copies.begin(), copies.end(),
                     [&](const PastCopy& copy) { return copy.node == node && copy.from_ns <= at_ns; });
}

Nodes PastBatch::holders(int64_t at_ns) const {
  Nodes nodes;
  for (const PastCopy& copy : copies) {
    if (!contains(nodes, copy.node) && holds(copy.node, at_ns)) nodes.push_back(copy.node);
  }
  std::sort(nodes.begin(), nodes.end());
  return nodes;
}

bool PastState::names(int32_t node) const { return contains(isr, node) || contains(elr, node); }

bool PastFault::strikes(int32_t node) const {
  for (const std::string& machine : {fmt::format("broker-{}", node), fmt::format("controller-{}", node)}) {
    const size_t at = target.find(machine);
    if (at == std::string::npos) continue;
    const size_t end = at + machine.size();
    if (end == target.size() || target[end] < '0' || target[end] > '9') return true;
  }
  return false;
}

const PastState* Past::state_at(int64_t at_ns) const {
  const PastState* found = nullptr;
  for (const PastState& state : states) {
    if (state.at_ns <= at_ns) found = &state;
  }
  return found;
}

const PastState* Past::state_before(int64_t at_ns) const { return state_at(at_ns - 1); }

Nodes Past::isr_of_leader(const PastEvent& event) const {
  Nodes isr;
  for (const PastEvent& other : events) {
    if (other.id >= event.id) break;
    if (other.node == event.node && (other.name == "isr.changed" || other.name == "replica.became_leader"))
      isr = other.isr;
  }
  if (!isr.empty()) return isr;
  const PastState* state = state_at(event.at_ns);
  return state == nullptr ? isr : state->isr;
}

const PastNode* Past::down_at(int32_t node, int64_t at_ns) const {
  const PastNode* down = nullptr;
  for (const PastNode& event : nodes) {
    if (event.at_ns > at_ns) break;
    if (event.node != node) continue;
    if (event.what == "started") down = nullptr;
    if (event.what == "crashed" || event.what == "power_lost" || event.what == "wiped" ||
        event.what == "stopped")
      down = &event;
  }
  return down;
}

int32_t Past::followed(int32_t node, int64_t at_ns) const {
  int32_t leader = -1;
  for (const PastEvent& event : events) {
    if (event.at_ns > at_ns) break;
    if (event.node != node) continue;
    if (event.name == "replica.became_follower") leader = event.leader;
    if (event.name == "replica.became_leader") leader = -1;
  }
  return leader;
}

std::string Past::name_of(int32_t node) const {
  const bool broker = std::any_of(nodes.begin(), nodes.end(), [&](const PastNode& event) {
    return event.node == node && (event.what == "unfenced" || event.what.starts_with("registered"));
  });
  return fmt::format("{} {}", broker ? "broker" : "node", node);
}

const PastFault* Past::fault_of(int32_t node, int64_t at_ns) const {
  const PastFault* found = nullptr;
  for (const PastFault& fault : faults) {
    if (!fault.strikes(node)) continue;
    if (fault.began_ns == at_ns) return &fault;
    // Those that strike several times: a rolling restart, a flapping way.
    if (fault.began_ns <= at_ns && (!fault.ended_ns || *fault.ended_ns >= at_ns)) found = &fault;
  }
  return found;
}

Result<Past> read_past(Database& database, const std::string& partition) {
  Past past;
  past.partition = partition;
  Query run(database, "SELECT virtual_ns FROM run");
  if (!run.next()) {
    TRY(run.end());
    return fail(ErrorCode::INVALID_REQUEST, "holds no run");
  }
  past.ended_ns = run.number(0);
  TRY(read_states(database, past));
  TRY(read_events(database, past));
  TRY(read_nodes(database, past));
  TRY(read_faults(database, past));
  TRY(read_in_force(database, past));
  return past;
}

Result<std::optional<SentRecord>> read_record(Database& database, const std::string& id) {
  Query query(
      database,
      "SELECT r.id, o.client, r.partition, coalesce(o.acks, s.acks, -1), o.invoked_ns, o.completed_ns, "
      "o.outcome, "
      "coalesce(o.error, ''), r.acknowledged_offset, r.lost, r.permitted FROM record r JOIN op o ON o.id = "
      "r.sent_op LEFT JOIN producer_session s ON s.session = r.session WHERE r.id = " +
          sql_text(id));
  std::optional<SentRecord> record;
  if (query.next()) {
    record =
        SentRecord{query.text(0),           query.text(1),           query.text(2),         small(query, 3),
                   query.number(4),         query.number_or_null(5), query.text(6),         query.text(7),
                   query.number_or_null(8), query.number(9) != 0,    query.number(10) != 0, {}};
  }
  if (!record) {
    TRY(query.end());
    return record;
  }
  Query reads(database, "SELECT client, min(completed_ns) FROM op WHERE kind = 'read' AND record = " +
                            sql_text(id) + " GROUP BY client ORDER BY 2");
  while (reads.next()) record->reads.push_back({reads.text(0), reads.number(1)});
  TRY(reads.end());
  return record;
}

Result<std::vector<PastBatch>> read_batches(Database& database, const std::string& partition,
                                            const std::string& record, int64_t offset) {
  const std::string which =
      record.empty() ? fmt::format("b.base_offset <= {0} AND b.last_offset >= {0}", offset)
                     : "b.id IN (SELECT batch FROM batch_record WHERE record = " + sql_text(record) + ")";
  Query query(database,
              fmt::format("SELECT b.id, b.base_offset, b.last_offset, b.leader_epoch, c.node, c.from_ns, "
                          "c.synced_ns, c.until_ns, coalesce(c.gone_by, '') FROM batch b JOIN copy c ON "
                          "c.batch = b.id WHERE b.partition = {} AND {} ORDER BY b.id, c.from_ns, c.node",
                          sql_text(partition), which));
  std::vector<PastBatch> batches;
  while (query.next()) {
    if (batches.empty() || batches.back().id != query.number(0))
      batches.push_back({query.number(0), query.number(1), query.number(2), small(query, 3), {}});
    batches.back().copies.push_back(
        {small(query, 4), query.number(5), query.number_or_null(6), query.number_or_null(7), query.text(8)});
  }
  TRY(query.end());
  return batches;
}

}  // namespace ksim::sim
