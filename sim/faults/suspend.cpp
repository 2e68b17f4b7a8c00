// suspend: the whole machine stands still, as one does that is put to sleep or moved to another host. Its
// process is frozen, its kernel neither answers nor sends, and its monotonic clock does not move on. So when
// it continues nothing that waits in it is due: batches in flight are as young as they were, leases and
// sessions as good, and metadata as fresh, by its own clock. The wall clock is put right at once.

#include <algorithm>

#include <fmt/format.h>

#include "sim/faults/all.h"
#include "sim/faults/way_trouble.h"
#include "sim/plan/words.h"

namespace ksim::sim {
namespace {

class Suspended final : public ActiveFault {
 public:
  Suspended(FaultStage& stage, const std::vector<SimNode*>& nodes) : stage_(stage) {
    for (SimNode* node : nodes) {
      node->pause();
      node->hold_clock();
      machines_.push_back({node, node->incarnation(),
                           std::make_unique<WaysTroubled>(stage.world(), ways_around(stage, {node}),
                                                          LinkTrouble{.blocked = true})});
    }
  }
  std::string end(FaultStage&) override {
    std::string what;
    for (Machine& machine : machines_) {
      const bool lives = machine.lives();
      const std::string held = go_on(machine);
      what += fmt::format("{}{} {}", what.empty() ? "" : "; ", machine.node->name(),
                          !lives                   ? "died in its sleep"
                          : machine.node->paused() ? "stays frozen for another fault"
                                                   : "continued: " + held);
    }
    return what;
  }
  // Whatever runs there next is awake.
  bool is_over_without(const SimNode&) override {
    for (Machine& machine : machines_) {
      if (!machine.lives()) go_on(machine);
    }
    return std::none_of(machines_.begin(), machines_.end(),
                        [](const Machine& machine) { return machine.lives(); });
  }

 private:
  struct Machine {
    SimNode* node;
    uint32_t incarnation;
    std::unique_ptr<WaysTroubled> ways;  // none: it goes on
    bool lives() const { return node->alive() && node->incarnation() == incarnation; }
  };
  // What came of its ways.
  std::string go_on(Machine& machine) {
    if (machine.ways == nullptr) return {};
    const std::string held = machine.ways->end(stage_);
    machine.ways.reset();
    machine.node->release_clock();
    if (machine.lives()) machine.node->unpause();
    return held;
  }

  FaultStage& stage_;
  std::vector<Machine> machines_;
};

Began begin_suspend(FaultStage& stage, const FaultPlan&, const std::vector<SimNode*>& targets, uint64_t) {
  std::vector<SimNode*> nodes;
  std::string effect;
  for (SimNode* node : targets) {
    if (!node->alive()) continue;
    effect +=
        fmt::format("{}{} fell asleep{}", effect.empty() ? "" : "; ", node->name(), stage.role_of(*node));
    nodes.push_back(node);
  }
  if (nodes.empty()) return no_effect(join_names(targets) + ": no process to suspend");
  return {std::make_unique<Suspended>(stage, nodes), std::move(effect)};
}

}  // namespace

FaultKind suspend_fault() {
  return {"suspend", "the whole machine stands still, its clocks too, then goes on as if no time had passed",
          {},        begin_suspend,
          true,      true};
}

}  // namespace ksim::sim
