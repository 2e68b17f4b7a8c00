#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/base/topic_partition.h"
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
  std::string controllers;              // their endpoints
  std::map<int32_t, Endpoint> brokers;  // where each listens, if it has not moved
  bool topics_ready = false;
  bool finishing = false;  // send no more, complete what is open
  bool readers_stop = false;
  uint32_t producers_open = 0;
  std::map<std::string, std::string> unproven;  // by producer: what it could not yet do after healing
  uint64_t records_read = 0;                    // by consumers
  uint32_t next_session = 1;
  Instant clients_began;  // when the topics existed
  // How long a client that is made now, for the first time or again, has to wait.
  Duration left_of(Duration starts) const {
    return std::max(clients_began + starts - world.now(), Duration{0});
  }
  // A client that starts, for the first time or again after it died, has a number that no other one had.
  uint32_t new_reader(const std::string& name) {
    const uint32_t number = ++readers_started_;
    if (const auto former = readers.find(name); former != readers.end())
      observer.on_reader_gone(former->second);
    observer.on_reader(number, name);
    return readers[name] = number;
  }
  uint32_t new_driver() { return ++drivers_started_; }
  uint64_t new_link() { return ++links_opened_; }
  uint64_t new_topic_call() { return ++topic_calls_; }
  uint64_t new_deletion() { return ++deletions_; }
  std::map<std::string, uint32_t> readers;  // the number that each consumer has now

  // Every send of a client goes through here, so that what is open when its machine dies can be closed.
  int64_t send_invoked(const std::string& client, const SendOp& op) {
    const int64_t number = observer.on_send_invoked(op);
    open_sends_[client].emplace(op.record, std::make_pair(number, op));
    return number;
  }
  void send_completed(const std::string& client, int64_t number, const SendOp& op) {
    if (open_sends_[client].erase(op.record) > 0) observer.on_send_completed(number, op);
  }
  // Nobody will ever know what became of its open sends.
  void client_died(const std::string& client) {
    for (auto& [record, send] : std::exchange(open_sends_[client], {})) {
      send.second.completed = world.now();
      send.second.outcome = Outcome::unknown;
      observer.on_send_completed(send.first, send.second);
    }
  }

  // How far each reader has come, by consumer and partition.
  struct Position {
    int64_t next = 0;
    int32_t epoch = -1;  // of the record before it, if it was handed that
  };
  std::map<std::pair<uint32_t, PartitionId>, Position> positions;

  // Of a client's plan, its own first.
  template <class ClientPlan>
  std::vector<const TopicPlan*> topics_of(const ClientPlan& client) const {
    std::vector<const TopicPlan*> topics{topic(client.topic)};
    for (const std::string& name : client.also) topics.push_back(topic(name));
    return topics;
  }
  template <class ClientPlan>
  std::vector<TopicPartition> partitions_of(const ClientPlan& client) const {
    std::vector<TopicPartition> partitions;
    for (const TopicPlan* topic : topics_of(client)) {
      for (int32_t p = 0; p < topic->partitions; ++p) partitions.push_back({topic->name, p});
    }
    return partitions;
  }
  const TopicPlan* topic(const std::string& name) const {
    for (const TopicPlan& topic : plan.topics) {
      if (topic.name == name) return &topic;
    }
    return nullptr;
  }

 private:
  std::map<std::string, std::map<RecordId, std::pair<int64_t, SendOp>>> open_sends_;
  uint32_t readers_started_ = 0;
  uint32_t drivers_started_ = 0;
  uint64_t links_opened_ = 0;
  uint64_t topic_calls_ = 0;
  uint64_t deletions_ = 0;
};

// What all clients have in common that go on until the workload ends. One that is asked to stop completes
// what is open, and comes again as another session.
class ClientProcess : public Process {
 public:
  void stop() override { asked_to_stop_ = true; }

 protected:
  explicit ClientProcess(WorkloadState& state) : state_(state) {}
  bool winding_up() const { return state_.finishing || asked_to_stop_; }
  bool asked_to_stop() const { return asked_to_stop_; }
  // The last thing that one of those does for whom the run waits (WorkloadState::producers_open).
  void ended() {
    if (!asked_to_stop_) --state_.producers_open;
  }

  WorkloadState& state_;

 private:
  bool asked_to_stop_ = false;
};

// The simplest client: it works until the workload winds up, or until it has done what it came for. The run
// waits for it.
class PlayingClient : public ClientProcess {
 public:
  void run(size_t) final {
    play();
    ended();
  }

 protected:
  explicit PlayingClient(WorkloadState& state) : ClientProcess(state) {}
  virtual void play() = 0;  // in a fiber: it may wait
  Instant now() const { return state_.world.now(); }
};

ProcessFactory admin_process(WorkloadState& state);
ProcessFactory producer_process(WorkloadState& state, const ProducerPlan& plan);
ProcessFactory consumer_process(WorkloadState& state, const ConsumerPlan& plan);
ProcessFactory churn_process(WorkloadState& state, const AdminPlan& plan);
ProcessFactory raw_driver_process(WorkloadState& state, const RawDriverPlan& plan);

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
