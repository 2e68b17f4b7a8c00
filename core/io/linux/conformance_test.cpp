// The promises of the seam in the real world: a temporary directory, loopback, threads.

#include "core/io/conformance/conformance.h"

#include <atomic>
#include <cerrno>
#include <filesystem>

#include <gtest/gtest.h>
#include <stdlib.h>

#include "core/io/linux/linux_env.h"
#include "core/io/scope.h"

namespace ksim {
namespace {

std::atomic<int> failing_syncs{0};

int sync_that_can_fail(int descriptor, SyncMode mode) {
  int left = failing_syncs.load();
  while (left > 0) {
    if (failing_syncs.compare_exchange_weak(left, left - 1)) {
      errno = EIO;
      return -1;
    }
  }
  return kernel_sync(descriptor, mode);
}

class RealWorld final : public conformance::World {
 public:
  RealWorld() {
    std::string name = (std::filesystem::temp_directory_path() / "ksim-conformance-XXXXXX").string();
    root_ = ::mkdtemp(name.data());
    failing_syncs = 0;
  }
  ~RealWorld() override { std::filesystem::remove_all(root_); }

  void run(const std::vector<std::function<void(Env&)>>& nodes) override {
    std::unique_ptr<LinuxNode> node = make(1);
    node->run([&](Env& world) {
      Scope scope(world);
      for (size_t i = 0; i < nodes.size(); ++i) {
        scope.spawn("node", [&, i] {
          const std::filesystem::path directory = root_ / std::to_string(i);
          std::filesystem::create_directory(directory);
          LinuxDisk disk(node->blocking(0), directory.string(), sync_that_can_fail);
          Env env{world.clock,  world.scheduler, world.group,  disk,       world.network,
                  world.random, world.mailboxes, world.events, world.hooks};
          nodes[i](env);
        });
      }
      scope.join();
    });
  }

  void run_shards(size_t shards, const std::function<void(Env&)>& body) override { make(shards)->run(body); }
  std::string host(size_t) override { return "127.0.0.1"; }
  void fail_next_sync(size_t) override { ++failing_syncs; }

 private:
  std::unique_ptr<LinuxNode> make(size_t shards) {
    LinuxOptions options;
    options.root = root_.string();
    options.shards = shards;
    options.file_threads = 2;
    options.mailbox_capacity = 100;
    options.on_failure = [](const Fiber& fiber, std::string_view what) {
      ADD_FAILURE() << "fiber " << fiber.name() << ": " << what;
    };
    return LinuxNode::create(std::move(options)).value();
  }

  std::filesystem::path root_;
};

const bool registered = [] {
  conformance::register_promises("SeamLinux", [] { return std::make_unique<RealWorld>(); });
  return true;
}();

}  // namespace
}  // namespace ksim
