#include <algorithm>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "sim/explain/explain.h"
#include "sim/explain/words.h"

namespace ksim::sim {
namespace {

using Json = nlohmann::ordered_json;

// `text` in lines of at most `width`, the first one after what stands there already, the others indented.
std::string wrapped(const std::string& text, size_t indent, size_t width) {
  std::string out;
  size_t column = indent;
  bool first = true;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(' ', at), text.size());
    const std::string word = text.substr(at, end - at);
    at = end + 1;
    if (word.empty()) continue;
    if (!first && column + 1 + word.size() > width) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (!first) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
    first = false;
  }
  return out;
}

std::string section(const std::string& title, const std::string& text, size_t width) {
  constexpr size_t kIndent = 2;
  return fmt::format("\n{}\n  {}\n", title, wrapped(text, kIndent, width));
}

bool is_culprit(const Explanation& page, const Explanation::Step& step) {
  if (!page.culprit || step.at_ns != page.culprit->at_ns) return false;
  if (page.culprit->kind == "acknowledgement") return step.kind == "told";
  // Who comes back without what it had is one that does nothing else at that moment.
  const bool came_back = page.culprit->kind == "unclean_restart" || page.culprit->kind == "lone_member";
  return step.node == page.culprit->node && step.kind != "fault" && (step.kind == "back") == came_back &&
         !step.kind.ends_with("fenced");
}

std::string steps_text(const Explanation& page, size_t width) {
  constexpr size_t kIndent = 29;
  std::string text = "\nWhat happened\n";
  for (const Explanation::Step& step : page.steps) {
    const bool culprit = is_culprit(page, step);
    text += fmt::format("{} {:>11}  {:<12}  {}\n", culprit ? "*" : " ", seconds_text(step.at_ns), step.kind,
                        wrapped(step.text, kIndent, width));
  }
  return text;
}

std::string copies_text(const Explanation& page) {
  std::string text = "\nCopies         from         synced       until\n";
  for (const Explanation::Copy& copy : page.copies) {
    text += fmt::format("  {:<11}  {:<11}  {:<11}  {}\n", fmt::format("broker {}", copy.node),
                        seconds_text(copy.from_ns), copy.synced_ns ? seconds_text(*copy.synced_ns) : "never",
                        copy.until_ns ? fmt::format("{}, {}", seconds_text(*copy.until_ns), copy.gone_by)
                                      : std::string("the end of the run"));
  }
  return text;
}

std::string remedies_text(const Explanation& page, size_t width) {
  size_t settings = 8;
  size_t outcomes = 8;
  std::string in_force;
  for (const Explanation::Remedy& remedy : page.remedies) {
    if (remedy.outcome == kInForce) {
      in_force += (in_force.empty() ? "" : ", ") + remedy.setting;
      continue;
    }
    settings = std::max(settings, remedy.setting.size());
    outcomes = std::max(outcomes, remedy.outcome.size());
  }
  std::string text = "\nThe same run again, with one thing changed\n";
  for (const Explanation::Remedy& remedy : page.remedies) {
    if (remedy.outcome == kInForce) continue;
    text +=
        fmt::format("  {:<{}}  {:<{}}  {}\n", remedy.setting, settings, remedy.outcome, outcomes,
                    wrapped(remedy.text, settings + outcomes + 6, std::max(width, settings + outcomes + 40)));
  }
  if (!in_force.empty()) text += fmt::format("  {}\n", wrapped("in force already: " + in_force, 4, width));
  return text;
}

}  // namespace

std::string to_text(const Explanation& page, size_t width) {
  std::string text = wrapped(fmt::format("{}: {}", page.subject, page.headline), 0, width) + "\n";
  if (!page.steps.empty()) text += steps_text(page, width);
  if (!page.copies.empty()) text += copies_text(page);
  if (page.culprit) {
    const std::string title =
        fmt::format("The culprit, {}, at {}", page.culprit->kind, seconds_text(page.culprit->at_ns));
    text += section(title, page.culprit->text, width);
  }
  if (page.last_chance)
    text += section(fmt::format("The last chance, {}", seconds_text(page.last_chance->at_ns)),
                    page.last_chance->text, width);
  if (!page.remedies.empty()) text += remedies_text(page, width);
  if (!page.untried.empty()) text += section("The same run again: not tried", page.untried, width);
  if (page.rule) text += section("The rule: " + page.rule->name, page.rule->text, width);
  if (!page.repeat.empty()) text += "\nAgain\n";
  for (const std::string& command : page.repeat) text += fmt::format("  {}\n", command);
  return text;
}

std::string to_json(const Explanation& page) {
  Json out;
  const auto or_null = [](std::optional<int64_t> number) { return number ? Json(*number) : Json(nullptr); };
  out["subject"] = page.subject;
  out["headline"] = page.headline;
  out["steps"] = Json::array();
  for (const Explanation::Step& step : page.steps)
    out["steps"].push_back(
        {{"at_ns", step.at_ns}, {"kind", step.kind}, {"node", step.node}, {"text", step.text}});
  out["copies"] = Json::array();
  for (const Explanation::Copy& copy : page.copies) {
    out["copies"].push_back({{"node", copy.node},
                             {"from_ns", copy.from_ns},
                             {"synced_ns", or_null(copy.synced_ns)},
                             {"until_ns", or_null(copy.until_ns)},
                             {"gone_by", copy.gone_by}});
  }
  out["culprit"] = nullptr;
  if (page.culprit)
    out["culprit"] = {{"at_ns", page.culprit->at_ns},
                      {"kind", page.culprit->kind},
                      {"node", page.culprit->node},
                      {"text", page.culprit->text}};
  out["last_chance"] = nullptr;
  if (page.last_chance)
    out["last_chance"] = {{"at_ns", page.last_chance->at_ns}, {"text", page.last_chance->text}};
  out["remedies"] = Json::array();
  for (const Explanation::Remedy& remedy : page.remedies)
    out["remedies"].push_back(
        {{"setting", remedy.setting}, {"outcome", remedy.outcome}, {"text", remedy.text}});
  if (!page.untried.empty()) out["untried"] = page.untried;
  out["rule"] = nullptr;
  if (page.rule) out["rule"] = {{"name", page.rule->name}, {"text", page.rule->text}};
  out["repeat"] = page.repeat;
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace ksim::sim
