#include "sim/observer/report.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include <fmt/format.h>

namespace ksim::sim {
namespace {

// The commands that show more of the violations.
std::vector<std::string> look_further(const RunSummary& summary) {
  std::vector<std::string> commands;
  commands.push_back(summary.repeat + " --record run.sqlite");
  const auto query = [&](const std::string& sql) {
    commands.push_back("sqlite3 run.sqlite \"" + sql + "\"");
  };
  query("select * from timeline");
  std::set<std::string> asked;
  for (const ViolationRow& v : summary.violations) {
    if (v.record != 0 && asked.insert(fmt::format("{:016x}", v.record)).second)
      query(fmt::format("select * from record_story where record = '{:016x}'", v.record));
    if (v.subject.find('-') == std::string::npos || !asked.insert(v.subject).second) continue;
    if (v.checker == "ASSERT") continue;
    query(fmt::format("select * from leadership where partition = '{}'", v.subject));
    query(fmt::format("select * from replica_story where partition = '{}'", v.subject));
  }
  constexpr size_t kMost = 8;
  if (commands.size() > kMost) commands.resize(kMost);
  return commands;
}

class Paint {
 public:
  explicit Paint(bool on) : on_(on) {}
  std::string red(std::string_view text) const { return with("31;1", text); }
  std::string green(std::string_view text) const { return with("32", text); }
  std::string yellow(std::string_view text) const { return with("33", text); }
  std::string cyan(std::string_view text) const { return with("36", text); }
  std::string dim(std::string_view text) const { return with("2", text); }
  std::string bold(std::string_view text) const { return with("1", text); }

 private:
  std::string with(std::string_view code, std::string_view text) const {
    return on_ ? fmt::format("\033[{}m{}\033[0m", code, text) : std::string(text);
  }
  bool on_;
};

std::string colour_of(const Paint& paint, const TimelineEntry& entry, const std::string& text) {
  if (entry.kind == "fault") return paint.red(text);
  if (entry.kind == "healed") return paint.green(text);
  if (entry.kind == "unclean" || entry.kind == "truncation") return paint.yellow(text);
  if (entry.kind == "leader" || entry.kind == "quorum" || entry.kind == "controller") return paint.cyan(text);
  return text;
}

// Leaders that several partitions got within the same millisecond are one line.
std::vector<TimelineEntry> grouped(const std::vector<TimelineEntry>& timeline) {
  std::vector<TimelineEntry> lines;
  for (const TimelineEntry& entry : timeline) {
    const bool joins = !lines.empty() && lines.back().kind == entry.kind && lines.back().text == entry.text &&
                       (entry.at - lines.back().at).ms() < 5;
    if (joins) {
      lines.back().subject += ", " + entry.subject;
    } else {
      lines.push_back(entry);
    }
  }
  return lines;
}

void render_timeline(std::string& out, const RunSummary& summary, const ReportStyle& style,
                     const Paint& paint) {
  constexpr size_t kMost = 40;
  const std::vector<TimelineEntry> lines = grouped(summary.timeline);
  out += paint.bold("What happened") + "\n";
  const size_t shown = style.all_timeline ? lines.size() : std::min(lines.size(), kMost);
  for (size_t i = 0; i < shown; ++i) {
    const TimelineEntry& entry = lines[i];
    std::string line = fmt::format("  {:>10}  {:<10}  {}{}{}", format_seconds(entry.at), entry.kind,
                                   entry.subject, entry.text.empty() ? "" : ": ", entry.text);
    out += colour_of(paint, entry, line) + "\n";
  }
  if (shown < lines.size()) {
    out += paint.dim(fmt::format("  and {} more; --record FILE keeps them all (view: timeline)",
                                 lines.size() - shown)) +
           "\n";
  }
}

void render_throughput(std::string& out, const RunSummary& summary, const ReportStyle& style,
                       const Paint& paint) {
  if (summary.throughput.empty()) return;
  const size_t columns = style.width > 40 ? style.width - 30 : 20;
  out += "\n" + paint.bold("Records appended by each leader") +
         paint.dim(fmt::format("  0 to {}", format_seconds(summary.ended))) + "\n";
  const auto buckets = static_cast<size_t>(summary.ended.ns / summary.bucket.ns) + 1;
  for (const BrokerThroughput& broker : summary.throughput) {
    std::vector<uint32_t> values = broker.records_per_bucket;
    values.resize(std::max(values.size(), buckets));
    uint64_t total = 0;
    for (uint32_t value : values) total += value;
    out += fmt::format("  broker {:<4} {} {:>8}\n", broker.node, sparkline(values, columns), total);
  }
}

void render_partitions(std::string& out, const RunSummary& summary, const Paint& paint) {
  if (summary.partitions.empty()) return;
  out += "\n" + paint.bold("Partitions") + "\n";
  out += paint.dim(fmt::format("  {:<24} {:>12} {:>10} {:>7} {:>6} {:>14}", "", "acknowledged", "committed",
                               "leader", "epoch", "unavailable")) +
         "\n";
  for (const PartitionSummary& p : summary.partitions) {
    const std::string gap =
        p.interruptions == 0 ? "-" : fmt::format("{} ({}x)", format_seconds(p.unavailable), p.interruptions);
    out += fmt::format("  {:<24} {:>12} {:>10} {:>7} {:>6} {:>14}\n", p.name, p.acknowledged, p.committed,
                       p.leader < 0 ? "none" : std::to_string(p.leader), p.leader_epoch, gap);
  }
}

void render_faults(std::string& out, const RunSummary& summary, const Paint& paint) {
  if (summary.faults.empty()) return;
  out += "\n" + paint.bold("Faults, and what each really did") + "\n";
  for (const FaultRow& fault : summary.faults) {
    if (!fault.took_effect) {
      out +=
          paint.yellow(fmt::format("  {} {} ({}): {}", fault.kind, fault.target, fault.cause, fault.effect)) +
          "\n";
      continue;
    }
    out += fmt::format("  {} {} ({}): {} to {}{}{}\n", fault.kind, fault.target, fault.cause,
                       format_seconds(fault.began), fault.ended ? format_seconds(*fault.ended) : "the end",
                       fault.effect.empty() ? "" : "; ", fault.effect);
  }
}

void render_checks(std::string& out, const RunSummary& summary, const Paint& paint) {
  out += "\n";
  if (summary.checkers.empty()) {
    out += paint.yellow("Checks were off (--no-checkers)") + "\n";
  } else {
    std::string held, violated;
    for (const CheckerSummary& checker : summary.checkers) {
      (checker.held ? held : violated) +=
          " " + (checker.held ? paint.green(checker.code) : paint.red(checker.code));
    }
    out += paint.bold("Checks held") + held + "\n";
    if (!violated.empty()) out += paint.bold("Violated") + violated + "\n";
  }
}

// The first violation of each checker with its story; the others are mostly the same again.
void render_violations(std::string& out, const RunSummary& summary, const Paint& paint) {
  std::set<std::string> told;
  for (const ViolationRow& v : summary.violations) {
    out += "\n" +
           paint.red(fmt::format("VIOLATION {} at {} in {}", v.checker, format_seconds(v.at), v.subject)) +
           "\n";
    const bool first = told.insert(v.checker).second;
    if (first && !v.invariant.empty()) out += paint.bold("  What must hold  ") + v.invariant + "\n";
    out += paint.bold("  What was found  ") + v.message + "\n";
    if (!first) continue;
    for (const std::string& line : v.story) out += "  " + line + "\n";
  }
  if (summary.violations.empty()) return;
  out += "\n" + paint.bold("To look further") + "\n";
  for (const std::string& command : look_further(summary)) out += "  " + command + "\n";
}

}  // namespace

std::string format_seconds(Duration d) {
  return fmt::format("{}.{:03} s", d.ns / 1'000'000'000, d.ns / 1'000'000 % 1000);
}
std::string format_seconds(Instant at) { return format_seconds(at - Instant{0}); }

std::string sparkline(const std::vector<uint32_t>& values, size_t columns) {
  static constexpr const char* kLevels[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  const size_t wide = std::max<size_t>(1, (values.size() + columns - 1) / std::max<size_t>(columns, 1));
  std::vector<uint64_t> sums;
  for (size_t i = 0; i < values.size(); ++i) {
    if (i % wide == 0) sums.push_back(0);
    sums.back() += values[i];
  }
  uint64_t most = 0;
  for (uint64_t sum : sums) most = std::max(most, sum);
  std::string line;
  for (uint64_t sum : sums) line += kLevels[sum == 0 || most == 0 ? 0 : 1 + (sum * 7) / most];
  return line;
}

std::string render_report(const RunSummary& summary, const ReportStyle& style) {
  const Paint paint(style.colour);
  const RunCounts& counts = summary.counts;
  std::string out = paint.bold(fmt::format("{} · seed {}", summary.scenario, summary.seed)) + "\n\n";
  render_timeline(out, summary, style, paint);
  render_throughput(out, summary, style, paint);
  render_partitions(out, summary, paint);
  render_faults(out, summary, paint);
  out += "\n" + paint.bold("Records") +
         fmt::format("  {} sent, {} acknowledged, {} failed, {} unknown, {} read", counts.sent,
                     counts.acknowledged, counts.failed, counts.unknown, counts.read);
  const std::string lost =
      counts.lost == 0 ? "0 lost" : fmt::format("{} lost ({} permitted)", counts.lost, counts.permitted);
  out += ", " + (counts.lost == 0                 ? lost
                 : counts.lost > counts.permitted ? paint.red(lost)
                                                  : paint.yellow(lost));
  if (counts.duplicated > 0) out += fmt::format(", {} duplicated", counts.duplicated);
  if (counts.reordered > 0) out += fmt::format(", {} reordered", counts.reordered);
  out += "\n";
  out += paint.bold("Events") + fmt::format(
                                    "   {} faults took effect, {} elections ({} unclean), {} quorum "
                                    "elections, {} ISR changes, {} truncations\n",
                                    counts.faults, counts.elections, counts.unclean_elections,
                                    counts.quorum_elections, counts.isr_changes, counts.truncations);
  if (counts.forged > 0)
    out += paint.bold("Forged") + fmt::format("   {} forged requests and what was answered\n", counts.forged);
  render_checks(out, summary, paint);
  render_violations(out, summary, paint);
  const int64_t real_us = std::max<int64_t>(summary.real.ns / 1000, 1);
  out += fmt::format(
      "\n{} of virtual time in {} ({}x), {} events, {} events/s\n", format_seconds(summary.ended),
      format_seconds(summary.real), summary.ended.ns / 1000 / real_us, summary.events,
      static_cast<uint64_t>(static_cast<double>(summary.events) * 1e6 / static_cast<double>(real_us)));
  out += fmt::format("repeat: {}\n", summary.repeat);
  if (summary.verified) out += "verified: two processes did the same\n";
  out += fmt::format("digest {:016x}\n", summary.digest);
  return out;
}

std::string render_json(const RunSummary& summary) {
  using nlohmann::json;
  const RunCounts& c = summary.counts;
  json out{{"scenario", summary.scenario},
           {"seed", std::to_string(summary.seed)},
           {"digest", fmt::format("{:016x}", summary.digest)},
           {"holds", summary.holds()},
           {"virtual_ns", summary.ended.ns},
           {"real_ns", summary.real.ns},
           {"events", summary.events},
           {"repeat", summary.repeat}};
  out["counts"] = {{"sent", c.sent},
                   {"acknowledged", c.acknowledged},
                   {"batches", c.batches},
                   {"failed", c.failed},
                   {"unknown", c.unknown},
                   {"read", c.read},
                   {"lost", c.lost},
                   {"permitted_lost", c.permitted},
                   {"duplicated", c.duplicated},
                   {"reordered", c.reordered},
                   {"unavailable_ms", c.unavailable_ms},
                   {"faults", c.faults},
                   {"elections", c.elections},
                   {"unclean_elections", c.unclean_elections},
                   {"quorum_elections", c.quorum_elections},
                   {"isr_changes", c.isr_changes},
                   {"truncations", c.truncations},
                   {"forged", c.forged}};
  if (summary.verified) out["verified"] = true;
  out["violations"] = json::array();
  for (const ViolationRow& v : summary.violations) {
    out["violations"].push_back({{"checker", v.checker},
                                 {"at_ns", v.at.ns},
                                 {"subject", v.subject},
                                 {"message", v.message},
                                 {"invariant", v.invariant},
                                 {"story", v.story}});
    json& row = out["violations"].back();
    row["record"] = v.record == 0 ? json(nullptr) : json(fmt::format("{:016x}", v.record));
    row["offset"] = v.offset < 0 ? json(nullptr) : json(v.offset);
  }
  if (!summary.violations.empty()) out["look_further"] = look_further(summary);
  out["checkers"] = json::array();
  for (const CheckerSummary& k : summary.checkers)
    out["checkers"].push_back({{"code", k.code}, {"held", k.held}});
  out["faults"] = json::array();
  for (const FaultRow& f : summary.faults) {
    json row{{"kind", f.kind},   {"target", f.target},           {"began_ns", f.began.ns},
             {"cause", f.cause}, {"took_effect", f.took_effect}, {"effect", f.effect}};
    row["ended_ns"] = f.ended ? json(f.ended->ns) : json(nullptr);
    out["faults"].push_back(row);
  }
  out["partitions"] = json::array();
  for (const PartitionSummary& p : summary.partitions) {
    out["partitions"].push_back({{"name", p.name},
                                 {"acknowledged", p.acknowledged},
                                 {"committed", p.committed},
                                 {"leader", p.leader},
                                 {"leader_epoch", p.leader_epoch},
                                 {"unavailable_ns", p.unavailable.ns},
                                 {"longest_unavailable_ns", p.longest.ns},
                                 {"interruptions", p.interruptions}});
  }
  out["timeline"] = json::array();
  for (const TimelineEntry& t : summary.timeline) {
    out["timeline"].push_back(
        {{"at_ns", t.at.ns}, {"kind", t.kind}, {"subject", t.subject}, {"text", t.text}});
  }
  out["marks"] = json::object();
  for (const MarkRow& m : summary.marks) {
    if (m.reached > 0) out["marks"][m.name] = m.reached;
  }
  if (!summary.simulator_fault.empty()) out["simulator_fault"] = summary.simulator_fault;
  return out.dump();
}

}  // namespace ksim::sim
