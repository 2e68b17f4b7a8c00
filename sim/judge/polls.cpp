// The order of what is polled: poll-skip, nonmonotonic-poll, int-poll-skip, int-nonmonotonic-poll.

#include <algorithm>

#include "sim/judge/families.h"
#include "sim/judge/positions.h"

namespace ksim::judge {
namespace {

class Polls {
 public:
  Polls(const History& history, const Logs& logs, Findings& findings)
      : history_(history),
        logs_(logs),
        findings_(findings),
        positions_(history),
        last_(history.keys.size()),
        rebalanced_(history.keys.size(), kNone),
        by_op_(history.rebalanced) {
    std::stable_sort(by_op_.begin(), by_op_.end(),
                     [](const NamedKey& a, const NamedKey& b) { return a.op < b.op; });
  }

  void look(uint32_t number) {
    const Op& op = history_.ops[number];
    if (!has_micro_ops(op.kind)) return positions_.forget(number);
    while (next_rebalanced_ < by_op_.size() && by_op_[next_rebalanced_].op <= number) {
      rebalanced_[by_op_[next_rebalanced_].key] = by_op_[next_rebalanced_].op;
      ++next_rebalanced_;
    }
    touched_.clear();
    for (uint32_t i = op.record_begin; i < op.record_end; ++i) {
      const uint32_t place = history_.records[i];
      const uint32_t key = history_.places[place].key;
      Last& last = last_[key];
      if (last.op == number) {
        if (rebalanced_[key] != number) inside(number, key, last.place, place);
      } else {
        const Positions::Position before = positions_.find(op.process, key);
        if (before.op != kNone) between(before, number, key, place);
        touched_.push_back(key);
      }
      last = {number, place};
    }
    if (op.outcome != Outcome::ok) return;
    for (const uint32_t key : touched_) positions_.set(op.process, key, {number, last_[key].place});
  }

 private:
  struct Last {
    uint32_t op = kNone;
    uint32_t place = 0;
  };

  int64_t delta(uint32_t from, uint32_t to) const {
    return int64_t{logs_.slot_of_place(to)} - int64_t{logs_.slot_of_place(from)};
  }

  // What an op that polled `to` left out since `from`.
  Logs::Range skipped(uint32_t op, uint32_t key, uint32_t from, uint32_t to) const {
    const Op& by = history_.ops[op];
    return logs_.between(logs_.slot_of_place(from), logs_.slot_of_place(to), logs_.start_at(key, by),
                         !history_.processes[by.process].is_uncommitted_reader);
  }

  void between(const Positions::Position& before, uint32_t op, uint32_t key, uint32_t place) {
    const int64_t moved = delta(before.what, place);
    if (moved == 1) return;
    const uint32_t ops[] = {before.op, op};
    Witness witness(history_);
    witness.key(key).ops(ops);
    if (moved <= 0) {
      if (findings_.is_full(Code::nonmonotonic_poll)) return;
      const uint32_t values[] = {history_.places[before.what].value, history_.places[place].value};
      findings_.add(Code::nonmonotonic_poll, witness.values("values", values).number("delta", moved));
      return;
    }
    if (history_.keys[key].is_compacted || findings_.is_full(Code::poll_skip)) return;
    const Logs::Range range = skipped(op, key, before.what, place);
    if (logs_.is_empty(range)) return;
    findings_.list_skipped(witness, logs_, range);
    findings_.add(Code::poll_skip, witness);
  }

  void inside(uint32_t op, uint32_t key, uint32_t from, uint32_t to) {
    const int64_t moved = delta(from, to);
    if (moved == 1) return;
    const uint32_t values[] = {history_.places[from].value, history_.places[to].value};
    Witness witness(history_);
    witness.key(key).op("op", op).values("values", values);
    if (moved <= 0) {
      if (!findings_.is_full(Code::int_nonmonotonic_poll))
        findings_.add(Code::int_nonmonotonic_poll, witness.number("delta", moved));
      return;
    }
    if (history_.keys[key].is_compacted || findings_.is_full(Code::int_poll_skip)) return;
    const Logs::Range range = skipped(op, key, from, to);
    if (logs_.is_empty(range) || !inside_known_.insert({op, from, to}).second) return;
    findings_.list_skipped(witness, logs_, range);
    findings_.add(Code::int_poll_skip, witness);
  }

  const History& history_;
  const Logs& logs_;
  Findings& findings_;
  Positions positions_;
  std::vector<Last> last_;            // by key: the last record of the op
  std::vector<uint32_t> rebalanced_;  // by key: the op in whose rebalance log it is
  std::vector<uint32_t> touched_;     // keys of the op
  std::vector<NamedKey> by_op_;
  size_t next_rebalanced_ = 0;
  std::set<std::array<uint32_t, 3>> inside_known_;  // an op may skip the same a million times
};

}  // namespace

void find_wrong_polls(const History& history, const Logs& logs, Findings& findings) {
  Polls polls(history, logs, findings);
  for (uint32_t op = 0; op < history.ops.size(); ++op) polls.look(op);
}

}  // namespace ksim::judge
