#include "sim/properties/test_hold.h"

#include <cstdlib>
#include <exception>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "sim/host/files.h"

namespace ksim::sim::properties {
namespace {

constexpr uint64_t kSeed = 1;

rc::detail::TestParams params(int cases, uint64_t seed) {
  rc::detail::TestParams params = rc::detail::configuration().testParams;
  if (std::getenv("RC_PARAMS") == nullptr) {
    params.maxSuccess = cases;
    params.seed = seed;
  }
  return params;
}

std::string name_of_test() {
  const testing::TestInfo* const test = testing::UnitTest::GetInstance()->current_test_info();
  return fmt::format("{}.{}", test->test_suite_name(), test->name());
}

// The plan as a file, and how to run it.
std::string left_behind(const Plan& plan) {
  const std::string path = fmt::format("{}ksim-{}.toml", testing::TempDir(), name_of_test());
  const Result<void> written = host::write_whole(path, print_plan(plan));
  if (!written.ok()) return written.error().message;
  return fmt::format(
      "its plan: {0}\nto run it again: ksim scenario --plan {0} --record run.sqlite\n"
      "to ask it: ksim sql run.sqlite \"select * from timeline\"",
      path);
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

// A plan that cannot be run is wrong as well.
std::string guarded(const std::function<std::string(const Sketch&)>& wrong, const Sketch& sketch) {
  try {
    return wrong(sketch);
  } catch (const std::exception& error) {
    return std::string(error.what()) + "\n";
  }
}

}  // namespace

void Trial::none(const std::string& what, const std::string& sql) {
  const std::string rows = ran_.rows(sql);
  if (rows.empty() || !wrong_.empty()) return;
  wrong_ = fmt::format("{}:\n{}as answers\n  {}\n", what, rows, sql);
}

void Trial::wrong_if(bool wrong, const std::string& what) {
  if (wrong && wrong_.empty()) wrong_ = what + "\n";
}

Smallest smallest(const Space& space, const std::function<std::string(const Sketch&)>& wrong, int cases,
                  uint64_t seed) {
  Smallest found;
  const auto property = [&] {
    const Sketch sketch = *space.sketches();
    std::string what = guarded(wrong, sketch);
    // Something else is another story.
    if (!found.wrong.empty() && first_line(what) != first_line(found.wrong)) what.clear();
    // Whatever fails later is smaller than what failed before.
    if (!what.empty()) found = {sketch, what};
    RC_ASSERT(what.empty());
  };
  // It has shrunk by the time that it returns; the plan says more than RapidCheck's own words would.
  rc::detail::checkTestable(property, rc::detail::TestMetadata{}, params(cases, seed));
  return found;
}

void hold(const Space& space, const std::function<void(Trial&)>& property, int cases) {
  std::map<std::string, int64_t> seen;
  int64_t acknowledged = 0;
  int64_t faults = 0;
  int runs = 0;
  const auto wrong = [&](const Sketch& sketch) {
    const Ran ran(space.plan(sketch));
    Trial trial(ran);
    property(trial);
    for (const auto& [what, count] : trial.seen()) seen[what] += count;
    acknowledged += static_cast<int64_t>(ran.summary().counts.acknowledged);
    faults += static_cast<int64_t>(ran.summary().counts.faults);
    ++runs;
    if (!trial.wrong().empty() || std::getenv("KSIM_NO_CHECKERS") != nullptr) return trial.wrong();
    return ran.complaints();
  };
  const Smallest found = smallest(space, wrong, cases, kSeed);
  if (!found.wrong.empty()) {
    FAIL() << found.wrong << "in the plan, the smallest of " << runs << " that were tried,\n  "
           << space.text(found.sketch) << "\n"
           << left_behind(space.plan(found.sketch));
  }
  if (runs < cases) return;  // by RC_PARAMS: nothing can be said of so few
  EXPECT_GT(acknowledged, 0);
  EXPECT_TRUE(faults > 0 || !space.has_faults());
  for (const auto& [what, count] : seen) EXPECT_GT(count, 0) << what << " never came about";
}

}  // namespace ksim::sim::properties
