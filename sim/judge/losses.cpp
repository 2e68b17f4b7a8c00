// Values that should be seen and are not: lost-write, unseen.

#include "sim/judge/families.h"

namespace ksim::judge {
namespace {

bool is_below(const Logs& logs, uint32_t slot, std::optional<int64_t> start) {
  return start && logs.slot(slot).offset < *start;
}

void find_lost_writes(const History& history, const Logs& logs, Findings& findings) {
  // By key: the highest slot of a polled value, each taken at its lowest offset.
  std::vector<uint32_t> bounds(history.keys.size(), kNone);
  for (uint32_t value = 0; value < history.values.size(); ++value) {
    if (!logs.is_polled(value)) continue;
    uint32_t& bound = bounds[history.values[value].key];
    if (bound == kNone || logs.lowest(value) > bound) bound = logs.lowest(value);
  }
  for (uint32_t value = 0; value < history.values.size() && !findings.is_full(Code::lost_write); ++value) {
    const Value& sent = history.values[value];
    if (!logs.is_committed(value) || logs.is_polled(value) || logs.highest(value) == kNone) continue;
    const uint32_t bound = bounds[sent.key];
    if (bound == kNone || logs.highest(value) > bound || history.keys[sent.key].is_compacted) continue;
    if (is_below(logs, logs.highest(value), logs.start_ever(sent.key))) continue;
    Witness witness(history);
    findings.add(Code::lost_write, witness.key(sent.key).value("value", value).op("writer", sent.writer));
  }
}

void find_unseen(const History& history, const Logs& logs, Findings& findings) {
  std::vector<std::vector<uint32_t>> unseen(history.keys.size());
  for (uint32_t value = 0; value < history.values.size(); ++value) {
    const Value& sent = history.values[value];
    if (sent.writer == kNone || history.ops[sent.writer].outcome != Outcome::ok || logs.is_polled(value))
      continue;
    if (history.keys[sent.key].is_compacted) continue;
    const std::optional<int64_t> start = logs.start_ever(sent.key);
    if (start && (logs.highest(value) == kNone || is_below(logs, logs.highest(value), start))) continue;
    unseen[sent.key].push_back(value);
  }
  for (uint32_t key = 0; key < unseen.size(); ++key) {
    if (unseen[key].empty() || findings.is_full(Code::unseen)) continue;
    Witness witness(history);
    findings.add(Code::unseen, witness.key(key).values("values", unseen[key]));
  }
}

}  // namespace

void find_losses(const History& history, const Logs& logs, Findings& findings) {
  find_lost_writes(history, logs, findings);
  find_unseen(history, logs, findings);
}

}  // namespace ksim::judge
