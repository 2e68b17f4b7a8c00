#include "core/io/scope.h"

namespace ksim {

void Scope::cancel() {
  for (Fiber* fiber = first_; fiber != nullptr; fiber = fiber->scope_next_) scheduler_.cancel(*fiber);
}

void Scope::join() {
  while (first_ != nullptr) {
    ENSURE(joiner_ == nullptr || joiner_ == scheduler_.current(), "two fibers join one scope");
    joiner_ = scheduler_.current();
    ENSURE(joiner_ != nullptr && joiner_->scope_ != this, "join() is for a fiber outside the scope");
    struct Forget {
      Fiber*& joiner;
      ~Forget() { joiner = nullptr; }
    } forget{joiner_};
    static_cast<void>(scheduler_.park(Instant::never(), "join"));
  }
}

void Scope::close() {
  struct Closing {
    bool& closing;
    ~Closing() { closing = false; }
  } closing{closing_ = true};
  cancel();
  join();
}

void Scope::ended(Fiber& fiber) {
  if (fiber.scope_previous_ != nullptr) {
    fiber.scope_previous_->scope_next_ = fiber.scope_next_;
  } else {
    first_ = fiber.scope_next_;
  }
  if (fiber.scope_next_ != nullptr) fiber.scope_next_->scope_previous_ = fiber.scope_previous_;
  if (first_ == nullptr && joiner_ != nullptr) scheduler_.wake(*joiner_);
}

void run_scoped(const Env& env, const std::function<void(Scope&)>& body) {
  Scope scope(env);
  bool cancelled = false;
  try {
    body(scope);
  } catch (const FiberCancelled&) {
    cancelled = true;
  }
  scope.cancel();
  if (!scope.empty()) {
    Shield shield(env.scheduler);
    scope.join();
  }
  if (cancelled) throw FiberCancelled{};
}

}  // namespace ksim
