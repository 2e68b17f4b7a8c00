#include "sim/report/run_data.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include <fmt/format.h>

#include "sim/history/check_recording.h"
#include "sim/report/availability.h"

namespace ksim::sim {
namespace {

using Json = nlohmann::ordered_json;

// Of what there may be very much; the page says what it leaves out.
constexpr int64_t kMostMessages = 16'000;
constexpr int64_t kMostReads = 16'000;
constexpr int64_t kMostEvents = 9'000;
constexpr size_t kMostPairs = 60;
constexpr uint64_t kAll = UINT64_MAX;

int64_t us(int64_t ns) { return ns / 1000; }

// Numbers of names, in the order in which they are met.
class Names {
 public:
  int64_t operator()(const std::string& name) {
    const auto [found, fresh] = numbers_.try_emplace(name, static_cast<int64_t>(list_.size()));
    if (fresh) list_.push_back(name);
    return found->second;
  }
  int64_t find(const std::string& name) const {
    const auto found = numbers_.find(name);
    return found == numbers_.end() ? -1 : found->second;
  }
  const std::vector<std::string>& list() const { return list_; }

 private:
  std::map<std::string, int64_t> numbers_;
  std::vector<std::string> list_;
};

// 0 where it is none: check_recording has seen to that.
template <class Number>
Number number_of(std::string_view text, int base = 10) {
  Number number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number, base);
  return number;
}

std::vector<int64_t> ids_of(const std::string& text) {
  std::vector<int64_t> ids;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(',', at), text.size());
    ids.push_back(number_of<int64_t>(text.substr(at, end - at)));
    at = end + 1;
  }
  return ids;
}

// "broker-2" before "broker-10".
bool natural(const std::string& a, const std::string& b) {
  const auto split = [](const std::string& text) {
    const size_t digits = text.find_last_not_of("0123456789") + 1;
    const bool numbered = digits < text.size() && text.size() - digits < 10;
    return std::make_pair(text.substr(0, digits), numbered ? number_of<int64_t>(text.substr(digits)) : -1);
  };
  return split(a) < split(b);
}

// The fields of an event but those that its subject has already said.
std::string short_detail(const std::string& text) {
  const Json fields = Json::parse(text, nullptr, false);
  if (!fields.is_object()) return text;
  std::string out;
  for (const auto& [key, value] : fields.items()) {
    if (key == "topic" || key == "topic_id" || key == "partition" || key == "log" || key == "directory")
      continue;
    out += fmt::format("{}{}={}", out.empty() ? "" : " ", key,
                       value.is_string() ? value.get<std::string>() : value.dump());
  }
  return out;
}

class RunData {
 public:
  RunData(Database& database, const RunPage& page) : database_(database), page_(page) {}

  Result<Json> all() {
    TRY(check_recording(database_));
    TRY(header());
    TRY(machines());
    TRY(lives());
    TRY(verdicts());
    TRY(faults());
    TRY(partitions());
    TRY(records());
    TRY(operations());
    TRY(events());
    TRY(messages());
    TRY(rest());
    if (page_.explanation) {
      Json explanation = Json::parse(*page_.explanation, nullptr, false);
      if (!explanation.is_object())
        return fail(ErrorCode::INVALID_REQUEST, "the explanation is no JSON object");
      out_["explanation"] = std::move(explanation);
    }
    if (!page_.why_unexplained.empty()) out_["left_out"]["explanation"] = page_.why_unexplained;
    commands();
    return std::move(out_);
  }

 private:
  Result<void> header() {
    Query query(database_, "SELECT scenario, seed, plan, digest, virtual_ns, verdict, version FROM run");
    if (!query.next()) {
      TRY(query.end());
      return fail(ErrorCode::INVALID_REQUEST, "names no run");
    }
    end_us_ = std::max<int64_t>(us(query.number(4)), 1);
    out_["kind"] = "run";
    out_["run"] = {{"scenario", query.text(0)}, {"seed", query.text(1)}, {"plan", query.text(2)},
                   {"digest", query.text(3)},   {"end", end_us_},        {"verdict", query.text(5)},
                   {"version", query.text(6)},  {"file", page_.file}};
    return {};
  }

  // Brokers, controllers, then clients: the lanes of the diagram.
  Result<void> machines() {
    std::map<std::string, std::pair<int64_t, std::string>> nodes;  // id and roles by name
    Query config(database_,
                 "SELECT scope, name, value FROM config WHERE name IN ('node.id', 'process.roles')");
    while (config.next()) {
      auto& [id, roles] = nodes[config.text(0)];
      if (config.text(1) == "node.id") id = config.number(2);
      if (config.text(1) == "process.roles") roles = config.text(2);
    }
    TRY(config.end());
    std::vector<std::string> names;
    Query all(database_,
              "SELECT client FROM op UNION SELECT sender FROM message UNION SELECT receiver FROM message");
    while (all.next()) {
      if (!nodes.contains(all.text(0))) names.push_back(all.text(0));
    }
    TRY(all.end());
    std::sort(names.begin(), names.end(), natural);
    Json list = Json::array();
    std::vector<std::tuple<bool, int64_t, std::string, std::string>> ordered;
    for (const auto& [name, node] : nodes)
      ordered.emplace_back(node.second.find("broker") == std::string::npos, node.first, name, node.second);
    std::sort(ordered.begin(), ordered.end());
    for (const auto& [only_controller, id, name, roles] : ordered) {
      node_names_[id] = machines_(name);
      list.push_back({{"name", name}, {"id", id}, {"roles", roles}});
    }
    for (const std::string& name : names) {
      machines_(name);
      list.push_back({{"name", name}, {"roles", "client"}});
    }
    out_["machines"] = std::move(list);
    return {};
  }

  int64_t machine_of(int64_t node) const {
    const auto found = node_names_.find(node);
    return found == node_names_.end() ? -1 : found->second;
  }

  // From when to when a process of a node lived: from its first event to what ended it.
  Result<void> lives() {
    struct Life {
      int64_t node, incarnation, from, last;
    };
    std::vector<Life> found;
    Query query(database_,
                "SELECT node, incarnation, min(at_ns), max(at_ns) FROM event GROUP BY node, incarnation "
                "ORDER BY node, incarnation");
    while (query.next())
      found.push_back({query.number(0), query.number(1), us(query.number(2)), us(query.number(3))});
    TRY(query.end());
    std::vector<std::pair<std::string, int64_t>> blows;  // by time
    Query faults(database_, "SELECT target, began_ns FROM fault WHERE took_effect ORDER BY began_ns");
    while (faults.next()) blows.emplace_back(", " + faults.text(0) + ",", us(faults.number(1)));
    TRY(faults.end());
    Json list = Json::array();
    for (size_t i = 0; i < found.size(); ++i) {
      const Life& life = found[i];
      const int64_t machine = machine_of(life.node);
      if (machine < 0) continue;
      const bool last = i + 1 == found.size() || found[i + 1].node != life.node;
      int64_t until = last ? end_us_ : life.last;
      if (!last) {
        const std::string name = ", " + machines_.list()[static_cast<size_t>(machine)] + ",";
        for (const auto& [targets, at] : blows) {
          if (targets.find(name) == std::string::npos || at < life.last || at > found[i + 1].from) continue;
          until = at;
          break;
        }
      }
      list.push_back({machine, life.incarnation, life.from, until});
    }
    out_["lives"] = std::move(list);
    return {};
  }

  Result<void> verdicts() {
    Json violations = Json::array();
    std::set<std::string> cried;
    Query query(database_,
                "SELECT checker, at_ns, subject, message, invariant, record, offset, story FROM violation "
                "ORDER BY at_ns, id");
    while (query.next()) {
      cried.insert(query.text(0));
      violations.push_back({{"checker", query.text(0)},
                            {"at", us(query.number(1))},
                            {"subject", query.text(2)},
                            {"message", query.text(3)},
                            {"invariant", query.text(4)},
                            {"record", query.text(5)},
                            {"offset", query.is_null(6) ? Json() : Json(query.number(6))},
                            {"story", query.text(7)}});
    }
    TRY(query.end());
    Json checkers = Json::array();
    const bool checked = out_["run"]["verdict"] != "unchecked";
    for (const auto& [code, text] : page_.checkers) {
      if (!checked) break;
      checkers.push_back({{"code", code}, {"text", text}, {"held", !cried.contains(code)}});
      cried.erase(code);
    }
    for (const std::string& code : cried) checkers.push_back({{"code", code}, {"text", ""}, {"held", false}});
    out_["checkers"] = std::move(checkers);
    out_["violations"] = std::move(violations);
    return {};
  }

  Result<void> faults() {
    Json list = Json::array();
    Query query(database_,
                "SELECT kind, target, began_ns, ended_ns, cause, effect, took_effect FROM fault "
                "ORDER BY began_ns, id");
    while (query.next()) {
      Json targets = Json::array();
      const std::string target = query.text(1);
      for (size_t at = 0; at < target.size();) {
        const size_t end = std::min(target.find(", ", at), target.size());
        if (const int64_t machine = machines_.find(target.substr(at, end - at)); machine >= 0)
          targets.push_back(machine);
        at = end + 2;
      }
      list.push_back({{"kind", query.text(0)},
                      {"target", target},
                      {"machines", std::move(targets)},
                      {"from", us(query.number(2))},
                      {"to", query.is_null(3) ? Json() : Json(us(query.number(3)))},
                      {"cause", query.text(4)},
                      {"effect", query.text(5)},
                      {"took", query.number(6) != 0}});
    }
    TRY(query.end());
    out_["faults"] = std::move(list);
    return {};
  }

  Result<void> partitions() {
    std::vector<std::string> names;
    Query all(database_,
              "SELECT partition FROM partition_state UNION SELECT partition FROM op WHERE kind = 'send'");
    while (all.next()) names.push_back(all.text(0));
    TRY(all.end());
    std::sort(names.begin(), names.end(), natural);
    for (const std::string& name : names) partitions_(name);
    out_["partitions"] = partitions_.list();
    Json states = Json::array();
    Query query(database_,
                "SELECT at_ns, partition, leader, leader_epoch, partition_epoch, isr, elr, unclean "
                "FROM partition_state ORDER BY at_ns, partition, partition_epoch");
    while (query.next()) {
      states.push_back({us(query.number(0)), partitions_(query.text(1)), query.number(2), query.number(3),
                        query.number(4), ids_of(query.text(5)), ids_of(query.text(6)), query.number(7)});
    }
    TRY(query.end());
    out_["states"] = std::move(states);
    Json raft = Json::array();
    Query quorum(database_, "SELECT at_ns, node, state, epoch, leader FROM raft_state ORDER BY at_ns");
    while (quorum.next()) {
      raft.push_back({us(quorum.number(0)), machine_of(quorum.number(1)), quorum.text(2), quorum.number(3),
                      quorum.number(4)});
    }
    TRY(quorum.end());
    out_["raft"] = std::move(raft);
    return {};
  }

  // Every record that was sent; its id is the session in 24 bits and the number of the send in 40.
  Result<void> records() {
    Json session = Json::array(), send = Json::array(), part = Json::array(), committed = Json::array(),
         holders = Json::array(), lost = Json::array();
    Names sets;
    Query query(database_,
                "SELECT id, partition, committed_offset, holders, lost, permitted FROM record ORDER BY id");
    while (query.next()) {
      const std::string id = query.text(0);
      records_[id] = static_cast<int64_t>(records_.size());
      const auto number = number_of<uint64_t>(id, 16);
      session.push_back(number >> 40);
      send.push_back(number & 0xff'ffff'ffffULL);
      part.push_back(partitions_.find(query.text(1)));
      committed.push_back(query.is_null(2) ? -1 : query.number(2));
      holders.push_back(sets(query.text(3)));
      lost.push_back(query.number(4) == 0 ? 0 : query.number(5) != 0 ? 1 : 2);
    }
    TRY(query.end());
    out_["records"] = {{"session", session}, {"send", send},
                       {"part", part},       {"committed", committed},
                       {"holders", holders}, {"holder_sets", sets.list()},
                       {"lost", lost}};
    return {};
  }

  // How many rows a query that counts says.
  Result<int64_t> count(const std::string& sql) {
    Query query(database_, sql);
    int64_t rows = 0;
    while (query.next()) rows = query.number(0);
    TRY(query.end());
    return rows;
  }

  Result<void> operations() {
    TRY_ASSIGN(const int64_t reads, count("SELECT count(*) FROM op WHERE kind = 'read'"));
    // Every n-th read, where there are too many.
    const int64_t every = reads / kMostReads + 1;
    out_["left_out"]["reads"] = {{"every", every}, {"all", reads}};
    Names kinds, errors;
    Json time = Json::array(), took = Json::array(), client = Json::array(), kind = Json::array(),
         part = Json::array(), record = Json::array(), outcome = Json::array(), error = Json::array(),
         offset = Json::array();
    std::map<std::pair<int64_t, int64_t>, std::vector<AskedOp>> asked;
    int64_t before = 0;
    int64_t read = 0;
    Query query(database_,
                "SELECT client, kind, partition, record, invoked_ns, completed_ns, outcome, error, offset "
                "FROM op ORDER BY invoked_ns, id");
    while (query.next()) {
      const std::string what = query.text(1);
      const int64_t machine = machines_.find(query.text(0));
      const int64_t partition = partitions_.find(query.text(2));
      const std::string word = query.text(6);
      const int64_t at = us(query.number(4));
      const int64_t done = query.is_null(5) ? -1 : us(query.number(5));
      AskedOp op{at, done, AskedOp::Outcome::pending, what == "send"};
      op.outcome = word == "ok"        ? AskedOp::Outcome::ok
                   : word == "failed"  ? AskedOp::Outcome::failed
                   : word == "unknown" ? AskedOp::Outcome::unknown
                                       : AskedOp::Outcome::pending;
      const bool position = what == "read" || what == "assign" || what == "seek" || what == "reset";
      if (!position) asked[{partition, machine}].push_back(op);
      if (what == "read" && read++ % every != 0) continue;
      time.push_back(at - before);
      before = at;
      took.push_back(done < 0 ? -1 : done - at);
      client.push_back(machine);
      kind.push_back(kinds(what));
      part.push_back(partition);
      const auto known = records_.find(query.text(3));
      record.push_back(known == records_.end() ? -1 : known->second);
      outcome.push_back(static_cast<int>(op.outcome));
      error.push_back(errors(query.text(7)));
      offset.push_back(query.is_null(8) ? -1 : query.number(8));
    }
    TRY(query.end());
    out_["ops"] = {{"time", time},     {"took", took},          {"client", client},       {"kind", kind},
                   {"part", part},     {"record", record},      {"outcome", outcome},     {"error", error},
                   {"offset", offset}, {"kinds", kinds.list()}, {"errors", errors.list()}};
    availability_rows(asked);
    return {};
  }

  // Of each partition, each client, and each pair of them, while there are not too many.
  void availability_rows(const std::map<std::pair<int64_t, int64_t>, std::vector<AskedOp>>& asked) {
    // By partition, then client, -1 for all: those of all partitions come last.
    std::map<std::pair<uint64_t, int64_t>, std::vector<AskedOp>> groups;
    for (const auto& entry : asked) {
      const auto& [partition, client] = entry.first;
      const auto add = [&entry](std::vector<AskedOp>& to) {
        to.insert(to.end(), entry.second.begin(), entry.second.end());
      };
      const auto place = static_cast<uint64_t>(partition);
      add(groups[{kAll, client}]);
      if (partition < 0) continue;
      add(groups[{place, -1}]);
      if (asked.size() <= kMostPairs) add(groups[{place, client}]);
    }
    const int64_t bucket = bucket_us(end_us_);
    Json rows = Json::array();
    for (const auto& [key, ops] : groups) {
      const Availability found = availability(ops, end_us_, bucket);
      rows.push_back({{"part", key.first == kAll ? -1 : static_cast<int64_t>(key.first)},
                      {"client", key.second},
                      {"ok", found.ok},
                      {"failed", found.failed},
                      {"unknown", found.unknown},
                      {"unavailable", found.unavailable_us}});
    }
    out_["availability"] = {{"bucket", bucket}, {"rows", std::move(rows)}};
  }

  Result<void> events() {
    const std::string frequent =
        "name IN ('log.appended', 'replica.high_watermark', 'raft.high_watermark', 'metadata.published', "
        "'log_dir.checkpoint')";
    TRY_ASSIGN(const int64_t many, count("SELECT count(*) FROM event WHERE " + frequent));
    const int64_t every = many / kMostEvents + 1;
    out_["left_out"]["events"] = {{"every", every}, {"all", many}};
    Names names, subjects, details;
    Json time = Json::array(), node = Json::array(), name = Json::array(), subject = Json::array(),
         detail = Json::array();
    std::map<int64_t, std::pair<Json, Json>> marks;  // high watermarks of leaders, by partition
    int64_t before = 0;
    int64_t seen = 0;
    Query query(database_,
                "SELECT at_ns, node, name, subject, detail, " + frequent + " FROM event ORDER BY at_ns, id");
    while (query.next()) {
      const int64_t at = us(query.number(0));
      const std::string said = query.text(4);
      if (query.text(2) == "replica.high_watermark") {
        const Json fields = Json::parse(said, nullptr, false);
        const int64_t partition = partitions_.find(query.text(3));
        const auto mark = fields.is_object() ? fields.find("high_watermark") : fields.end();
        const bool leads = fields.is_object() && fields.contains("leader") && fields["leader"] == true;
        if (partition >= 0 && leads && mark != fields.end() && mark->is_number_integer()) {
          marks[partition].first.push_back(at);
          marks[partition].second.push_back(mark->get<int64_t>());
        }
      }
      if (query.number(5) != 0 && seen++ % every != 0) continue;
      time.push_back(at - before);
      before = at;
      node.push_back(machine_of(query.number(1)));
      name.push_back(names(query.text(2)));
      subject.push_back(subjects(query.text(3)));
      detail.push_back(details(short_detail(said)));
    }
    TRY(query.end());
    out_["events"] = {{"time", time},
                      {"node", node},
                      {"name", name},
                      {"subject", subject},
                      {"detail", detail},
                      {"names", names.list()},
                      {"subjects", subjects.list()},
                      {"details", details.list()}};
    Json watermarks = Json::array();
    for (auto& [partition, steps] : marks)
      watermarks.push_back({{"part", partition}, {"time", steps.first}, {"offset", steps.second}});
    out_["watermarks"] = std::move(watermarks);
    return {};
  }

  Result<void> messages() {
    // What did not arrive is what somebody looks for; fetches and their empty answers are most of the rest.
    const std::string telling = "fate <> 'delivered' OR api <> 'Fetch'";
    TRY_ASSIGN(const int64_t all, count("SELECT count(*) FROM message"));
    TRY_ASSIGN(const int64_t must, count("SELECT count(*) FROM message WHERE " + telling));
    const int64_t must_every = must / kMostMessages + 1;
    const int64_t room = std::max<int64_t>(kMostMessages - must / must_every, 1);
    const int64_t every = (all - must) / room + 1;
    out_["left_out"]["messages"] = {{"fetches_every", every}, {"every", must_every}, {"all", all}};
    Names apis;
    Json time = Json::array(), took = Json::array(), from = Json::array(), to = Json::array(),
         api = Json::array(), call = Json::array(), size = Json::array(), fate = Json::array();
    int64_t before = 0;
    int64_t seen[2] = {};
    Query query(
        database_,
        "SELECT sent_ns, received_ns, sender, receiver, api, direction, correlation, size_bytes, fate, " +
            telling + " FROM message ORDER BY sent_ns, id");
    while (query.next()) {
      const bool telling_one = query.number(9) != 0;
      if (seen[telling_one ? 1 : 0]++ % (telling_one ? must_every : every) != 0) continue;
      const int64_t at = us(query.number(0));
      time.push_back(at - before);
      before = at;
      took.push_back(query.is_null(1) ? -1 : us(query.number(1)) - at);
      from.push_back(machines_.find(query.text(2)));
      to.push_back(machines_.find(query.text(3)));
      api.push_back(apis(query.text(4)) * 2 + (query.text(5) == "response" ? 1 : 0));
      call.push_back(query.number(6));
      size.push_back(query.number(7));
      fate.push_back(query.text(8) == "delivered" ? 0 : query.text(8) == "dropped" ? 1 : 2);
    }
    TRY(query.end());
    out_["messages"] = {{"time", time}, {"took", took}, {"from", from}, {"to", to},           {"api", api},
                        {"call", call}, {"size", size}, {"fate", fate}, {"apis", apis.list()}};
    return {};
  }

  Result<void> rest() {
    Json marks = Json::array();
    Query query(database_, "SELECT name, reached, first_ns FROM mark WHERE reached > 0 ORDER BY first_ns");
    while (query.next()) marks.push_back({query.text(0), query.number(1), us(query.number(2))});
    TRY(query.end());
    out_["marks"] = std::move(marks);
    Json config = Json::array();
    Query settings(database_, "SELECT scope, name, value FROM config ORDER BY scope, name");
    while (settings.next()) config.push_back({settings.text(0), settings.text(1), settings.text(2)});
    TRY(settings.end());
    out_["config"] = std::move(config);
    Json sessions = Json::array();
    Query producers(database_,
                    "SELECT session, client, acks, idempotent, max_in_flight FROM producer_session");
    while (producers.next()) {
      sessions.push_back({producers.number(0), producers.text(1), producers.number(2), producers.number(3),
                          producers.number(4)});
    }
    TRY(producers.end());
    out_["sessions"] = std::move(sessions);
    return {};
  }

  void commands() {
    Json list = Json::array();
    const auto add = [&list](const std::string& what, const std::string& command) {
      list.push_back({{"what", what}, {"command", command}});
    };
    if (page_.seed_command) add("The same run, from its seed", *page_.seed_command);
    add("The same run, from its plan (saved below)", "scripts/ksim scenario --plan plan.toml");
    add("Twice, compared event by event", "scripts/ksim scenario --plan plan.toml --verify");
    if (!out_["violations"].empty()) {
      const Json& first = out_["violations"][0];
      add("Why, and what would have helped", fmt::format("scripts/ksim explain {}", page_.file));
      add("As small as it goes, with the same complaint",
          fmt::format("scripts/ksim shrink --plan plan.toml --of {} -o small.toml",
                      first["checker"].get<std::string>()));
      add("Up to that moment, and what the cluster is like then",
          "scripts/ksim replay --plan plan.toml --break violation");
    } else {
      add("Up to a moment, and what the cluster is like then",
          "scripts/ksim replay --plan plan.toml --until 10s");
    }
    add("All that was recorded", fmt::format("scripts/ksim sql {} --views", page_.file));
    out_["commands"] = std::move(list);
  }

  Database& database_;
  const RunPage& page_;
  Json out_;
  int64_t end_us_ = 1;
  Names machines_;
  Names partitions_;
  std::map<int64_t, int64_t> node_names_;
  std::map<std::string, int64_t> records_;
};

}  // namespace

Result<Json> run_data(Database& database, const RunPage& page) { return RunData(database, page).all(); }

}  // namespace ksim::sim
