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
  size_t restarted = 0;
  bool holding = false;  // keeps the next one down
  uint64_t events = 0;
  ActiveFault* fault = nullptr;  // null: it has ended

  template <class Step>
  static void later(const std::shared_ptr<Roll>& roll, Duration delay, Step step) {
    World& world = roll->stage.world();
    world.at(world.now() + delay, mix64(roll->key, ++roll->events), [roll, step] {
      if (roll->fault != nullptr) step(roll);
    });
  }
  static void stop_next(const std::shared_ptr<Roll>& roll) {
    if (roll->next == roll->nodes.size()) return roll->fault->over();
    SimNode& node = *roll->nodes[roll->next];
    node.keep_down();
    roll->holding = true;
    if (node.alive()) roll->stage.stop(node);
    await_exit(roll);
  }
  // A stop in order takes its time: the controller has to move the leaders away first.
  static void await_exit(const std::shared_ptr<Roll>& roll) {
    if (roll->nodes[roll->next]->running()) return later(roll, kLook, await_exit);
    later(roll, roll->down, start);
  }
  static void start(const std::shared_ptr<Roll>& roll) {
    roll->release();
    ++roll->next;
    later(roll, roll->gap, stop_next);
  }
  void release() {
    SimNode& node = *nodes[next];
    holding = false;
    node.let_go();
    stage.start(node);
    if (!node.kept_down()) ++restarted;
  }
};

class Rolling final : public ActiveFault {
 public:
  explicit Rolling(std::shared_ptr<Roll> roll) : roll_(std::move(roll)) { roll_->fault = this; }
  // Whatever of the roll is still to come is dropped; the one that is down comes up.
  std::string end(FaultStage&) override {
    roll_->fault = nullptr;
    if (roll_->holding) roll_->release();
    return fmt::format("{} of {} restarted", roll_->restarted, roll_->nodes.size());
  }

 private:
  std::shared_ptr<Roll> roll_;
};

Began begin_rolling_restart(FaultStage& stage, const FaultPlan& plan, const std::vector<SimNode*>& targets,
                            uint64_t key) {
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
          true,
          true};
}

}  // namespace ksim::sim
