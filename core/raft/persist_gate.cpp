#include "core/raft/persist_gate.h"

#include "core/base/assert.h"

namespace ksim::raft {

void PersistGate::add(Effects&& effects) {
  for (DiskOp& op : effects.disk_) disk_.push_back(std::move(op));
  for (Effects::Waiting& waiting : effects.outward_) outward_.push_back(std::move(waiting));
  effects = Effects();
}

std::optional<DiskOp> PersistGate::begin_disk_op() {
  if (performing_ || disk_.empty()) return std::nullopt;
  std::optional<DiskOp> op(std::move(disk_.front()));
  disk_.pop_front();
  ENSURE(op->number.value == done_.value + 1, "disk operations out of order");
  begun_ = op->number;
  performing_ = true;
  return op;
}

PersistNumber PersistGate::finish_disk_op() {
  ENSURE(performing_, "no disk operation has begun");
  performing_ = false;
  done_ = begun_;
  return done_;
}

std::optional<Outward> PersistGate::take_ready() {
  for (auto it = outward_.begin(); it != outward_.end(); ++it) {
    if (it->after > done_) continue;
    std::optional<Outward> what(std::move(it->what));
    outward_.erase(it);
    return what;
  }
  return std::nullopt;
}

}  // namespace ksim::raft
