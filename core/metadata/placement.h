#pragma once
// Which brokers hold the replicas of new partitions: Kafka's striped placement (rule C40).
//
// What every assignment satisfies: its brokers are distinct and usable; its first one is unfenced; each rack
// holds as many of its replicas as any other, one more or less, where the racks are large enough; over the
// partitions of one call the first places go round the racks.

#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/metadata/draws.h"

namespace ksim {

// A registered broker that is not shutting down.
struct UsableBroker {
  int32_t id = -1;
  std::optional<std::string> rack;
  bool fenced = false;
};

// One list of brokers per partition, preferred leader first. INVALID_REPLICATION_FACTOR if there are fewer
// brokers than replicas or none that is unfenced.
Result<std::vector<std::vector<int32_t>>> place_replicas(const std::vector<UsableBroker>& brokers,
                                                         size_t partitions, size_t replication_factor,
                                                         Draws& draws);

}  // namespace ksim
