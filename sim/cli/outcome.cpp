#include "sim/cli/outcome.h"

#include <algorithm>

#include <fmt/format.h>

#include "sim/cli/commands.h"
#include "sim/explain/explain.h"
#include "sim/history/sqlite.h"
#include "sim/plan/words.h"
#include "sim/swarm/swarm.h"

namespace ksim::sim {
namespace {

constexpr OutcomeKind kKinds[] = {OutcomeKind::violation, OutcomeKind::loss, OutcomeKind::outage};
// A wait that is shorter is not counted as one (RunObserver).
constexpr Duration kShortestOutage = seconds(1);

bool is_meant(const RunOutcome::Violated& violated, const Concern& concern) {
  return concern.checker.empty() || violated.checker == concern.checker;
}

// Of the record that `ksim explain` tells of where nothing is violated.
std::string culprit_of_first_loss(const std::string& recording) {
  Result<Database> database = Database::open(recording);
  if (!database.ok()) return {};
  Query lost(*database, "SELECT id FROM record WHERE lost = 1 ORDER BY acknowledged_ns, id LIMIT 1");
  if (!lost.next()) return {};
  Question question;
  question.record = lost.text(0);
  const Result<Explanation> page = explain(*database, question);
  return page.ok() && page->culprit ? page->culprit->kind : std::string();
}

Result<Concern> named(const std::string& of) {
  Concern concern;
  for (const OutcomeKind kind : kKinds) {
    concern.kind = kind;
    if (of == to_string(kind)) return concern;
  }
  std::vector<std::string> known;
  for (const auto& [code, text] : checker_words()) known.push_back(code);
  known.emplace_back("ASSERT");
  if (std::find(known.begin(), known.end(), of) == known.end())
    return fail(
        ErrorCode::INVALID_REQUEST,
        fmt::format("--of {}: expected violation, loss, outage or a checker (ksim list checkers)", of));
  return Concern{OutcomeKind::violation, of};
}

}  // namespace

std::string_view to_string(OutcomeKind kind) {
  switch (kind) {
    case OutcomeKind::violation:
      return "violation";
    case OutcomeKind::loss:
      return "loss";
    case OutcomeKind::outage:
      return "outage";
  }
  return "";
}

Result<std::vector<Concern>> parse_concerns(const std::optional<std::string>& of,
                                            const std::optional<std::string>& outage) {
  std::vector<Concern> concerns;
  if (of) {
    TRY_ASSIGN(const Concern concern, named(*of));
    concerns.push_back(concern);
  } else {
    for (const OutcomeKind kind : kKinds) concerns.push_back({kind, {}});
  }
  if (!outage) return concerns;
  const std::optional<Duration> longer_than = parse_duration(*outage);
  if (!longer_than || *longer_than < kShortestOutage)
    return fail(ErrorCode::INVALID_REQUEST,
                fmt::format("--outage {}: expected how long, from {} on, such as 5s or 1500ms", *outage,
                            format_duration(kShortestOutage)));
  if (concerns.back().kind != OutcomeKind::outage)
    return fail(ErrorCode::INVALID_REQUEST, "--outage belongs to --of outage, and is nothing to --of " + *of);
  concerns.back().outage = *longer_than;
  return concerns;
}

RunOutcome outcome_of(const RunSummary& summary) {
  RunOutcome outcome;
  for (const ViolationRow& violation : summary.violations)
    outcome.violations.push_back({violation.checker, cause_of(complaint_of(violation))});
  outcome.acknowledged = summary.counts.acknowledged;
  outcome.lost = summary.counts.lost;
  for (const PartitionSummary& partition : summary.partitions) {
    if (partition.longest <= outcome.outage) continue;
    outcome.outage = partition.longest;
    outcome.partition = partition.name;
  }
  if (outcome.lost > 0 && !summary.recording.empty())
    outcome.culprit = culprit_of_first_loss(summary.recording);
  return outcome;
}

std::string words_of(const RunOutcome& outcome, const Concern& concern) {
  switch (concern.kind) {
    case OutcomeKind::violation:
      for (const RunOutcome::Violated& violated : outcome.violations) {
        if (is_meant(violated, concern)) return violated.cause;
      }
      break;
    case OutcomeKind::loss:
      if (outcome.lost > 0)
        return "acknowledged records are lost" +
               (outcome.culprit.empty() ? "" : fmt::format(", the culprit: {}", outcome.culprit));
      break;
    case OutcomeKind::outage:
      if (outcome.outage > concern.outage)
        return fmt::format("a partition cannot be written for more than {}", format_duration(concern.outage));
      break;
  }
  return {};
}

bool ends_so(const RunOutcome& outcome, const Concern& concern, const std::string& words) {
  if (concern.kind != OutcomeKind::violation || words.empty()) return words_of(outcome, concern) == words;
  return std::any_of(outcome.violations.begin(), outcome.violations.end(),
                     [&](const RunOutcome::Violated& violated) {
                       return is_meant(violated, concern) && violated.cause == words;
                     });
}

std::string in_numbers(const RunOutcome& outcome, const Concern& concern) {
  const std::string words = words_of(outcome, concern);
  switch (concern.kind) {
    case OutcomeKind::violation:
      if (!words.empty()) return words;
      return concern.checker.empty() ? "holds" : fmt::format("does not violate {}", concern.checker);
    case OutcomeKind::loss:
      return words.empty()
                 ? fmt::format("loses none of {} acknowledged records", outcome.acknowledged)
                 : fmt::format("loses {} of {} acknowledged records{}", outcome.lost, outcome.acknowledged,
                               outcome.culprit.empty() ? "" : ", the culprit: " + outcome.culprit);
    case OutcomeKind::outage:
      if (outcome.outage.ns == 0) return "every partition could be written, but for waits below a second";
      return fmt::format("{} could not be written for {:.3f} s", outcome.partition,
                         static_cast<double>(outcome.outage.ns) / 1e9);
  }
  return {};
}

}  // namespace ksim::sim
