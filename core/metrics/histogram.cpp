#include "core/metrics/histogram.h"

#include <algorithm>

namespace ksim {
namespace {

constexpr int64_t kLargest = (int64_t{1} << 40) - 1;

}  // namespace

void HistogramData::add(const HistogramData& other) {
  count += other.count;
  sum += other.sum;
  if (recent.size() < other.recent.size()) recent.resize(other.recent.size());
  for (size_t i = 0; i < other.recent.size(); ++i) recent[i] += other.recent[i];
}

uint64_t HistogramData::recent_count() const {
  uint64_t total = 0;
  for (const uint64_t bucket : recent) total += bucket;
  return total;
}

int64_t HistogramData::quantile(uint32_t per_mille) const {
  const uint64_t total = recent_count();
  if (total == 0) return 0;
  const uint64_t wanted = std::max<uint64_t>(1, (total * per_mille + 999) / 1000);
  uint64_t seen = 0;
  for (size_t i = 0; i < recent.size(); ++i) {
    seen += recent[i];
    if (seen >= wanted) return Histogram::largest_of(i);
  }
  return kLargest;
}

size_t Histogram::bucket_of(int64_t value) {
  const auto v = static_cast<uint64_t>(std::clamp<int64_t>(value, 0, kLargest));
  if (v < 8) return v;
  const auto exponent = static_cast<size_t>(63 - __builtin_clzll(v));
  return (exponent - 2) * 8 + ((v >> (exponent - 3)) & 7);
}

int64_t Histogram::largest_of(size_t bucket) {
  if (bucket < 8) return static_cast<int64_t>(bucket);
  const size_t exponent = bucket / 8 + 2;
  const uint64_t width = uint64_t{1} << (exponent - 3);
  return static_cast<int64_t>((8 + bucket % 8 + 1) * width - 1);
}

void Histogram::turn(Instant now) {
  if (now < turns_at_) return;
  // After a long silence both windows are of the past.
  if (now >= turns_at_ + kWindow) windows_[current_].fill(0);
  current_ = 1 - current_;
  windows_[current_].fill(0);
  turns_at_ = now + kWindow;
}

void Histogram::record(Instant now, int64_t value) {
  turn(now);
  ++count_;
  sum_ += std::max<int64_t>(value, 0);
  ++windows_[current_][bucket_of(value)];
}

HistogramData Histogram::data(Instant now) const {
  HistogramData data;
  data.count = count_;
  data.sum = sum_;
  if (count_ == 0 || now >= turns_at_ + kWindow) return data;
  data.recent.resize(kBuckets);
  for (size_t i = 0; i < kBuckets; ++i) {
    data.recent[i] = windows_[current_][i];
    if (now < turns_at_) data.recent[i] += windows_[1 - current_][i];
  }
  return data;
}

}  // namespace ksim
