#pragma once
// A run's summary for a person and for programs.

#include <string>

#include "sim/observer/summary.h"

namespace ksim::sim {

struct ReportStyle {
  bool colour = false;
  size_t width = 100;  // columns
  bool all_timeline = false;
};

std::string render_report(const RunSummary& summary, const ReportStyle& style);
// One JSON object, without a newline at the end.
std::string render_json(const RunSummary& summary);
// Eight levels of block characters, as many columns as values; narrowed to `columns` by summing neighbours.
std::string sparkline(const std::vector<uint32_t>& values, size_t columns);
std::string format_seconds(Instant at);  // "12.345 s"
std::string format_seconds(Duration d);

}  // namespace ksim::sim
