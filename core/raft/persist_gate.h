#pragma once
// Between the consensus core and whoever performs its effects: the only door through which messages leave.

#include <deque>

#include "core/raft/effects.h"

namespace ksim::raft {

class PersistGate {
 public:
  void add(Effects&& effects);

  // The next disk operation, none while there is none or one is being performed.
  std::optional<DiskOp> begin_disk_op();
  // The operation begun last has been performed and, where its kind says so, synced. The caller then feeds
  // DiskDone of this number to the node.
  PersistNumber finish_disk_op();

  // The earliest thing whose persist is done. Later ones that wait for less may overtake earlier ones.
  std::optional<Outward> take_ready();

  bool has_disk_op() const { return !disk_.empty(); }
  bool performing() const { return performing_; }
  size_t held_back() const { return outward_.size(); }

 private:
  std::deque<DiskOp> disk_;
  std::deque<Effects::Waiting> outward_;
  PersistNumber begun_;
  PersistNumber done_;
  bool performing_ = false;
};

}  // namespace ksim::raft
