#include "core/io/linux/linux_env.h"

#include <csignal>

#include <sched.h>

#include "core/base/hash.h"
#include "core/io/linux/clock.h"
#include "core/io/linux/fault_handler.h"
#include "core/io/scope.h"

namespace ksim {
namespace {

std::string shard_name(const LinuxOptions& options, size_t shard) {
  return options.name + "/" + std::to_string(shard);
}

void pin_to_processor(size_t shard) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (::sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return;
  size_t wanted = shard % static_cast<size_t>(CPU_COUNT(&allowed));
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed) || wanted-- > 0) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    ::sched_setaffinity(0, sizeof(one), &one);
    return;
  }
}

}  // namespace

// Members in the order in which they need one another.
struct LinuxNode::Shard {
  Shard(LinuxNode& node, size_t shard_index, uint64_t seed)
      : index(shard_index),
        loop(node.options_.on_failure),
        stacks(stack_memory),
        scheduler(loop, stacks),
        blocking{*node.pool_, loop, scheduler},
        group(shard_name(node.options_, index), mix64(seed, index)),
        disk(blocking, node.options_.root, node.options_.sync),
        network(blocking, node.ports_, node.sockets_, index),
        random(seed),
        mailboxes(node.inboxes_, index),
        env{clock,
            scheduler,
            group,
            disk,
            network,
            random,
            mailboxes,
            node.options_.events,
            node.options_.hooks} {}

  size_t index;
  EpollLoop loop;
  MappedStacks stack_memory;
  StackPool stacks;
  Scheduler scheduler;
  Blocking blocking;
  FiberGroup group;
  LinuxClock clock;
  LinuxDisk disk;
  LinuxNetwork network;
  LinuxRandom random;
  ShardMailboxes mailboxes;
  Env env;
};

IoResult<std::unique_ptr<LinuxNode>> LinuxNode::create(LinuxOptions options) {
  ENSURE(options.shards > 0 && options.file_threads > 0);
  std::unique_ptr<LinuxNode> node(new LinuxNode(std::move(options)));
  if (!node->shards_.front()->disk.ok()) return fail(IoError::not_found);
  return node;
}

LinuxNode::LinuxNode(LinuxOptions options)
    : options_(std::move(options)),
      sockets_(options_.max_accepted),
      pool_(std::make_unique<FilePool>(options_.file_threads)) {
  std::signal(SIGPIPE, SIG_IGN);  // sendfile has no flag against it
  const uint64_t seed = LinuxRandom::fresh_seed();
  for (size_t i = 0; i < options_.shards; ++i) {
    shards_.push_back(std::make_unique<Shard>(*this, i, seed));
    inboxes_.push_back(
        std::make_unique<Inbox>(shards_[i]->loop, shards_[i]->scheduler, options_.mailbox_capacity));
  }
}

LinuxNode::~LinuxNode() {
  pool_.reset();
  for (const auto& shard : shards_) shard->loop.drain();
  inboxes_.clear();
}

Env& LinuxNode::env(size_t shard) { return shards_[shard]->env; }
EpollLoop& LinuxNode::loop(size_t shard) { return shards_[shard]->loop; }
Blocking LinuxNode::blocking(size_t shard) { return shards_[shard]->blocking; }

void LinuxNode::run_shard(Shard& shard, const std::function<void(Env&)>& main) {
  shard.loop.enter_thread();
  if (options_.pin_threads) pin_to_processor(shard.index);
  const FaultHandler fault_handler(shard.scheduler);
  Scope scope(shard.env);
  scope.spawn("main", [&] { main(shard.env); });
  shard.scheduler.run([&] { return shard.group.empty(); });
}

void LinuxNode::run(const std::function<void(Env&)>& main) {
  std::vector<std::thread> threads;
  for (size_t i = 1; i < shards_.size(); ++i) {
    threads.emplace_back([this, i, &main] { run_shard(*shards_[i], main); });
  }
  run_shard(*shards_.front(), main);
  for (std::thread& thread : threads) thread.join();
}

}  // namespace ksim
