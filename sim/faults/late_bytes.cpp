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
  Late(Fabric& fabric, const std::vector<SimNode*>& nodes, Duration extra) : fabric_(fabric) {
    for (SimNode* node : nodes) {
      const Fabric::Slowed slowed = fabric_.slow_connections(node->host(), extra);
      numbers_.push_back(slowed.number);
      connections_ += slowed.connections;
    }
  }
  size_t connections() const { return connections_; }
  std::string end(FaultStage&) override {
    for (const uint64_t number : numbers_) fabric_.remove_slowed(number);
    return {};
  }

 private:
  Fabric& fabric_;
  std::vector<uint64_t> numbers_;
  size_t connections_ = 0;
};

Began begin_late_bytes(FaultStage& stage, const FaultPlan& plan, const std::vector<SimNode*>& targets,
                       uint64_t) {
  const Duration extra = parameter(plan, "extra", kDefault);
  auto late = std::make_unique<Late>(stage.world().fabric(), targets, extra);
  if (late->connections() == 0) {
    late->end(stage);
    return no_effect(join_names(targets) + ": no connection stands");
  }
  std::string effect =
      fmt::format("what is sent on {} connections of {} arrives {} s later", late->connections(),
                  join_names(targets), static_cast<double>(extra.ms()) / 1000);
  return {std::move(late), std::move(effect)};
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
