#pragma once
// Distributions of delays as integer tables: no floating point, so that a seed means the same everywhere.

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/base/units.h"
#include "sim/keyed_random.h"

namespace ksim::sim {

// One point of a cumulative distribution: `per_million` of all draws are at most `ns`.
struct LatencyPoint {
  uint32_t per_million;
  int64_t ns;
};

// Piecewise linear between its points; the last point stands at 1'000'000.
struct LatencyTable {
  static constexpr size_t kMaxPoints = 8;
  std::array<LatencyPoint, kMaxPoints> points{};

  constexpr int64_t sample_ns(uint64_t bits) const {
    const auto at = static_cast<uint32_t>(below(bits, 1'000'000));
    LatencyPoint previous{0, points[0].ns};
    for (const LatencyPoint& point : points) {
      if (at < point.per_million) {
        const int64_t width = point.per_million - previous.per_million;
        return previous.ns + (point.ns - previous.ns) * (at - previous.per_million) / width;
      }
      previous = point;
      if (point.per_million >= 1'000'000) break;
    }
    return previous.ns;
  }
};

// value * per_mille / 1000 without overflow for values under 2^53.
constexpr int64_t scale_per_mille(int64_t value, uint32_t per_mille) {
  return value / 1000 * per_mille + value % 1000 * per_mille / 1000;
}

}  // namespace ksim::sim
