#pragma once

#include "core/broker/replica_manager.h"
#include "core/metrics/snapshot.h"

namespace ksim::broker {

// The replicas of a shard as gauges (kafka.server:type=ReplicaManager, kafka.log:type=Log).
void collect_replicas(const ReplicaManager& manager, MetricsSnapshot& into);

}  // namespace ksim::broker
