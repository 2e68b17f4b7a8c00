#pragma once
// Producer ids for clients, from blocks the controller gives to this broker (rules C43, F7). One source lives
// on shard 0; every shard has a ProducerIds that asks it.

#include <optional>

#include "core/broker/controller_channel.h"
#include "core/broker/shard_executor.h"
#include "core/io/scope.h"

namespace ksim::broker {

// Blocks without asking for them. Pure.
class ProducerIdBlocks {
 public:
  // Nothing: no id at hand. A block is never used twice.
  std::optional<int64_t> next();
  // The next block should be asked for: at 90 % of the current one.
  bool wants_block() const;
  void add_block(int64_t first, int32_t count);

 private:
  struct Block {
    int64_t first = 0;
    int64_t count = 0;
    int64_t used = 0;
  };
  Block current_;
  std::optional<Block> following_;
};

class ProducerIdSource {
 public:
  ProducerIdSource(const Env& env, ControllerChannel& channel, int32_t broker_id, const int64_t& broker_epoch)
      : env_(env),
        channel_(channel),
        broker_id_(broker_id),
        broker_epoch_(broker_epoch),
        scope_(env),
        wanted_(env.scheduler) {}

  void start();
  void stop() { scope_.close(); }
  // Does not wait. COORDINATOR_LOAD_IN_PROGRESS: none at hand, more are on their way.
  Result<int64_t> next();

 private:
  void loop();

  const Env& env_;
  ControllerChannel& channel_;
  int32_t broker_id_;
  const int64_t& broker_epoch_;
  ProducerIdBlocks blocks_;
  bool asked_ = false;
  Scope scope_;
  Condition wanted_;
};

class ProducerIds {
 public:
  ProducerIds(ShardExecutor& executor, ProducerIdSource& source) : executor_(executor), source_(source) {}
  // Waits for shard 0.
  Result<int64_t> next() {
    return executor_.call(0, [source = &source_] { return source->next(); });
  }

 private:
  ShardExecutor& executor_;
  ProducerIdSource& source_;
};

}  // namespace ksim::broker
