#include "core/apps/kctl/output.h"

#include <gtest/gtest.h>

#include "core/apps/kctl/latency.h"

namespace ksim::kctl {
namespace {

TEST(Table, AlignsTextLeftAndNumbersRight) {
  Table table({"NAME", "N", "STATE"});
  table.add({"a", int64_t{5}, "x"});
  table.add({"l\xc3\xa4nger", int64_t{123}, Cell("bad", Style::bad)});
  EXPECT_EQ(table.render(false), "NAME      N  STATE\na         5  x\nl\xc3\xa4nger  123  bad\n");
  const std::string coloured = table.render(true);
  EXPECT_NE(coloured.find("\x1b[31mbad\x1b[0m"), std::string::npos);
  EXPECT_NE(coloured.find("\x1b[1mNAME\x1b[0m"), std::string::npos);
}

TEST(Table, WithoutRowsOnlyHeadings) { EXPECT_EQ(Table({"A", "B"}).render(false), "A  B\n"); }

TEST(Output, Counts) {
  EXPECT_EQ(counted(0, "record"), "0 records");
  EXPECT_EQ(counted(1, "record"), "1 record");
}

TEST(Output, Bytes) {
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(1023), "1023 B");
  EXPECT_EQ(human_bytes(1536), "1.5 KiB");
  EXPECT_EQ(human_bytes(5LL << 40), "5.0 TiB");
  EXPECT_EQ(human_bytes(-1), "-");
}

TEST(Latencies, BucketsCoverEverythingWithinOnePercent) {
  for (int64_t us = 0; us < 2'000'000; us = us < 2000 ? us + 1 : us + us / 97) {
    const size_t bucket = Latencies::bucket_of(us);
    EXPECT_GE(Latencies::largest_of(bucket), us);
    EXPECT_LE(Latencies::largest_of(bucket), us + us / 100) << us;
    EXPECT_TRUE(us == 0 || bucket >= Latencies::bucket_of(us - 1));
  }
}

TEST(Latencies, Quantiles) {
  Latencies latencies;
  EXPECT_EQ(latencies.quantile_us(990), 0);
  for (int64_t i = 1; i <= 1000; ++i) latencies.record(microseconds(i * 10));
  EXPECT_NEAR(static_cast<double>(latencies.quantile_us(500)), 5000, 50);
  EXPECT_NEAR(static_cast<double>(latencies.quantile_us(990)), 9900, 99);
  EXPECT_EQ(latencies.max_us(), 10'000);
  EXPECT_EQ(latencies.quantile_us(1000), 10'000);
  EXPECT_EQ(latencies.mean_us(), 5005);
  latencies.record(seconds(1'000'000));
  EXPECT_EQ(latencies.max_us(), 1'000'000'000'000);
}

}  // namespace
}  // namespace ksim::kctl
