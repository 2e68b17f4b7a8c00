#pragma once
// A producer and a reader of a topic that an administrator deletes and makes again under its name: they live
// on, over all topics that there are of it, and nothing is promised of their records. In the end both must
// get on with the one that there is then.

#include <memory>
#include <string>

#include "core/client/consumer.h"
#include "core/client/producer.h"
#include "sim/workloads/state.h"

namespace ksim::sim {

class OwnTopicClients {
 public:
  OwnTopicClients(const WorkloadState& state, const Env& env, std::string topic, int32_t partitions)
      : state_(state), env_(env), topic_(std::move(topic)), partitions_(partitions) {}

  // INVALID_CONFIG and whatever else a client cannot begin with.
  Result<void> start(const std::string& name);
  // Sends a record, whatever becomes of it, and reads for a moment.
  void act(int32_t partition);
  // Sends a record and reads it. Empty, or what did not come about in some seconds.
  std::string try_out(int32_t partition);
  void close();

 private:
  client::SendHandle send(int32_t partition);
  bool read(int32_t partition, const std::string& value, Duration patience);

  const WorkloadState& state_;
  const Env& env_;
  std::string topic_;
  int32_t partitions_;
  std::unique_ptr<client::Producer> producer_;
  std::unique_ptr<client::Consumer> consumer_;
  uint32_t sent_ = 0;
  std::string value_;  // of the last record: too short to be one that the truth counts
};

}  // namespace ksim::sim
