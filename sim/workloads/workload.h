#pragma once
// The clients of a run: one creates the topics, producers send, consumers read, raw drivers forge,
// administrators change what they find. Each lives on a machine of its own, and notes every call when it
// begins and when it ended, outside core/client.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/observer/run_observer.h"
#include "sim/plan/plan.h"
#include "sim/runner/cluster.h"
#include "sim/workloads/state.h"

namespace ksim::sim {

class Workload {
 public:
  Workload(Cluster& cluster, RunObserver& observer, const Plan& plan);
  ~Workload();

  // Once, before the world runs. Producers and consumers start when the topics exist.
  void start();
  bool topics_ready() const { return state_.topics_ready; }
  // Producers send no more and complete what is open.
  void finish() { state_.finishing = true; }
  bool producers_done() const { return state_.topics_ready && state_.producers_open == 0; }
  // The first partition that a reader has not read to its committed end: which reader, and how far it is.
  // `for_good`: but for those that may stay offline. None, once readers are to stop: a request that its
  // client gave up long ago may arrive even then, and be committed.
  struct Behind {
    PartitionId partition;
    std::string text;
  };
  std::optional<Behind> reader_behind(bool for_good) const;
  // What a producer waits for that has not ended; empty: no more is known.
  std::string producer_waits() const;
  uint64_t records_read() const { return state_.records_read; }
  void stop_readers();
  // The process of a machine has died; other machines than clients' are none of its business.
  void died(const SimNode& node) { state_.client_died(node.name()); }

 private:
  void start_clients();

  Cluster& cluster_;
  WorkloadState state_;
  SimNode* admin_ = nullptr;
  std::vector<SimNode*> producers_;
  std::vector<SimNode*> consumers_;
  std::vector<SimNode*> raw_drivers_;
  std::vector<SimNode*> admins_;
  std::vector<SimNode*> others_;
};

}  // namespace ksim::sim
