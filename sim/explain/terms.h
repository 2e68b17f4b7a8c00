#pragma once
// What the search for a loss asks of the past: who led when, what became of a node's copy, who could not
// lead.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/explain/loss.h"
#include "sim/explain/past.h"

namespace ksim::sim {

// A spell in which one broker led in one epoch.
struct Term {
  int64_t elected_ns = 0;
  int64_t leads_ns = 0;  // by its own word, where it told
  std::optional<int64_t> until_ns;
  int32_t leader = -1;
  int32_t epoch = -1;
  bool unclean = false;
  const PastState* before = nullptr;
};

// Of brokers that really led.
std::vector<Term> terms_of(const Past& past);
// The event with which a leader first told that it is committed; null: none did.
const PastEvent* committed_by(const LossCase& about);
// The last spell of this node's copy that was over by then.
const PastCopy* lost_copy(const PastBatch& batch, int32_t node, int64_t until_ns);
const PastNode* registered_between(const Past& past, int32_t node, int64_t from_ns, int64_t to_ns);
// "it lost power, and the record was not synced there", of PastCopy::gone_by.
std::string gone_words(const std::string& gone_by);
// Why nobody of ISR and ELR could be elected.
std::string absent_words(const Past& past, const PastState& before, int64_t at_ns);

}  // namespace ksim::sim
