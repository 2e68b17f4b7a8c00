#include "sim/matrix/matrix.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include <fmt/format.h>

#include "sim/observer/report.h"

namespace ksim::sim {
namespace {

// What makes a run the worst of its cell, the most telling first.
auto badness(const MatrixRun& run) {
  return std::tuple(run.violated, run.lost - run.permitted, run.lost, run.reordered, run.duplicated,
                    run.unavailable_ms);
}

}  // namespace

Interval wilson(uint64_t hits, uint64_t runs) {
  if (runs == 0) return {};
  constexpr double kZ = 1.959964;  // 95%
  const double n = static_cast<double>(runs);
  const double rate = static_cast<double>(hits) / n;
  const double scale = 1 + kZ * kZ / n;
  const double middle = (rate + kZ * kZ / (2 * n)) / scale;
  const double half = kZ / scale * std::sqrt(rate * (1 - rate) / n + kZ * kZ / (4 * n * n));
  // At the ends the interval is exact; rounding must not put the rate outside it.
  return {hits == 0 ? 0 : std::max(middle - half, 0.0), hits == runs ? 1 : std::min(middle + half, 1.0)};
}

double CellResult::loss_rate() const {
  return struck == 0 ? 0 : static_cast<double>(lossy_struck) / static_cast<double>(struck);
}

bool all_kinds_struck(const std::vector<FaultRow>& faults) {
  std::map<std::string, bool> kinds;
  for (const FaultRow& fault : faults) kinds[fault.kind] = kinds[fault.kind] || fault.took_effect;
  return !kinds.empty() &&
         std::all_of(kinds.begin(), kinds.end(), [](const auto& kind) { return kind.second; });
}

std::string tell_run(const RunSummary& summary) {
  constexpr size_t kMostLines = 8;
  const RunCounts& counts = summary.counts;
  std::string out = fmt::format("{} acknowledged, {} lost", counts.acknowledged, counts.lost);
  if (counts.lost > 0) out += fmt::format(" ({} permitted)", counts.permitted);
  if (counts.duplicated > 0) out += fmt::format(", {} duplicated", counts.duplicated);
  if (counts.reordered > 0) out += fmt::format(", {} reordered", counts.reordered);
  out += "\n";
  for (const ViolationRow& violation : summary.violations) {
    out += fmt::format("{} VIOLATION {}\n", format_seconds(violation.at), complaint_of(violation));
    break;
  }
  size_t shown = 0;
  for (const TimelineEntry& entry : summary.timeline) {
    const bool fault = entry.kind == "fault" || entry.kind == "unclean";
    const bool after =
        counts.faults > 0 && !summary.faults.empty() && entry.at > summary.faults.front().began;
    if (!fault && !(after && (entry.kind == "leader" || entry.kind == "truncation"))) continue;
    if (++shown > kMostLines) break;
    out += fmt::format("{} {} {}: {}\n", format_seconds(entry.at), entry.kind, entry.subject, entry.text);
  }
  shown = 0;
  for (const LostRecord& lost : summary.losses) {
    if (++shown > kMostLines) break;
    out += fmt::format("lost: {:016x} in {}", lost.record, lost.partition);
    out += lost.offset < 0 ? ", told no offset" : fmt::format(" at {}", lost.offset);
    out += fmt::format(", acknowledged to {} at {}", lost.client, format_seconds(lost.acknowledged));
    if (!lost.holders.empty()) out += fmt::format(", then on the disks of {}", lost.holders);
    out += lost.permitted ? "\n" : ", NOT permitted\n";
  }
  if (counts.lost > kMostLines) out += fmt::format("and {} more\n", counts.lost - kMostLines);
  return out;
}

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::never:
      return "never";
    case Verdict::permitted:
      return "permitted";
    case Verdict::within:
      return "within";
    case Verdict::unavailable:
      return "unavailable";
    case Verdict::rejected:
      return "rejected";
  }
  return "";
}

Matrix::Matrix(Dimensions dimensions, uint64_t seeds, std::string build)
    : dimensions_(std::move(dimensions)),
      seeds_(seeds),
      build_(std::move(build)),
      cells_(dimensions_.cells()),
      results_(cells_.size()) {
  for (size_t i = 0; i < cells_.size(); ++i) {
    if (expected(cells_[i]).promise != Promise::rejected) runnable_.push_back(i);
  }
}

void Matrix::add(size_t cell, uint64_t seed, MatrixRun run, std::string story) {
  CellResult& result = results_.at(cell);
  const auto [there, fresh] = result.runs.emplace(seed, std::move(run));
  if (!fresh) return;
  ++runs_;
  const MatrixRun& known = there->second;
  result.acknowledged += known.acknowledged;
  result.lost += known.lost;
  result.permitted += known.permitted;
  result.duplicated += known.duplicated;
  result.reordered += known.reordered;
  result.unavailable_ms += known.unavailable_ms;
  if (known.struck) ++result.struck;
  if (known.lost > 0) ++result.lossy;
  if (known.lost > 0 && known.struck) ++result.lossy_struck;
  if (known.simulator_fault) ++result.simulator_faults;
  if (known.violated && (result.first_violated == 0 || seed < result.first_violated))
    result.first_violated = seed;
  if (known.simulator_fault) return;
  if (result.worst) {
    const auto before = badness(result.runs.at(*result.worst));
    const auto now = badness(known);
    // Of equals the smallest seed, in whatever order they come.
    if (now < before || (now == before && seed > *result.worst)) return;
  }
  result.worst = seed;
  result.story = std::move(story);
}

uint64_t Matrix::lossy_cells() const {
  return static_cast<uint64_t>(
      std::count_if(results_.begin(), results_.end(), [](const CellResult& r) { return r.lost > 0; }));
}

uint64_t Matrix::simulator_faults() const {
  uint64_t sum = 0;
  for (const CellResult& result : results_) sum += result.simulator_faults;
  return sum;
}

Verdict Matrix::verdict(size_t cell) const {
  const Promise promise = expected(cells_.at(cell)).promise;
  if (promise == Promise::rejected) return Verdict::rejected;
  if (!contradiction(cell).empty()) return Verdict::within;
  if (results_[cell].acknowledged == 0 && !results_[cell].runs.empty()) return Verdict::unavailable;
  return results_[cell].lost > 0 ? Verdict::permitted : Verdict::never;
}

std::string Matrix::contradiction(size_t cell) const {
  const CellResult& result = results_.at(cell);
  const Promise promise = expected(cells_.at(cell)).promise;
  if (result.first_violated != 0)
    return fmt::format("seed {}: {}", result.first_violated, result.runs.at(result.first_violated).complaint);
  if (result.lost > result.permitted)
    return fmt::format("{} records are lost whose loss the contract does not permit",
                       result.lost - result.permitted);
  if (promise == Promise::safe && result.lost > 0)
    return fmt::format("{} records are lost, in {} of {} runs, where these settings are safe", result.lost,
                       result.lossy, result.runs.size());
  return {};
}

bool Matrix::witness_missing(size_t cell) const {
  const Expected wanted = expected(cells_.at(cell));
  const CellResult& result = results_[cell];
  return wanted.promise == Promise::permitted && wanted.within_runs > 0 &&
         result.struck >= wanted.within_runs && result.lost == 0;
}

std::string Matrix::witness(size_t cell) const {
  const CellResult& result = results_.at(cell);
  return result.worst ? witness_command(cells_[cell], *result.worst) : std::string();
}

std::string witness_command(const Cell& cell, uint64_t seed) {
  std::string text = fmt::format("scripts/ksim scenario matrix/{}", to_string(cell.fault));
  for (const Setting& setting : settings_of(cell)) {
    const bool quoted = setting.key.find('"') != std::string::npos;
    text += quoted ? fmt::format(" --set '{}={}'", setting.key, setting.value)
                   : fmt::format(" --set {}={}", setting.key, setting.value);
  }
  return text + fmt::format(" --seed {}", seed);
}

}  // namespace ksim::sim
