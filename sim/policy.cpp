#include "sim/policy.h"

#include <algorithm>

#include "sim/cpu.h"

namespace ksim::sim {
namespace {

// What one resume costs: mostly nothing or a few microseconds, seldom a preemption, now and then a stall.
constexpr LatencyTable kResumeCost{{{{400'000, 0},
                                     {700'000, 2'000},
                                     {980'000, 8'000},
                                     {998'500, 60'000},
                                     {999'900, 800'000},
                                     {1'000'000, 12'000'000}}}};

}  // namespace

SimPolicy::SimPolicy(const Exploration& exploration, const KeyedRandom& random, Digest& digest)
    : exploration_(exploration), random_(random), digest_(digest) {
  // Instants near 0 stand for "long past" in deadlines: the world begins after them.
  time_ns_ = seconds(1).ns;
}

uint64_t SimPolicy::wake_priority(const Fiber& fiber) {
  switch (exploration_.order) {
    case Order::fifo:
      return ++wakes_;
    case Order::few_changes: {
      // An own period and phase for each fiber. Never so long that a fiber that spins would starve others.
      const uint64_t own = random_.draw(SimStream::wake_priority, fiber.key(), ~0ULL);
      const uint64_t period = 1 + 2048 / (uint64_t{exploration_.change_points} + 1) + (own & 0xff);
      return random_.draw(SimStream::wake_priority, fiber.key(),
                          (fiber.wake_count() + (own >> 8) % period) / period);
    }
    case Order::random:
      break;
  }
  return random_.draw(SimStream::wake_priority, fiber.key(), fiber.wake_count());
}

uint64_t SimPolicy::timer_tie(const Fiber& fiber) {
  return random_.draw(SimStream::timer_tie, fiber.key(), fiber.timer_count());
}

Instant SimPolicy::queue_time(const Fiber& fiber, Instant deadline) {
  const Cpu& cpu = *static_cast<const Cpu*>(fiber.group().world);
  const Instant due = cpu.clock().world_time(deadline);
  const auto late = static_cast<uint64_t>(cpu.trouble().late_ns);
  if (late == 0 || due.is_never()) return due;
  return due + nanoseconds(
                   static_cast<int64_t>(below(mix64(fiber.key(), static_cast<uint64_t>(deadline.ns)), late)));
}

bool SimPolicy::admit(Fiber& fiber) {
  if (!static_cast<Cpu*>(fiber.group().world)->admit(fiber)) return false;
  ++resumes_;
  if (++resumes_at_instant_ > exploration_.livelock_resumes && livelock_.empty()) livelock_ = fiber.name();
  if (digest_.wants_name(fiber.key())) [[unlikely]] {
    digest_.name(fiber.key(), fiber.group().name() + "/" + fiber.name());
  }
  digest_.fold(Fold::resume, fiber.key(), static_cast<uint64_t>(time_ns_));
  return true;
}

void SimPolicy::resumed(Fiber& fiber) {
  int64_t cost_ns = 0;
  if (exploration_.cost_per_mille > 0) {
    cost_ns = kResumeCost.sample_ns(random_.draw(SimStream::resume_cost, fiber.key(), fiber.wake_count()));
    cost_ns = scale_per_mille(cost_ns, exploration_.cost_per_mille);
  }
  static_cast<Cpu*>(fiber.group().world)->ran(cost_ns);
}

bool SimPolicy::idle(Instant next_timer) {
  if (next_timer > end_) {
    time_ns_ = std::max(time_ns_, end_.ns);
    return false;
  }
  if (next_timer.is_never()) return false;
  if (next_timer.ns > time_ns_) {
    time_ns_ = next_timer.ns;
    resumes_at_instant_ = 0;
  }
  return true;
}

void SimPolicy::fiber_failed(Fiber& fiber, std::string_view what) {
  if (on_failure) on_failure(fiber, what);
}

}  // namespace ksim::sim
