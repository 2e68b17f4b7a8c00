// flap: the target is cut off from the rest of the cluster for `down`, reached for `up`, cut off again ...

#include <fmt/format.h>

#include "sim/faults/all.h"
#include "sim/faults/way_trouble.h"

namespace ksim::sim {
namespace {

constexpr Duration kShortest = milliseconds(1);

// Shared with the events to come.
struct Flaps {
  FaultStage& stage;
  std::vector<Way> ways;
  Duration down;
  Duration up;
  uint64_t key;
  uint64_t events = 0;
  std::unique_ptr<WaysTroubled> cut = nullptr;
  bool over = false;

  static void turn(const std::shared_ptr<Flaps>& flaps) {
    World& world = flaps->stage.world();
    const bool is_cut = flaps->cut != nullptr;
    if (is_cut) {
      flaps->restore();
    } else {
      flaps->cut = std::make_unique<WaysTroubled>(world, flaps->ways, LinkTrouble{.blocked = true});
    }
    world.at(world.now() + (is_cut ? flaps->up : flaps->down), mix64(flaps->key, ++flaps->events), [flaps] {
      if (!flaps->over) turn(flaps);
    });
  }
  void restore() {
    if (cut != nullptr) static_cast<void>(cut->end(stage));
    cut.reset();
  }
};

class Flapping final : public ActiveFault {
 public:
  explicit Flapping(std::shared_ptr<Flaps> flaps) : flaps_(std::move(flaps)) { Flaps::turn(flaps_); }
  std::string end(FaultStage&) override {
    flaps_->over = true;
    flaps_->restore();
    return fmt::format("cut off {} times", (flaps_->events + 1) / 2);
  }

 private:
  std::shared_ptr<Flaps> flaps_;
};

Began begin_flap(FaultStage& stage, const FaultPlan& plan, const std::vector<SimNode*>& targets,
                 uint64_t key) {
  const Duration down = std::max(kShortest, parameter(plan, "down", milliseconds(700)));
  const Duration up = std::max(kShortest, parameter(plan, "up", milliseconds(1300)));
  std::vector<Way> ways = ways_around(stage, targets, false);
  if (ways.empty()) return no_effect(join_names(targets) + ": there is nobody on the other side");
  return {std::make_unique<Flapping>(std::make_shared<Flaps>(Flaps{stage, std::move(ways), down, up, key})),
          fmt::format("{}: cut off from the cluster for {} ms, reached for {} ms, and so on",
                      join_names(targets), down.ms(), up.ms())};
}

}  // namespace

FaultKind flap_fault() {
  return {"flap",
          "the target is cut off from the cluster for `down` and reached for `up`, again and again",
          {"down", "up"},
          begin_flap,
          false,
          true};
}

}  // namespace ksim::sim
