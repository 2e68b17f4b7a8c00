#pragma once
// Why a record is lost, a partition was unavailable, or a run violates a promise: one page in plain words,
// made from a recorded run (sim/history/schema.sql) and nothing else.
//
// The culprit of a violation is the step at which something did what it must not, or left undone what it had
// to (wrongs.h says which kind of step). That of a loss is the event that turned "still somewhere on a
// replica that may lead, now or when it is back" into "nowhere". Where something before it breaks a rule of
// Kafka, that comes first: a record that was acknowledged before the ISR had it is lost by the
// acknowledgement, not by the crash that showed it. What made the culprit possible (a setting, an ISR of one,
// an administrator) stands behind it, in its text and as a step of its own.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace ksim::sim {

class Database;

// What is asked about. Nothing: the first violation; without one the first lost record; without one the
// partition that was unavailable longest.
struct Question {
  std::optional<std::string> record;     // its id, hex
  std::optional<std::string> partition;  // "orders-3"
  std::optional<int64_t> violation;      // from 1, in the order in which they were found
};
// "record:ID", "partition:NAME", "violation:N". Errors: INVALID_REQUEST.
Result<Question> parse_question(const std::string& text);

// The outcome of a remedy that is none: the run had it already.
constexpr std::string_view kInForce = "in force";

struct Explanation {
  // Instants are virtual nanoseconds since the run's start.
  struct Step {
    int64_t at_ns = 0;
    std::string kind;  // sent, written, copied, committed, told, read, fault, back, isr, election, gone, ...
    int32_t node = -1;
    std::string text;
  };
  struct Copy {
    int32_t node = -1;
    int64_t from_ns = 0;
    std::optional<int64_t> synced_ns;  // none: never, as far as it was there
    std::optional<int64_t> until_ns;   // none: it is there at the end
    std::string gone_by;
  };
  struct Culprit {
    int64_t at_ns = 0;
    std::string
        kind;  // one that rule_of() (words.h) or wrong_of() (wrongs.h) knows, or the code of a checker
    int32_t node = -1;  // who did it; -1: a client, or nobody
    std::string text;
  };
  struct LastChance {
    int64_t at_ns = 0;
    std::string text;
  };
  struct Remedy {
    std::string setting;
    std::string outcome;  // one that trial.h makes
    std::string text;
  };
  struct Rule {
    std::string name;
    std::string text;
  };

  std::string subject;
  std::string headline;
  std::vector<Step> steps;
  std::vector<Copy> copies;
  std::optional<Culprit> culprit;  // none: all held
  std::optional<LastChance> last_chance;
  std::vector<Remedy> remedies;
  std::string untried;  // why no remedies were tried; empty: they were, or nobody asked
  std::optional<Rule> rule;
  std::vector<std::string> repeat;

  // For who runs it again with other settings; not shown.
  enum class About : uint8_t { nothing, record, offset, outage, violation } about = About::nothing;
  std::string partition;  // empty: not about one
  std::string record;
  int32_t acks = -1;                // of the client that sent it
  int64_t waited_ns = 0;            // of an outage
  std::vector<std::string> blamed;  // settings that its text gives as a reason
};

// Errors: INVALID_REQUEST where the database is no recorded run, or has not what is asked about.
Result<Explanation> explain(Database& database, const Question& question);

std::string to_text(const Explanation& explanation, size_t width);
std::string to_json(const Explanation& explanation);

}  // namespace ksim::sim
