#pragma once
// Why a batch is not where it should be.

#include <optional>
#include <string>
#include <vector>

#include "sim/explain/explain.h"
#include "sim/explain/past.h"

namespace ksim::sim {

// A record, or what stood at an offset, and how far to look.
struct LossCase {
  const Past& past;
  PastBatch batch;
  int64_t offset = 0;
  std::optional<SentRecord> sent;  // none: nobody knows who sent it
  int32_t suspect = -1;            // a broker that should have it and has not; -1: none is known
  int64_t horizon_ns = 0;          // what comes later is not the cause
  bool acknowledged = false;       // under acks=all, though nobody knows by whom it was sent

  int32_t acks() const { return sent ? sent->acks : -1; }
  int64_t appended_ns() const { return batch.copies.front().from_ns; }
  int32_t appender() const { return batch.copies.front().node; }
};

struct Loss {
  std::string kind;  // that rule_of() knows
  int64_t at_ns = 0;
  int32_t node = -1;
  std::string what;      // the event, a sentence
  std::string why;       // the decision behind it; empty: it stands for itself
  std::string headline;  // "was lost when ..."
  bool broken = false;   // it breaks a rule of Kafka: no setting helps
  std::optional<int64_t> committed_ns;
  std::optional<int64_t> elected_ns;     // of the leader that went on without it
  int32_t heir = -1;                     // that leader
  std::vector<const PastNode*> returns;  // of nodes, on which it hinges
};

Loss find_loss(const LossCase& about);
// What broke a rule, and was told or done before that: an answer or a high watermark too early, a cut with
// nothing to follow, a sync that was promised. `committed`: the event that told first that it is committed;
// null: none did.
std::vector<Loss> broken_rules(const LossCase& about, const PastEvent* committed, const Loss& decisive);
std::vector<Explanation::Step> loss_steps(const LossCase& about, const Loss& loss);
std::optional<Explanation::LastChance> last_chance(const LossCase& about, const Loss& loss);

}  // namespace ksim::sim
