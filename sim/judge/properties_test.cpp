// The judge against the definitions taken word for word, against a model that keeps its promises, and against
// bytes that are no history.

#include <array>
#include <deque>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "sim/judge/test_histories.h"
#include "sim/judge/test_reference.h"

namespace ksim::judge {
namespace {

// Decisions out of bytes: fewer and smaller bytes are simpler histories.
class Choices {
 public:
  explicit Choices(std::vector<uint8_t> bytes) : bytes_(std::move(bytes)) {}
  int64_t below(int64_t n) {
    if (at_ == bytes_.size()) return 0;
    return bytes_[at_++] % n;
  }
  bool one_in(int64_t n) { return below(n) == n - 1; }
  bool is_empty() const { return at_ == bytes_.size(); }

 private:
  std::vector<uint8_t> bytes_;
  size_t at_ = 0;
};

std::string any_settings(Choices& choices) {
  Json settings = Json::object();
  if (choices.one_in(2)) settings["txn"] = true;
  if (choices.one_in(2)) settings["ww_deps"] = true;
  if (choices.one_in(3)) settings["isolation"] = "read_uncommitted";
  if (choices.one_in(3)) settings["process_isolation"] = {{"1", "read_uncommitted"}, {"2", "read_committed"}};
  if (choices.one_in(4)) settings["compacted"] = {"x"};
  return settings.dump();
}

// Events in any order with any values, that are a history all the same.
class AnyHistory {
 public:
  explicit AnyHistory(Choices& choices) : choices_(choices), text_(any_settings(choices)) {
    while (!choices_.is_empty()) act();
  }
  const std::string& text() const { return text_.text(); }

 private:
  struct Open {
    std::string f;
    Json asked;
  };

  std::string any_key() { return choices_.one_in(2) ? "y" : "x"; }
  Json any_keys() {
    Json keys = Json::array();
    for (const char* key : {"x", "y"}) {
      if (choices_.one_in(2)) keys.push_back(key);
    }
    return keys;
  }
  Json any_value(const std::string& key) {
    Json& sent = sent_[key];
    if (!sent.empty() && !choices_.one_in(8))
      return sent[static_cast<size_t>(choices_.below(static_cast<int64_t>(sent.size())))];
    return choices_.one_in(2) ? Json("2") : Json(choices_.below(6));
  }
  Json fresh_value(const std::string& key) {
    Json value = ++next_;
    if (choices_.one_in(4)) value = std::to_string(next_);
    sent_[key].push_back(value);
    return value;
  }

  void act() {
    const int64_t process = 1 + choices_.below(5);
    if (gone_.contains(process)) return;
    if (const auto open = open_.find(process); open != open_.end()) {
      const Open op = open->second;
      open_.erase(open);
      return complete(process, op);
    }
    const int64_t what = choices_.below(12);
    const std::string number = std::to_string(process);
    if (what == 0) {
      const bool seeks = choices_.one_in(4);
      open_[process] = {choices_.one_in(2) ? "assign" : "subscribe", any_keys()};
      text_.line(number + " " + open_[process].f + " + " + open_[process].asked.dump());
      if (seeks) seeking_.insert(process);
    } else if (what == 1) {
      open_[process] = {"crash", nullptr};
      text_.line(number + " crash + null");
    } else if (what == 2) {
      open_[process] = {"trim", Json{{any_key(), choices_.below(6)}}};
      text_.line(number + " trim + " + open_[process].asked.dump());
    } else {
      Json asked = Json::array();
      for (int64_t n = 1 + choices_.below(3); n > 0; --n) {
        const std::string key = any_key();
        asked.push_back(choices_.one_in(2) ? Json({"send", key, fresh_value(key)}) : Json::array({"poll"}));
      }
      open_[process] = {"txn", asked};
      text_.line(number + " txn + " + asked.dump());
    }
  }

  void complete(int64_t process, const Open& op) {
    if (choices_.one_in(12)) {  // never
      gone_.insert(process);
      return;
    }
    const int64_t outcome = choices_.below(5);
    const std::string type = outcome < 3 ? "ok" : outcome == 3 ? "info" : "fail";
    std::string line = std::to_string(process) + " " + op.f + " -" + type + " ";
    if (op.f == "trim") {
      Json done = op.asked;
      if (choices_.one_in(2)) done.begin().value() = choices_.below(6);
      line += done.dump();
    } else if (op.f == "txn" && (type == "ok" || !choices_.one_in(3))) {
      line += completed(op.asked, type == "ok").dump();
      if (choices_.one_in(6)) line += R"( | {"rebalance_log":[{"keys":)" + any_keys().dump() + "}]}";
    } else {
      line += op.f == "txn" ? "~" : op.asked.dump();
      if (seeking_.erase(process) > 0 && op.f != "txn") line += R"( | {"seek_to_beginning":true})";
    }
    text_.line(line);
  }

  Json completed(const Json& asked, bool is_ok) {
    Json done = asked;
    for (Json& micro : done) {
      if (!is_ok && choices_.one_in(4)) continue;
      if (micro[0] == "send") {
        micro.push_back(choices_.one_in(4) ? Json() : Json(choices_.below(8)));
        continue;
      }
      Json records = Json::object();
      for (int64_t n = choices_.below(5); n > 0; --n) {
        const std::string key = any_key();
        records[key].push_back({choices_.below(8), any_value(key)});
      }
      micro.push_back(records);
    }
    return done;
  }

  Choices& choices_;
  HistoryText text_;
  std::map<int64_t, Open> open_;
  std::map<std::string, Json> sent_;
  std::set<int64_t> seeking_, gone_;
  int64_t next_ = 0;
};

Json sorted(Json values) {
  std::sort(values.begin(), values.end());
  return values;
}

Reference::Found found_in(const Json& verdict) {
  Reference::Found found;
  for (const auto& [code, witnesses] : verdict["anomalies"].items()) {
    for (Json witness : witnesses) {
      if (code == "unseen" || code == "inconsistent-offsets") witness["values"] = sorted(witness["values"]);
      RC_ASSERT(found[code].insert(witness).second);  // each once
    }
  }
  return found;
}

// The witness names a cycle of the code's edges.
void expect_cycle(const Reference& reference, const std::string& code, const Json& ops) {
  const std::vector<Reference::Vertex> vertices = reference.vertices();
  const Reference::Edges edges = reference.edges(vertices);
  std::set<std::string> kinds = {"ww"};
  if (code.starts_with("G1c")) kinds.insert("wr");
  if (code.ends_with("process")) kinds.insert("process");
  if (code.ends_with("realtime")) kinds.insert({"process", "realtime"});
  RC_ASSERT(ops.size() >= 2U);
  std::set<std::string> seen;
  for (size_t i = 0; i < ops.size(); ++i) {
    std::set<std::string> step;
    for (const auto& [pair, of] : edges) {
      if (reference.name(vertices[pair.first]) != ops[i]) continue;
      if (reference.name(vertices[pair.second]) != ops[(i + 1) % ops.size()]) continue;
      for (const std::string& kind : of) {
        if (kinds.contains(kind)) step.insert(kind);
      }
    }
    RC_ASSERT(!step.empty());
    seen.insert(step.begin(), step.end());
  }
  if (code.starts_with("G1c")) RC_ASSERT(seen.contains("wr"));
  if (code.ends_with("process")) RC_ASSERT(seen.contains("process"));
  if (code.ends_with("realtime")) RC_ASSERT(seen.contains("realtime"));
}

std::vector<uint8_t> any_bytes(size_t most) {
  const auto size = *rc::gen::inRange<size_t>(0, most);
  return *rc::gen::container<std::vector<uint8_t>>(size, rc::gen::arbitrary<uint8_t>());
}

RC_GTEST_PROP(JudgeProperties, FindsWhatTheDefinitionsSay, ()) {
  Choices choices(any_bytes(400));
  const std::string text = AnyHistory(choices).text();
  RC_LOG(text);
  const Result<Verdict> verdict = judge_text(text);
  if (!verdict.ok()) RC_FAIL(verdict.error().message);
  Reference::Found found = found_in(Json::parse(verdict->json));
  const Reference reference(text);
  std::multiset<std::string> cycles;
  for (auto code = found.begin(); code != found.end();) {
    if (!code->first.starts_with("G0") && !code->first.starts_with("G1c")) {
      ++code;
      continue;
    }
    for (const Json& witness : code->second) {
      cycles.insert(code->first);
      expect_cycle(reference, code->first, witness["ops"]);
    }
    code = found.erase(code);
  }
  RC_ASSERT(found == reference.anomalies());
  RC_ASSERT(cycles == reference.cycles());
}

// ---- a model ----

// Logs that append what is committed, transactions that abort or whose outcome is not told, consumers that go
// back to where they were when what they did did not succeed, trims, rebalances.
class Model {
 public:
  Model(Choices& choices, bool txn)
      : choices_(choices), txn_(txn), text_(txn ? kTxnSettings : kPlainSettings) {
    while (!choices_.is_empty()) act();
    finish();
  }
  const std::string& text() const { return text_.text(); }

 private:
  static constexpr const char* kTxnSettings = R"({"txn":true,"final_polls":true})";
  static constexpr const char* kPlainSettings = R"({"ww_deps":true,"final_polls":true})";
  static constexpr int64_t kKeys = 3;

  struct Log {
    std::vector<std::pair<int64_t, int64_t>> records;  // offset, value
    int64_t end = 0;
  };
  using Positions = std::array<int64_t, kKeys>;

  static std::string name(int64_t key) { return "k" + std::to_string(key); }

  void act() {
    const int64_t process = choices_.below(4);
    const std::string number = std::to_string(process);
    switch (choices_.below(10)) {
      case 0:
        text_.line(number + " crash info null");
        positions_[process] = {};
        return;
      case 1:
        text_.line(number + R"( assign ok ["k0","k1","k2"] | {"seek_to_beginning":true})");
        positions_[process] = {};
        return;
      case 2:
        return;
      default:
        return operate(process);
    }
  }

  Json poll(Positions& positions, int64_t most) {
    Json polled = Json::object();
    for (int64_t key = 0; key < kKeys; ++key) {
      for (const auto& [offset, value] : logs_[static_cast<size_t>(key)].records) {
        if (offset < positions[static_cast<size_t>(key)] || most == 0) continue;
        polled[name(key)].push_back({offset, value});
        positions[static_cast<size_t>(key)] = offset + 1;
        --most;
      }
    }
    return Json({"poll", polled});
  }

  void operate(int64_t process) {
    Positions positions = positions_[process];
    const int64_t fate = choices_.below(6);  // committed; aborted; unknown but committed; unknown and not
    const bool commits = fate < 4;
    Json done = Json::array();
    std::map<int64_t, std::vector<size_t>> sends;  // by key: micro-ops
    for (int64_t n = 1 + choices_.below(4); n > 0; --n) {
      const bool polls = (!txn_ && sends.empty() && !done.empty()) ||
                         (txn_ ? choices_.one_in(2) : done.empty() && choices_.one_in(2));
      if (polls) {
        done.push_back(poll(positions, choices_.below(6)));
        continue;
      }
      const int64_t key = choices_.below(kKeys);
      sends[key].push_back(done.size());
      done.push_back({"send", name(key), ++next_, nullptr});
    }
    for (const auto& [key, micro_ops] : sends) {
      Log& log = logs_[static_cast<size_t>(key)];
      for (const size_t micro : micro_ops) {
        if (commits) log.records.emplace_back(log.end, done[micro][2].get<int64_t>());
        if (commits && fate < 3) done[micro][3] = log.end;
        ++log.end;
      }
      if (txn_) ++log.end;  // the marker
    }
    const std::string type = fate < 3 ? "ok" : fate == 4 ? "fail" : "info";
    text_.line(std::to_string(process) + " txn " + type + " " + done.dump());
    if (type == "ok") positions_[process] = positions;
  }

  void finish() {
    Positions positions = {};
    text_.line("9 poll ok " + Json::array({poll(positions, INT64_MAX)}).dump());
  }

  Choices& choices_;
  bool txn_;
  HistoryText text_;
  std::array<Log, kKeys> logs_;
  std::map<int64_t, Positions> positions_;
  int64_t next_ = 0;
};

RC_GTEST_PROP(JudgeProperties, AModelOfALogIsValid, (bool txn)) {
  Choices choices(any_bytes(1500));
  const std::string text = Model(choices, txn).text();
  RC_LOG(text);
  const Result<Verdict> verdict = judge_text(text);
  if (!verdict.ok()) RC_FAIL(verdict.error().message);
  RC_LOG(verdict->json);
  RC_ASSERT(verdict->is_valid);
}

// ---- bytes ----

// A verdict, or a complaint that names a line.
void expect_an_answer(const std::string& text, size_t block) {
  const Result<Verdict> verdict = judge_text(text, block);
  if (verdict.ok()) {
    RC_ASSERT(Json::parse(verdict->json).is_object());
  } else {
    RC_ASSERT(verdict.error().message.starts_with("line "));
    RC_ASSERT(verdict.error().message.find('\n') == std::string::npos);
  }
}

RC_GTEST_PROP(JudgeProperties, AnyBytesGetAnAnswer, ()) {
  const std::vector<uint8_t> bytes = any_bytes(200);
  const std::string text(bytes.begin(), bytes.end());
  expect_an_answer(text, 1 << 20);
  expect_an_answer("{\"ksim_history\":1}\n" + text, 13);
}

RC_GTEST_PROP(JudgeProperties, SpoiltHistoriesGetAnAnswer, ()) {
  Choices choices(any_bytes(200));
  std::string text = AnyHistory(choices).text();
  constexpr std::string_view kBytes = "\n\"\\{}[],:0-9e.ntf \xff\xc3";
  for (int spoils = *rc::gen::inRange(1, 6); spoils > 0 && !text.empty(); --spoils) {
    const size_t at = *rc::gen::inRange<size_t>(0, text.size());
    const size_t from = *rc::gen::inRange<size_t>(0, text.size());
    const size_t size = *rc::gen::inRange<size_t>(0, 30);
    switch (*rc::gen::inRange(0, 4)) {
      case 0:
        text[at] = choices.one_in(8) ? 0 : kBytes[from % kBytes.size()];
        break;
      case 1:
        text.erase(at, size);
        break;
      case 2:
        text.insert(at, text.substr(from, size));
        break;
      default:
        text.insert(at, 1, kBytes[from % kBytes.size()]);
    }
  }
  expect_an_answer(text, 1 << 20);
}

}  // namespace
}  // namespace ksim::judge
