#include "sim/replay/condition.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "core/base/nearest.h"
#include "sim/history/recorder.h"

namespace ksim::sim {
namespace {

Failure<Error> bad(std::string what) { return fail(ErrorCode::INVALID_REQUEST, std::move(what)); }

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

// "leader(orders-0) changes" -> "orders-0" if the word is "leader".
std::optional<std::string> changes_of(std::string_view text, std::string_view word) {
  constexpr std::string_view kChanges = " changes";
  if (!text.starts_with(word) || !text.ends_with(kChanges)) return std::nullopt;
  text = trimmed(text.substr(word.size(), text.size() - word.size() - kChanges.size()));
  if (text.size() < 2 || text.front() != '(' || text.back() != ')') return std::nullopt;
  return std::string(trimmed(text.substr(1, text.size() - 2)));
}

Result<uint64_t> occurrence_in(std::string_view& text) {
  const size_t hash = text.rfind('#');
  if (hash == std::string_view::npos) return uint64_t{1};
  const std::string_view digits = trimmed(text.substr(hash + 1));
  uint64_t count = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), count);
  if (error != std::errc{} || end != digits.data() + digits.size() || count == 0)
    return bad(fmt::format("\"#{}\": which time it is to be is a number from 1 on", digits));
  text = trimmed(text.substr(0, hash));
  return count;
}

}  // namespace

Result<Condition> parse_condition(std::string_view text, const std::vector<std::string>& partitions) {
  text = trimmed(text);
  Condition condition;
  TRY_ASSIGN(condition.occurrence, occurrence_in(text));
  for (const bool leader : {true, false}) {
    const auto partition = changes_of(text, leader ? "leader" : "isr");
    if (!partition) continue;
    if (std::find(partitions.begin(), partitions.end(), *partition) == partitions.end())
      return bad(fmt::format("no partition \"{}\"{}", *partition, did_you_mean(*partition, partitions)));
    condition.kind = leader ? Condition::Kind::leader : Condition::Kind::isr;
    condition.partition = *partition;
    return condition;
  }
  std::vector<std::string> known{"controller changes", "violation"};
  if (text == known[0] || text == known[1]) {
    condition.kind = text == known[0] ? Condition::Kind::controller : Condition::Kind::violation;
    return condition;
  }
  for (size_t i = 0; i < kMarkCount; ++i) {
    condition.mark = static_cast<Mark>(i);
    known.emplace_back(mark_name(condition.mark));
    if (text != known.back()) continue;
    condition.kind = Condition::Kind::mark;
    return condition;
  }
  for (size_t i = 0; i < kPredicateCount; ++i) {
    condition.predicate = static_cast<Predicate>(i);
    known.emplace_back(predicate_name(condition.predicate));
    if (text != known.back()) continue;
    condition.kind = Condition::Kind::predicate;
    return condition;
  }
  const std::string meant = did_you_mean(text, known);
  return bad(fmt::format(
      "\"{}\" is no condition{}\nthere are 'leader(PARTITION) changes', 'isr(PARTITION) changes', "
      "'controller changes', 'violation', marks and predicates (ksim list)",
      text, meant));
}

std::optional<std::string> ConditionWatch::happened(std::string what) {
  if (++seen_ != condition_.occurrence) return std::nullopt;
  return what;
}

std::optional<std::string> ConditionWatch::on_event(const NodeEvent& note) {
  std::string now, words;
  if (const auto* e = std::get_if<PartitionChanged>(note.event)) {
    if (fmt::format("{}-{}", e->topic, e->partition) != condition_.partition) return std::nullopt;
    if (condition_.kind == Condition::Kind::leader) {
      now = e->leader < 0 ? "nobody" : fmt::format("broker {}", e->leader);
      words = "leader of " + condition_.partition;
    } else {
      std::vector<int32_t> isr(e->isr.begin(), e->isr.end());
      std::sort(isr.begin(), isr.end());
      now = fmt::format("[{}]", join_ids(isr));
      words = "ISR of " + condition_.partition;
    }
  } else if (std::holds_alternative<ControllerActivated>(*note.event) &&
             condition_.kind == Condition::Kind::controller) {
    now = fmt::format("node {}", note.node);
    words = "active controller";
  } else {
    return std::nullopt;
  }
  if (before_ == now) return std::nullopt;
  const std::optional<std::string> before = std::exchange(before_, now);
  if (!before) return std::nullopt;
  return happened(fmt::format("{}: {}, before {}", words, now, *before));
}

std::optional<std::string> ConditionWatch::on_mark(Mark mark, const std::string& node,
                                                   std::string_view subject) {
  if (condition_.kind != Condition::Kind::mark || mark != condition_.mark) return std::nullopt;
  return happened(fmt::format("{} at {}{}{}", mark_name(mark), node, subject.empty() ? "" : " of ", subject));
}

std::optional<std::string> ConditionWatch::on_predicate(Predicate predicate, std::string_view subject) {
  if (condition_.kind != Condition::Kind::predicate || predicate != condition_.predicate) return std::nullopt;
  return happened(fmt::format("{} begins to hold{}{}", predicate_name(predicate),
                              subject.empty() ? "" : " of ", subject));
}

std::optional<std::string> ConditionWatch::on_violation(const std::string& what) {
  if (condition_.kind != Condition::Kind::violation) return std::nullopt;
  return happened(what);
}

}  // namespace ksim::sim
