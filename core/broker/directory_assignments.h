#pragma once
// Tells the controller in which log directory each replica of this broker is (KIP-858, rule C21): it assigns
// no directory where a broker has several, and must know which replicas a failed one takes with it. One
// AssignReplicasToDirs request in flight, again after a pause if it failed as a whole. Lives on shard 0.

#include <functional>
#include <map>

#include "core/broker/controller_channel.h"
#include "core/broker/partition_key.h"
#include "core/io/scope.h"
#include "core/wire/messages/assign_replicas_to_dirs.h"

namespace ksim::broker {

using DirectoryAssignmentMap = std::map<PartitionKey, Uuid>;

// Arrays live in the arena; directories, topics and partitions in order.
wire::AssignReplicasToDirsRequest assignment_request(const DirectoryAssignmentMap& assignments,
                                                     int32_t broker_id, int64_t broker_epoch,
                                                     wire::Arena& arena);

class DirectoryAssignments {
 public:
  struct Identity {
    int32_t broker_id = -1;
    std::function<int64_t()> broker_epoch;  // the current one; -1: not registered
  };
  DirectoryAssignments(const Env& env, ControllerChannel& channel, Identity identity)
      : env_(env),
        channel_(channel),
        identity_(std::move(identity)),
        scope_(env),
        submitted_(env.scheduler) {}

  void start();
  void stop() { scope_.close(); }
  // Does not wait. A later assignment of a partition takes the place of one that was not sent yet.
  void submit(const PartitionKey& key, const Uuid& directory);
  size_t waiting() const { return waiting_.size(); }

 private:
  void loop();
  bool send(const DirectoryAssignmentMap& batch);

  const Env& env_;
  ControllerChannel& channel_;
  Identity identity_;
  Scope scope_;
  DirectoryAssignmentMap waiting_;
  Condition submitted_;
};

}  // namespace ksim::broker
