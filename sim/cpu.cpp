#include "sim/cpu.h"

#include <utility>

#include "sim/policy.h"

namespace ksim::sim {

bool Cpu::admit(Fiber& fiber) {
  if (stopped_) return false;
  if (frozen_ || policy_.now() < busy_until_) {
    hold(fiber);
    arm();
    return false;
  }
  return true;
}

void Cpu::ran(int64_t cost_ns) {
  if (stopped_) return;
  cost_ns = scale_per_mille(cost_ns + std::exchange(charged_ns_, 0), trouble().slow_per_mille);
  if (cost_ns > 0) busy_until_ = policy_.now() + nanoseconds(cost_ns);
  if (!held_.empty()) arm();
}

void Cpu::hold(Fiber& fiber) { held_.push_back({policy_.wake_priority(fiber), fiber.key(), &fiber}); }

void Cpu::arm() {
  if (!frozen_ && !armed()) scheduler_.add_timer(*this, busy_until_, policy_.tie(key_));
}

void Cpu::fire() {
  if (stopped_ || frozen_) return;
  if (policy_.now() < busy_until_) {
    arm();
    return;
  }
  release_one();
  // The next one comes after this one has run: its cost decides when. Should this one never run (it was
  // killed), nobody is left behind, since a stopped processor has no need of order.
}

void Cpu::release_one() {
  if (held_.empty()) return;
  size_t least = 0;
  for (size_t i = 1; i < held_.size(); ++i) {
    const Held& a = held_[i];
    const Held& b = held_[least];
    if (a.priority != b.priority ? a.priority < b.priority : a.key < b.key) least = i;
  }
  Fiber& fiber = *held_[least].fiber;
  held_.erase(held_.begin() + static_cast<ptrdiff_t>(least));
  scheduler_.make_ready(fiber);
}

void Cpu::thaw() {
  frozen_ = false;
  if (!held_.empty() && !stopped_) arm();
}

void Cpu::stop() {
  stopped_ = true;
  held_.clear();
  scheduler_.cancel_timer(*this);
}

}  // namespace ksim::sim
