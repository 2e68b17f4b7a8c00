#include "core/apps/prometheus_text.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

namespace ksim {
namespace {

constexpr uint32_t kQuantiles[] = {500, 750, 950, 990, 999};  // per mille

double shown(int64_t value, MetricUnit unit) {
  switch (unit) {
    case MetricUnit::microseconds_as_ms:
      return static_cast<double>(value) / 1000;
    case MetricUnit::millionths:
      return static_cast<double>(value) / 1'000'000;
    case MetricUnit::none:
      break;
  }
  return static_cast<double>(value);
}

prometheus::MetricType type_of(MetricType type) {
  switch (type) {
    case MetricType::counter:
      return prometheus::MetricType::Counter;
    case MetricType::summary:
      return prometheus::MetricType::Summary;
    case MetricType::gauge:
      break;
  }
  return prometheus::MetricType::Gauge;
}

prometheus::ClientMetric metric_of(const MetricFamily& family, const MetricLabels& labels,
                                   const MetricSample& sample) {
  prometheus::ClientMetric metric;
  for (const auto& [name, value] : labels) metric.label.push_back({name, value});
  switch (family.type) {
    case MetricType::counter:
      metric.counter.value = shown(sample.value, family.unit);
      break;
    case MetricType::gauge:
      metric.gauge.value = shown(sample.value, family.unit);
      break;
    case MetricType::summary:
      metric.summary.sample_count = sample.distribution.count;
      metric.summary.sample_sum = shown(sample.distribution.sum, family.unit);
      for (const uint32_t quantile : kQuantiles) {
        metric.summary.quantile.push_back({static_cast<double>(quantile) / 1000,
                                           shown(sample.distribution.quantile(quantile), family.unit)});
      }
      break;
  }
  return metric;
}

}  // namespace

std::string prometheus_text(const MetricsSnapshot& snapshot) {
  std::vector<prometheus::MetricFamily> families;
  for (const auto& [name, family] : snapshot.families()) {
    prometheus::MetricFamily& out = families.emplace_back();
    out.name = name;
    out.help = family.help;
    out.type = type_of(family.type);
    for (const auto& [labels, sample] : family.samples)
      out.metric.push_back(metric_of(family, labels, sample));
  }
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace ksim
