#pragma once

#include <cstdint>
#include <string_view>

#include "core/base/events.h"
#include "core/base/units.h"

namespace ksim::sim {

// A node that the simulator runs: brokers and controllers have Kafka's node.id.
struct NodeEvent {
  int32_t node = 0;
  uint32_t incarnation = 0;
  Instant at;
  const Event* event = nullptr;
};

enum class NodeFault : uint8_t { crashed, power_lost, wiped, stopped, started };
inline std::string_view to_string(NodeFault fault) {
  switch (fault) {
    case NodeFault::crashed:
      return "crashed";
    case NodeFault::power_lost:
      return "power_lost";
    case NodeFault::wiped:
      return "wiped";
    case NodeFault::stopped:
      return "stopped";
    case NodeFault::started:
      return "started";
  }
  return "?";
}

}  // namespace ksim::sim
