// Values that should not be where they are: unsent-read, inconsistent-offsets, duplicate, G1a,
// precommitted-read.

#include <algorithm>

#include "sim/judge/families.h"

namespace ksim::judge {
namespace {

// What is wrong with a value whoever polled it.
enum class Suspicion : uint8_t { none, unsent, failed };

std::vector<Suspicion> suspicions(const History& history) {  // by place
  std::vector<Suspicion> found(history.places.size(), Suspicion::none);
  for (size_t i = 0; i < found.size(); ++i) {
    const uint32_t writer = history.values[history.places[i].value].writer;
    if (writer == kNone) {
      found[i] = Suspicion::unsent;
    } else if (history.ops[writer].outcome == Outcome::fail) {
      found[i] = Suspicion::failed;
    }
  }
  return found;
}

void find_wrong_reads(const History& history, Findings& findings) {
  const std::vector<Suspicion> suspicion = suspicions(history);
  const auto add = [&](Code code, uint32_t value, uint32_t op) {
    if (findings.is_full(code)) return;
    Witness witness(history);
    witness.key(history.values[value].key).value("value", value);
    if (code == Code::g1a) {
      witness.op("writer", history.values[value].writer).op("reader", op);
    } else {
      witness.op("op", op);
    }
    findings.add(code, witness);
  };
  for (uint32_t number = 0; number < history.ops.size(); ++number) {
    const Op& op = history.ops[number];
    const bool is_trusting = history.processes[op.process].is_uncommitted_reader;
    const bool may_read_itself = history.settings.txn && !is_trusting && op.kind == OpKind::txn;
    for (uint32_t i = op.record_begin; i < op.record_end; ++i) {
      const uint32_t place = history.records[i];
      if (suspicion[place] == Suspicion::none && !may_read_itself) continue;
      const uint32_t value = history.places[place].value;
      if (suspicion[place] == Suspicion::unsent) add(Code::unsent_read, value, number);
      if (suspicion[place] == Suspicion::failed && op.outcome == Outcome::ok && !is_trusting)
        add(Code::g1a, value, number);
      if (may_read_itself && history.values[value].writer == number)
        add(Code::precommitted_read, value, number);
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
