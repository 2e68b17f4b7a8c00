#include "core/apps/kctl/latency.h"

#include <algorithm>
#include <bit>

namespace ksim::kctl {
namespace {

constexpr size_t kPerPower = 128;
constexpr int64_t kLargest = (int64_t{1} << 37) - 1;  // a day and a half, in microseconds

}  // namespace

size_t Latencies::bucket_of(int64_t us) {
  const auto value = static_cast<uint64_t>(std::clamp<int64_t>(us, 0, kLargest));
  if (value < 2 * kPerPower) return static_cast<size_t>(value);
  const auto shift = static_cast<size_t>(std::bit_width(value)) - 8;
  return shift * kPerPower + static_cast<size_t>(value >> shift);
}

int64_t Latencies::largest_of(size_t bucket) {
  if (bucket < 2 * kPerPower) return static_cast<int64_t>(bucket);
  const size_t shift = bucket / kPerPower - 1;
  const auto top = static_cast<int64_t>(bucket - shift * kPerPower);
  return ((top + 1) << shift) - 1;
}

void Latencies::record(Duration latency) {
  const int64_t us = std::max<int64_t>(latency.ns / 1000, 0);
  ++buckets_[bucket_of(us)];
  ++count_;
  sum_us_ += us;
  max_us_ = std::max(max_us_, us);
}

int64_t Latencies::quantile_us(uint32_t per_mille) const {
  const int64_t wanted = (count_ * per_mille + 999) / 1000;
  int64_t seen = 0;
  for (size_t bucket = 0; bucket < kBuckets && count_ > 0; ++bucket) {
    seen += buckets_[bucket];
    if (seen >= std::max<int64_t>(wanted, 1)) return std::min(largest_of(bucket), max_us_);
  }
  return max_us_;
}

Json Latencies::json() const {
  const auto ms = [](int64_t us) { return static_cast<double>(us) / 1000; };
  return {{"mean", ms(mean_us())},
          {"p50", ms(quantile_us(500))},
          {"p99", ms(quantile_us(990))},
          {"p99.9", ms(quantile_us(999))},
          {"max", ms(max_us_)}};
}

}  // namespace ksim::kctl
