#pragma once
// A world for tests of rpc: time that jumps, and a network in memory that cuts transfers into seeded pieces.

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/base/hash.h"
#include "core/io/env.h"
#include "core/io/linux/stack_memory.h"
#include "core/io/scope.h"
#include "core/io/sync.h"

namespace ksim::rpc::test {

class JumpingPolicy final : public SchedulerPolicy {
 public:
  Instant now() override { return time; }
  uint64_t wake_priority(const Fiber&) override { return ++order; }
  uint64_t timer_tie(const Fiber&) override { return ++order; }
  bool idle(Instant next) override {
    if (next.is_never()) return false;
    time = std::max(time, next);
    return true;
  }
  void fiber_failed(Fiber& fiber, std::string_view what) override {
    ADD_FAILURE() << "fiber " << fiber.name() << ": " << what;
  }
  Instant time{1'000'000'000};
  uint64_t order = 0;
};

// One direction of a connection.
struct Pipe {
  explicit Pipe(Scheduler& scheduler) : changed(scheduler) {}
  std::deque<uint8_t> bytes;
  bool finished = false;
  bool aborted = false;
  Condition changed;
};

class MemoryConnection final : public Connection {
 public:
  static constexpr size_t kCapacity = 16 * 1024;

  MemoryConnection(std::shared_ptr<Pipe> in, std::shared_ptr<Pipe> out, Endpoint peer, uint64_t key)
      : in_(std::move(in)), out_(std::move(out)), peer_(std::move(peer)), key_(key) {}
  ~MemoryConnection() override {
    if (!closed_) abort();
  }

  IoResult<size_t> read_some(MutableBytes into, Deadline deadline) override {
    for (;;) {
      if (closed_) return fail(IoError::closed);
      if (in_->aborted) return fail(IoError::reset);
      if (!in_->bytes.empty()) break;
      if (in_->finished) return size_t{0};
      if (!in_->changed.wait(deadline, "read")) return fail(IoError::timed_out);
    }
    const size_t count = std::min({into.size(), in_->bytes.size(), piece()});
    std::copy_n(in_->bytes.begin(), count, into.begin());
    in_->bytes.erase(in_->bytes.begin(), in_->bytes.begin() + static_cast<ptrdiff_t>(count));
    in_->changed.notify_all();
    return count;
  }
  bool peer_has_ended() const override { return in_->aborted || (in_->finished && in_->bytes.empty()); }
  IoResult<size_t> write_some(std::span<const Bytes> from, Deadline deadline) override {
    for (;;) {
      if (closed_) return fail(IoError::closed);
      if (out_->aborted) return fail(IoError::reset);
      if (out_->bytes.size() < kCapacity) break;
      if (!out_->changed.wait(deadline, "write")) return fail(IoError::timed_out);
    }
    size_t room = std::min(kCapacity - out_->bytes.size(), piece());
    size_t total = 0;
    for (const Bytes span : from) {
      const size_t count = std::min(span.size(), room - total);
      out_->bytes.insert(out_->bytes.end(), span.begin(), span.begin() + static_cast<ptrdiff_t>(count));
      total += count;
    }
    out_->changed.notify_all();
    return total;
  }
  IoResult<size_t> send_file(const FileRef& file, uint64_t offset, uint64_t size_bytes,
                             Deadline deadline) override {
    ByteBuffer bytes(std::min<uint64_t>(size_bytes, piece()));
    const MutableBytes span(bytes);
    TRY_ASSIGN(const size_t count, file->read(offset, std::span(&span, 1)));
    if (count == 0) return size_t{0};
    const Bytes from = Bytes(bytes).first(count);
    return write_some(std::span(&from, 1), deadline);
  }
  void shutdown_write() override {
    out_->finished = true;
    out_->changed.notify_all();
  }
  void close() override {
    closed_ = true;
    out_->finished = true;
    wake_all();
  }
  void abort() override {
    closed_ = true;
    out_->aborted = true;
    in_->aborted = true;
    wake_all();
  }
  Endpoint peer() const override { return peer_; }
  uint64_t key() const override { return key_; }

 private:
  void wake_all() {
    in_->changed.notify_all();
    out_->changed.notify_all();
  }
  size_t piece() { return 1 + mix64(key_, ++pieces_) % 5000; }

  std::shared_ptr<Pipe> in_;
  std::shared_ptr<Pipe> out_;
  Endpoint peer_;
  uint64_t key_;
  uint64_t pieces_ = 0;
  bool closed_ = false;
};

struct Backlog {
  explicit Backlog(Scheduler& scheduler) : changed(scheduler) {}
  std::deque<ConnectionRef> waiting;
  bool closed = false;
  Condition changed;
};

class MemoryListener final : public Listener {
 public:
  MemoryListener(Endpoint at, std::shared_ptr<Backlog> backlog)
      : at_(std::move(at)), backlog_(std::move(backlog)) {}
  ~MemoryListener() override { close(); }
  IoResult<ConnectionRef> accept(Deadline deadline) override {
    while (backlog_->waiting.empty()) {
      if (backlog_->closed) return fail(IoError::closed);
      if (!backlog_->changed.wait(deadline, "accept")) return fail(IoError::timed_out);
    }
    ConnectionRef connection = std::move(backlog_->waiting.front());
    backlog_->waiting.pop_front();
    return connection;
  }
  Endpoint local() const override { return at_; }
  void close() override {
    backlog_->closed = true;
    backlog_->changed.notify_all();
  }

 private:
  Endpoint at_;
  std::shared_ptr<Backlog> backlog_;
};

class MemoryNetwork final : public Network {
 public:
  explicit MemoryNetwork(Scheduler& scheduler) : scheduler_(scheduler) {}

  IoResult<std::unique_ptr<Listener>> listen(const Endpoint& at) override {
    Endpoint bound = at;
    if (bound.port == 0) bound.port = ++next_port_;
    auto backlog = std::make_shared<Backlog>(scheduler_);
    backlogs_[bound] = backlog;
    return std::unique_ptr<Listener>(std::make_unique<MemoryListener>(bound, backlog));
  }
  IoResult<ConnectionRef> connect(const Endpoint& to, std::string_view, Deadline) override {
    const auto found = backlogs_.find(to);
    if (found == backlogs_.end() || found->second->closed) return fail(IoError::refused);
    auto there = std::make_shared<Pipe>(scheduler_);
    auto back = std::make_shared<Pipe>(scheduler_);
    const uint64_t key = ++connections_;
    found->second->waiting.push_back(std::make_unique<MemoryConnection>(
        there, back, Endpoint{"client", static_cast<uint16_t>(40'000 + key)}, 2 * key));
    found->second->changed.notify_all();
    return ConnectionRef(std::make_unique<MemoryConnection>(back, there, to, 2 * key + 1));
  }

 private:
  Scheduler& scheduler_;
  std::map<Endpoint, std::shared_ptr<Backlog>> backlogs_;
  uint16_t next_port_ = 9000;
  uint64_t connections_ = 0;
};

class MemoryFile final : public File {
 public:
  explicit MemoryFile(ByteBuffer bytes) : content(std::move(bytes)) {}
  IoResult<size_t> read(uint64_t offset, std::span<const MutableBytes> into) override {
    size_t total = 0;
    for (const MutableBytes span : into) {
      if (offset + total >= content.size()) break;
      const size_t count = std::min<size_t>(span.size(), content.size() - offset - total);
      std::copy_n(content.begin() + static_cast<ptrdiff_t>(offset + total), count, span.begin());
      total += count;
    }
    return total;
  }
  IoResult<size_t> write(uint64_t, std::span<const Bytes>) override { return fail(IoError::invalid); }
  IoResult<void> sync(SyncMode) override { return fail(IoError::invalid); }
  IoResult<void> truncate(uint64_t) override { return fail(IoError::invalid); }
  IoResult<void> preallocate(uint64_t, uint64_t) override { return fail(IoError::invalid); }
  IoResult<uint64_t> size() override { return content.size(); }
  ByteBuffer content;
};

// What these tests do not use fails.
class NoDisk final : public Disk {
 public:
  IoResult<FileRef> open(std::string_view, Open) override { return fail(IoError::invalid); }
  IoResult<void> make_dir(std::string_view) override { return fail(IoError::invalid); }
  IoResult<std::vector<std::string>> list(std::string_view) override { return fail(IoError::invalid); }
  IoResult<void> rename(std::string_view, std::string_view) override { return fail(IoError::invalid); }
  IoResult<void> remove(std::string_view) override { return fail(IoError::invalid); }
  IoResult<void> sync_dir(std::string_view) override { return fail(IoError::invalid); }
  IoResult<FileStat> stat(std::string_view) override { return fail(IoError::invalid); }
  IoResult<DiskSpace> space(std::string_view) override { return fail(IoError::invalid); }
  IoResult<std::unique_ptr<DirLock>> lock(std::string_view) override { return fail(IoError::invalid); }
};

class OneShard final : public Mailboxes {
 public:
  size_t shard_count() const override { return 1; }
  size_t self() const override { return 0; }
  bool post(size_t, Task&) override { return false; }
  Task receive(Deadline) override { return {}; }
};

class PolicyClock final : public Clock {
 public:
  explicit PolicyClock(JumpingPolicy& policy) : policy_(policy) {}
  Instant now() override { return policy_.time; }
  WallTime wall() override { return WallTime{policy_.time.ns}; }

 private:
  JumpingPolicy& policy_;
};

class KeyedRandom final : public Random {
 public:
  uint64_t draw(Stream stream, uint64_t entity, uint64_t counter) override {
    return mix64(static_cast<uint64_t>(stream), entity, counter);
  }
};

class NotedEvents final : public Events {
 public:
  void emit(const Event& event) override {
    if (const auto* line = std::get_if<LogLine>(&event)) lines.emplace_back(line->text);
  }
  std::vector<std::string> lines;
};

// Everything a test needs; run() starts fibers and returns when all have ended.
class RpcWorld : public testing::Test {
 protected:
  template <class Body>
  void run(Body body) {
    scope.spawn("test", [&] {
      body();
      finished = true;
    });
    scheduler.run([] { return false; });
    EXPECT_TRUE(finished) << "the test's fiber hangs";
    EXPECT_TRUE(group.empty()) << "fibers are left";
    scheduler.kill(group);
  }

  MappedStacks memory;
  StackPool stacks{memory, 0xdd};
  JumpingPolicy policy;
  Scheduler scheduler{policy, stacks};
  FiberGroup group{"test", 1};
  PolicyClock clock{policy};
  NoDisk disk;
  MemoryNetwork network{scheduler};
  KeyedRandom random;
  OneShard mailboxes;
  NotedEvents events;
  Env env{clock, scheduler, group, disk, network, random, mailboxes, &events, nullptr};
  Scope scope{env};
  bool finished = false;
};

}  // namespace ksim::rpc::test
