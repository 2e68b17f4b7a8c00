// The promises of the seam in the simulated world, under several seeds and policies.

#include "core/io/conformance/conformance.h"

#include <gtest/gtest.h>

#include "sim/test_world.h"

namespace ksim::sim {
namespace {

class SimulatedWorld final : public conformance::World {
 public:
  explicit SimulatedWorld(const WorldSetup& setup) : world_(setup) {}

  void run(const std::vector<std::function<void(Env&)>>& nodes) override {
    for (size_t i = 0; i < nodes.size(); ++i) world_.start(host(i), nodes[i]);
    finish();
  }
  void run_shards(size_t shards, const std::function<void(Env&)>& body) override {
    NodeSetup setup;
    setup.name = host(0);
    setup.shards = shards;
    setup.mailbox_capacity = 100;
    world_.world().add_node(setup);
    world_.start(host(0), body);
    finish();
  }
  std::string host(size_t node) override { return "node-" + std::to_string(node); }
  void fail_next_sync(size_t node) override { world_.node(host(node)).device().fail_next_sync(); }

 private:
  void finish() {
    EXPECT_TRUE(world_.run()) << "something still runs after an hour";
    for (const std::string& failure : world_.failures()) ADD_FAILURE() << failure;
    EXPECT_EQ(world_.world().livelock(), "");
  }
  TestWorld world_;
};

void add(const std::string& suite, uint64_t seed, Order order, bool buggified) {
  WorldSetup setup = TestWorld::setup_of(seed);
  setup.exploration.order = order;
  if (buggified) setup.active_sites.assign(kSiteCount, true);
  conformance::register_promises(suite, [setup] { return std::make_unique<SimulatedWorld>(setup); });
}

const bool registered = [] {
  add("SeamSimRandom", 1, Order::random, false);
  add("SeamSimFewChanges", 2, Order::few_changes, false);
  add("SeamSimFifo", 3, Order::fifo, false);
  for (uint64_t seed = 10; seed < 30; ++seed) {
    add("SeamSimSeed" + std::to_string(seed), seed, Order::random, seed % 2 == 0);
  }
  return true;
}();

}  // namespace
}  // namespace ksim::sim
