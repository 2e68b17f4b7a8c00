#pragma once
// The one fiber of a shard that times out what waits in its purgatories.

#include <vector>

#include "core/broker/purgatory.h"
#include "core/io/env.h"
#include "core/io/scope.h"
#include "core/io/sync.h"

namespace ksim::broker {

class PurgatoryDuty {
 public:
  // The purgatories outlive the duty.
  PurgatoryDuty(const Env& env, std::vector<TimedOut*> purgatories)
      : env_(env), purgatories_(std::move(purgatories)), scope_(env), earlier_(env.scheduler) {}

  void start() {
    scope_.spawn("purgatory", [this] { loop(); });
  }
  void stop() { scope_.close(); }

  // An operation with this deadline was added.
  void watch(Deadline deadline) {
    if (deadline < sleeping_until_) earlier_.notify_one();
  }

 private:
  void loop() {
    for (;;) {
      Deadline next = Instant::never();
      for (TimedOut* purgatory : purgatories_) {
        static_cast<void>(purgatory->expire(env_.now()));
        next = std::min(next, purgatory->next_deadline());
      }
      sleeping_until_ = next;
      static_cast<void>(earlier_.wait(next, "purgatory"));
    }
  }

  const Env& env_;
  std::vector<TimedOut*> purgatories_;
  Scope scope_;
  Condition earlier_;
  Deadline sleeping_until_ = Instant::never();
};

}  // namespace ksim::broker
