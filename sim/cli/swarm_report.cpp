#include "sim/cli/swarm_report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "core/base/hooks.h"
#include "sim/cli/commands.h"

namespace ksim::sim {
namespace {

std::string repeat_of(const Swarm& swarm, uint64_t number) {
  std::string text = "scripts/ksim scenario " + shell_word(swarm.plan().scenario_of(number));
  for (const std::string& setting : swarm.plan().settings) text += " --set " + shell_word(setting);
  return text + " --seed " + to_string(swarm.run(number).lineage);
}

std::vector<std::string> marks_never(const Swarm& swarm) {
  std::vector<std::string> names;
  for (size_t mark = 0; mark < kMarkCount; ++mark) {
    if (swarm.mark_runs("", mark) == 0) names.emplace_back(mark_name(static_cast<Mark>(mark)));
  }
  return names;
}

// Kinds of fault that were planned.
std::vector<std::string> faults_never(const Swarm& swarm) {
  std::vector<std::string> names;
  for (const auto& [kind, runs] : swarm.without_effect()) names.push_back(kind);
  return names;
}

std::string never_met(const Swarm& swarm) {
  constexpr size_t kNamed = 8;
  std::vector<std::string> faults = faults_never(swarm);
  const size_t marks = marks_never(swarm).size();
  std::string text;
  if (!faults.empty()) {
    const size_t more = faults.size() > kNamed ? faults.size() - kNamed : 0;
    faults.resize(faults.size() - more);
    text = fmt::format("of the faults that were planned {}{}", fmt::join(faults, ", "),
                       more > 0 ? fmt::format(" and {} kinds more", more) : "");
  }
  if (marks > 0) text += fmt::format("{}{} marks of core", text.empty() ? "" : ", and ", marks);
  return text;
}

// Runs that failed, could have been recorded and were not.
uint64_t not_recorded(const Swarm& swarm) {
  uint64_t count = 0;
  for (const auto& [number, failure] : swarm.failed()) {
    if (failure.recording.empty() && swarm.run(number).outcome == SwarmOutcome::violated) ++count;
  }
  return count;
}

std::string dud_text(const std::string& kind, uint64_t planned) {
  return fmt::format("{} was planned in {} runs and never took effect", kind, planned);
}

// Causes, those with most runs first.
std::vector<std::pair<size_t, uint64_t>> causes_by_runs(const Swarm& swarm) {
  std::vector<std::pair<size_t, uint64_t>> causes;
  for (size_t cause = 0; cause < swarm.causes().size(); ++cause) causes.emplace_back(cause, 0);
  for (const auto& [number, failure] : swarm.failed()) ++causes[failure.cause].second;
  std::stable_sort(causes.begin(), causes.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return causes;
}

// The recording of the smallest run of a cause that has one.
std::string recording_of(const Swarm& swarm, size_t cause) {
  const std::string& own = swarm.failed().at(swarm.smallest(cause)).recording;
  if (!own.empty()) return own;
  for (const auto& [number, failure] : swarm.failed()) {
    if (failure.cause == cause && !failure.recording.empty()) return failure.recording;
  }
  return {};
}

uint64_t per_second(uint64_t count, int64_t real_ns) {
  return count * 1000 / static_cast<uint64_t>(std::max<int64_t>(real_ns / 1'000'000, 1));
}

}  // namespace

std::string progress_bar(double done, double all) {
  constexpr size_t kWidth = 20;
  const double part = all > 0 ? std::clamp(done / all, 0.0, 1.0) : 1.0;
  const auto full = static_cast<size_t>(part * kWidth);
  return fmt::format("[{}{}] ", std::string(full, '#'), std::string(kWidth - full, ' '));
}

std::string cut_line(const std::string& line, size_t columns) {
  size_t used = 0;
  for (size_t at = 0; at < line.size(); ++at) {
    const bool begins = (static_cast<uint8_t>(line[at]) & 0xc0) != 0x80;  // a character, as UTF-8
    if (begins && used++ == columns) return line.substr(0, at);
  }
  return line;
}

std::string render_swarm(const Swarm& swarm, const SwarmSession& session, bool colour) {
  const auto paint = [&](const char* code, const std::string& text) {
    return colour ? fmt::format("\033[{}m{}\033[0m", code, text) : text;
  };
  constexpr size_t kShown = 20;
  std::string out = paint("1", fmt::format("swarm · {} scenarios, {} runs, {} of them twice",
                                           swarm.plan().scenarios.size(), swarm.runs(), swarm.rechecks())) +
                    "\n";
  size_t shown = 0;
  for (const auto& [cause, runs] : causes_by_runs(swarm)) {
    if (++shown > kShown) break;
    const uint64_t number = swarm.smallest(cause);
    const SwarmFailure& failure = swarm.failed().at(number);
    out += paint("31;1", fmt::format("  {} run{}: {}", runs, runs == 1 ? "" : "s", failure.complaint)) + "\n";
    const uint64_t events = swarm.run(number).events;  // none: its process did not live to count them
    out += fmt::format("    the smallest: {}{}\n", repeat_of(swarm, number),
                       events > 0 ? fmt::format("   ({} events)", events) : "");
    if (const std::string recording = recording_of(swarm, cause); !recording.empty())
      out += fmt::format("    recorded: {}\n", recording);
  }
  if (swarm.causes().size() > kShown)
    out += fmt::format("  and {} causes more, in {}\n", swarm.causes().size() - kShown, session.file);
  if (const uint64_t count = not_recorded(swarm); count > 0)
    out +=
        fmt::format("  {} more were not recorded: --record FILE behind the command of one does it\n", count);
  for (const auto& [kind, planned] : swarm.dud_faults())
    out += paint("31;1", "  NO EFFECT: " + dud_text(kind, planned)) + "\n";
  for (const auto& [number, how] : swarm.died_once()) {
    out += paint("33", fmt::format("  once {}, and not when it ran again alone: {}", how,
                                   repeat_of(swarm, number))) +
           "\n";
  }
  for (const auto& [number, why] : swarm.differences()) {
    out += paint("31;1", "  NOT THE SAME TWICE: " + repeat_of(swarm, number)) + "\n";
    if (!why.empty()) out += "    " + why + "\n";
  }
  out += fmt::format("held {}, violated {}, simulator faults {}, died {}, hung {}\n",
                     swarm.count(SwarmOutcome::held), swarm.count(SwarmOutcome::violated),
                     swarm.count(SwarmOutcome::simulator_fault), swarm.count(SwarmOutcome::died),
                     swarm.count(SwarmOutcome::hung));
  if (const std::string never = never_met(swarm); !never.empty())
    out += paint("33", "never met: " + never) + "\n";
  if (swarm.plan().guided) out += fmt::format("guided: {} plans brought something new\n", swarm.kept());
  const double seconds = std::max(static_cast<double>(session.real_ns) / 1e9, 0.001);
  out += fmt::format("{:.1f} seeds/s, {} runs in {:.1f} s; all of it in {} (ksim coverage {})\n",
                     static_cast<double>(session.runs) / seconds, session.runs, seconds, session.file,
                     shell_word(session.file));
  return out;
}

std::string render_swarm_json(const Swarm& swarm, const SwarmSession& session) {
  using nlohmann::json;
  json out{{"scenarios", swarm.plan().scenarios},
           {"campaign", session.file},
           {"runs", swarm.runs()},
           {"rechecked", swarm.rechecks()},
           {"events", swarm.events()},
           {"virtual_ms", swarm.virtual_ms()},
           {"session",
            {{"runs", session.runs},
             {"real_ns", session.real_ns},
             {"seeds_per_1000_s", per_second(session.runs * 1000, session.real_ns)}}},
           {"holds", swarm.exit_code() == 0}};
  for (const SwarmOutcome outcome : {SwarmOutcome::held, SwarmOutcome::violated,
                                     SwarmOutcome::simulator_fault, SwarmOutcome::died, SwarmOutcome::hung})
    out[std::string(to_string(outcome))] = swarm.count(outcome);
  out["causes"] = json::array();
  for (const auto& [cause, runs] : causes_by_runs(swarm)) {
    const uint64_t number = swarm.smallest(cause);
    json row{{"cause", swarm.causes()[cause]},
             {"runs", runs},
             {"scenario", swarm.plan().scenario_of(number)},
             {"seed", to_string(swarm.run(number).lineage)},
             {"complaint", swarm.failed().at(number).complaint},
             {"events", swarm.run(number).events},
             {"repeat", repeat_of(swarm, number)}};
    if (const std::string recording = recording_of(swarm, cause); !recording.empty())
      row["recording"] = recording;
    out["causes"].push_back(row);
  }
  out["differences"] = json::array();
  for (const auto& [number, why] : swarm.differences())
    out["differences"].push_back({{"repeat", repeat_of(swarm, number)}, {"why", why}});
  out["died_once"] = json::array();
  for (const auto& [number, how] : swarm.died_once())
    out["died_once"].push_back({{"repeat", repeat_of(swarm, number)}, {"how", how}});
  out["not_recorded"] = not_recorded(swarm);
  out["no_effect"] = json::array();
  for (const auto& [kind, planned] : swarm.dud_faults())
    out["no_effect"].push_back({{"kind", kind}, {"planned", planned}});
  out["faults_never"] = faults_never(swarm);
  out["marks_never"] = marks_never(swarm);
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace ksim::sim
