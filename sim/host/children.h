#pragma once
// Worker processes: forks of this one that do work and tell it through a pipe.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/base/bytes.h"

namespace ksim::host {

// The writing end of a pipe to the parent; buffered.
class Outlet {
 public:
  explicit Outlet(int descriptor) : descriptor_(descriptor) {}
  void write(Bytes bytes);
  void flush();

 private:
  int descriptor_;
  ByteBuffer buffer_;
};

class Child {
 public:
  // Runs `body` in a new process, which exits with what it returns.
  explicit Child(const std::function<int(Outlet&)>& body);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();  // ends the process if it still runs

  // Whatever it has written, waiting for at least a byte. Empty: it has ended.
  Bytes read();
  // Waits for its end; the exit code, or 128 + the signal that ended it.
  int wait();
  void kill();

 private:
  int process_ = -1;
  int descriptor_ = -1;
  int code_ = -1;
  ByteBuffer buffer_;
};

constexpr int kHung = -1;

// Many jobs, numbered 0 to count-1, over several processes that keep their memory from job to job.
struct FarmOptions {
  uint64_t count = 0;
  size_t workers = 1;
  uint64_t batch = 8;  // jobs handed out at once
  // In the worker, once, before its first job.
  std::function<void()> begin;
  // In the parent, when a job is handed out: what the worker is told about it. Without it: nothing.
  std::function<ByteBuffer(uint64_t job)> brief;
  // In the worker: one job, in words that done() understands.
  std::function<ByteBuffer(uint64_t job, Bytes brief)> work;
  // In the parent, in the order in which jobs end. False: stop.
  std::function<bool(uint64_t job, Bytes words)> done;
  // In the parent: the worker died while it did this job, by a signal or exit code; kHung: it was ended,
  // since it took longer than `patience_ns`.
  std::function<bool(uint64_t job, int code)> died;
  int64_t patience_ns = 0;  // 0: no end of it
  int64_t until_ns = 0;     // stops at this real time, as if done() had said so; 0: no such time
  // In the parent, some times a second; without it the parent sleeps until a job ends.
  std::function<void()> tick;
};
// False: interrupted by SIGINT, SIGTERM or SIGHUP before all jobs were done. Workers never outlive it.
bool run_farm(const FarmOptions& options);

}  // namespace ksim::host
