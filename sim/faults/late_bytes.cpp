// late_bytes: what is sent on connections that stand now arrives `extra` later, also when its sender has long
// given the connection up: a reset follows behind what went before it. Connections made later are quick. So
// it is where the way depends on the connection (routes of equal cost) and one way is congested: what a
// client sent before it reconnected arrives after what it sent then.

#include <fmt/format.h>

#include "sim/faults/all.h"

namespace ksim::sim {
namespace {

constexpr Duration kDefault = seconds(4);

class Late final : public ActiveFault {
 public:
  explicit Late(std::vector<SimNode*> nodes) : nodes_(std::move(nodes)) {}
  std::string end(FaultStage& stage) override {
    for (SimNode* node : nodes_) stage.world().fabric().slow_connections(node->host(), Duration{});
    return {};
  }

 private:
  std::vector<SimNode*> nodes_;
};

Began begin_late_bytes(FaultStage& stage, const FaultPlan& plan, const std::vector<SimNode*>& targets,
                       uint64_t) {
  const Duration extra = parameter(plan, "extra", kDefault);
  size_t count = 0;
  for (SimNode* node : targets) count += stage.world().fabric().slow_connections(node->host(), extra);
  if (count == 0) return no_effect(join_names(targets) + ": no connection stands");
  return {std::make_unique<Late>(targets),
          fmt::format("what is sent on {} connections of {} arrives {} s later", count, join_names(targets),
                      static_cast<double>(extra.ms()) / 1000)};
}

}  // namespace

FaultKind late_bytes_fault() {
  return {"late_bytes",
          "what is sent on connections that stand now arrives `extra` later, even after they were given up",
          {"extra"},
          begin_late_bytes,
          false,
          true};
}

}  // namespace ksim::sim
