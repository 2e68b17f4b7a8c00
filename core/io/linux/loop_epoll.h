#pragma once
// The loop of one shard's thread: real time, ready fibers first come first served, and epoll when nobody is
// ready. Descriptors are watched edge-triggered: whoever uses one tries first and waits only after EAGAIN.

#include <atomic>
#include <functional>
#include <string_view>
#include <thread>

#include <sys/epoll.h>

#include "core/base/error.h"
#include "core/io/linux/clock.h"
#include "core/io/scheduler.h"

namespace ksim {

// Something that another thread has finished for a loop. It must live until complete() was called.
class Completion {
 public:
  virtual void complete() = 0;  // on the loop's thread, outside fibers: wakes, never waits

 protected:
  ~Completion() = default;

 private:
  friend class EpollLoop;
  Completion* next_ = nullptr;
};

// A descriptor's owner. Destroyed only after unwatch().
class Pollable {
 public:
  virtual void ready(uint32_t epoll_events) = 0;  // on the loop's thread, outside fibers

 protected:
  ~Pollable() = default;
};

class EpollLoop final : public SchedulerPolicy {
 public:
  using OnFailure = std::function<void(const Fiber&, std::string_view what)>;

  // `on_failure` hears of fibers that ended by a failed assertion; without it the process says so and stops.
  explicit EpollLoop(OnFailure on_failure = {});
  EpollLoop(const EpollLoop&) = delete;
  EpollLoop& operator=(const EpollLoop&) = delete;
  ~EpollLoop() override;

  // From the thread that will run the scheduler, before anything else.
  void enter_thread() { thread_.store(std::this_thread::get_id(), std::memory_order_relaxed); }
  bool on_thread() const { return thread_.load(std::memory_order_relaxed) == std::this_thread::get_id(); }

  // Both directions and hang-up, edge-triggered. ok, or why the kernel refused.
  IoError watch(int descriptor, Pollable& owner);
  void unwatch(int descriptor);

  // From any thread.
  void post(Completion& completion);
  void interrupt();  // idle() returns soon, so that the scheduler asks its `stop`

  // Completes what was posted. For the end of a node, when no thread runs this loop any more.
  void drain() { run_completions(); }

  Instant now() override { return clock_.now(); }
  uint64_t wake_priority(const Fiber&) override { return ++wakes_; }
  uint64_t timer_tie(const Fiber&) override { return ++timers_; }
  bool admit(Fiber& fiber) override;
  bool idle(Instant next_timer) override;
  void fiber_failed(Fiber& fiber, std::string_view what) override;

 private:
  void poll(int64_t timeout_ns);  // negative: until something happens
  int wait_for_events(epoll_event* events, int capacity, int64_t timeout_ns);
  void run_completions();

  LinuxClock clock_;
  OnFailure on_failure_;
  std::atomic<std::thread::id> thread_;
  int epoll_ = -1;
  int wake_ = -1;  // an eventfd, edge-triggered: written, never read
  std::atomic<Completion*> completions_{nullptr};
  uint64_t wakes_ = 0;
  uint64_t timers_ = 0;
  uint32_t resumes_since_poll_ = 0;
  bool coarse_ = false;  // the kernel lacks epoll_pwait2: timeouts in whole milliseconds
};

}  // namespace ksim
