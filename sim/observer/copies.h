#pragma once
// Which node's disk held which batch of the partitions' logs, from when until when, and since when synced:
// rows of a recorded run, from the truth on the disks.

#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/history/recorder.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {

class Copies {
 public:
  Copies(const ClusterView& view, Recorder& recorder) : view_(view), recorder_(recorder) {}

  // After the view was told.
  void on_event(const NodeEvent& note);
  void on_node(int32_t node, NodeFault fault, Instant at);

 private:
  struct Held {
    TruthBatch batch;
    int64_t copy = 0;  // its row
  };
  struct Log {
    std::vector<Held> held;
    size_t synced = 0;  // of them, from the first one on
  };
  using LogKey = std::pair<PartitionId, int32_t>;  // and the node

  // Compares what the disk holds with what it held; what is gone is gone by that.
  void look(PartitionId id, int32_t node, Instant at, std::string_view gone_by);
  void deleted_below(PartitionId id, int32_t node, Instant at, int64_t offset);
  Held take(PartitionId id, const PartitionTruth& truth, int32_t node, const TruthBatch& batch, Instant at);
  void gone(const Held& held, Instant at, std::string_view by);
  void look_for_synced(const LogKey& key, Log& log, Instant at);

  const ClusterView& view_;
  Recorder& recorder_;
  std::map<LogKey, Log> logs_;
  std::map<std::tuple<PartitionId, int64_t, int32_t, uint32_t>, int64_t> batches_;  // rows
  Instant looked_{-1};
};

}  // namespace ksim::sim
