// rolling_restart: each target in turn is stopped in order, stays down for `down` after it has really gone,
// is started again, and the next one follows `gap` later.

#include <fmt/format.h>

#include "sim/faults/all.h"

namespace ksim::sim {
namespace {

constexpr Duration kLook = milliseconds(50);

// What a roll needs while it goes on; shared with the events to come.
struct Roll {
  FaultStage& stage;
  std::vector<SimNode*> nodes;
  Duration down;
  Duration gap;
  uint64_t key;
  size_t next = 0;
  uint64_t events = 0;
  bool cancelled = false;

  template <class Step>
  static void later(const std::shared_ptr<Roll>& roll, Duration delay, Step step) {
    World& world = roll->stage.world();
    world.at(world.now() + delay, mix64(roll->key, ++roll->events), [roll, step] {
      if (!roll->cancelled) step(roll);
    });
  }
  static void stop_next(const std::shared_ptr<Roll>& roll) {
    if (roll->next == roll->nodes.size()) return;
    SimNode& node = *roll->nodes[roll->next];
    if (node.alive()) roll->stage.stop(node);
    await_exit(roll);
  }
  // A stop in order takes its time: the controller has to move the leaders away first.
  static void await_exit(const std::shared_ptr<Roll>& roll) {
    if (roll->nodes[roll->next]->running()) return later(roll, kLook, await_exit);
    later(roll, roll->down, start);
  }
  static void start(const std::shared_ptr<Roll>& roll) {
    SimNode& node = *roll->nodes[roll->next++];
    roll->stage.start(node);
    later(roll, roll->gap, stop_next);
  }
};

class Rolling final : public ActiveFault {
 public:
  explicit Rolling(std::shared_ptr<Roll> roll) : roll_(std::move(roll)) {}
  // Whatever of the roll is still to come is dropped; the runner starts what is down.
  std::string end(FaultStage&) override {
    roll_->cancelled = true;
    return fmt::format("{} of {} restarted", roll_->next, roll_->nodes.size());
  }

 private:
  std::shared_ptr<Roll> roll_;
};

Began begin_rolling_restart(FaultStage& stage, const FaultPlan& plan, const std::vector<SimNode*>& targets, uint64_t key) {
  if (targets.empty()) return {};
  auto roll = std::make_shared<Roll>(
      Roll{stage, targets, parameter(plan, "down", seconds(2)), parameter(plan, "gap", seconds(5)), key});
  Roll::later(roll, Duration{0}, Roll::stop_next);
  return {std::make_unique<Rolling>(std::move(roll)),
          fmt::format("stopped and started in turn: {}", join_names(targets))};
}

}  // namespace

FaultKind rolling_restart_fault() {
  return {"rolling_restart",
          "each target in turn is stopped in order and started again",
          {"down", "gap"},
          begin_rolling_restart,
          true};
}

}  // namespace ksim::sim
