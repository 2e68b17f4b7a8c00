// Histories of clients: any bytes are a history or are refused in one line that names its own, however they are cut
// into blocks; and the verdict is one JSON object.

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "fuzz/target.h"
#include "sim/judge/judge.h"

namespace ksim::fuzz {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kWords[] = {
    "\"send\"",  "\"poll\"",      "\"txn\"",       "\"assign\"",       "\"subscribe\"",       "\"crash\"",
    "\"trim\"",  "\"note\"",      "\"invoke\"",    "\"ok\"",           "\"fail\"",            "\"info\"",
    "\"x\"",     "\"y\"",         "null",          "true",             "[]",                  "{}",
    "\"error\"", "\"rebalance_log\"",              "\"seek_to_beginning\"",                   "\"value\"",
    "\"acks\"",  "\"isolation\"", "\"ww_deps\"",   "\"final_polls\"",  "\"process_isolation\"", "\"compacted\"",
    "1e400",     "\"\\ud800\"",   "-9223372036854775808"};

struct Outcome {
  bool ok = false;
  std::string text;
  bool operator==(const Outcome&) const = default;
};

Outcome judge_in_blocks(std::string_view text, size_t block) {
  judge::Judge judge;
  for (; !text.empty(); text.remove_prefix(std::min(block, text.size()))) {
    const auto fed = judge.feed(text.substr(0, block));
    if (!fed.ok()) return {false, fed.error().message};
  }
  const auto verdict = judge.finish();
  if (!verdict.ok()) return {false, verdict.error().message};
  return {true, verdict->json};
}

// A cluster that keeps its promises, but for one operation in some.
class Teller {
 public:
  Teller(uint64_t seed, std::string_view settings) : draws_(seed) {
    text_ = fmt::format("{{\"ksim_history\":1,\"settings\":{}}}\n", settings);
  }
  std::string tell(int operations) {
    for (int i = 0; i < operations; ++i) act();
    return text_;
  }

 private:
  void event(int64_t process, std::string_view type, std::string_view f, const Json& value) {
    Json line = {{"index", index_}, {"time_ns", 10 * index_}, {"process", process}, {"type", type}, {"f", f}};
    line["value"] = value;
    text_ += line.dump() + "\n";
    ++index_;
  }
  void act() {
    const auto process = static_cast<int64_t>(draws_.below(4));
    const std::string key = draws_.one_in(2) ? "x" : "y";
    std::vector<Json>& log = logs_[key];
    switch (draws_.below(8)) {
      case 0:
        event(process, "invoke", "assign", Json::array({key}));
        event(process, "ok", "assign", Json::array({key}));
        break;
      case 1:
        event(process, "invoke", "crash", nullptr);
        event(process, "info", "crash", nullptr);
        break;
      case 2:
        event(process, "invoke", "trim", {{key, log.size() / 2}});
        event(process, "ok", "trim", {{key, log.size() / 2}});
        break;
      case 3:
      case 4:
        poll(process, key, log);
        break;
      default:
        send(process, key, log);
        break;
    }
  }
  void send(int64_t process, const std::string& key, std::vector<Json>& log) {
    const Json value = draws_.one_in(5) ? Json(std::to_string(index_)) : Json(index_);
    event(process, "invoke", "send", Json::array({{"send", key, value}}));
    if (draws_.one_in(10)) return event(process, "fail", "send", nullptr);
    event(process, draws_.one_in(8) ? "info" : "ok", "send", Json::array({{"send", key, value, log.size()}}));
    if (!draws_.one_in(20)) log.push_back(value);
  }
  void poll(int64_t process, const std::string& key, const std::vector<Json>& log) {
    Json records = Json::array();
    for (size_t offset = draws_.below(log.size() + 1); offset < log.size(); ++offset)
      records.push_back({offset, log[offset]});
    event(process, "invoke", "poll", Json::array({{"poll"}}));
    event(process, "ok", "poll", Json::array({Json::array({"poll", {{key, records}}})}));
  }

  Mutation draws_;
  std::string text_;
  int64_t index_ = 0;
  std::map<std::string, std::vector<Json>> logs_;
};

// Every value in a line of JSON, with what holds it.
void collect(Json& value, std::vector<Json*>& into) {
  into.push_back(&value);
  if (value.is_structured())
    for (Json& inner : value) collect(inner, into);
}

Json other_value(Mutation& mutation) {
  switch (mutation.below(6)) {
    case 0:
      return nullptr;
    case 1:
      return mutation.one_in(2) ? "x" : "y";
    case 2:
      return Json::array();
    case 3:
      return Json::object();
    default:
      return mutation.one_in(2) ? mutation.edge() : static_cast<int64_t>(mutation.below(20));
  }
}

// One value of a line becomes another one, or that of another place, or is there twice.
bool change_json(std::string& line, Mutation& mutation) {
  Json json = Json::parse(line, nullptr, false);
  if (json.is_discarded()) return false;
  std::vector<Json*> all;
  collect(json, all);
  Json& chosen = *all[mutation.below(all.size())];
  if (chosen.is_array() && !chosen.empty() && mutation.one_in(2)) {
    const Json copy = chosen[mutation.below(chosen.size())];
    if (mutation.one_in(3))
      chosen.erase(mutation.below(chosen.size()));
    else
      chosen.push_back(copy);
  } else if (mutation.one_in(3)) {
    const Json copy = *all[mutation.below(all.size())];
    chosen = copy;
  } else {
    chosen = other_value(mutation);
  }
  line = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  return true;
}

class HistoryTarget final : public FuzzTarget {
 public:
  Bounds bounds() const override {
    Bounds bounds;
    bounds.input_bytes = 8192;
    bounds.allocation_mib = 64;
    bounds.seconds = 5;
    bounds.smoke_mutations = 600;
    return bounds;
  }

  void run(Bytes input) override {
    const std::string_view text = as_text(input);
    const Outcome whole = judge_in_blocks(text, std::max<size_t>(text.size(), 1));
    if (whole.ok) {
      const Json verdict = Json::parse(whole.text, nullptr, false);
      must(verdict.is_object() && verdict.contains("valid") && verdict.contains("anomalies"), "a verdict that is none");
    } else {
      must(whole.text.starts_with("line "), "a refusal that names no line: " + whole.text);
    }
    must(whole.text.find('\n') == std::string::npos, "more than one line: " + whole.text);
    const size_t block = 1 + (text.empty() ? 0 : static_cast<uint8_t>(text.back()) % 61);
    must(judge_in_blocks(text, block) == whole, "in other blocks it is another history");
  }

  std::vector<ByteBuffer> corpus() override {
    std::vector<ByteBuffer> inputs;
    const std::string_view settings[] = {"{}",
                                         R"({"ww_deps":true})",
                                         R"({"txn":true,"final_polls":true})",
                                         R"({"acks":"1","idempotence":false,"sub_via":["assign","subscribe"]})",
                                         R"({"isolation":"read_uncommitted","process_isolation":{"1":"read_committed"}})",
                                         R"({"unclean_elections":true,"compacted":["x"]})"};
    uint64_t seed = 0;
    for (const std::string_view setting : settings)
      for (const int operations : {3, 30}) inputs.push_back(to_buffer(as_bytes(Teller(++seed, setting).tell(operations))));
    return inputs;
  }

  void mutate(ByteBuffer& input, size_t most, Mutation& mutation) override {
    if (mutation.one_in(2)) return mutate_text(input, most, kWords, mutation);
    const std::string text(as_text(input));
    const size_t somewhere = mutation.below(text.size() + 1);
    const size_t before = somewhere == 0 ? std::string::npos : text.rfind('\n', somewhere - 1);
    const size_t begin = before == std::string::npos ? 0 : before + 1;
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    if (!change_json(line, mutation)) return mutate_text(input, most, kWords, mutation);
    const std::string changed = text.substr(0, begin) + line + text.substr(end);
    input = to_buffer(as_bytes(std::string_view(changed).substr(0, most)));
  }
};

}  // namespace

std::unique_ptr<FuzzTarget> make_history_target() { return std::make_unique<HistoryTarget>(); }

}  // namespace ksim::fuzz
