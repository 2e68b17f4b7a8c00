#include <algorithm>
#include <charconv>

#include "sim/explain/past.h"
#include "sim/explain/violation.h"
#include "sim/history/sqlite.h"

namespace ksim::sim {

int32_t number_behind(const std::string& text, std::initializer_list<std::string_view> words) {
  size_t first = std::string::npos;
  int32_t found = -1;
  for (const std::string_view word : words) {
    for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
      int32_t number = 0;
      const char* begin = text.data() + at + word.size();
      const auto parsed = std::from_chars(begin, text.data() + text.size(), number);
      if (parsed.ec != std::errc{}) continue;
      if (at < first) first = at, found = number;
      break;
    }
  }
  return found;
}

Nodes numbers_behind(const std::string& text, std::string_view word) {
  Nodes nodes;
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
    int32_t number = 0;
    const char* begin = text.data() + at + word.size();
    if (std::from_chars(begin, text.data() + text.size(), number).ec == std::errc{} &&
        !contains(nodes, number))
      nodes.push_back(number);
  }
  return nodes;
}

std::string text_behind(const std::string& text, std::string_view word) {
  const size_t at = text.find(word);
  return at == std::string::npos ? text : text.substr(at + word.size());
}

std::optional<std::pair<int64_t, std::string>> timed(const std::string& line) {
  const size_t unit = line.find(" s  ");
  const size_t begin = line.find_first_not_of(' ');
  if (unit == std::string::npos || begin == std::string::npos || begin >= unit) return std::nullopt;
  int64_t seconds = 0;
  int64_t micros = 0;
  const char* end = line.data() + unit;
  const auto whole = std::from_chars(line.data() + begin, end, seconds);
  if (whole.ec != std::errc{} || whole.ptr == end || *whole.ptr != '.') return std::nullopt;
  const auto part = std::from_chars(whole.ptr + 1, end, micros);
  if (part.ec != std::errc{} || part.ptr != end) return std::nullopt;
  return std::make_pair(seconds * 1'000'000'000 + micros * 1'000, line.substr(unit + 4));
}

std::string PastViolation::partition() const {
  const size_t end = std::min(subject.find(' '), subject.size());
  const std::string word = subject.substr(0, end);
  const size_t dash = word.rfind('-');
  if (dash == std::string::npos || dash + 1 == word.size() || word == "__cluster_metadata-0") return "";
  if (word.find_first_not_of("0123456789", dash + 1) != std::string::npos) return "";
  for (const std::string_view machine : {"broker-", "controller-", "producer-", "consumer-"}) {
    if (word.starts_with(machine)) return "";
  }
  return word;
}

int32_t PastViolation::suspect() const {
  const std::string text = message + " " + subject;
  if (checker == "R1") return number_behind(text, {"but leader "});
  if (checker == "R6") return number_behind(text, {"broker "});
  return number_behind(text, {"broker ", "node ", "leader ", "broker-"});
}

Result<std::vector<PastViolation>> read_violations(Database& database) {
  Query query(
      database,
      "SELECT id, checker, at_ns, subject, message, invariant, coalesce(record, ''), offset, story FROM "
      "violation ORDER BY id");
  std::vector<PastViolation> violations;
  while (query.next()) {
    PastViolation one{query.number(0),
                      query.text(1),
                      query.number(2),
                      query.text(3),
                      query.text(4),
                      query.text(5),
                      query.text(6),
                      query.number_or_null(7).value_or(-1),
                      {}};
    const std::string story = query.text(8);
    for (size_t at = 0; at < story.size();) {
      const size_t end = std::min(story.find('\n', at), story.size());
      one.story.push_back(story.substr(at, end - at));
      at = end + 1;
    }
    violations.push_back(std::move(one));
  }
  TRY(query.end());
  return violations;
}

}  // namespace ksim::sim
