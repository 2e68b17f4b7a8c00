#pragma once
// The definitions once more, word for word and slowly, for small histories: what the judge is compared with.

#include <algorithm>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace ksim::judge {

class Reference {
 public:
  using Json = nlohmann::json;
  // Code to witnesses.
  using Found = std::map<std::string, std::set<Json>>;

  explicit Reference(const std::string& text) {
    std::istringstream lines(text);
    std::string line;
    std::getline(lines, line);
    settings_ = Json::parse(line).value("settings", Json::object());
    while (std::getline(lines, line)) take(Json::parse(line));
    build();
  }

  // All but cycles.
  Found anomalies() const {
    Found found;
    values(found);
    losses(found);
    for (const auto& [process, ops] : processes_) polls(ops, found), sends(ops, found);
    for (const Op& op : ops_) inside(op, found);
    std::erase_if(found, [](const auto& entry) { return entry.second.empty(); });
    return found;
  }

  struct Vertex {
    size_t op;
    std::vector<size_t> micro_ops;
  };
  // Edges by pair of vertices: "ww", "wr", "process", "realtime".
  using Edges = std::map<std::pair<size_t, size_t>, std::set<std::string>>;

  std::vector<Vertex> vertices() const {
    std::vector<Vertex> all;
    for (size_t i = 0; i < ops_.size(); ++i) {
      if (!has_micro_ops(ops_[i])) continue;
      std::vector<size_t> micro_ops;
      for (size_t m = 0; m < ops_[i].asked.size(); ++m) micro_ops.push_back(m);
      if (flag("txn")) {
        all.push_back({i, micro_ops});
      } else {
        for (const size_t m : micro_ops) all.push_back({i, {m}});
      }
    }
    return all;
  }
  Edges edges(const std::vector<Vertex>& all) const;
  int64_t name(const Vertex& vertex) const { return ops_[vertex.op].name(); }

  // The codes of cycles, each as often as there are components that have it.
  std::multiset<std::string> cycles() const;

 private:
  struct Record {
    std::string key;
    int64_t offset;
    Json value;
  };
  struct Send {
    std::string key;
    Json value;
    std::optional<int64_t> offset;
  };
  struct Op {
    int64_t process = 0, invoked = 0;
    std::optional<int64_t> completed;
    std::string f, type = "info";
    Json asked, done;
    bool seeks = false;
    std::set<std::string> rebalanced;

    int64_t name() const { return completed.value_or(invoked); }
    std::vector<Send> sends() const {
      std::vector<Send> all;
      for (size_t m = 0; m < asked.size(); ++m) {
        if (asked[m][0] == "send") all.push_back(send(m));
      }
      return all;
    }
    Send send(size_t m) const {
      Send one{asked[m][1], asked[m][2], std::nullopt};
      if (done.is_array() && done[m].size() == 4 && !done[m][3].is_null())
        one.offset = done[m][3].get<int64_t>();
      return one;
    }
    std::vector<Record> records(size_t m) const {
      std::vector<Record> all;
      if (!done.is_array() || asked[m][0] != "poll" || done[m].size() < 2) return all;
      for (const auto& [key, list] : done[m][1].items()) {
        for (const Json& record : list) all.push_back({key, record[0], record[1]});
      }
      return all;
    }
    std::vector<Record> records() const {
      std::vector<Record> all;
      for (size_t m = 0; has_micro_ops(*this) && m < asked.size(); ++m) {
        for (const Record& record : records(m)) all.push_back(record);
      }
      return all;
    }
  };
  using KeyValue = std::pair<std::string, Json>;

  static bool has_micro_ops(const Op& op) { return op.f == "send" || op.f == "poll" || op.f == "txn"; }
  bool flag(const char* name) const { return settings_.value(name, false); }
  bool is_compacted(const std::string& key) const {
    for (const Json& one : settings_.value("compacted", Json::array())) {
      if (one == key) return true;
    }
    return false;
  }
  bool is_uncommitted_reader(const Op& op) const {
    const std::string all = settings_.value("isolation", "read_committed");
    const Json exceptions = settings_.value("process_isolation", Json::object());
    return flag("txn") && exceptions.value(std::to_string(op.process), all) == "read_uncommitted";
  }

  void take(const Json& event) {
    if (event["f"] == "note") return;
    const auto process = event["process"].get<int64_t>();
    if (event["type"] == "invoke") {
      Op op;
      op.process = process;
      op.invoked = event["index"];
      op.f = event["f"];
      op.asked = event["value"];
      op.seeks = event.value("seek_to_beginning", false);
      open_[process] = ops_.size();
      ops_.push_back(op);
      return;
    }
    Op& op = ops_[open_.at(process)];
    open_.erase(process);
    op.completed = event["index"];
    op.type = event["type"];
    op.done = event.value("value", Json());
    op.seeks = op.seeks || event.value("seek_to_beginning", false);
    for (const Json& entry : event.value("rebalance_log", Json::array())) {
      for (const Json& key : entry["keys"]) op.rebalanced.insert(key.get<std::string>());
    }
  }

  void build() {
    for (const Op& op : ops_) processes_[op.process].push_back(&op);
    std::set<KeyValue> proofs;
    for (const Op& op : ops_) {
      for (const Record& r : op.records()) {
        log_[r.key][r.offset].insert(r.value);
        if (op.type == "ok") polled_.insert({r.key, r.value});
        if (op.type == "ok" && !is_uncommitted_reader(op)) proofs.insert({r.key, r.value});
        if (!is_uncommitted_reader(op)) safe_.insert({r.key, r.value});
      }
    }
    for (const Op& op : ops_) {
      if (!has_micro_ops(op)) continue;
      bool all = op.type == "ok";
      for (const Send& s : op.sends()) {
        writers_[{s.key, s.value}] = &op;
        all = all || (op.type == "info" && flag("txn") && proofs.contains({s.key, s.value}));
      }
      for (const Send& s : op.sends()) {
        if (!all && !(op.type == "info" && proofs.contains({s.key, s.value}))) continue;
        committed_.insert({s.key, s.value});
        safe_.insert({s.key, s.value});
        if (s.offset) log_[s.key][*s.offset].insert(s.value);
      }
    }
  }

  // ---- terms ----
  std::optional<int64_t> rank_of_offset(const std::string& key, int64_t offset) const {
    const auto log = log_.find(key);
    if (log == log_.end() || !log->second.contains(offset)) return std::nullopt;
    return std::distance(log->second.begin(), log->second.find(offset));
  }
  std::vector<int64_t> offsets_of(const std::string& key, const Json& value) const {
    std::vector<int64_t> all;
    const auto log = log_.find(key);
    if (log == log_.end()) return all;
    for (const auto& [offset, values] : log->second) {
      if (values.contains(value)) all.push_back(offset);
    }
    return all;
  }
  std::optional<int64_t> rank_of_send(const Send& send) const {
    const std::vector<int64_t> offsets = offsets_of(send.key, send.value);
    if (committed_.contains({send.key, send.value}) && send.offset)
      return rank_of_offset(send.key, *send.offset);
    return offsets.empty() ? std::nullopt : rank_of_offset(send.key, offsets.front());
  }
  // Log start offsets of a key by trims invoked before this event.
  std::optional<int64_t> start(const std::string& key, std::optional<int64_t> before) const {
    std::optional<int64_t> highest;
    for (const Op& op : ops_) {
      if (op.f != "trim" || op.type == "fail" || !op.asked.contains(key) || (before && op.invoked >= *before))
        continue;
      int64_t to = op.asked[key];
      if (op.done.is_object()) to = op.done.value(key, to);
      highest = std::max(highest.value_or(to), to);
    }
    return highest;
  }
  Json skipped(const std::string& key, int64_t from, int64_t to, const Op& op, bool all) const {
    Json values = Json::array();
    const std::optional<int64_t> trimmed = start(key, op.completed);
    const auto log = log_.find(key);
    if (log == log_.end()) return values;
    for (const auto& [offset, at] : log->second) {
      if (offset <= from || offset >= to || (trimmed && offset < *trimmed)) continue;
      for (const Json& value : at) {
        if (all || safe_.contains({key, value})) values.push_back(value);
      }
    }
    return values;
  }

  // ---- families ----
  void values(Found& found) const {
    for (const Op& op : ops_) {
      for (const Record& r : op.records()) {
        const auto writer = writers_.find({r.key, r.value});
        if (writer == writers_.end()) {
          found["unsent-read"].insert(Json({{"key", r.key}, {"value", r.value}, {"op", op.name()}}));
          continue;
        }
        if (is_uncommitted_reader(op)) continue;
        if (op.type == "ok" && writer->second->type == "fail") {
          found["G1a"].insert(Json({{"key", r.key},
                                    {"value", r.value},
                                    {"writer", writer->second->name()},
                                    {"reader", op.name()}}));
        }
        if (flag("txn") && writer->second == &op)
          found["precommitted-read"].insert(Json({{"key", r.key}, {"value", r.value}, {"op", op.name()}}));
      }
    }
    for (const auto& [key, log] : log_) {
      std::set<Json> all;
      for (const auto& [offset, at] : log) {
        all.insert(at.begin(), at.end());
        if (at.size() > 1)
          found["inconsistent-offsets"].insert(Json({{"key", key}, {"offset", offset}, {"values", at}}));
      }
      for (const Json& value : all) {
        if (const auto offsets = offsets_of(key, value); offsets.size() > 1)
          found["duplicate"].insert(Json({{"key", key}, {"value", value}, {"offsets", offsets}}));
      }
    }
  }

  void losses(Found& found) const {
    std::map<std::string, std::set<Json>> unseen;
    for (const auto& [sent, writer] : writers_) {
      const auto& [key, value] = sent;
      if (polled_.contains(sent) || is_compacted(key)) continue;
      const std::vector<int64_t> offsets = offsets_of(key, value);
      const std::optional<int64_t> trimmed = start(key, std::nullopt);
      if (trimmed && (offsets.empty() || offsets.back() < *trimmed)) continue;
      if (writer->type == "ok") unseen[key].insert(value);
      if (!committed_.contains(sent) || offsets.empty()) continue;
      std::optional<int64_t> bound;
      for (const auto& [polled_key, polled] : polled_) {
        if (polled_key == key) bound = std::max(bound, rank_of_offset(key, offsets_of(key, polled).front()));
      }
      if (bound && rank_of_offset(key, offsets.back()) <= bound)
        found["lost-write"].insert(Json({{"key", key}, {"value", value}, {"writer", writer->name()}}));
    }
    for (const auto& [key, all] : unseen) found["unseen"].insert(Json({{"key", key}, {"values", all}}));
  }

  template <class Last>
  static void forget(const Op& op, std::map<std::string, Last>& positions) {
    if (op.type == "fail") return;
    if (op.f == "crash") positions.clear();
    if (op.f != "assign" && op.f != "subscribe") return;
    std::set<std::string> named;
    for (const Json& key : op.asked) named.insert(key.get<std::string>());
    std::erase_if(positions, [&](const auto& entry) { return op.seeks || !named.contains(entry.first); });
  }

  void polls(const std::vector<const Op*>& ops, Found& found) const {
    std::map<std::string, std::pair<const Op*, Record>> positions;
    for (const Op* op : ops) {
      forget(*op, positions);
      std::map<std::string, std::vector<Record>> by_key;
      for (const Record& r : op->records()) by_key[r.key].push_back(r);
      for (const auto& [key, records] : by_key) {
        const auto position = positions.find(key);
        if (position == positions.end()) continue;
        const auto& [earlier, last] = position->second;
        const Record& first = records.front();
        const int64_t delta = *rank_of_offset(key, first.offset) - *rank_of_offset(key, last.offset);
        const Json names = {earlier->name(), op->name()};
        const Json left = skipped(key, last.offset, first.offset, *op, is_uncommitted_reader(*op));
        if (delta <= 0) {
          found["nonmonotonic-poll"].insert(
              Json({{"key", key}, {"ops", names}, {"values", {last.value, first.value}}, {"delta", delta}}));
        } else if (!left.empty() && !is_compacted(key)) {
          found["poll-skip"].insert(Json({{"key", key}, {"ops", names}, {"skipped", left}}));
        }
      }
      if (op->type != "ok") continue;
      for (const auto& [key, records] : by_key)
        positions.insert_or_assign(key, std::make_pair(op, records.back()));
    }
  }

  void sends(const std::vector<const Op*>& ops, Found& found) const {
    std::map<std::string, std::pair<const Op*, Send>> positions;
    for (const Op* op : ops) {
      forget(*op, positions);
      if (!has_micro_ops(*op) || op->type == "fail") continue;
      std::map<std::string, std::vector<Send>> by_key;
      for (const Send& s : op->sends()) by_key[s.key].push_back(s);
      for (const auto& [key, all] : by_key) {
        if (const auto position = positions.find(key); position != positions.end()) {
          const auto& [earlier, last] = position->second;
          const auto from = rank_of_send(last);
          const auto to = rank_of_send(all.front());
          if (from && to && *to - *from <= 0) {
            found["nonmonotonic-send"].insert(Json({{"key", key},
                                                    {"ops", {earlier->name(), op->name()}},
                                                    {"values", {last.value, all.front().value}},
                                                    {"delta", *to - *from}}));
          }
        }
        positions.insert_or_assign(key, std::make_pair(op, all.back()));
      }
    }
  }

  void inside(const Op& op, Found& found) const {
    if (!has_micro_ops(op)) return;
    std::map<std::string, Record> last;
    for (const Record& r : op.records()) {
      if (const auto before = last.find(r.key); before != last.end() && !op.rebalanced.contains(r.key)) {
        const Record& from = before->second;
        const int64_t delta = *rank_of_offset(r.key, r.offset) - *rank_of_offset(r.key, from.offset);
        const Json left = skipped(r.key, from.offset, r.offset, op, is_uncommitted_reader(op));
        const Json values = {from.value, r.value};
        if (delta <= 0) {
          found["int-nonmonotonic-poll"].insert(
              Json({{"key", r.key}, {"op", op.name()}, {"values", values}, {"delta", delta}}));
        } else if (!left.empty() && !is_compacted(r.key)) {
          found["int-poll-skip"].insert(
              Json({{"key", r.key}, {"op", op.name()}, {"values", values}, {"skipped", left}}));
        }
      }
      last.insert_or_assign(r.key, r);
    }
    std::map<std::string, Send> sent;
    for (const Send& s : op.sends()) {
      if (const auto before = sent.find(s.key); before != sent.end()) {
        const auto from = rank_of_send(before->second);
        const auto to = rank_of_send(s);
        const Json values = {before->second.value, s.value};
        if (from && to && *to - *from <= 0) {
          found["int-nonmonotonic-send"].insert(
              Json({{"key", s.key}, {"op", op.name()}, {"values", values}, {"delta", *to - *from}}));
        } else if (from && to && *to - *from >= 2) {
          const auto& log = log_.at(s.key);
          found["int-send-skip"].insert(
              Json({{"key", s.key},
                    {"op", op.name()},
                    {"values", values},
                    {"skipped", skipped(s.key, std::next(log.begin(), *from)->first,
                                        std::next(log.begin(), *to)->first, op, true)}}));
        }
      }
      sent.insert_or_assign(s.key, s);
    }
  }

  Json settings_;
  std::vector<Op> ops_;
  std::map<int64_t, size_t> open_;
  std::map<int64_t, std::vector<const Op*>> processes_;
  std::map<std::string, std::map<int64_t, std::set<Json>>> log_;
  std::map<KeyValue, const Op*> writers_;
  std::set<KeyValue> committed_, polled_, safe_;
};

inline Reference::Edges Reference::edges(const std::vector<Vertex>& all) const {
  Edges edges;
  std::map<KeyValue, size_t> senders;
  for (size_t v = 0; v < all.size(); ++v) {
    for (const size_t m : all[v].micro_ops) {
      if (ops_[all[v].op].asked[m][0] == "send") {
        const Send s = ops_[all[v].op].send(m);
        senders[{s.key, s.value}] = v;
      }
    }
  }
  const auto draw = [&](size_t from, size_t to, const char* kind) {
    if (from != to) edges[{from, to}].insert(kind);
  };
  for (size_t v = 0; v < all.size(); ++v) {
    const Op& op = ops_[all[v].op];
    for (const size_t m : all[v].micro_ops) {
      if (is_uncommitted_reader(op)) break;
      for (const Record& r : op.records(m)) {
        if (const auto sender = senders.find({r.key, r.value}); sender != senders.end())
          draw(sender->second, v, "wr");
      }
    }
    for (size_t w = 0; w < all.size(); ++w) {
      const Op& later = ops_[all[w].op];
      if (op.type != "ok" || later.invoked <= *op.completed) continue;
      draw(v, w, "realtime");
      if (later.process == op.process) draw(v, w, "process");
    }
  }
  for (const auto& [key, log] : log_) {
    if (!flag("ww_deps")) break;
    std::vector<std::vector<Json>> order;  // values at their lowest offsets
    for (const auto& [offset, at] : log) {
      std::vector<Json> fresh;
      for (const Json& value : at) {
        if (offsets_of(key, value).front() == offset) fresh.push_back(value);
      }
      if (!fresh.empty()) order.push_back(fresh);
    }
    for (size_t i = 0; i + 1 < order.size(); ++i) {
      for (const Json& a : order[i]) {
        for (const Json& b : order[i + 1]) {
          const auto from = senders.find({key, a});
          const auto to = senders.find({key, b});
          if (from != senders.end() && to != senders.end()) draw(from->second, to->second, "ww");
        }
      }
    }
  }
  return edges;
}

inline std::multiset<std::string> Reference::cycles() const {
  const std::vector<Vertex> all = vertices();
  const Edges edges = this->edges(all);
  const size_t n = all.size();
  using Matrix = std::vector<std::vector<bool>>;
  const auto reach = [&](const std::set<std::string>& kinds) {
    Matrix m(n, std::vector<bool>(n, false));
    for (const auto& [pair, of] : edges) {
      for (const std::string& kind : of) {
        if (kinds.contains(kind)) m[pair.first][pair.second] = true;
      }
    }
    for (size_t k = 0; k < n; ++k) {
      for (size_t i = 0; i < n; ++i) {
        for (size_t j = 0; m[i][k] && j < n; ++j) {
          if (m[k][j]) m[i][j] = true;
        }
      }
    }
    return m;
  };
  const Matrix whole = reach({"ww", "wr", "process", "realtime"});
  // A closed walk of these edges through an edge of each of the needed kinds, within the component of v.
  const auto has = [&](size_t v, const std::set<std::string>& kinds, const std::vector<std::string>& needed) {
    const Matrix m = reach(kinds);
    const auto together = [&](size_t a, size_t b) { return m[a][b] && m[b][a]; };
    const auto in = [&](size_t u) { return u == v || (whole[u][v] && whole[v][u]); };
    for (size_t start = 0; start < n; ++start) {
      if (!in(start) || !m[start][start]) continue;
      const bool complete = std::all_of(needed.begin(), needed.end(), [&](const std::string& kind) {
        return std::any_of(edges.begin(), edges.end(), [&](const auto& edge) {
          const auto& [a, b] = edge.first;
          return edge.second.contains(kind) && together(a, b) && (a == start || together(a, start));
        });
      });
      if (complete) return true;
    }
    return false;
  };
  const std::map<std::string, std::vector<std::string>> implied_by = {
      {"G0", {}},
      {"G0-process", {"G0"}},
      {"G0-realtime", {"G0", "G0-process"}},
      {"G1c", {"G0"}},
      {"G1c-process", {"G0", "G1c", "G0-process"}},
      {"G1c-realtime", {"G0", "G1c", "G0-process", "G0-realtime", "G1c-process"}}};
  std::multiset<std::string> codes;
  std::set<size_t> done;
  for (size_t v = 0; v < n; ++v) {
    if (done.contains(v) || !whole[v][v]) continue;
    for (size_t u = 0; u < n; ++u) {
      if (whole[v][u] && whole[u][v]) done.insert(u);
    }
    std::set<std::string> found;
    if (has(v, {"ww"}, {"ww"})) found.insert("G0");
    if (has(v, {"ww", "process"}, {"process"})) found.insert("G0-process");
    if (has(v, {"ww", "process", "realtime"}, {"realtime"})) found.insert("G0-realtime");
    if (has(v, {"ww", "wr"}, {"wr"})) found.insert("G1c");
    if (has(v, {"ww", "wr", "process"}, {"wr", "process"})) found.insert("G1c-process");
    if (has(v, {"ww", "wr", "process", "realtime"}, {"wr", "realtime"})) found.insert("G1c-realtime");
    for (const std::string& code : found) {
      const auto& by = implied_by.at(code);
      if (std::none_of(by.begin(), by.end(), [&](const std::string& other) { return found.contains(other); }))
        codes.insert(code);
    }
  }
  return codes;
}

}  // namespace ksim::judge
