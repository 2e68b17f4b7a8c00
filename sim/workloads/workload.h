#pragma once
// The clients of a run: one creates the topics, producers send, consumers read. Each lives on a machine of its
// own with core/client, and notes every call when it begins and when it ended, outside the client.

#include <memory>
#include <string>
#include <vector>

#include "sim/observer/run_observer.h"
#include "sim/plan/plan.h"
#include "sim/runner/cluster.h"

namespace ksim::sim {

// What the clients of one run share. Read and written on the run's one thread.
struct WorkloadState {
  const Plan& plan;
  RunObserver& observer;
  World& world;
  std::string bootstrap;
  bool topics_ready = false;
  bool finishing = false;  // send no more, complete what is open
  bool readers_stop = false;
  uint32_t producers_open = 0;
  uint32_t readers_open = 0;
  // How far each reader has come: (consumer, partition) -> next offset.
  std::map<std::pair<uint32_t, PartitionId>, int64_t> positions;
};

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
  // Every reader has come to the committed end of every partition it reads.
  bool readers_caught_up() const;
  void stop_readers() { state_.readers_stop = true; }

 private:
  void start_clients();

  Cluster& cluster_;
  WorkloadState state_;
  std::vector<SimNode*> producers_;
  std::vector<SimNode*> consumers_;
  SimNode* admin_ = nullptr;
};

}  // namespace ksim::sim
