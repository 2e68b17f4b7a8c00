#include "core/io/linux/linux_env.h"

#include <atomic>
#include <barrier>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <filesystem>
#include <mutex>
#include <set>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "core/base/sanitizers.h"
#include "core/io/linux/errors.h"
#include "core/io/linux/signals.h"
#include "core/io/scope.h"

namespace ksim {
namespace {

class LinuxNodeTest : public testing::Test {
 protected:
  LinuxNodeTest() {
    std::string name = (std::filesystem::temp_directory_path() / "ksim-linux-XXXXXX").string();
    root_ = ::mkdtemp(name.data());
  }
  ~LinuxNodeTest() override { std::filesystem::remove_all(root_); }

  std::unique_ptr<LinuxNode> make(size_t shards = 1, size_t file_threads = 2) {
    LinuxOptions options;
    options.root = root_.string();
    options.shards = shards;
    options.file_threads = file_threads;
    options.on_failure = [this](const Fiber& fiber, std::string_view what) {
      failures_.push_back(fiber.name() + ": " + std::string(what));
    };
    return LinuxNode::create(std::move(options)).value();
  }

  std::filesystem::path root_;
  std::vector<std::string> failures_;
};

TEST_F(LinuxNodeTest, TheRootMustBeADirectory) {
  LinuxOptions options;
  options.root = (root_ / "none").string();
  EXPECT_FALSE(LinuxNode::create(std::move(options)).ok());
}

TEST_F(LinuxNodeTest, BusyFibersDoNotKeepTheLoopFromItsSockets) {
  const auto node = make();
  bool heard = false;
  node->run([&](Env& env) {
    Scope scope(env);
    scope.spawn("busy", [&] {
      while (!heard) env.scheduler.yield();
    });
    auto listener = env.network.listen({"127.0.0.1", 0});
    ASSERT_TRUE(listener.ok());
    scope.spawn("client", [&] {
      auto connection = env.network.connect((*listener)->local(), "test", env.after(seconds(20)));
      ASSERT_TRUE(connection.ok());
      ASSERT_TRUE(write_all(**connection, as_bytes("x"), Instant::never()).ok());
      (*connection)->close();
    });
    auto connection = (*listener)->accept(env.after(seconds(20)));
    ASSERT_TRUE(connection.ok());
    ByteBuffer byte(1);
    heard = read_exactly(**connection, byte, env.after(seconds(20))).ok();
    EXPECT_TRUE(heard);
    heard = true;
    scope.join();
  });
}

TEST_F(LinuxNodeTest, BlockingCallsRunBesideOneAnother) {
  const auto node = make(1, 2);
  std::mutex mutex;
  std::condition_variable changed;
  int inside = 0;
  node->run([&](Env& env) {
    Scope scope(env);
    for (int i = 0; i < 2; ++i) {
      scope.spawn("caller", [&] {
        // Each waits for the other: one thread alone would never return.
        const bool met = node->blocking(0)("meet", [&] {
          std::unique_lock lock(mutex);
          ++inside;
          changed.notify_all();
          return changed.wait_for(lock, std::chrono::seconds(20), [&] { return inside == 2; });
        });
        EXPECT_TRUE(met);
      });
    }
    scope.join();
  });
}

TEST_F(LinuxNodeTest, FailedAssertionsAreTold) {
  const auto node = make();
  node->run([](Env&) { ENSURE(1 + 1 == 3, "sums"); });
  ASSERT_EQ(failures_.size(), 1U);
  EXPECT_NE(failures_[0].find("sums"), std::string::npos);
}

TEST_F(LinuxNodeTest, ShardsAreThreads) {
  const auto node = make(3);
  std::mutex mutex;
  std::set<std::thread::id> threads;
  node->run([&](Env& env) {
    env.sleep(milliseconds(1));
    const std::lock_guard lock(mutex);
    threads.insert(std::this_thread::get_id());
  });
  EXPECT_EQ(threads.size(), 3U);
}

TEST_F(LinuxNodeTest, NamesAreLookedUp) {
  const auto node = make();
  node->run([&](Env& env) {
    auto listener = env.network.listen({"localhost", 0});
    ASSERT_TRUE(listener.ok()) << to_string(listener.error());
    const uint16_t port = (*listener)->local().port;
    EXPECT_TRUE(env.network.connect({"localhost", port}, "test", env.after(seconds(20))).ok());
    EXPECT_EQ(env.network.connect({"no-such-host.invalid", 1}, "test", env.after(seconds(60))).error(),
              IoError::unreachable);
    // The lookup outlives the one who asked.
    Scope scope(env);
    scope.spawn("asker", [&] {
      static_cast<void>(env.network.connect({"no-such-host.invalid", 1}, "test", Instant::never()));
    });
    env.scheduler.yield();
    scope.close();
  });
  EXPECT_TRUE(failures_.empty());
}

TEST_F(LinuxNodeTest, ShardsOfANodeShareAPortAndOtherNodesDoNot) {
  const auto node = make(2);
  const auto stranger = make();
  std::atomic<uint16_t> port{0};
  std::atomic<int> listening{0};
  std::atomic<int> accepted{0};
  constexpr int kConnections = 40;
  node->run([&](Env& env) {
    while (env.mailboxes.self() == 1 && port == 0) env.sleep(milliseconds(1));
    auto listener = env.network.listen({"127.0.0.1", port});
    ASSERT_TRUE(listener.ok()) << to_string(listener.error());
    port = (*listener)->local().port;
    EXPECT_EQ(env.network.listen({"127.0.0.1", port}).error(), IoError::in_use) << "this shard is there";
    ++listening;
    while (listening != 2) env.sleep(milliseconds(1));
    Scope scope(env);
    if (env.mailboxes.self() == 0) {
      scope.spawn("clients", [&] {
        std::vector<ConnectionRef> connections;
        for (int i = 0; i < kConnections; ++i) {
          auto connection = env.network.connect({"127.0.0.1", port}, "test", env.after(seconds(20)));
          ASSERT_TRUE(connection.ok());
          connections.push_back(std::move(*connection));
        }
        while (accepted != kConnections) env.sleep(milliseconds(1));
      });
    }
    std::vector<ConnectionRef> kept;
    while (accepted != kConnections) {
      auto connection = (*listener)->accept(env.after(milliseconds(5)));
      if (!connection.ok()) continue;
      kept.push_back(std::move(*connection));
      ++accepted;
    }
    scope.join();
    if (env.mailboxes.self() == 0) {
      stranger->run([&](Env& other) {
        EXPECT_EQ(other.network.listen({"127.0.0.1", port}).error(), IoError::in_use);
      });
    }
    listening += 10;
    while (listening < 20) env.sleep(milliseconds(1));
  });
  EXPECT_EQ(accepted, kConnections);
}

// The first shard looks whether others listen there: it must not find the shards of its own node.
TEST_F(LinuxNodeTest, ShardsBeginToListenAtOnce) {
  constexpr size_t kShards = 8;
  constexpr int kRounds = 200;
  const auto node = make(kShards);
  uint16_t port = 0;
  make()->run([&](Env& env) { port = (*env.network.listen({"127.0.0.1", 0}))->local().port; });
  std::barrier<> together(kShards);
  std::atomic<int> refused{0};
  node->run([&](Env& env) {
    for (int round = 0; round < kRounds; ++round) {
      together.arrive_and_wait();
      const auto listener = env.network.listen({"127.0.0.1", port});
      if (!listener.ok()) ++refused;
      together.arrive_and_wait();
    }
  });
  EXPECT_EQ(refused, 0);
}

TEST_F(LinuxNodeTest, ColdReadsComeFromTheDevice) {
  const auto node = make();
  node->run([&](Env& env) {
    IoResult<FileRef> file = env.disk.open("f", Open::create);
    ASSERT_TRUE(file.ok());
    ByteBuffer content(300'000);
    for (size_t i = 0; i < content.size(); ++i) content[i] = static_cast<uint8_t>(i * 31 >> 3);
    ASSERT_TRUE(write_fully(**file, 0, content).ok());
    ASSERT_TRUE((*file)->sync(SyncMode::data).ok());
    auto& linux_file = static_cast<LinuxFile&>(**file);
    ASSERT_EQ(::posix_fadvise(linux_file.descriptor(), 0, 0, POSIX_FADV_DONTNEED), 0);
    ByteBuffer back(content.size());
    ASSERT_TRUE(read_fully(**file, 0, back).ok());
    EXPECT_TRUE(back == content);
    ASSERT_EQ(::posix_fadvise(linux_file.descriptor(), 0, 0, POSIX_FADV_DONTNEED), 0);
    linux_file.warm(0, content.size());
    EXPECT_TRUE(linux_file.looks_resident(0, content.size()));
  });
}

TEST_F(LinuxNodeTest, ASignalIsAWait) {
  ProcessSignals signals;
  const auto node = make();
  node->run([&](Env& env) {
    EXPECT_EQ(signals.wait(node->loop(0), env.scheduler, env.after(milliseconds(5))), 0);
    ASSERT_EQ(::raise(SIGTERM), 0);
    EXPECT_EQ(signals.wait(node->loop(0), env.scheduler, env.after(seconds(20))), SIGTERM);
  });
}

#if !defined(KSIM_ADDRESS_SANITIZER)
// Never optimised into a loop: each call writes to its own frame.
int deeper(volatile int* above, int levels) {
  volatile int here[64];
  here[0] = *above + 1;
  return levels == 0 ? 0 : deeper(here, levels - 1) + here[0];
}

TEST_F(LinuxNodeTest, AStackOverflowNamesItsFiber) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_DEATH(
      {
        make()->run([](Env& env) {
          Scope scope(env);
          scope.spawn("bottomless", [] {
            volatile int start = 0;
            static_cast<void>(deeper(&start, 1'000'000));
          });
          scope.join();
        });
      },
      "SIGSEGV at 0x[0-9a-f]+ in fiber bottomless of node/0: its stack is used up");
}
#endif

TEST(LinuxErrors, TheSeamsWords) {
  EXPECT_EQ(io_error_of(ENOENT), IoError::not_found);
  EXPECT_EQ(io_error_of(ENOSPC), IoError::no_space);
  EXPECT_EQ(io_error_of(EIO), IoError::io);
  EXPECT_EQ(io_error_of(EROFS), IoError::io);
  EXPECT_EQ(io_error_of(ECONNREFUSED), IoError::refused);
  EXPECT_EQ(io_error_of(EHOSTUNREACH), IoError::unreachable);
  EXPECT_EQ(stream_error_of(EHOSTUNREACH), IoError::reset);
  EXPECT_EQ(stream_error_of(ETIMEDOUT), IoError::reset);
}

TEST(LinuxRandomTest, SeedsDifferAndDrawsRepeat) {
  EXPECT_NE(LinuxRandom::fresh_seed(), LinuxRandom::fresh_seed());
  LinuxRandom one(1);
  LinuxRandom same(1);
  LinuxRandom other(2);
  EXPECT_EQ(one.draw(Stream::uuid, 2, 3), same.draw(Stream::uuid, 2, 3));
  EXPECT_NE(one.draw(Stream::uuid, 2, 3), other.draw(Stream::uuid, 2, 3));
}

}  // namespace
}  // namespace ksim
