#pragma once

#include <string>

#include "core/metrics/snapshot.h"

namespace ksim {

// Prometheus' text format.
std::string prometheus_text(const MetricsSnapshot& snapshot);

}  // namespace ksim
