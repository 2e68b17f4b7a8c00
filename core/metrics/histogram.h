#pragma once
// Distribution of whole numbers (sizes, microseconds) in fixed memory: eight buckets for each power of two,
// so that a quantile is at most an eighth too large. Count and sum are of all time, quantiles of the last one
// to two minutes, as those of Kafka's decaying reservoirs speak of the recent past.

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/base/units.h"

namespace ksim {

// A histogram as it was at one moment; histograms of several shards add up.
struct HistogramData {
  uint64_t count = 0;
  int64_t sum = 0;
  std::vector<uint64_t> recent;  // by bucket; empty: nothing

  void add(const HistogramData& other);
  uint64_t recent_count() const;
  // The smallest number that at least `per_mille` of the recent values do not exceed; 0 if there are none.
  int64_t quantile(uint32_t per_mille) const;
};

// Belongs to one shard.
class Histogram {
 public:
  static constexpr size_t kBuckets = 304;  // up to 2^40; larger values count as that
  static constexpr Duration kWindow = seconds(60);

  // Negative values count as 0.
  void record(Instant now, int64_t value);
  HistogramData data(Instant now) const;

  static size_t bucket_of(int64_t value);
  static int64_t largest_of(size_t bucket);  // the largest value that falls in it

 private:
  using Window = std::array<uint32_t, kBuckets>;
  void turn(Instant now);

  uint64_t count_ = 0;
  int64_t sum_ = 0;
  Instant turns_at_{0};
  size_t current_ = 0;
  std::array<Window, 2> windows_{};
};

}  // namespace ksim
