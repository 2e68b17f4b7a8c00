#include "sim/world.h"

#include <algorithm>

#include "core/base/hash.h"

namespace ksim::sim {

struct World::Call final : Timer {
  Call(World& w, std::function<void()> f) : world(w), what(std::move(f)) {}
  void fire() override {
    std::function<void()> body = std::move(what);
    std::erase_if(world.calls_, [this](const std::unique_ptr<Call>& call) { return call.get() == this; });
    body();
  }
  World& world;
  std::function<void()> what;
};

bool blames_simulator(std::string_view failure) {
  if (!failure.starts_with("sim/")) return false;
  for (const std::string_view seam :
       {"sim/disk/sim_disk.cpp", "sim/net/sim_network.cpp", "sim/mailbox.cpp", "sim/ping/"}) {
    if (failure.starts_with(seam)) return false;
  }
  return true;
}

World::World(const WorldSetup& setup, RunMemory& memory)
    : setup_(setup),
      random_(setup.seed),
      digest_(setup.seed),
      policy_(setup.exploration, random_, digest_),
      scheduler_(policy_, memory.stacks),
      ground_{policy_, scheduler_, digest_, random_, memory},
      fabric_(ground_, setup.net) {
  policy_.on_failure = [this](Fiber& fiber, std::string_view what) { fiber_failed(fiber, what); };
}

World::~World() {
  for (const std::unique_ptr<Call>& call : calls_) scheduler_.cancel_timer(*call);
  for (const std::unique_ptr<SimNode>& node : nodes_) {
    if (!node->running()) continue;
    node->cut();
    node->bury();
  }
  fabric_.clear();
}

SimNode& World::add_node(const NodeSetup& setup) {
  ENSURE(find(setup.name) == nullptr, "two nodes of one name");
  nodes_.push_back(std::make_unique<SimNode>(*this, nodes_.size(), setup));
  return *nodes_.back();
}

SimNode* World::find(std::string_view name) {
  for (const std::unique_ptr<SimNode>& node : nodes_) {
    if (node->name() == name) return node.get();
  }
  return nullptr;
}

void World::at(Instant when, uint64_t key, std::function<void()> what) {
  calls_.push_back(std::make_unique<Call>(*this, std::move(what)));
  scheduler_.add_timer(*calls_.back(), std::max(when, now()), random_.draw(SimStream::timer_tie, key, 1));
}

void World::run_until(Instant end) {
  policy_.run_until(end);
  scheduler_.run([this] {
    if (!policy_.livelock().empty()) halted_ = true;
    return halted_;
  });
}

void World::fiber_failed(Fiber& fiber, std::string_view what) {
  for (const std::unique_ptr<SimNode>& node : nodes_) {
    for (size_t shard = 0; node->running() && shard < node->shard_count(); ++shard) {
      if (&node->env(shard).group != &fiber.group() || !node->alive()) continue;
      if (watcher_ != nullptr) watcher_->failed(*node, fiber.name(), what);
      node->crash();
      return;
    }
  }
}

}  // namespace ksim::sim
