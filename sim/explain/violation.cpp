#include "sim/explain/violation.h"

#include <algorithm>

#include <fmt/format.h>

#include "sim/explain/teller.h"
#include "sim/explain/words.h"
#include "sim/history/sqlite.h"

namespace ksim::sim {
namespace {

constexpr size_t kMostViolationSteps = 24;

Result<void> tell(Tale& tale) {
  const std::string& checker = tale.violation.checker;
  const char family = checker.empty() ? '?' : checker[0];
  if (checker == "M4") return tell_image(tale);
  if (checker == "M5") return tell_topics(tale);
  if (checker == "M6") return tell_partition_state(tale);
  if (checker == "M7") return tell_controller(tale);
  if (checker == "M8") return tell_answer(tale);
  if (family == 'M') return tell_quorum(tale);
  if (family == 'K' || checker == "R5" || checker == "R4") return tell_reader(tale);
  if (family == 'P' || family == 'X') return tell_session(tale);
  if (family == 'S' || checker == "R2" || checker == "DISK" || checker == "ASSERT") return tell_logs(tale);
  if (checker == "L" || checker == "LIVELOCK") return tell_standstill(tale);
  return tell_leaders(tale);
}

// What its story says of the copies that were destroyed, where the question is whether a loss is permitted.
std::string permission(const Tale& tale) {
  constexpr std::string_view kLosses[] = {"committed_lost", "acknowledgement",    "skipped",
                                          "member_lacks",   "served_uncommitted", "gap"};
  const bool about_loss =
      std::find(std::begin(kLosses), std::end(kLosses), tale.wrong.kind) != std::end(kLosses);
  for (const std::string& line : tale.violation.story) {
    if (about_loss && !timed(line) && line.find("Why nothing permits it") != std::string::npos)
      return " " + line;
  }
  return {};
}

// The wrong step as its family's facts have it. Where they do not know it: the violation, in the checker's
// words, and the last thing that happened before.
void blame(Tale& tale) {
  Explanation& page = tale.page;
  const PastViolation& violation = tale.violation;
  if (tale.blame) {
    page.culprit = std::move(tale.blame);
    page.culprit->text += permission(tale);
  } else {
    std::string text = fmt::format("{}: {}. What does not hold: {}.", violation.subject, violation.message,
                                   violation.invariant);
    const Explanation::Step* last = nullptr;
    for (const Explanation::Step& step : page.steps) {
      const bool counts = step.kind == "fault" || step.kind == "election" || step.kind == "cut" ||
                          step.kind == "reset" || step.kind == "back" || step.kind == "gone";
      if (counts && step.at_ns < violation.at_ns) last = &step;
    }
    if (last != nullptr)
      text +=
          fmt::format(" The last that happened to it before: {}, {}.", seconds_text(last->at_ns), last->text);
    const std::string kind(tale.wrong.kind.empty() ? violation.checker : tale.wrong.kind);
    page.culprit = Explanation::Culprit{violation.at_ns, kind, violation.suspect(), text + permission(tale)};
  }
  // Where the family's own facts say little, the story that was kept says it.
  if (page.steps.size() > 3) return;
  for (const std::string& line : violation.story) {
    const auto step = timed(line);
    if (step && page.steps.size() < kMostViolationSteps)
      page.steps.push_back({step->first, "story", -1, step->second});
  }
  std::stable_sort(page.steps.begin(), page.steps.end(),
                   [](const Explanation::Step& a, const Explanation::Step& b) { return a.at_ns < b.at_ns; });
}

}  // namespace

Result<Explanation> explain_violation(Database& database, const PastViolation& violation) {
  TRY_ASSIGN(const Past past, read_past(database, violation.partition()));
  const Wrong& wrong = wrong_of(violation.checker, violation.message);
  Tale tale{database, violation, past, wrong, {}, {}, {}};
  tale.page.subject =
      fmt::format("violation {}: {} in {}", violation.number, violation.checker, violation.subject);
  tale.page.headline = violation.message;
  tale.page.about = Explanation::About::violation;
  tale.page.partition = violation.partition();
  tale.page.rule = Explanation::Rule{wrong.rule.empty() ? violation.checker : std::string(wrong.rule),
                                     wrong.text.empty() ? violation.invariant : std::string(wrong.text)};
  TRY(tell(tale));
  tale.steps.add(Weight::spine, violation.at_ns, violation.checker, violation.suspect(), violation.message);
  tale.page.steps = tale.steps.take(kMostViolationSteps);
  blame(tale);
  return std::move(tale.page);
}

}  // namespace ksim::sim
