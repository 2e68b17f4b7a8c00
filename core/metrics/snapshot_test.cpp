#include "core/metrics/snapshot.h"

#include <gtest/gtest.h>

namespace ksim {
namespace {

TEST(MetricsSnapshot, ShardsAddUpUnlessTheLargestCounts) {
  MetricsSnapshot one;
  MetricsSnapshot two;
  one.counter("bytes", "", 3, {{"topic", "a"}});
  two.counter("bytes", "", 4, {{"topic", "a"}});
  two.counter("bytes", "", 5, {{"topic", "b"}});
  one.largest("lag", "", 7);
  two.largest("lag", "", 2);
  two.gauge("leaders", "", 1);
  one.merge(two);
  EXPECT_EQ(one.value("bytes", {{"topic", "a"}}), 7);
  EXPECT_EQ(one.value("bytes", {{"topic", "b"}}), 5);
  EXPECT_EQ(one.value("lag"), 7);
  EXPECT_EQ(one.value("leaders"), 1);
  EXPECT_EQ(one.value("nothing"), 0);
}

TEST(MetricsSnapshot, DistributionsAddUp) {
  Histogram histogram;
  histogram.record(Instant{0}, 5);
  MetricsSnapshot one;
  MetricsSnapshot two;
  one.summary("time", "", histogram.data(Instant{0}), MetricUnit::microseconds_as_ms, {{"request", "Fetch"}});
  two.merge(one);
  two.merge(one);
  EXPECT_EQ(two.families().at("time").samples.at({{"request", "Fetch"}}).distribution.count, 2U);
}

}  // namespace
}  // namespace ksim
