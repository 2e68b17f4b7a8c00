#pragma once

#include <map>
#include <string>

#include "sim/observer/run_observer.h"
#include "sim/plan/plan.h"
#include "sim/world.h"

namespace ksim::sim {

// What the clients of one run share. Read and written on the run's one thread.
struct WorkloadState {
  WorkloadState(const Plan& p, RunObserver& o, World& w, std::string servers)
      : plan(p), observer(o), world(w), bootstrap(std::move(servers)) {}

  const Plan& plan;
  RunObserver& observer;
  World& world;
  std::string bootstrap;
  std::string controllers;  // their endpoints
  bool topics_ready = false;
  bool finishing = false;  // send no more, complete what is open
  bool readers_stop = false;
  uint32_t producers_open = 0;
  uint32_t next_session = 1;
  // How far each reader has come: (consumer, partition) -> next offset.
  std::map<std::pair<uint32_t, PartitionId>, int64_t> positions;

  const TopicPlan* topic(const std::string& name) const {
    for (const TopicPlan& topic : plan.topics) {
      if (topic.name == name) return &topic;
    }
    return nullptr;
  }
};

ProcessFactory admin_process(WorkloadState& state);
ProcessFactory producer_process(WorkloadState& state, const ProducerPlan& plan);
ProcessFactory consumer_process(WorkloadState& state, const ConsumerPlan& plan, uint32_t number);
ProcessFactory raw_driver_process(WorkloadState& state, const RawDriverPlan& plan, uint32_t number);

// Reports the leader epochs a client believes in, as they change (K2).
class BeliefWatch {
 public:
  BeliefWatch(WorkloadState& state, uint32_t client) : state_(state), client_(client) {}
  void look(const std::string& topic, int32_t partition, int32_t epoch);

 private:
  WorkloadState& state_;
  uint32_t client_;
  std::map<PartitionId, int32_t> known_;
};

}  // namespace ksim::sim
