#pragma once
// Violations that are not about a lost record, explained from their invariant, subject and story and the
// facts around them, family by family.

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/result.h"
#include "sim/explain/explain.h"
#include "sim/explain/past.h"

namespace ksim::sim {

struct PastViolation {
  int64_t number = 0;
  std::string checker;
  int64_t at_ns = 0;
  std::string subject;
  std::string message;
  std::string invariant;
  std::string record;
  int64_t offset = -1;
  std::vector<std::string> story;

  // The partition that it is about, "orders-3"; empty: none.
  std::string partition() const;
  // The broker that it blames: "broker 2", "node 2", "leader 2" in its message; -1: none.
  int32_t suspect() const;
};

// The number behind the first of these words in `text`; -1: none.
int32_t number_behind(const std::string& text, std::initializer_list<std::string_view> words);
// All different numbers behind a word.
Nodes numbers_behind(const std::string& text, std::string_view word);
// What stands behind this word in `text`; where it does not have it, all of it.
std::string text_behind(const std::string& text, std::string_view word);
// "        12.345678 s  what": the time and the words of a story's line that has its time.
std::optional<std::pair<int64_t, std::string>> timed(const std::string& line);

// Errors: INVALID_REQUEST.
Result<std::vector<PastViolation>> read_violations(Database& database);
Result<Explanation> explain_violation(Database& database, const PastViolation& violation);

}  // namespace ksim::sim
