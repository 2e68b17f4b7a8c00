#pragma once

#include "core/broker/shard_executor.h"
#include "core/io/sync.h"
#include "core/node/broker_shard.h"

namespace ksim::node {

// One shard of a node: its way to the others, and the broker's part on it if there is one.
struct NodeShard {
  NodeShard(const Env& e, const broker::ShardPeers& peers, size_t workers)
      : env(e), executor(e, peers, workers), changed(e.scheduler) {}

  const Env& env;
  broker::ShardExecutor executor;
  std::unique_ptr<BrokerShard> broker;
  Condition changed;
  bool finished = false;
};
using NodeShards = std::vector<std::unique_ptr<NodeShard>>;

}  // namespace ksim::node
