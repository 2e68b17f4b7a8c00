#pragma once

#include <algorithm>
#include <cstdint>

#include "core/base/units.h"

namespace ksim::client {

// Exponential back-off: initial x 2^attempts, at most max, 20 % jitter either way (KIP-580; rules G8, G35,
// G38). In whole numbers, so that it is the same on every machine.
struct ExponentialBackoff {
  int64_t initial_ms = 100;
  int64_t max_ms = 1'000;

  // `attempts` that failed before this wait beyond the first; `draw` are 64 random bits.
  Duration after(int32_t attempts, uint64_t draw) const {
    constexpr int32_t kMostDoublings = 40;
    const int32_t doublings = std::clamp(attempts, 0, kMostDoublings);
    int64_t base = initial_ms;
    for (int32_t i = 0; i < doublings && base < max_ms; ++i) base *= 2;
    base = std::min(base, max_ms);
    const auto per_mille = static_cast<int64_t>(draw % 401) - 200;
    return milliseconds(base) + microseconds(base * per_mille);
  }
};

}  // namespace ksim::client
