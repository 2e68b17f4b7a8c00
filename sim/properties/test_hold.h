#pragma once
// Whether a property holds in a space of plans. What it asks of a run is a question in SQL that has no rows
// where it holds; that no checker cries is asked beside it.
//
// By default each property is tried with a few plans, always the same. RC_PARAMS="max_success=500 seed=7"
// tries others, and more (RapidCheck's); KSIM_NO_CHECKERS=1 leaves out what the checkers say, so that a
// property has to find a planted bug by itself (scripts/mutants --test sim_properties_test). A plan for which
// it fails is made smaller as long as it does, and left as a file.

#include <functional>
#include <map>
#include <string>

#include "sim/properties/test_ran.h"
#include "sim/properties/test_space.h"

namespace ksim::sim::properties {

class Trial {
 public:
  explicit Trial(const Ran& ran) : ran_(ran) {}
  const Ran& ran() const { return ran_; }

  // `what` would be wrong, and is so for the rows of the answer.
  void none(const std::string& what, const std::string& sql);
  // The same of what is no question.
  void wrong_if(bool wrong, const std::string& what);
  // Without which the property would hold of nothing: seen in some of all the plans.
  void saw(const std::string& what, int64_t count) { seen_[what] += count; }

  const std::string& wrong() const { return wrong_; }
  const std::map<std::string, int64_t>& seen() const { return seen_; }

 private:
  const Ran& ran_;
  std::string wrong_;
  std::map<std::string, int64_t> seen_;
};

// `cases`: how many plans by default.
void hold(const Space& space, const std::function<void(Trial&)>& property, int cases = 5);

// The plan of a space for which `wrong` says what is, and which no step makes smaller; how hold() shrinks.
// The space has to outlive it. Empty: none of the first `cases` is wrong.
struct Smallest {
  Sketch sketch;
  std::string wrong;
};
Smallest smallest(const Space& space, const std::function<std::string(const Sketch&)>& wrong, int cases,
                  uint64_t seed);

}  // namespace ksim::sim::properties
