#include "core/metrics/histogram.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace ksim {
namespace {

TEST(Histogram, SmallNumbersAreExact) {
  Histogram histogram;
  for (int64_t i = 1; i <= 7; ++i) histogram.record(Instant{0}, i);
  const HistogramData data = histogram.data(Instant{0});
  EXPECT_EQ(data.count, 7U);
  EXPECT_EQ(data.sum, 28);
  EXPECT_EQ(data.quantile(500), 4);
  EXPECT_EQ(data.quantile(999), 7);
  EXPECT_EQ(data.quantile(0), 1);
}

RC_GTEST_PROP(Histogram, ABucketIsAtMostAnEighthTooLarge, ()) {
  const auto shift = *rc::gen::inRange(0, 40);
  const int64_t value = *rc::gen::inRange<int64_t>(0, int64_t{1} << shift);
  const int64_t largest = Histogram::largest_of(Histogram::bucket_of(value));
  RC_ASSERT(Histogram::bucket_of(value) < Histogram::kBuckets);
  RC_ASSERT(largest >= value);
  RC_ASSERT(largest - value <= value / 8);
  RC_ASSERT(Histogram::bucket_of(largest) == Histogram::bucket_of(value));
  RC_ASSERT(Histogram::bucket_of(largest + 1) == Histogram::bucket_of(value) + 1 ||
            Histogram::bucket_of(value) == Histogram::kBuckets - 1);
}

TEST(Histogram, QuantilesForgetCountsDoNot) {
  Histogram histogram;
  const Instant start{0};
  histogram.record(start, 1000);
  histogram.record(start + Histogram::kWindow, 5);
  EXPECT_GE(histogram.data(start + Histogram::kWindow).quantile(999), 1000)
      << "still in the last two minutes";
  const Instant later = start + Histogram::kWindow * 2;
  histogram.record(later, 5);
  EXPECT_EQ(histogram.data(later).quantile(999), 5);
  EXPECT_EQ(histogram.data(later).count, 3U);
  EXPECT_EQ(histogram.data(later + seconds(3600)).recent_count(), 0U);
  histogram.record(later + seconds(3600), 9);
  EXPECT_EQ(histogram.data(later + seconds(3600)).recent_count(), 1U);
}

TEST(Histogram, ShardsAddUp) {
  Histogram one;
  Histogram two;
  one.record(Instant{0}, 1);
  two.record(Instant{0}, 3);
  HistogramData sum = one.data(Instant{0});
  sum.add(two.data(Instant{0}));
  EXPECT_EQ(sum.count, 2U);
  EXPECT_EQ(sum.quantile(500), 1);
  EXPECT_EQ(sum.quantile(990), 3);
  sum.add(Histogram().data(Instant{0}));
  EXPECT_EQ(sum.recent_count(), 2U);
}

}  // namespace
}  // namespace ksim
