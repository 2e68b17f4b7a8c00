// ksim coverage: which marks, kinds of fault and pairs of them a swarm has met, and which never.

#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "core/base/hooks.h"
#include "sim/cli/campaign_file.h"
#include "sim/cli/commands.h"
#include "sim/faults/all.h"
#include "sim/host/files.h"
#include "sim/host/terminal.h"

namespace ksim::sim {
namespace {

std::string mark_text(size_t mark) { return std::string(mark_name(static_cast<Mark>(mark))); }

// Scenarios that have met something, as far as a line goes.
std::string where(const Swarm& swarm, const std::function<uint64_t(const std::string&)>& runs) {
  constexpr size_t kShown = 4;
  std::vector<std::string> names;
  for (const std::string& scenario : swarm.plan().scenarios) {
    if (runs(scenario) > 0) names.push_back(scenario);
  }
  const size_t more = names.size() > kShown ? names.size() - kShown : 0;
  if (more > 0) names.resize(kShown);
  return fmt::format("{}{}", fmt::join(names, ", "), more > 0 ? fmt::format(" and {} more", more) : "");
}

std::string coverage_text(const Swarm& swarm) {
  std::string out = fmt::format(
      "{} runs of {} scenarios\n\nFaults, in how many runs they took effect, of how many that planned them\n",
      swarm.runs(), swarm.plan().scenarios.size());
  for (const FaultKind& kind : fault_kinds()) {
    const std::string name(kind.name);
    const uint64_t runs = swarm.fault_runs("", name);
    const auto in = [&](const std::string& scenario) { return swarm.fault_runs(scenario, name); };
    const uint64_t planned = swarm.planned_runs("", name);
    out += fmt::format("  {:<24} {:>8} {:>8}  {}\n", name, runs, planned,
                       runs > 0       ? where(swarm, in)
                       : planned == 0 ? "not planned"
                                      : "NEVER");
  }
  out += "\nMarks of core, in how many runs they were reached\n";
  for (size_t mark = 0; mark < kMarkCount; ++mark) {
    const uint64_t runs = swarm.mark_runs("", mark);
    const auto in = [&](const std::string& scenario) { return swarm.mark_runs(scenario, mark); };
    out += fmt::format("  {:<34} {:>8}  {}\n", mark_text(mark), runs, runs == 0 ? "NEVER" : where(swarm, in));
  }
  out += "\nMarks that no run with this fault has reached, though others have\n";
  for (const FaultKind& kind : fault_kinds()) {
    const std::string name(kind.name);
    if (swarm.fault_runs("", name) == 0) continue;
    std::vector<std::string> missing;
    size_t met = 0;
    for (size_t mark = 0; mark < kMarkCount; ++mark) {
      if (swarm.pair_runs(name, mark) > 0) {
        ++met;
      } else if (swarm.mark_runs("", mark) > 0) {
        missing.push_back(mark_text(mark));
      }
    }
    out += fmt::format("  {:<20} {:>3} met; not {}\n", name, met,
                       missing.empty() ? "one missing" : fmt::format("{}", fmt::join(missing, ", ")));
  }
  return out;
}

std::string coverage_json(const Swarm& swarm) {
  using nlohmann::json;
  json out{{"runs", swarm.runs()}, {"scenarios", swarm.plan().scenarios}};
  for (const FaultKind& kind : fault_kinds()) {
    const std::string name(kind.name);
    out["faults"][name] = swarm.fault_runs("", name);
    out["planned"][name] = swarm.planned_runs("", name);
    out["pairs"][name] = json::object();
    for (size_t mark = 0; mark < kMarkCount; ++mark) {
      if (const uint64_t runs = swarm.pair_runs(name, mark); runs > 0)
        out["pairs"][name][mark_text(mark)] = runs;
    }
  }
  for (size_t mark = 0; mark < kMarkCount; ++mark) out["marks"][mark_text(mark)] = swarm.mark_runs("", mark);
  return out.dump();
}

}  // namespace

int show_coverage(const host::CoverageCommand& command) {
  const Result<std::string> text = host::read_text(command.campaign);
  if (!text.ok()) return refuse(text.error().message);
  const Result<Swarm> swarm = load_campaign(command.campaign, *text);
  if (!swarm.ok()) return refuse(swarm.error().message + ": ksim coverage reads what ksim swarm keeps");
  host::write_out(command.json ? coverage_json(*swarm) + "\n" : coverage_text(*swarm));
  return kHolds;
}

}  // namespace ksim::sim
