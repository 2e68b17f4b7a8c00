// The order of what is sent: nonmonotonic-send, int-nonmonotonic-send, int-send-skip.

#include "sim/judge/families.h"
#include "sim/judge/positions.h"

namespace ksim::judge {
namespace {

class Sends {
 public:
  Sends(const History& history, const Logs& logs, Findings& findings)
      : history_(history),
        logs_(logs),
        findings_(findings),
        positions_(history),
        last_(history.keys.size()) {}

  void look(uint32_t number) {
    const Op& op = history_.ops[number];
    if (!has_micro_ops(op.kind)) return positions_.forget(number);
    touched_.clear();
    for (uint32_t i = op.micro_begin; i < op.micro_end; ++i) {
      const MicroOp& micro = history_.micro_ops[i];
      if (micro.is_poll) continue;
      const uint32_t key = history_.values[micro.first].key;
      Last& last = last_[key];
      if (last.op == number) {
        inside(number, key, last.micro, i);
      } else {
        if (op.outcome != Outcome::fail) between(op.process, number, key, i);
        touched_.push_back(key);
      }
      last = {number, i};
    }
    if (op.outcome == Outcome::fail) return;
    for (const uint32_t key : touched_) positions_.set(op.process, key, {number, last_[key].micro});
  }

 private:
  struct Last {
    uint32_t op = kNone;
    uint32_t micro = 0;
  };

  std::optional<int64_t> delta(uint32_t from, uint32_t to) const {
    const uint32_t first = logs_.slot_of_send(history_.micro_ops[from]);
    const uint32_t second = logs_.slot_of_send(history_.micro_ops[to]);
    if (first == kNone || second == kNone) return std::nullopt;
    return int64_t{second} - int64_t{first};
  }

  void between(uint32_t process, uint32_t op, uint32_t key, uint32_t micro) {
    const Positions::Position before = positions_.find(process, key);
    if (before.op == kNone) return;
    const std::optional<int64_t> moved = delta(before.what, micro);
    if (!moved || *moved > 0 || findings_.is_full(Code::nonmonotonic_send)) return;
    const uint32_t ops[] = {before.op, op};
    const uint32_t values[] = {history_.micro_ops[before.what].first, history_.micro_ops[micro].first};
    Witness witness(history_);
    findings_.add(Code::nonmonotonic_send,
                  witness.key(key).ops(ops).values("values", values).number("delta", *moved));
  }

  void inside(uint32_t op, uint32_t key, uint32_t from, uint32_t to) {
    const std::optional<int64_t> moved = delta(from, to);
    if (!moved || *moved == 1) return;
    const Code code = *moved <= 0 ? Code::int_nonmonotonic_send : Code::int_send_skip;
    if (findings_.is_full(code)) return;
    const MicroOp& first = history_.micro_ops[from];
    const MicroOp& second = history_.micro_ops[to];
    const uint32_t values[] = {first.first, second.first};
    Witness witness(history_);
    witness.key(key).op("op", op).values("values", values);
    if (code == Code::int_nonmonotonic_send) {
      witness.number("delta", *moved);
    } else {
      findings_.list_skipped(witness, logs_,
                             logs_.between(logs_.slot_of_send(first), logs_.slot_of_send(second),
                                           logs_.start_at(key, history_.ops[op]), false));
    }
    findings_.add(code, witness);
  }

  const History& history_;
  const Logs& logs_;
  Findings& findings_;
  Positions positions_;
  std::vector<Last> last_;         // by key: the last send of the op
  std::vector<uint32_t> touched_;  // keys of the op
};

}  // namespace

void find_wrong_sends(const History& history, const Logs& logs, Findings& findings) {
  Sends sends(history, logs, findings);
  for (uint32_t op = 0; op < history.ops.size(); ++op) sends.look(op);
}

}  // namespace ksim::judge
