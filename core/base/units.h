#pragma once
// Time. Two clocks that cannot be mixed up: Instant counts monotonic nanoseconds since the node's epoch,
// WallTime nanoseconds since 1970-01-01 UTC. Kafka's formats and configuration speak of milliseconds.

#include <compare>
#include <cstdint>
#include <limits>

namespace ksim {

struct Duration {
  int64_t ns = 0;

  static constexpr Duration max() { return {std::numeric_limits<int64_t>::max()}; }
  constexpr int64_t ms() const { return ns / 1'000'000; }
  constexpr auto operator<=>(const Duration&) const = default;
  constexpr Duration operator+(Duration other) const { return {ns + other.ns}; }
  constexpr Duration operator-(Duration other) const { return {ns - other.ns}; }
  constexpr Duration operator*(int64_t factor) const { return {ns * factor}; }
  constexpr Duration operator/(int64_t divisor) const { return {ns / divisor}; }
};

constexpr Duration nanoseconds(int64_t n) { return {n}; }
constexpr Duration microseconds(int64_t n) { return {n * 1'000}; }
// Saturates: Kafka's "never" is 2^63-1 ms.
constexpr Duration milliseconds(int64_t n) {
  constexpr int64_t limit = std::numeric_limits<int64_t>::max() / 1'000'000;
  return n > limit ? Duration::max() : Duration{n * 1'000'000};
}
constexpr Duration seconds(int64_t n) {
  return milliseconds(n > 9'000'000'000'000 ? 9'000'000'000'000'000 : n * 1'000);
}

struct Instant {
  int64_t ns = 0;

  static constexpr Instant never() { return {std::numeric_limits<int64_t>::max()}; }
  constexpr int64_t ms() const { return ns / 1'000'000; }
  constexpr bool is_never() const { return ns == std::numeric_limits<int64_t>::max(); }
  constexpr auto operator<=>(const Instant&) const = default;
  // Saturates at never().
  constexpr Instant operator+(Duration d) const {
    return d.ns > 0 && ns > std::numeric_limits<int64_t>::max() - d.ns ? never() : Instant{ns + d.ns};
  }
  constexpr Instant operator-(Duration d) const { return {ns - d.ns}; }
  constexpr Duration operator-(Instant other) const { return {ns - other.ns}; }
};

// A deadline is the instant at which a wait gives up; Instant::never() waits for ever.
using Deadline = Instant;

struct WallTime {
  int64_t ns = 0;

  constexpr int64_t ms() const { return ns / 1'000'000; }
  static constexpr WallTime from_ms(int64_t ms) { return {ms * 1'000'000}; }
  constexpr auto operator<=>(const WallTime&) const = default;
  constexpr WallTime operator+(Duration d) const { return {ns + d.ns}; }
  constexpr Duration operator-(WallTime other) const { return {ns - other.ns}; }
};

}  // namespace ksim
