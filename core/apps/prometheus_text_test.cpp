#include "core/apps/prometheus_text.h"

#include <gtest/gtest.h>

namespace ksim {
namespace {

TEST(PrometheusText, CountersGaugesAndQuantiles) {
  MetricsSnapshot snapshot;
  snapshot.counter("bytes_total", "Bytes.", 1234567890123, {{"topic", "a\"b"}});
  snapshot.gauge("leaders", "Leaders.", -1);
  Histogram histogram;
  histogram.record(Instant{0}, 7);
  histogram.record(Instant{0}, 3);
  snapshot.summary("time", "Time.", histogram.data(Instant{0}), MetricUnit::microseconds_as_ms);
  const std::string text = prometheus_text(snapshot);
  for (const char* wanted :
       {"# HELP bytes_total Bytes.\n# TYPE bytes_total counter\n",
        "bytes_total{topic=\"a\\\"b\"} 1234567890123", "\nleaders -1\n", "# TYPE time summary\n",
        "time_count 2\n", "time_sum 0.01", "time{quantile=\"0.99\"} 0.007"}) {
    EXPECT_NE(text.find(wanted), std::string::npos) << wanted << "\nin\n" << text;
  }
}

}  // namespace
}  // namespace ksim
