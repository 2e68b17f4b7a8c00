#include "core/io/scheduler.h"

#include <boost/context/detail/fcontext.hpp>
#include <cstring>
#include <exception>
#include <utility>

#include <cxxabi.h>

#include "core/base/hash.h"
#include "core/base/sanitizers.h"
#include "core/io/scope.h"

#ifdef KSIM_ADDRESS_SANITIZER
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef KSIM_THREAD_SANITIZER  // its handles of fibers stand where the fake stacks of the other stand
#include <sanitizer/tsan_interface.h>
#endif

#ifdef _LIBCPP_VERSION  // whose header leaves it out; the two words are the same
namespace __cxxabiv1 {
struct __cxa_eh_globals;
extern "C" __cxa_eh_globals* __cxa_get_globals() noexcept;
}  // namespace __cxxabiv1
#endif

namespace ksim {
namespace {

namespace fctx = boost::context::detail;

// The two words that the C++ runtime keeps per thread: the stack of caught exceptions and the count of
// uncaught ones. Each fiber has its own, else two fibers that switch while handling exceptions see each
// other's.
void swap_exception_globals(uint64_t (&out)[2], const uint64_t (&in)[2]) {
  void* globals = static_cast<void*>(__cxxabiv1::__cxa_get_globals());
  std::memcpy(out, globals, sizeof(out));
  std::memcpy(globals, in, sizeof(in));
}

bool in_catch_block() {
  uint64_t globals[2];
  std::memcpy(globals, static_cast<void*>(__cxxabiv1::__cxa_get_globals()), sizeof(globals));
  return globals[0] != 0;
}

}  // namespace

uint32_t NameCounts::next(uint64_t name_hash) {
  for (auto& [hash, count] : counts_) {
    if (hash == name_hash) return count++;
  }
  counts_.emplace_back(name_hash, 1);
  return 0;
}

Fiber::Fiber(Scheduler& scheduler, FiberGroup& group, std::string_view name, uint64_t key)
    : scheduler_(&scheduler), group_(&group), name_(name), key_(key), timer_(*this) {}

void Fiber::SleepTimer::fire() {
  fiber.timed_out_ = true;
  fiber.scheduler_->push_ready(fiber);
}

Scheduler::Scheduler(SchedulerPolicy& policy, StackPool& stacks) : policy_(policy), stacks_(stacks) {}

Scheduler::~Scheduler() {
  ENSURE(ready_.empty() && current_ == nullptr, "a scheduler dies with ready fibers");
}

// What a new fiber runs first; `from` is the scheduler's own context.
struct SwitchEntry {
  static void start(fctx::transfer_t from) {
    auto* fiber = static_cast<Fiber*>(from.data);
    Scheduler::entry(from.fctx, fiber);
  }
};

void Scheduler::entry(void* from, void* data) {
  auto& fiber = *static_cast<Fiber*>(data);
  Scheduler& self = *fiber.scheduler_;
  self.main_context_ = from;
#ifdef KSIM_ADDRESS_SANITIZER
  __sanitizer_finish_switch_fiber(nullptr, &self.main_stack_bottom_, &self.main_stack_size_);
#endif
  // Nothing may leave this frame: it is the first on its stack.
  try {
    if (!fiber.cancel_requested_) fiber.body_();
  } catch (const FiberCancelled&) {
  } catch (const std::exception& error) {
    self.failure_ = error.what();
    if (self.failure_.empty()) self.failure_ = "an exception without text";
  }
  fiber.state_ = Fiber::State::done;
  fiber.body_ = nullptr;
#ifdef KSIM_ADDRESS_SANITIZER
  __sanitizer_start_switch_fiber(nullptr, self.main_stack_bottom_, self.main_stack_size_);
#endif
#ifdef KSIM_THREAD_SANITIZER
  __tsan_switch_to_fiber(self.main_fake_stack_, 0);
#endif
  fctx::jump_fcontext(self.main_context_, nullptr);
  std::terminate();  // a finished fiber is never resumed
}

Fiber* Scheduler::spawn(Scope& scope, FiberGroup& group, std::string_view name, std::function<void()> body,
                        uint64_t entity) {
  const StackSpan stack = stacks_.take();
  if (stack.bottom == nullptr) return nullptr;
  const bool child = current_ != nullptr && current_->group_ == &group;
  const uint64_t name_hash = hash_text(name, entity);
  NameCounts& counts = child ? current_->children_ : group.children_;
  const uint64_t key = mix64(child ? current_->key_ : group.key_, name_hash, counts.next(name_hash));
  auto* fiber = new Fiber(*this, group, name, key);
  fiber->body_ = std::move(body);
  fiber->stack_ = stack;
  fiber->context_ =
      fctx::make_fcontext(stack.bottom + stack.size_bytes, stack.size_bytes, &SwitchEntry::start);
#ifdef KSIM_THREAD_SANITIZER
  fiber->fake_stack_ = __tsan_create_fiber(0);
#endif
  fiber->scope_ = &scope;
  fiber->scope_next_ = scope.first_;
  if (scope.first_ != nullptr) scope.first_->scope_previous_ = fiber;
  scope.first_ = fiber;
  fiber->group_next_ = group.first_;
  if (group.first_ != nullptr) group.first_->group_previous_ = fiber;
  group.first_ = fiber;
  ++group.size_;
  fiber->state_ = Fiber::State::parked;
  push_ready(*fiber);
  return fiber;
}

Wake Scheduler::park(Deadline deadline, const char* reason) { return park_inner(deadline, reason, true); }

Wake Scheduler::park_uncancellable(Deadline deadline, const char* reason) {
  return park_inner(deadline, reason, false);
}

Wake Scheduler::park_inner(Deadline deadline, const char* reason, bool cancellable) {
  ENSURE(current_ != nullptr, "only a fiber can wait");
  Fiber& fiber = *current_;
  ENSURE(fiber.no_switch_depth_ == 0, "a wait inside a section that must not be interleaved");
  ENSURE(std::uncaught_exceptions() == 0, "a wait in a destructor during unwinding");
  ENSURE(!in_catch_block(), "a wait in a catch block");
  if (cancellable) deliver_cancel(fiber);
  fiber.reason_ = reason;
  fiber.deadline_ = deadline;
  fiber.uncancellable_ = !cancellable;
  fiber.timed_out_ = false;
  fiber.state_ = Fiber::State::parked;
  if (!deadline.is_never()) {
    ++fiber.timer_count_;
    timers_.add(fiber.timer_, policy_.queue_time(fiber, deadline), policy_.timer_tie(fiber));
  }
  suspend(fiber);
  if (cancellable) deliver_cancel(fiber);
  return fiber.timed_out_ ? Wake::timed_out : Wake::woken;
}

void Scheduler::deliver_cancel(Fiber& fiber) {
  if (fiber.killed_) throw FiberCancelled{};
  if (!fiber.cancel_requested_ || fiber.shield_depth_ > 0) return;
  ENSURE(!fiber.cancel_delivered_, "a cancelled fiber waits again outside a shield");
  fiber.cancel_delivered_ = true;
  throw FiberCancelled{};
}

void Scheduler::wake(Fiber& fiber) {
  if (fiber.state_ != Fiber::State::parked) return;
  timers_.remove(fiber.timer_);
  push_ready(fiber);
}

void Scheduler::cancel(Fiber& fiber) {
  if (fiber.cancel_requested_) return;
  fiber.cancel_requested_ = true;
  if (fiber.state_ == Fiber::State::parked && fiber.shield_depth_ == 0 && !fiber.uncancellable_) wake(fiber);
}

bool Scheduler::can_wait() const {
  return current_ != nullptr && current_->no_switch_depth_ == 0 && std::uncaught_exceptions() == 0 &&
         !in_catch_block();
}

void Scheduler::requeue_timers(FiberGroup& group) {
  for (Fiber* fiber = group.first_; fiber != nullptr; fiber = fiber->group_next_) {
    if (!fiber->timer_.armed()) continue;
    timers_.remove(fiber->timer_);
    timers_.add(fiber->timer_, policy_.queue_time(*fiber, fiber->deadline_), policy_.timer_tie(*fiber));
  }
}

void Scheduler::make_ready(Fiber& fiber) {
  ENSURE(fiber.state_ == Fiber::State::ready);
  push_ready(fiber);
}

void Scheduler::push_ready(Fiber& fiber) {
  fiber.state_ = Fiber::State::ready;
  ++fiber.wake_count_;
  ready_.push_back({policy_.wake_priority(fiber), fiber.key_, &fiber});
  size_t index = ready_.size() - 1;
  while (index > 0) {
    const size_t parent = (index - 1) / 4;
    if (!(ready_[index] < ready_[parent])) break;
    std::swap(ready_[index], ready_[parent]);
    index = parent;
  }
}

Fiber* Scheduler::pop_ready() {
  Fiber* fiber = ready_.front().fiber;
  ready_.front() = ready_.back();
  ready_.pop_back();
  size_t index = 0;
  for (;;) {
    size_t least = index;
    for (size_t child = index * 4 + 1; child <= index * 4 + 4 && child < ready_.size(); ++child) {
      if (ready_[child] < ready_[least]) least = child;
    }
    if (least == index) break;
    std::swap(ready_[index], ready_[least]);
    index = least;
  }
  return fiber;
}

void Scheduler::drop_ready(Fiber& fiber) {
  std::vector<Ready> kept;
  kept.swap(ready_);
  for (const Ready& entry : kept) {
    if (entry.fiber == &fiber) continue;
    // Re-inserting keeps the heap order: priorities were drawn when each became ready.
    ready_.push_back(entry);
    for (size_t index = ready_.size() - 1; index > 0;) {
      const size_t parent = (index - 1) / 4;
      if (!(ready_[index] < ready_[parent])) break;
      std::swap(ready_[index], ready_[parent]);
      index = parent;
    }
  }
}

void Scheduler::resume(Fiber& fiber) {
  ENSURE(current_ == nullptr);
  fiber.state_ = Fiber::State::running;
  current_ = &fiber;
  swap_exception_globals(main_exception_globals_, fiber.exception_globals_);
#ifdef KSIM_ADDRESS_SANITIZER
  __sanitizer_start_switch_fiber(&main_fake_stack_, fiber.stack_.bottom, fiber.stack_.size_bytes);
#endif
#ifdef KSIM_THREAD_SANITIZER
  main_fake_stack_ = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(fiber.fake_stack_, 0);
#endif
  const fctx::transfer_t back = fctx::jump_fcontext(fiber.context_, &fiber);
#ifdef KSIM_ADDRESS_SANITIZER
  __sanitizer_finish_switch_fiber(main_fake_stack_, nullptr, nullptr);
#endif
  swap_exception_globals(fiber.exception_globals_, main_exception_globals_);
  fiber.context_ = back.fctx;
  current_ = nullptr;
  policy_.resumed(fiber);
  if (fiber.state_ == Fiber::State::done) finish(fiber);
}

void Scheduler::suspend([[maybe_unused]] Fiber& fiber) {
#ifdef KSIM_ADDRESS_SANITIZER
  __sanitizer_start_switch_fiber(&fiber.fake_stack_, main_stack_bottom_, main_stack_size_);
#endif
#ifdef KSIM_THREAD_SANITIZER
  __tsan_switch_to_fiber(main_fake_stack_, 0);
#endif
  const fctx::transfer_t back = fctx::jump_fcontext(main_context_, nullptr);
#ifdef KSIM_ADDRESS_SANITIZER
  __sanitizer_finish_switch_fiber(fiber.fake_stack_, &main_stack_bottom_, &main_stack_size_);
#endif
  main_context_ = back.fctx;
}

void Scheduler::finish(Fiber& fiber) {
  std::string failure;
  failure.swap(failure_);
  if (!failure.empty()) policy_.fiber_failed(fiber, failure);
  timers_.remove(fiber.timer_);
  fiber.scope_->ended(fiber);
  FiberGroup& group = *fiber.group_;
  (fiber.group_previous_ == nullptr ? group.first_ : fiber.group_previous_->group_next_) = fiber.group_next_;
  if (fiber.group_next_ != nullptr) fiber.group_next_->group_previous_ = fiber.group_previous_;
  --group.size_;
#ifdef KSIM_THREAD_SANITIZER
  __tsan_destroy_fiber(fiber.fake_stack_);
#endif
  stacks_.give_back(fiber.stack_);
  delete &fiber;
}

void Scheduler::run(const std::function<bool()>& stop) {
  ENSURE(current_ == nullptr, "run() is not for fibers");
  while (!stop()) {
    const Instant now = policy_.now();
    while (Timer* due = timers_.pop_due(now)) due->fire();
    if (ready_.empty()) {
      if (!policy_.idle(timers_.next())) return;
      continue;
    }
    Fiber& fiber = *pop_ready();
    if (policy_.admit(fiber)) resume(fiber);
  }
}

void Scheduler::kill(FiberGroup& group) {
  ENSURE(current_ == nullptr, "kill() is not for fibers");
  while (group.first_ != nullptr) {
    Fiber& fiber = *group.first_;
    fiber.killed_ = true;
    fiber.cancel_requested_ = true;
    timers_.remove(fiber.timer_);
    if (fiber.state_ == Fiber::State::ready) drop_ready(fiber);
    resume(fiber);
  }
}

}  // namespace ksim
