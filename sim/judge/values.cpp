// Values that should not be where they are: unsent-read, inconsistent-offsets, duplicate, G1a,
// precommitted-read.

#include <algorithm>

#include "sim/judge/families.h"

namespace ksim::judge {
namespace {

void find_wrong_reads(const History& history, Findings& findings) {
  for (uint32_t number = 0; number < history.ops.size(); ++number) {
    const Op& op = history.ops[number];
    const bool is_committed_reader = !history.processes[op.process].is_uncommitted_reader;
    for (uint32_t i = op.record_begin; i < op.record_end; ++i) {
      const uint32_t value = history.places[history.records[i]].value;
      const Value& polled = history.values[value];
      if (polled.writer == kNone) {
        if (findings.is_full(Code::unsent_read)) continue;
        Witness witness(history);
        findings.add(Code::unsent_read, witness.key(polled.key).value("value", value).op("op", number));
        continue;
      }
      if (!is_committed_reader) continue;
      if (op.outcome == Outcome::ok && history.ops[polled.writer].outcome == Outcome::fail &&
          !findings.is_full(Code::g1a)) {
        Witness witness(history);
        findings.add(
            Code::g1a,
            witness.key(polled.key).value("value", value).op("writer", polled.writer).op("reader", number));
      }
      if (history.settings.txn && polled.writer == number && !findings.is_full(Code::precommitted_read)) {
        Witness witness(history);
        findings.add(Code::precommitted_read, witness.key(polled.key).value("value", value).op("op", number));
      }
    }
  }
}

void find_inconsistent_offsets(const History& history, const Logs& logs, Findings& findings) {
  for (uint32_t slot = 0; slot < logs.slots() && !findings.is_full(Code::inconsistent_offsets); ++slot) {
    const auto [first, last] = logs.values_at(slot);
    if (last - first < 2) continue;
    Witness witness(history);
    findings.add(Code::inconsistent_offsets, witness.key(logs.slot(slot).key)
                                                 .number("offset", logs.slot(slot).offset)
                                                 .values("values", std::span(first, last)));
  }
}

void find_duplicates(const History& history, const Logs& logs, Findings& findings) {
  struct At {
    uint32_t value;
    uint32_t slot;
  };
  std::vector<At> all;  // of values at several offsets
  for (uint32_t slot = 0; slot < logs.slots(); ++slot) {
    const auto [first, last] = logs.values_at(slot);
    for (const uint32_t* value = first; value != last; ++value) {
      if (logs.lowest(*value) != logs.highest(*value)) all.push_back({*value, slot});
    }
  }
  // In the order in which they first occur in their logs.
  std::stable_sort(all.begin(), all.end(), [&](const At& a, const At& b) {
    return logs.lowest(a.value) != logs.lowest(b.value) ? logs.lowest(a.value) < logs.lowest(b.value)
                                                        : a.value < b.value;
  });
  for (auto first = all.begin(); first != all.end() && !findings.is_full(Code::duplicate);) {
    std::vector<int64_t> offsets;
    const uint32_t value = first->value;
    for (; first != all.end() && first->value == value; ++first)
      offsets.push_back(logs.slot(first->slot).offset);
    Witness witness(history);
    findings.add(Code::duplicate,
                 witness.key(history.values[value].key).value("value", value).offsets(offsets));
  }
}

}  // namespace

void find_wrong_values(const History& history, const Logs& logs, Findings& findings) {
  find_wrong_reads(history, findings);
  find_inconsistent_offsets(history, logs, findings);
  find_duplicates(history, logs, findings);
}

}  // namespace ksim::judge
