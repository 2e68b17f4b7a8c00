#pragma once
// Many variants of one plan, run side by side, and how each ended.

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "sim/cli/commands.h"
#include "sim/shrink/shrink.h"

namespace ksim::sim {

constexpr int64_t kRunPatienceNs =
    60'000'000'000;  // of a processor, for one run, which takes a second or two

// What a person chose (RunChoice), as a plan that can be run. Errors: INVALID_REQUEST.
Result<Plan> chosen_plan(const host::RunChoice& choice);

// "R1 in #: record # was ...", of each violation, the first one first.
std::vector<std::string> causes_of(const RunSummary& summary);

class Trials {
 public:
  explicit Trials(size_t jobs);

  // The place of the first plan whose run is one that `wanted`, in the process that ran it, looks for. Plans
  // that cannot be run are passed over.
  std::optional<size_t> first_with(const std::vector<const Plan*>& plans, const RunRequest& request,
                                   const std::function<bool(const RunSummary&)>& wanted);
  // Runs and records each plan, and what `judge`, in the process that ran it, made of it; nothing of those
  // that cannot be run or have died.
  std::vector<std::optional<std::string>> judged(const std::vector<Plan>& plans,
                                                 const std::function<std::string(const RunSummary&)>& judge);
  uint64_t runs() const { return runs_; }
  bool interrupted() const { return interrupted_; }

 private:
  size_t jobs_;
  uint64_t runs_ = 0;
  bool interrupted_ = false;
};

}  // namespace ksim::sim
