#pragma once
// Scopes own fibers: whoever leaves one has cancelled and joined all of them.

#include <functional>
#include <string_view>

#include "core/io/env.h"
#include "core/io/scheduler.h"

namespace ksim {

class Scope {
 public:
  Scope(Scheduler& scheduler, FiberGroup& group) : scheduler_(scheduler), group_(group) {}
  explicit Scope(const Env& env) : Scope(env.scheduler, env.group) {}
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  ~Scope() { ENSURE(first_ == nullptr, "a scope dies with fibers in it; close() it first"); }

  // `entity` distinguishes fibers of one name by meaning (the key of a connection, the id of a peer).
  void spawn(std::string_view name, std::function<void()> body, uint64_t entity = 0) {
    ENSURE(try_spawn(name, std::move(body), entity), "no memory for a fiber's stack");
  }
  // False: the system has no memory for another stack.
  bool try_spawn(std::string_view name, std::function<void()> body, uint64_t entity = 0) {
    Fiber* const fiber = scheduler_.spawn(*this, group_, name, std::move(body), entity);
    if (fiber != nullptr && closing_) scheduler_.cancel(*fiber);
    return fiber != nullptr;
  }
  void cancel();  // every fiber leaves at its next wait, newest woken first
  void join();    // waits until all have ended
  // Both, also for what is spawned meanwhile.
  void close();
  bool empty() const { return first_ == nullptr; }

 private:
  friend class Scheduler;
  void ended(Fiber& fiber);

  Scheduler& scheduler_;
  FiberGroup& group_;
  Fiber* first_ = nullptr;  // newest first
  Fiber* joiner_ = nullptr;
  bool closing_ = false;
};

// Runs `body` with a scope of its own, then cancels and joins whatever it spawned, also if this fiber is
// cancelled meanwhile.
void run_scoped(const Env& env, const std::function<void(Scope&)>& body);

}  // namespace ksim
