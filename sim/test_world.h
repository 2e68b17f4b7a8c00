#pragma once
// A small simulated world for unit tests: nodes that run plain functions as their processes.
//
//     TestWorld world(seed);
//     world.run("a", [](Env& env) { ... });   // one node, one fiber, until everything has ended
//
// Invariants broken on a node are in failures().

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sim/world.h"

namespace ksim::sim {

// Runs a function on each shard; stop() wakes whoever waits in wait_for_stop().
class FunctionProcess final : public Process {
 public:
  using Body = std::function<void(Env&)>;
  FunctionProcess(std::vector<Env*> shards, Body body) : shards_(std::move(shards)), body_(std::move(body)) {}
  void run(size_t shard) override { body_(*shards_[shard]); }
  void stop() override {}

  static ProcessFactory factory(Body body) {
    return [body = std::move(body)](const std::vector<Env*>& shards) {
      return std::make_unique<FunctionProcess>(shards, body);
    };
  }

 private:
  std::vector<Env*> shards_;
  Body body_;
};

class TestWorld : private WorldWatcher {
 public:
  explicit TestWorld(uint64_t seed = 1) : TestWorld(setup_of(seed)) {}
  explicit TestWorld(const WorldSetup& setup) : world_(setup, memory_) { world_.watch(this); }

  World& world() { return world_; }
  RunMemory& memory() { return memory_; }
  SimNode& node(std::string_view name) {
    if (SimNode* found = world_.find(name)) return *found;
    NodeSetup setup;
    setup.name = std::string(name);
    return world_.add_node(setup);
  }
  SimNode& start(std::string_view name, FunctionProcess::Body body) {
    SimNode& started = node(name);
    started.start(FunctionProcess::factory(std::move(body)));
    return started;
  }
  // Until nothing can happen any more, at most `limit` of virtual time. False: something still runs.
  bool run(Duration limit = seconds(3600)) {
    world_.run_until(world_.now() + limit);
    for (size_t i = 0; i < world_.node_count(); ++i) {
      if (world_.node(i).running()) return false;
    }
    return true;
  }
  bool run(std::string_view name, FunctionProcess::Body body) {
    start(name, std::move(body));
    return run();
  }
  // "node/fiber: what" of every broken invariant so far.
  const std::vector<std::string>& failures() const { return failures_; }

  static WorldSetup setup_of(uint64_t seed) {
    WorldSetup setup;
    setup.seed = seed;
    return setup;
  }

  std::function<void(SimNode&, Mark, std::string_view)> on_mark;
  std::function<void(SimNode&, const Event&)> on_event;

 private:
  void event(SimNode& node, const Event& event) override {
    if (on_event) on_event(node, event);
  }
  void reached(SimNode& node, Mark mark, std::string_view subject) override {
    if (on_mark) on_mark(node, mark, subject);
  }
  void failed(SimNode& node, std::string_view fiber, std::string_view what) override {
    failures_.push_back(node.name() + "/" + std::string(fiber) + ": " + std::string(what));
  }
  void exited(SimNode&) override {}

  RunMemory memory_;
  World world_;
  std::vector<std::string> failures_;
};

}  // namespace ksim::sim
