#include "sim/explain/teller.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "sim/explain/words.h"
#include "sim/history/sqlite.h"

namespace ksim::sim {

int64_t Fact::number(const char* field) const {
  const auto found = detail.find(field);
  if (found == detail.end()) return -1;
  if (found->is_boolean()) return found->get<bool>() ? 1 : 0;
  return found->is_number_integer() ? found->get<int64_t>() : -1;
}

std::string Fact::text(const char* field) const {
  const auto found = detail.find(field);
  return found != detail.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Nodes Fact::nodes(const char* field) const {
  const auto found = detail.find(field);
  return found != detail.end() && found->is_array() ? found->get<Nodes>() : Nodes();
}

std::string Asked::words() const {
  std::string server_words = server;
  if (const size_t dash = server_words.rfind('-'); dash != std::string::npos) server_words[dash] = ' ';
  return fmt::format("{} asked {} ({}) at {}, {}", client, server_words, api, seconds_text(asked_ns),
                     done_ns ? "answered at " + seconds_text(*done_ns) : fate);
}

int64_t Tale::since(int64_t look_back_ns) const {
  return std::max<int64_t>(0, violation.at_ns - look_back_ns);
}

Nodes Tale::replicas() const {
  Nodes nodes;
  for (const PastState& state : past.states) {
    for (const int32_t node : state.isr) {
      if (!contains(nodes, node)) nodes.push_back(node);
    }
  }
  const int32_t suspect = violation.suspect();
  if (suspect >= 0 && !contains(nodes, suspect)) nodes.push_back(suspect);
  return nodes;
}

int64_t Tale::about() const {
  if (violation.offset >= 0) return violation.offset;
  const std::string& text = violation.message;
  for (size_t at = text.find('['); at != std::string::npos; at = text.find('[', at + 1)) {
    const size_t end = text.find_first_not_of("0123456789", at + 1);
    if (end == std::string::npos || end == at + 1 || text.compare(end, 2, "..") != 0) continue;
    int64_t offset = -1;
    std::from_chars(text.data() + at + 1, text.data() + end, offset);
    return offset;
  }
  return -1;
}

void Tale::found(int64_t at, int32_t node, std::string text, std::string_view kind) {
  blame = Explanation::Culprit{at, std::string(kind.empty() ? wrong.kind : kind), node, std::move(text)};
}

void Tale::spine(int64_t at, std::string kind, int32_t node, std::string text) {
  steps.add(Weight::spine, at, std::move(kind), node, std::move(text));
}

Result<std::vector<Fact>> Tale::facts(std::string_view names, const std::string& which, int most) const {
  Query query(database,
              fmt::format("SELECT at_ns, node, name, coalesce(subject, ''), detail FROM event WHERE name IN "
                          "({}){}{} ORDER BY id DESC LIMIT {}",
                          names, which.empty() ? "" : " AND ", which, most));
  std::vector<Fact> found;
  while (query.next()) {
    found.push_back({query.number(0), static_cast<int32_t>(query.number(1)), query.text(2), query.text(3),
                     nlohmann::json::parse(query.text(4), nullptr, false)});
  }
  TRY(query.end());
  std::reverse(found.begin(), found.end());
  return found;
}

Result<std::optional<Fact>> Tale::last_fact(std::string_view names, const std::string& which) const {
  TRY_ASSIGN(std::vector<Fact> found, facts(names, which, 1));
  std::optional<Fact> last;
  if (!found.empty()) last = std::move(found.back());
  return last;
}

Result<std::vector<Asked>> Tale::asked(const std::string& which, int most) const {
  Query query(database,
              fmt::format("SELECT client, server, api, asked_ns, arrived_ns, answered_ns, done_ns, fate FROM "
                          "call WHERE {} ORDER BY asked_ns DESC LIMIT {}",
                          which, most));
  std::vector<Asked> found;
  while (query.next()) {
    found.push_back({query.text(0), query.text(1), query.text(2), query.number(3), query.number_or_null(4),
                     query.number_or_null(5), query.number_or_null(6), query.text(7)});
  }
  TRY(query.end());
  std::reverse(found.begin(), found.end());
  return found;
}

Result<std::optional<Fact>> Tale::active_controller(int64_t at) const {
  return last_fact("'controller.activated'", fmt::format("at_ns <= {}", at));
}

}  // namespace ksim::sim
