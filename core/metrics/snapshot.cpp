#include "core/metrics/snapshot.h"

#include <algorithm>

namespace ksim {
namespace {

void join(const MetricFamily& family, MetricSample& into, const MetricSample& from) {
  into.value = family.largest ? std::max(into.value, from.value) : into.value + from.value;
  into.distribution.add(from.distribution);
}

}  // namespace

MetricFamily& MetricsSnapshot::family(std::string_view name, std::string_view help, MetricType type) {
  const auto found = families_.find(name);
  if (found != families_.end()) return found->second;
  MetricFamily& made = families_[std::string(name)];
  made.help = help;
  made.type = type;
  return made;
}

void MetricsSnapshot::counter(std::string_view name, std::string_view help, uint64_t value,
                              MetricLabels labels) {
  family(name, help, MetricType::counter).samples[std::move(labels)].value += static_cast<int64_t>(value);
}

void MetricsSnapshot::gauge(std::string_view name, std::string_view help, int64_t value,
                            MetricLabels labels) {
  family(name, help, MetricType::gauge).samples[std::move(labels)].value += value;
}

void MetricsSnapshot::largest(std::string_view name, std::string_view help, int64_t value,
                              MetricLabels labels) {
  MetricFamily& family = this->family(name, help, MetricType::gauge);
  family.largest = true;
  MetricSample& sample = family.samples.try_emplace(std::move(labels), MetricSample{value, {}}).first->second;
  sample.value = std::max(sample.value, value);
}

void MetricsSnapshot::summary(std::string_view name, std::string_view help, const HistogramData& data,
                              MetricUnit unit, MetricLabels labels) {
  MetricFamily& family = this->family(name, help, MetricType::summary);
  family.unit = unit;
  family.samples[std::move(labels)].distribution.add(data);
}

void MetricsSnapshot::merge(const MetricsSnapshot& other) {
  for (const auto& [name, from] : other.families_) {
    const auto [at, fresh] = families_.try_emplace(name, from);
    if (fresh) continue;
    for (const auto& [labels, sample] : from.samples) {
      const auto [existing, added] = at->second.samples.try_emplace(labels, sample);
      if (!added) join(at->second, existing->second, sample);
    }
  }
}

int64_t MetricsSnapshot::value(std::string_view name, const MetricLabels& labels) const {
  const auto family = families_.find(name);
  if (family == families_.end()) return 0;
  const auto sample = family->second.samples.find(labels);
  return sample == family->second.samples.end() ? 0 : sample->second.value;
}

}  // namespace ksim
