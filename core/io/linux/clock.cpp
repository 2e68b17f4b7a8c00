#include "core/io/linux/clock.h"

#include <ctime>

namespace ksim {
namespace {

int64_t read_clock(clockid_t id) {
  timespec at{};
  ::clock_gettime(id, &at);
  return static_cast<int64_t>(at.tv_sec) * 1'000'000'000 + at.tv_nsec;
}

}  // namespace

Instant LinuxClock::now() { return {read_clock(CLOCK_MONOTONIC)}; }

WallTime LinuxClock::wall() { return {read_clock(CLOCK_REALTIME)}; }

}  // namespace ksim
