#pragma once
// Fibers, timers and the loop that runs them. One concrete class for both worlds; a policy supplies time,
// the order among ready fibers, and what to do when nobody is ready.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/assert.h"
#include "core/base/units.h"
#include "core/io/stack.h"
#include "core/io/timer_heap.h"

namespace ksim {

class Scheduler;
class Scope;
class Fiber;

// Thrown by a wait in a cancelled fiber, once. Caught only at the entry of a fiber (and by run_scoped, which
// throws it again). A `catch (...)` that does not rethrow is forbidden in core.
struct FiberCancelled {};

enum class Wake : uint8_t { woken, timed_out };

// How often a parent has spawned a child of each name: makes fiber keys independent of everybody else.
class NameCounts {
 public:
  uint32_t next(uint64_t name_hash);

 private:
  std::vector<std::pair<uint64_t, uint32_t>> counts_;
};

// The fibers of one shard of one incarnation of a node, so that a world can pause or kill them together.
class FiberGroup {
 public:
  FiberGroup(std::string name, uint64_t key) : name_(std::move(name)), key_(key) {}
  FiberGroup(const FiberGroup&) = delete;
  FiberGroup& operator=(const FiberGroup&) = delete;
  ~FiberGroup() { ENSURE(first_ == nullptr, "a fiber group dies with fibers in it"); }

  const std::string& name() const { return name_; }
  uint64_t key() const { return key_; }
  bool empty() const { return first_ == nullptr; }
  size_t size() const { return size_; }
  // The world's own record of this group.
  void* world = nullptr;

 private:
  friend class Scheduler;
  friend class Fiber;
  std::string name_;
  uint64_t key_;
  NameCounts children_;
  Fiber* first_ = nullptr;  // newest first
  size_t size_ = 0;
};

class Fiber {
 public:
  enum class State : uint8_t { ready, running, parked, done };

  const std::string& name() const { return name_; }
  uint64_t key() const { return key_; }
  FiberGroup& group() const { return *group_; }
  State state() const { return state_; }
  const char* wait_reason() const { return reason_; }
  uint64_t wake_count() const { return wake_count_; }
  uint64_t timer_count() const { return timer_count_; }
  Fiber* next_in_group() const { return group_next_; }

 private:
  friend class Scheduler;
  friend class Scope;
  friend class NoSwitch;
  friend class Shield;
  struct SleepTimer final : Timer {
    explicit SleepTimer(Fiber& f) : fiber(f) {}
    void fire() override;
    Fiber& fiber;
  };

  Fiber(Scheduler& scheduler, FiberGroup& group, std::string_view name, uint64_t key);

  Scheduler* scheduler_;
  FiberGroup* group_;
  std::string name_;
  uint64_t key_;
  std::function<void()> body_;
  NameCounts children_;
  SleepTimer timer_;
  void* context_ = nullptr;  // fcontext_t while not running
  StackSpan stack_;
  Scope* scope_ = nullptr;
  Fiber* scope_previous_ = nullptr;
  Fiber* scope_next_ = nullptr;
  Fiber* group_previous_ = nullptr;
  Fiber* group_next_ = nullptr;
  const char* reason_ = "";
  Deadline deadline_ = Instant::never();  // of the wait it is in, on its node's clock
  uint64_t wake_count_ = 0;
  uint64_t timer_count_ = 0;
  uint64_t exception_globals_[2] = {0, 0};
  void* fake_stack_ = nullptr;  // AddressSanitizer's
  State state_ = State::ready;
  bool timed_out_ = false;
  bool cancel_requested_ = false;
  bool cancel_delivered_ = false;
  bool killed_ = false;
  bool uncancellable_ = false;  // in a wait that cancel() must not end
  uint32_t shield_depth_ = 0;
  uint32_t no_switch_depth_ = 0;
};

// What a world supplies. Called from the scheduler's own context, never from a fiber, except now(),
// wake_priority(), timer_tie() and queue_time().
class SchedulerPolicy {
 public:
  virtual ~SchedulerPolicy() = default;
  virtual Instant now() = 0;
  // Smallest runs first; equal ones by fiber key.
  virtual uint64_t wake_priority(const Fiber& fiber) = 0;
  // Orders timers of the same instant.
  virtual uint64_t timer_tie(const Fiber& fiber) = 0;
  // A deadline on the clock of the fiber's node, as an instant of this scheduler's now().
  virtual Instant queue_time(const Fiber& fiber, Instant deadline) {
    static_cast<void>(fiber);
    return deadline;
  }
  // Before a ready fiber runs. False: the policy has taken it (a paused node, a busy shard) and will give it
  // back by Scheduler::make_ready().
  virtual bool admit(Fiber& fiber) {
    static_cast<void>(fiber);
    return true;
  }
  virtual void resumed(Fiber& fiber) { static_cast<void>(fiber); }
  // Nobody is ready. Let time pass until `next_timer` (never() if there is none) or until something from
  // outside wakes a fiber. False: nothing can ever happen, the loop ends.
  virtual bool idle(Instant next_timer) = 0;
  // An assertion failed in, or another exception left, the fiber; it has ended.
  virtual void fiber_failed(Fiber& fiber, std::string_view what) = 0;
};

class Scheduler {
 public:
  Scheduler(SchedulerPolicy& policy, StackPool& stacks);
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;
  ~Scheduler();

  // ---- from fibers ----
  // Waits until wake() or the deadline. Throws FiberCancelled if this fiber was cancelled, before or during.
  Wake park(Deadline deadline, const char* reason);
  // The same, but cancellation waits: for operations that cannot be recalled once started.
  Wake park_uncancellable(Deadline deadline, const char* reason);
  void sleep_until(Deadline deadline) { static_cast<void>(park(deadline, "sleep")); }
  void yield() { static_cast<void>(park(Instant{0}, "yield")); }  // a deadline long past
  Fiber* current() const { return current_; }
  // False where a wait would be a bug: outside fibers, during unwinding, in catch blocks, under NoSwitch.
  bool can_wait() const;

  // ---- from anywhere on this thread ----
  void wake(Fiber& fiber);  // nothing happens unless it is parked
  void add_timer(Timer& timer, Instant at, uint64_t tie) { timers_.add(timer, at, tie); }
  void cancel_timer(Timer& timer) { timers_.remove(timer); }
  bool has_ready() const { return !ready_.empty(); }

  // ---- from outside fibers ----
  // Runs until `stop` says so (asked between resumes) or idle() gives up.
  void run(const std::function<bool()>& stop);
  // Gives back a fiber that admit() took.
  void make_ready(Fiber& fiber);
  // The group's clock has changed its rate: asks the policy again where each waiting deadline stands.
  void requeue_timers(FiberGroup& group);
  // Crash: ends every fiber of the group, newest first, by throwing FiberCancelled at its wait, shields
  // notwithstanding. The world must have cut the group's Env before: what still runs must have no effect.
  void kill(FiberGroup& group);

 private:
  friend class Scope;
  friend class Fiber;
  struct Ready {
    uint64_t priority;
    uint64_t key;
    Fiber* fiber;
    bool operator<(const Ready& other) const {
      return priority != other.priority ? priority < other.priority : key < other.key;
    }
  };

  Fiber* spawn(Scope& scope, FiberGroup& group, std::string_view name, std::function<void()> body,
               uint64_t entity);
  void cancel(Fiber& fiber);
  void push_ready(Fiber& fiber);
  Fiber* pop_ready();
  void drop_ready(Fiber& fiber);
  void resume(Fiber& fiber);
  void suspend(Fiber& fiber);
  Wake park_inner(Deadline deadline, const char* reason, bool cancellable);
  void deliver_cancel(Fiber& fiber);
  void finish(Fiber& fiber);
  static void entry(void* transfer_from, void* fiber);
  friend struct SwitchEntry;

  SchedulerPolicy& policy_;
  StackPool& stacks_;
  TimerHeap timers_;
  std::vector<Ready> ready_;  // 4-ary heap
  Fiber* current_ = nullptr;
  void* main_context_ = nullptr;
  uint64_t main_exception_globals_[2] = {0, 0};
  void* main_fake_stack_ = nullptr;
  const void* main_stack_bottom_ = nullptr;
  size_t main_stack_size_ = 0;
  std::string failure_;
};

// Forbids waits while alive: critical sections that must not be interleaved.
class NoSwitch {
 public:
  explicit NoSwitch(Scheduler& scheduler) : fiber_(scheduler.current()) {
    if (fiber_ != nullptr) ++fiber_->no_switch_depth_;
  }
  NoSwitch(const NoSwitch&) = delete;
  NoSwitch& operator=(const NoSwitch&) = delete;
  ~NoSwitch() {
    if (fiber_ != nullptr) --fiber_->no_switch_depth_;
  }

 private:
  Fiber* fiber_;
};

// Cancellation waits while alive: for clean-up that has to wait, which needs a deadline of its own.
class Shield {
 public:
  explicit Shield(Scheduler& scheduler) : fiber_(scheduler.current()) {
    if (fiber_ != nullptr) ++fiber_->shield_depth_;
  }
  Shield(const Shield&) = delete;
  Shield& operator=(const Shield&) = delete;
  ~Shield() {
    if (fiber_ != nullptr) --fiber_->shield_depth_;
  }

 private:
  Fiber* fiber_;
};

}  // namespace ksim
