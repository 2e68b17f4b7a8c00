#include "core/base/hash.h"
#include "sim/disk/sim_disk.h"
#include "sim/mailbox.h"
#include "sim/net/sim_network.h"
#include "sim/world.h"

namespace ksim::sim {
class LifeRandom final : public Random {
 public:
  LifeRandom(const KeyedRandom& random, uint64_t life_key) : random_(random), life_key_(life_key) {}
  uint64_t draw(Stream stream, uint64_t entity, uint64_t counter) override {
    return random_.draw(static_cast<uint64_t>(stream), mix64(life_key_, entity), counter);
  }

 private:
  const KeyedRandom& random_;
  uint64_t life_key_;
};

class LifeHooks final : public Hooks, public Events {
 public:
  LifeHooks(World& world, SimNode& node, Life& life) : world_(world), node_(node), life_(life) {}

  void reached(Mark mark, std::string_view subject) override {
    if (life_.alive() && world_.watcher() != nullptr) world_.watcher()->reached(node_, mark, subject);
  }
  bool buggify(Site site, uint32_t per_mille) override {
    if (!life_.alive() || !world_.site_active(site)) return false;
    const auto index = static_cast<size_t>(site);
    const uint64_t bits =
        world_.random().draw(SimStream::buggify_fire, mix64(life_.key(), index), ++calls_[index]);
    return below(bits, 1000) < per_mille;
  }
  void emit(const Event& event) override {
    if (life_.alive() && world_.watcher() != nullptr) world_.watcher()->event(node_, event);
  }

 private:
  World& world_;
  SimNode& node_;
  Life& life_;
  uint64_t calls_[kSiteCount] = {};
};

struct SimNode::Shard {
  Shard(World& world, SimNode& node, Life& life, size_t index, Clock& clock, Disk& disk, Random& random,
        Mailboxes& mailboxes, LifeHooks& hooks)
      : cpu(world.scheduler(), world.ground().policy, node.clock_, node.cpu_troubles_,
            mix64(life.key(), index)),
        group(node.name() + (node.shard_count() > 1 ? "." + std::to_string(index) : ""),
              mix64(life.key(), index)),
        network(world.fabric(), node.host_, life, index),
        env{clock, world.scheduler(), group, disk, network, random, mailboxes, &hooks, &hooks} {
    group.world = &cpu;
  }
  Cpu cpu;
  FiberGroup group;
  SimNetwork network;
  Env env;
};

struct SimNode::Incarnation {
  Incarnation(World& world, SimNode& node, uint32_t number)
      : life(world.scheduler(), mix64(node.key(), number), number),
        hooks(world, node, life),
        random(world.random(), life.key()),
        disk(world.ground(), life, node.device_, node.clock_, hooks),
        post(world.ground(), life, node.setup_.shards, node.setup_.mailbox_capacity) {
    for (size_t i = 0; i < node.setup_.shards; ++i) {
      shards.push_back(
          std::make_unique<Shard>(world, node, life, i, node.clock_, disk, random, post.of(i), hooks));
    }
  }
  Life life;
  LifeHooks hooks;
  LifeRandom random;
  SimDisk disk;
  Post post;
  std::vector<std::unique_ptr<Shard>> shards;
  std::vector<std::unique_ptr<Scope>> mains;  // one per shard
  size_t mains_running = 0;
};

SimNode::SimNode(World& world, size_t index, const NodeSetup& setup)
    : world_(world),
      setup_(setup),
      host_(setup.name, index, hash_text(setup.name)),
      clock_(world.ground().policy.time_ns()),
      device_(world.ground(), mix64(host_.key, 77), setup.disk),
      bury_(*this) {
  clock_.set_start(setup.clock_start);
  clock_.set_drift(setup.drift_ppb);
  drift_asked_ppb_ = setup.drift_ppb;
  clock_.step_wall(setup.wall_offset);
  world.fabric().add_host(host_);
}

SimNode::~SimNode() { world_.scheduler().cancel_timer(bury_); }

Env& SimNode::env(size_t shard) {
  ENSURE(life_ != nullptr, "a node that is down has no environment");
  return life_->shards.at(shard)->env;
}

bool SimNode::alive() const { return life_ != nullptr && life_->life.alive(); }

void SimNode::start(const ProcessFactory& factory) { start(factory, setup_.shards); }

void SimNode::start(const ProcessFactory& factory, size_t shards) {
  ENSURE(state_ == State::down && life_ == nullptr, "a node is started while it runs");
  ENSURE(world_.scheduler().current() == nullptr, "a node is started from outside fibers");
  setup_.shards = shards;
  host_.powered = true;
  state_ = State::running;
  pauses_ = 0;
  life_ = std::make_unique<Incarnation>(world_, *this, ++incarnation_);
  Digest& digest = world_.digest();
  if (digest.wants_name(key())) digest.name(key(), name());
  digest.fold(Fold::node_start, key(), incarnation_);
  std::vector<Env*> envs;
  for (const std::unique_ptr<Shard>& shard : life_->shards) envs.push_back(&shard->env);
  process_ = factory(envs);
  life_->mains_running = shards;
  for (size_t i = 0; i < shards; ++i) {
    life_->mains.push_back(std::make_unique<Scope>(*envs[i]));
    life_->mains.back()->spawn("main", [this, i] {
      process_->run(i);
      main_ended();
    });
  }
}

void SimNode::main_ended() {
  if (!life_->life.alive() || --life_->mains_running > 0) return;
  // The process exits: whatever it left open its kernel closes.
  WorldWatcher* watcher = world_.watcher();
  world_.digest().fold(Fold::node_exit, key(), incarnation_);
  cut();
  world_.fabric().process_died(host_);
  schedule_burial();
  if (watcher != nullptr) watcher->exited(*this);
}

void SimNode::stop() {
  if (state_ != State::running) return;
  state_ = State::stopping;
  process_->stop();
}

void SimNode::pause() {
  if (!alive() || ++pauses_ > 1) return;
  for (const std::unique_ptr<Shard>& shard : life_->shards) shard->cpu.freeze();
}

void SimNode::unpause() {
  if (!alive() || pauses_ == 0 || --pauses_ > 0) return;
  for (const std::unique_ptr<Shard>& shard : life_->shards) shard->cpu.thaw();
}

void SimNode::add_drift(int32_t ppb) { set_drift(drift_asked_ppb_ + ppb); }

void SimNode::set_drift(int32_t asked_ppb) {
  drift_asked_ppb_ = asked_ppb;
  const int32_t ppb = std::clamp(asked_ppb, -kMaxDriftPpb, kMaxDriftPpb);
  clock_.set_drift(ppb);
  requeue_timers();
}

void SimNode::hold_clock() {
  clock_.hold();
  requeue_timers();
}

void SimNode::release_clock() {
  clock_.release();
  requeue_timers();
}

void SimNode::requeue_timers() {
  if (!alive()) return;
  for (const std::unique_ptr<Shard>& shard : life_->shards) world_.scheduler().requeue_timers(shard->group);
}

void SimNode::cut() {
  if (!alive()) return;
  life_->life.cut();
  pauses_ = 0;
  for (const std::unique_ptr<Shard>& shard : life_->shards) shard->cpu.stop();
}

void SimNode::schedule_burial() {
  // Before any other fiber runs, but not from within one.
  if (!bury_.armed()) world_.scheduler().add_timer(bury_, Instant{0}, mix64(key(), 1));
}

void SimNode::crash() {
  if (!alive()) return;
  world_.digest().fold(Fold::node_crash, key(), incarnation_);
  cut();
  device_.process_died(life_->life.key());
  world_.fabric().process_died(host_);
  schedule_burial();
}

void SimNode::power_loss() {
  if (!host_.powered) return;
  world_.digest().fold(Fold::power_loss, key(), ++power_losses_);
  if (alive()) {
    cut();
    device_.process_died(life_->life.key());
    schedule_burial();
  }
  world_.fabric().power_lost(host_);
  device_.power_lost(power_losses_);
}

void SimNode::replace_disk(const DiskCopy& copy) {
  ENSURE(!alive(), "a disk is replaced under a living process");
  device_.image().restore(copy);
}

void SimNode::bury() {
  world_.scheduler().cancel_timer(bury_);
  if (life_ == nullptr) return;
  for (size_t i = life_->shards.size(); i-- > 0;) world_.scheduler().kill(life_->shards[i]->group);
  life_->post.close();
  process_.reset();
  life_.reset();
  state_ = State::down;
}

}  // namespace ksim::sim
