#pragma once
// The simulated world's side of the scheduler: virtual time that jumps to the next event, the order among
// ready fibers, and what running costs.

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "core/io/scheduler.h"
#include "sim/digest.h"
#include "sim/keyed_random.h"
#include "sim/latency.h"

namespace ksim::sim {

// How ready fibers are ordered. Drawn per run: each finds other bugs.
enum class Order : uint8_t {
  random,       // a new priority at every wake-up
  few_changes,  // a fiber keeps its priority for many wake-ups
  fifo,         // first woken, first run
};

struct Exploration {
  Order order = Order::random;
  // Of few_changes: how often a fiber's priority changes in some two thousand wake-ups.
  uint32_t change_points = 3;
  // Scales what a resumed fiber costs in virtual time; 0: nothing.
  uint32_t cost_per_mille = 1000;
  // So many resumes without time moving are a livelock.
  uint32_t livelock_resumes = 200'000;
};

class SimPolicy final : public SchedulerPolicy {
 public:
  SimPolicy(const Exploration& exploration, const KeyedRandom& random, Digest& digest);

  Instant now() override { return {time_ns_}; }
  const int64_t& time_ns() const { return time_ns_; }
  // The loop ends rather than go past this instant.
  void run_until(Instant end) { end_ = end; }
  uint64_t wake_priority(const Fiber& fiber) override;
  uint64_t timer_tie(const Fiber& fiber) override;
  Instant queue_time(const Fiber& fiber, Instant deadline) override;
  bool admit(Fiber& fiber) override;
  void resumed(Fiber& fiber) override;
  bool idle(Instant next_timer) override;
  void fiber_failed(Fiber& fiber, std::string_view what) override;

  // The tie-break of a timer that belongs to `key`, which arms one timer at a time.
  uint64_t tie(uint64_t key) const { return random_.draw(SimStream::timer_tie, key, 0); }
  uint64_t resumes() const { return resumes_; }
  // Not empty: fibers run on and on while time stands still.
  const std::string& livelock() const { return livelock_; }

  // Told of each failed fiber; set by the world.
  std::function<void(Fiber&, std::string_view)> on_failure;

 private:
  Exploration exploration_;
  const KeyedRandom& random_;
  Digest& digest_;
  int64_t time_ns_ = 0;
  uint64_t resumes_ = 0;
  uint64_t wakes_ = 0;
  Instant end_ = Instant::never();
  uint32_t resumes_at_instant_ = 0;
  std::string livelock_;
};

}  // namespace ksim::sim
