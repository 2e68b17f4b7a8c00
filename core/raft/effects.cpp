#include "core/raft/effects.h"

namespace ksim::raft {

PersistNumber Outbox::persist(DiskAction action) {
  last_ = PersistNumber(last_.value + 1);
  if (std::holds_alternative<PersistQuorumState>(action)) quorum_state_ = last_;
  effects_.disk_.push_back({last_, std::move(action)});
  return last_;
}

void Outbox::outward(Outward what, PersistNumber also) {
  effects_.outward_.push_back({std::max(quorum_state_, also), std::move(what)});
}

void Outbox::at_once(AppendOutcome outcome) { effects_.outward_.push_back({PersistNumber{}, outcome}); }

Effects Outbox::take() {
  Effects taken = std::move(effects_);
  effects_ = Effects();
  return taken;
}

}  // namespace ksim::raft
