#pragma once
// The invariants of the metadata quorum, judged after every step of a test cluster:
// M1  an epoch has at most one leader; a voter votes once an epoch; a stored epoch never goes down;
// M2  equal (offset, epoch) means equal bytes, and equal logs before;
// M3  what was committed is in every later leader; the high watermark rests on durable copies of a majority.
// A violation is an AssertionFailed.

#include <map>
#include <memory>

#include "core/raft/harness/replica.h"

namespace ksim::raft {

using Replicas = std::map<int32_t, std::unique_ptr<Replica>>;

class Checker {
 public:
  // After the node's state may have changed.
  void stepped(const Replica& node, const Replicas& all);
  // After one of its disk operations was performed.
  void disk_changed(const Replica& node);
  void replied(const Replica& node, const Response& response);

  // Its disk was replaced: what it stored and voted is forgotten, which the fault budget has to allow for.
  void forget(int32_t node);

  int64_t committed() const { return committed_end_; }
  size_t elections() const { return leaders_.size(); }

 private:
  void check_leader(const Replica& node);
  void check_watermark(const Replica& node, const Replicas& all);

  std::map<int32_t, int32_t> leaders_;                      // epoch -> leader
  std::map<std::pair<int32_t, int32_t>, int32_t> votes_;    // (epoch, voter) -> candidate, as stored
  std::map<int32_t, int32_t> stored_epochs_;                // node -> epoch
  std::map<std::pair<int64_t, int32_t>, uint64_t> chains_;  // (end of batch, epoch) -> chain
  std::map<int64_t, uint64_t> committed_;                   // end of batch -> chain
  int64_t committed_end_ = 0;
};

}  // namespace ksim::raft
