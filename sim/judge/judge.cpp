#include "sim/judge/judge.h"

#include <algorithm>

#include "sim/judge/families.h"
#include "sim/judge/json_line.h"
#include "sim/judge/reader.h"

namespace ksim::judge {
namespace {

std::string render(const History& history, const Findings& findings) {
  std::string anomalies;
  std::string allowed;
  bool is_valid = true;
  for (size_t i = 0; i < kCodes; ++i) {
    const auto code = static_cast<Code>(i);
    if (!findings.has(code)) continue;
    if (!anomalies.empty()) anomalies.push_back(',');
    append_json_text(anomalies, name_of(code));
    anomalies += ":[";
    for (const std::string& witness : findings.witnesses(code)) {
      if (!anomalies.ends_with('[')) anomalies.push_back(',');
      anomalies += witness;
    }
    anomalies.push_back(']');
    if (!is_permitted(code, history.settings)) {
      is_valid = false;
      continue;
    }
    if (!allowed.empty()) allowed.push_back(',');
    append_json_text(allowed, name_of(code));
  }
  std::string_view valid = is_valid ? "true" : "false";
  if (anomalies.empty() && history.oks.empty()) valid = "\"unknown\"";
  return "{\"valid\":" + std::string(valid) + ",\"anomalies\":{" + anomalies + "},\"allowed\":[" + allowed +
         "]}";
}

}  // namespace

struct Judge::State {
  History history{};
  Reader reader{history};
};

Judge::Judge() : state_(std::make_unique<State>()) {}
Judge::~Judge() = default;

Result<void> Judge::feed(std::string_view block) { return state_->reader.feed(block); }

Result<Verdict> Judge::finish() {
  TRY(state_->reader.finish());
  state_->history.sort_places();
  const History& history = state_->history;
  const Logs logs(history);
  Findings findings(history);
  find_wrong_values(history, logs, findings);
  find_losses(history, logs, findings);
  find_wrong_polls(history, logs, findings);
  find_wrong_sends(history, logs, findings);
  find_cycles(history, logs, findings);
  Verdict verdict;
  verdict.json = render(history, findings);
  verdict.is_valid = verdict.json.starts_with("{\"valid\":true,");
  return verdict;
}

}  // namespace ksim::judge
