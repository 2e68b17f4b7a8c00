#include "sim/history/client_history.h"

#include <algorithm>
#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <tuple>
#include <vector>

#include "sim/history/sqlite.h"

namespace ksim::sim {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kWorld = 0;

// Events of one instant: what begins then is not after what ends then.
enum class Turn : uint8_t { world, begin, end };

struct Line {
  int64_t at_ns = 0;
  Turn turn = Turn::begin;
  int64_t number = 0;  // of the row it comes of; of one row the first line comes first
  Json event;          // without index and time
};

struct Row {
  int64_t id = 0;
  std::string client, kind, partition, record, outcome, error;
  std::optional<int64_t> session, completed_ns, offset;
  int64_t invoked_ns = 0;
};

// A call of a reader, with what it returned and where it had to begin.
struct Poll {
  Row call;
  Json records = Json::object();
  std::vector<std::string> sought;  // partitions
};

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

// The first cell of a select, as a number.
Result<int64_t> cell(Database& database, const std::string& sql) {
  Query query(database, sql);
  if (query.next()) return query.number(0);
  TRY(query.end());
  return 0;
}

class ClientHistory {
 public:
  explicit ClientHistory(Database& database) : database_(database) {}

  Result<std::string> write() {
    TRY(read_readers());
    TRY(read_rows());
    TRY(read_trims());
    TRY(read_faults());
    for (const Row& row : sends_) add_send(row);
    for (const Poll& poll : polls_) add_poll(poll);
    for (auto& [client, reader] : readers_) end_poll(reader, Turn::end, 0);
    TRY_ASSIGN(const Json settings, read_settings());
    std::stable_sort(lines_.begin(), lines_.end(), [](const Line& a, const Line& b) {
      return std::tie(a.at_ns, a.turn, a.number) < std::tie(b.at_ns, b.turn, b.number);
    });
    std::string text = dump(Json{{"ksim_history", 1}, {"settings", settings}}) + "\n";
    int64_t index = 0;
    for (const Line& line : lines_) {
      Json event{{"index", index++}, {"time_ns", line.at_ns}};
      event.update(line.event);
      text += dump(event) + "\n";
    }
    return text;
  }

 private:
  // One of the processes of a producer session: when it is free again; none: never.
  struct Lane {
    int64_t process = 0;
    std::optional<int64_t> busy_until;
  };
  struct Reader {
    int64_t process = 0;
    int64_t session = 0;             // of its present client
    bool starts_at_end = false;      // and goes there when it is lost
    std::set<std::string> reads;     // in the whole run
    bool is_open = false;            // its last poll never completed
    std::optional<Line> completion;  // of its last poll
  };

  void line(Line at, int64_t process, std::string_view type, std::string_view f, Json value) {
    at.event = Json{{"process", process}, {"type", type}, {"f", f}, {"value", std::move(value)}};
    lines_.push_back(std::move(at));
  }
  // Something that takes no time.
  void both(const Line& at, int64_t process, std::string_view type, std::string_view f, const Json& value) {
    line(at, process, "invoke", f, value);
    line(at, process, type, f, value);
  }

  // ---- rows ----

  Result<void> read_readers() {
    Query query(database_,
                "SELECT p.client, max(coalesce(c.value, '')) FROM op p LEFT JOIN config c ON c.scope = "
                "p.client AND c.name = "
                "'auto.offset.reset' WHERE p.kind = 'poll' GROUP BY p.client");
    while (query.next()) readers_[query.text(0)].starts_at_end = query.text(1) != "earliest";
    return query.end();
  }

  Result<void> read_rows() {
    Query query(database_,
                "SELECT id, client, session, kind, partition, record, invoked_ns, completed_ns, outcome, "
                "error, offset "
                "FROM op WHERE kind IN ('send', 'poll', 'read', 'assign', 'seek', 'reset') ORDER BY id");
    std::map<int64_t, size_t> last;  // poll of a session
    while (query.next()) {
      Row row;
      row.id = query.number(0);
      row.client = query.text(1);
      row.session = query.number_or_null(2);
      row.kind = query.text(3);
      row.partition = query.text(4);
      row.record = query.text(5);
      row.invoked_ns = query.number(6);
      row.completed_ns = query.number_or_null(7);
      row.outcome = query.text(8);
      row.error = query.text(9);
      row.offset = query.number_or_null(10);
      if (row.kind == "send") {
        sends_.push_back(std::move(row));
      } else if (row.kind == "poll") {
        last[row.session.value_or(0)] = polls_.size();
        polls_.emplace_back().call = std::move(row);
      } else if (const auto poll = last.find(row.session.value_or(0)); poll != last.end()) {
        take_result(polls_[poll->second], row);
      }
    }
    TRY(query.end());
    return drop_parts();
  }

  void take_result(Poll& poll, const Row& row) {
    Reader& reader = readers_[poll.call.client];
    reader.reads.insert(row.partition);
    if (row.kind == "read") {
      poll.records[row.partition].push_back(Json::array({row.offset.value_or(0), row.record}));
    } else if (row.kind == "assign") {
      if (!reader.starts_at_end) read_from_start_.insert(row.partition);
    } else if (row.kind == "seek" || reader.starts_at_end) {
      poll.sought.push_back(row.partition);
    }
  }

  // Of a partition that nobody reads from its start nothing is told of what was read: all that nobody wanted
  // would seem lost.
  Result<void> drop_parts() {
    for (Poll& poll : polls_) {
      Json kept = Json::object();
      for (const auto& [partition, records] : poll.records.items()) {
        if (read_from_start_.contains(partition)) kept[partition] = records;
      }
      poll.records = std::move(kept);
    }
    return {};
  }

  // ---- the world ----

  Result<void> read_trims() {
    Query query(database_,
                "SELECT at_ns, subject, json_extract(detail, '$.start_offset') FROM event WHERE name = "
                "'log.start_moved' "
                "AND subject IN (SELECT DISTINCT partition FROM record) ORDER BY at_ns, id");
    std::map<std::string, int64_t> starts;
    while (query.next()) {
      const std::string partition = query.text(1);
      const int64_t start = query.number(2);
      // Each replica moves its own; the first one counts.
      if (int64_t& known = starts[partition]; start > known) {
        known = start;
        both({query.number(0), Turn::world, 0, {}}, kWorld, "ok", "trim", Json{{partition, start}});
      }
    }
    return query.end();
  }

  Result<void> read_faults() {
    Query query(database_, "SELECT kind, target, began_ns, ended_ns, effect FROM fault ORDER BY id");
    while (query.next()) {
      const Json fault{{"fault", query.text(0)}, {"target", query.text(1)}};
      Json began = fault;
      began["effect"] = query.text(4);
      line({query.number(2), Turn::world, 0, {}}, kWorld, "info", "note", began);
      Json ended = fault;
      ended["ended"] = true;
      if (const auto at = query.number_or_null(3))
        line({*at, Turn::world, 0, {}}, kWorld, "info", "note", ended);
    }
    return query.end();
  }

  // ---- producers ----

  void add_send(const Row& row) {
    Lane& lane = lane_of(row.session.value_or(0), row.invoked_ns);
    lane.busy_until = row.completed_ns;
    line({row.invoked_ns, Turn::begin, row.id, {}}, lane.process, "invoke", "send",
         Json::array({Json::array({"send", row.partition, row.record})}));
    if (!row.completed_ns) return;
    const std::string_view type = row.outcome == "ok" ? "ok" : row.outcome == "failed" ? "fail" : "info";
    Json done = Json::array({"send", row.partition, row.record, nullptr});
    if (row.offset) done[3] = *row.offset;
    line({*row.completed_ns, Turn::end, row.id, {}}, lane.process, type, "send", Json::array({done}));
    if (row.error != "NONE") lines_.back().event["error"] = row.error;
  }

  Lane& lane_of(int64_t session, int64_t at_ns) {
    std::deque<Lane>& lanes = lanes_[session];
    for (Lane& lane : lanes) {
      if (lane.busy_until && *lane.busy_until < at_ns) return lane;
    }
    lanes.push_back({next_process_++, at_ns});
    return lanes.back();
  }

  // ---- readers ----

  void add_poll(const Poll& poll) {
    const Row& call = poll.call;
    Reader& reader = readers_[call.client];
    const Line at{call.invoked_ns, Turn::begin, call.id, {}};
    // What ended at this instant ended before it.
    const bool at_once = reader.completion && reader.completion->at_ns == at.at_ns;
    end_poll(reader, at_once ? Turn::begin : Turn::end, at_once ? call.id : 0);
    if (reader.process == 0) reader.process = next_process_++;
    const Json all = reader.reads;
    if (reader.session != call.session.value_or(0)) {
      if (reader.is_open) line(at, reader.process, "info", "poll", Json::array({Json::array({"poll"})}));
      if (reader.session != 0) both(at, reader.process, "info", "crash", nullptr);
      both(at, reader.process, "ok", "assign", all);
    }
    reader.session = call.session.value_or(0);
    for (const std::string& partition : poll.sought) {
      Json without = all;
      without.erase(std::find(without.begin(), without.end(), partition));
      both(at, reader.process, "ok", "assign", without);
      both(at, reader.process, "ok", "assign", all);
    }
    line(at, reader.process, "invoke", "poll", Json::array({Json::array({"poll"})}));
    reader.is_open = !call.completed_ns;
    if (reader.is_open) return;
    const bool is_ok = call.outcome == "ok";
    const Json done = is_ok ? Json::array({"poll", poll.records}) : Json::array({"poll"});
    line({*call.completed_ns, Turn::end, call.id, {}}, reader.process, is_ok ? "ok" : "fail", "poll",
         Json::array({done}));
    if (call.error != "NONE") lines_.back().event["error"] = call.error;
    reader.completion = std::move(lines_.back());
    lines_.pop_back();
  }

  void end_poll(Reader& reader, Turn turn, int64_t number) {
    if (!reader.completion) return;
    reader.completion->turn = turn;
    if (number != 0) reader.completion->number = number;
    lines_.push_back(std::move(*reader.completion));
    reader.completion.reset();
  }

  Result<Json> read_settings();

  Database& database_;
  std::vector<Row> sends_;
  std::vector<Poll> polls_;
  std::vector<Line> lines_;
  std::map<int64_t, std::deque<Lane>> lanes_;  // by session
  std::map<std::string, Reader> readers_;      // by client
  std::set<std::string> read_from_start_;
  int64_t next_process_ = 1;
};

Result<Json> ClientHistory::read_settings() {
  Json settings = Json::object();
  // The weakest of the producers that sent something.
  const std::string senders =
      " FROM producer_session WHERE session IN (SELECT session FROM op WHERE kind = 'send')";
  TRY_ASSIGN(const int64_t acks,
             cell(database_, "SELECT coalesce(min(CASE acks WHEN -1 THEN 2 ELSE acks END), 2)" + senders));
  settings["acks"] = acks == 2 ? "all" : std::to_string(acks);
  TRY_ASSIGN(const int64_t plain, cell(database_, "SELECT count(*)" + senders + " AND idempotent = 0"));
  settings["idempotence"] = plain == 0;
  settings["sub_via"] = Json::array({"assign"});
  settings["ww_deps"] = true;
  settings["final_polls"] = true;
  // Whether somebody read every partition to its end.
  Query ends(
      database_,
      "SELECT r.partition, max(r.committed_offset), (SELECT max(offset) FROM op WHERE kind = 'read' AND "
      "partition = r.partition) FROM record r WHERE r.committed_offset IS NOT NULL GROUP BY r.partition");
  while (ends.next()) {
    if (!read_from_start_.contains(ends.text(0)) || ends.is_null(2) || ends.number(2) < ends.number(1))
      settings["final_polls"] = false;
  }
  TRY(ends.end());
  // Allowed, or done at an administrator's wish, or as much was destroyed as otherwise only an unclean
  // election could: losses that the contract permits.
  TRY_ASSIGN(const int64_t unclean, cell(database_,
                                         "SELECT (SELECT count(*) FROM config WHERE name = "
                                         "'unclean.leader.election.enable' AND value = 'true') + "
                                         "(SELECT count(*) FROM partition_state WHERE unclean = 1) + "
                                         "(SELECT count(*) FROM record r JOIN op o ON o.id = r.sent_op WHERE "
                                         "r.lost = 1 AND r.permitted = 1 AND "
                                         "o.acks = -1)"));
  settings["unclean_elections"] = unclean > 0;
  settings["compacted"] = Json::array();
  Query compacted(
      database_,
      "SELECT DISTINCT r.partition FROM record r JOIN config c ON c.name = 'cleanup.policy' AND c.value LIKE "
      "'%compact%' AND r.partition GLOB substr(c.scope, 7) || '-*' WHERE c.scope LIKE 'topic %' ORDER BY 1");
  while (compacted.next()) settings["compacted"].push_back(compacted.text(0));
  TRY(compacted.end());
  return settings;
}

}  // namespace

Result<std::string> client_history(const std::string& recording) {
  TRY_ASSIGN(Database database, Database::open(recording));
  Result<std::string> history = ClientHistory(database).write();
  if (history.ok()) return history;
  return fail(ErrorCode::INVALID_REQUEST, "is no run that this ksim recorded: " + history.error().message);
}

}  // namespace ksim::sim
