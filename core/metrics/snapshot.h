#pragma once
// All metrics of a node at one moment, as Prometheus sees them: families by name, samples by labels. Names
// are those of Kafka's JMX beans: kafka.server:type=BrokerTopicMetrics,name=BytesInPerSec,topic=x is
// kafka_server_brokertopicmetrics_bytesin_total{topic="x"}; gauges carry the bean's name, histograms quantile
// labels. Made when somebody asks, from what each shard counts on its own.

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/metrics/histogram.h"

namespace ksim {

using MetricLabels = std::vector<std::pair<std::string, std::string>>;

enum class MetricType : uint8_t { counter, gauge, summary };
// How the value is to be shown; in here everything is a whole number.
enum class MetricUnit : uint8_t { none, microseconds_as_ms, millionths };

struct MetricSample {
  int64_t value = 0;
  HistogramData distribution;  // of a summary
};

struct MetricFamily {
  std::string help;
  MetricType type = MetricType::gauge;
  MetricUnit unit = MetricUnit::none;
  bool largest = false;  // shards do not add up, the largest value counts
  std::map<MetricLabels, MetricSample> samples;
};

class MetricsSnapshot {
 public:
  // Values under the same name and labels add up.
  void counter(std::string_view name, std::string_view help, uint64_t value, MetricLabels labels = {});
  void gauge(std::string_view name, std::string_view help, int64_t value, MetricLabels labels = {});
  void largest(std::string_view name, std::string_view help, int64_t value, MetricLabels labels = {});
  void summary(std::string_view name, std::string_view help, const HistogramData& data, MetricUnit unit,
               MetricLabels labels = {});
  void merge(const MetricsSnapshot& other);

  const std::map<std::string, MetricFamily, std::less<>>& families() const { return families_; }
  // For tests: 0 if there is no such sample.
  int64_t value(std::string_view name, const MetricLabels& labels = {}) const;

 private:
  MetricFamily& family(std::string_view name, std::string_view help, MetricType type);

  std::map<std::string, MetricFamily, std::less<>> families_;
};

}  // namespace ksim
