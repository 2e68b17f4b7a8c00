#pragma once
// The ISR changes of all leaders of this broker on their way to the controller (rule D44): one AlterPartition
// request in flight, holding all that wait; the same again 50 ms after an error of the whole request.
// Lives on shard 0.

#include <functional>
#include <map>
#include <vector>

#include "core/broker/controller_channel.h"
#include "core/broker/isr.h"
#include "core/broker/partition_key.h"
#include "core/io/scope.h"
#include "core/wire/messages/alter_partition.h"

namespace ksim::broker {

// What waits and what is on the way, without sending anything.
class AlterPartitionQueue {
 public:
  // A later change of a partition takes the place of one that was not sent yet: its leader has moved on.
  void submit(const PartitionKey& key, const IsrProposal& proposal) { unsent_[key] = proposal; }
  bool has_unsent() const { return !unsent_.empty(); }
  bool in_flight() const { return !sent_.empty(); }
  // Takes all that wait; they are in flight until answered() or failed().
  const std::map<PartitionKey, IsrProposal>& take();
  // Answers of the changes in flight. Those the controller does not mention wait again.
  std::vector<std::pair<PartitionKey, IsrAnswer>> answered(const wire::AlterPartitionResponse& response);
  // No answer, or an error of the whole request: all wait again, unless they were overtaken.
  void failed();

 private:
  std::map<PartitionKey, IsrProposal> unsent_;
  std::map<PartitionKey, IsrProposal> sent_;
};

class AlterPartitionManager {
 public:
  struct Identity {
    int32_t broker_id = -1;
    std::function<int64_t()> broker_epoch;  // the current one; -1: not registered
  };
  // `answer` brings an answer to the shard of its partition; it must not wait.
  AlterPartitionManager(const Env& env, ControllerChannel& channel, Identity identity,
                        std::function<void(const PartitionKey&, const IsrAnswer&)> answer)
      : env_(env),
        channel_(channel),
        identity_(std::move(identity)),
        answer_(std::move(answer)),
        scope_(env),
        submitted_(env.scheduler) {}

  void start();
  void stop() { scope_.close(); }
  // Does not wait.
  void submit(const PartitionKey& key, const IsrProposal& proposal);

 private:
  void loop();
  void send_again_later(const std::map<PartitionKey, IsrProposal>& proposals);
  // False: the whole request failed.
  bool send_all();

  const Env& env_;
  ControllerChannel& channel_;
  Identity identity_;
  std::function<void(const PartitionKey&, const IsrAnswer&)> answer_;
  Scope scope_;
  AlterPartitionQueue queue_;
  Condition submitted_;
};

}  // namespace ksim::broker
