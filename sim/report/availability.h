#pragma once
// When clients could use what they asked for: operations by time, and the spans without an acknowledgement.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace ksim::sim {

struct AskedOp {
  int64_t invoked_us = 0;
  int64_t completed_us = -1;  // -1: never
  enum class Outcome : uint8_t { ok, failed, unknown, pending } outcome = Outcome::pending;
  bool send = false;
};

struct Availability {
  // By bucket of the completion; what never completed counts where it was invoked, as unknown.
  std::vector<uint32_t> ok, failed, unknown;
  // Sends waited over a second while none was acknowledged.
  std::vector<std::pair<int64_t, int64_t>> unavailable_us;
};

// The smallest bucket of 1, 2 or 5 times a power of ten, from 100 ms on, of which a run has at most 150.
int64_t bucket_us(int64_t end_us);
Availability availability(const std::vector<AskedOp>& ops, int64_t end_us, int64_t bucket_us);

}  // namespace ksim::sim
