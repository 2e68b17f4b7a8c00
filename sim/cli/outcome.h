#pragma once
// What a run came to, as far as `ksim shrink` and `ksim bisect` compare runs: what it violates, which
// acknowledged records it loses, permitted or not, and for how long a partition could not be written.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/base/units.h"
#include "sim/observer/summary.h"

namespace ksim::sim {

enum class OutcomeKind : uint8_t { violation, loss, outage };
std::string_view to_string(OutcomeKind kind);

// Which part of an outcome is meant.
struct Concern {
  OutcomeKind kind = OutcomeKind::violation;
  std::string checker;           // of a violation: whose; empty: of any
  Duration outage = seconds(5);  // what is not longer is none
};
// `--of` and `--outage` as they were typed. Without the former all kinds, in the order in which they are
// looked for. Errors: INVALID_REQUEST.
Result<std::vector<Concern>> parse_concerns(const std::optional<std::string>& of,
                                            const std::optional<std::string>& outage);

struct RunOutcome {
  struct Violated {
    std::string checker;
    std::string cause;  // "R1 in #: record # was ..."
  };
  std::vector<Violated> violations;  // in the order in which they were found
  uint64_t acknowledged = 0;
  uint64_t lost = 0;
  std::string culprit;    // of the first lost record, as `ksim explain` names it; empty: not known
  std::string partition;  // whose writers waited longest
  Duration outage{0};
};
// The culprit stands in the summary's recording alone.
RunOutcome outcome_of(const RunSummary& summary);

// In words that are the same of two runs that end alike; empty: there is nothing of the kind.
std::string words_of(const RunOutcome& outcome, const Concern& concern);
// The run ends as these words say, whatever else it does as well.
bool ends_so(const RunOutcome& outcome, const Concern& concern, const std::string& words);
// For a person: with the numbers of this run.
std::string in_numbers(const RunOutcome& outcome, const Concern& concern);

}  // namespace ksim::sim
