#pragma once
// The production world of one node: shards on threads, each with an Env.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/io/env.h"
#include "core/io/linux/disk.h"
#include "core/io/linux/random.h"
#include "core/io/linux/shards.h"
#include "core/io/linux/socket.h"
#include "core/io/linux/stack_memory.h"

namespace ksim {

struct LinuxOptions {
  std::string name = "node";
  std::string root = "/";  // what the paths of Disk are relative to
  size_t shards = 1;
  size_t file_threads = 8;  // for blocking file calls, shared by the shards
  size_t mailbox_capacity = 4096;
  // Connections accepted at a time, by all shards; those over it are closed at once.
  size_t max_accepted = SIZE_MAX;
  bool pin_threads = false;  // shard k to the k-th processor that this process may use
  // Shared by the shards: must stand calls from several threads.
  Events* events = nullptr;
  Hooks* hooks = nullptr;
  // A failed assertion of a fiber; by default a message on stderr and abort(). From any shard's thread.
  EpollLoop::OnFailure on_failure;
  SyncCall sync = kernel_sync;
};

class LinuxNode {
 public:
  // Fails if the root is no directory.
  static IoResult<std::unique_ptr<LinuxNode>> create(LinuxOptions options);
  LinuxNode(const LinuxNode&) = delete;
  LinuxNode& operator=(const LinuxNode&) = delete;
  ~LinuxNode();

  size_t shard_count() const { return shards_.size(); }
  // Valid while this lives; used by fibers of that shard only.
  Env& env(size_t shard);
  EpollLoop& loop(size_t shard);
  Blocking blocking(size_t shard);

  // Runs `main(env)` as the first fiber of every shard, shard 0 on the calling thread, each other one on a
  // thread of its own. Returns when no fiber is left on any shard. May be called again.
  void run(const std::function<void(Env&)>& main);

 private:
  struct Shard;
  explicit LinuxNode(LinuxOptions options);
  void run_shard(Shard& shard, const std::function<void(Env&)>& main);

  LinuxOptions options_;
  SharedPorts ports_;
  SocketBudget sockets_;
  // The destructor ends the pool before the loops that its jobs come home to.
  std::vector<std::unique_ptr<Inbox>> inboxes_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::unique_ptr<FilePool> pool_;
};

}  // namespace ksim
