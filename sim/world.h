#pragma once
// The simulated world: virtual time, nodes with disks and clocks that survive their processes, and the
// network between them. Everything runs on the calling thread. Two worlds of the same configuration do
// exactly the same.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/io/env.h"
#include "core/io/scope.h"
#include "sim/cpu.h"
#include "sim/disk/device.h"
#include "sim/ground.h"
#include "sim/net/fabric.h"

namespace ksim::sim {

class World;
class SimNode;

// What runs on a simulated machine: the object graph of one incarnation. Made outside fibers, so that its
// constructor cannot wait; destroyed after every fiber of it has ended.
class Process {
 public:
  virtual ~Process() = default;
  // The first fiber of each shard, all started at once. The process has exited when all have returned.
  virtual void run(size_t shard) = 0;
  // SIGTERM: asks run() to come to an end. Called outside fibers, does not wait.
  virtual void stop() = 0;
};
// `shards` are the environments by shard; they outlive the process.
using ProcessFactory = std::function<std::unique_ptr<Process>(const std::vector<Env*>& shards)>;

// What the world tells of its nodes. Called in the middle of things: it must neither park nor change the
// world, other than by World::later().
class WorldWatcher {
 public:
  virtual ~WorldWatcher() = default;
  virtual void event(SimNode& node, const Event& event) = 0;
  virtual void reached(SimNode& node, Mark mark, std::string_view subject) = 0;
  // A broken invariant, or another exception that left a fiber. The node is crashed next.
  virtual void failed(SimNode& node, std::string_view fiber, std::string_view what) = 0;
  virtual void exited(SimNode& node) = 0;
};

// True if the text of a failed invariant speaks of the simulator's own machinery. What a node does against
// the promises of the seam is found inside the simulator too, but is the node's doing.
bool blames_simulator(std::string_view failure);

struct NodeSetup {
  std::string name;
  size_t shards = 1;
  DiskProfile disk = DiskProfile::ssd();
  Duration clock_start = seconds(100);  // what the monotonic clock shows when virtual time is 0
  int32_t drift_ppb = 0;
  Duration wall_offset{0};
  size_t mailbox_capacity = 1024;
};

struct WorldSetup {
  uint64_t seed = 1;
  Exploration exploration;
  NetProfile net = NetProfile::rack();
  // Which sites of core/base/buggify.inc may fire in this run, by number of the site.
  std::vector<bool> active_sites;
};

class SimNode {
 public:
  enum class State : uint8_t { down, running, stopping };

  SimNode(World& world, size_t index, const NodeSetup& setup);
  SimNode(const SimNode&) = delete;
  SimNode& operator=(const SimNode&) = delete;
  ~SimNode();

  const std::string& name() const { return setup_.name; }
  size_t index() const { return host_.index; }
  uint64_t key() const { return host_.key; }
  State state() const { return state_; }
  bool running() const { return state_ != State::down; }
  bool alive() const;  // running, and its process has not just died
  bool paused() const { return pauses_ > 0; }
  // How many want the machine to stay down: nobody starts it before they have let go of it.
  bool kept_down() const { return keepers_ > 0; }
  void keep_down() { ++keepers_; }
  void let_go() { --keepers_; }
  uint32_t incarnation() const { return incarnation_; }  // 0 before the first
  size_t shard_count() const { return setup_.shards; }
  Host& host() { return host_; }
  Device& device() { return device_; }
  NodeClock& clock() { return clock_; }
  Process* process() { return process_.get(); }
  Troubles<CpuTrouble>& cpu_troubles() { return cpu_troubles_; }
  Env& env(size_t shard);  // only while running

  // ---- from outside fibers ----
  // Switches the machine on if it is off and starts a process. Only when down.
  void start(const ProcessFactory& factory);
  void start(const ProcessFactory& factory, size_t shards);
  void stop();   // SIGTERM
  void pause();  // SIGSTOP: its kernel goes on. Until unpause() was called as often, or the process dies
  void unpause();
  void set_drift(int32_t ppb);
  // On top of what it drifts by. Several together make a clock drift by no more than a clock can, and leave
  // it as it was when all have been taken back.
  void add_drift(int32_t ppb);
  // Its clocks stand still until release_clock() was called as often; while they do, the process is paused.
  void hold_clock();
  void release_clock();

  // ---- from anywhere ----
  // The process dies at once: nothing it does from now on has an effect, no further fiber of it runs. From
  // within one of its own fibers the rest of that fiber's step still runs, without effect.
  void crash();
  // The machine loses power: memory, connections and what was not synced are gone.
  void power_loss();
  // Another disk, which holds this and no more. Only while no process lives here.
  void replace_disk(const DiskCopy& copy);

 private:
  friend class World;
  struct Shard;
  struct Incarnation;
  struct Bury final : Timer {
    explicit Bury(SimNode& n) : node(n) {}
    void fire() override { node.bury(); }
    SimNode& node;
  };

  void requeue_timers();
  void cut();
  void schedule_burial();
  void bury();  // ends the fibers and the object graph of the dead incarnation
  void main_ended();

  World& world_;
  NodeSetup setup_;
  Host host_;
  NodeClock clock_;
  int32_t drift_asked_ppb_ = 0;
  Troubles<CpuTrouble> cpu_troubles_;
  Device device_;
  State state_ = State::down;
  uint32_t pauses_ = 0;
  uint32_t keepers_ = 0;
  uint32_t incarnation_ = 0;
  uint64_t power_losses_ = 0;
  std::unique_ptr<Incarnation> life_;
  std::unique_ptr<Process> process_;
  Bury bury_;
};

class World {
 public:
  World(const WorldSetup& setup, RunMemory& memory);
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  // Every node is cut, ended and destroyed.
  ~World();

  SimNode& add_node(const NodeSetup& setup);
  SimNode* find(std::string_view name);
  size_t node_count() const { return nodes_.size(); }
  SimNode& node(size_t index) { return *nodes_[index]; }

  Instant now() { return policy_.now(); }
  // Calls `what` outside fibers at that instant of the world, in the order of `key` among those of one
  // instant. Not after the world's end.
  void at(Instant when, uint64_t key, std::function<void()> what);
  // The same, before any other fiber runs.
  void later(uint64_t key, std::function<void()> what) { at(now(), key, std::move(what)); }

  // Runs until that instant of virtual time, until nothing can ever happen again, or until halt().
  void run_until(Instant end);
  void halt() { halted_ = true; }
  bool halted() const { return halted_; }
  // Not empty: the run was halted because fibers ran on without time moving.
  const std::string& livelock() const { return policy_.livelock(); }

  const WorldSetup& setup() const { return setup_; }
  const KeyedRandom& random() const { return random_; }
  Digest& digest() { return digest_; }
  Fabric& fabric() { return fabric_; }
  Ground& ground() { return ground_; }
  Scheduler& scheduler() { return scheduler_; }
  uint64_t resumes() const { return policy_.resumes(); }
  void trace(DigestTrace* trace) { digest_.attach(trace, &policy_.time_ns()); }
  void watch(WorldWatcher* watcher) { watcher_ = watcher; }
  WorldWatcher* watcher() { return watcher_; }
  // From now on no site fires any more.
  void calm_sites() { setup_.active_sites.clear(); }
  bool site_active(Site site) const {
    const auto index = static_cast<size_t>(site);
    return index < setup_.active_sites.size() && setup_.active_sites[index];
  }

 private:
  struct Call;

  void fiber_failed(Fiber& fiber, std::string_view what);

  WorldSetup setup_;
  KeyedRandom random_;
  Digest digest_;
  SimPolicy policy_;
  Scheduler scheduler_;
  Ground ground_;
  Fabric fabric_;
  WorldWatcher* watcher_ = nullptr;
  std::vector<std::unique_ptr<SimNode>> nodes_;
  std::vector<std::unique_ptr<Call>> calls_;
  bool halted_ = false;
};

}  // namespace ksim::sim
