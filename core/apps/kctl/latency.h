#pragma once
// Latencies of a whole run in fixed memory: 128 buckets for each power of two, so that a quantile is less
// than one percent too large.

#include <cstdint>
#include <vector>

#include "core/apps/kctl/text/json_text.h"
#include "core/base/units.h"

namespace ksim::kctl {

class Latencies {
 public:
  void record(Duration latency);
  int64_t count() const { return count_; }
  // Microseconds; 0 if there are none. The smallest that at least `per_mille` of the latencies do not exceed.
  int64_t quantile_us(uint32_t per_mille) const;
  int64_t max_us() const { return max_us_; }
  int64_t mean_us() const { return count_ == 0 ? 0 : sum_us_ / count_; }
  // {"mean","p50","p99","p99.9","max"} in milliseconds.
  Json json() const;

  static size_t bucket_of(int64_t us);
  static int64_t largest_of(size_t bucket);

 private:
  static constexpr size_t kBuckets = 128 * 32;
  std::vector<int64_t> buckets_ = std::vector<int64_t>(kBuckets);  // not on the stacks of fibers
  int64_t count_ = 0;
  int64_t sum_us_ = 0;
  int64_t max_us_ = 0;
};

}  // namespace ksim::kctl
