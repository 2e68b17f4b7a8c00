// That a plan which goes wrong becomes the smallest one that does.

#include <algorithm>

#include <gtest/gtest.h>

#include "sim/properties/test_hold.h"

namespace ksim::sim::properties {
namespace {

Space some_space() {
  Space space;
  return space.kills({"any", "leader(orders-0)", "follower(orders-0)"})
      .troubles({"any"})
      .on_marks()
      .most_faults(8);
}

TEST(Shrinking, LeavesOneFaultAndOneWord) {
  const Space space = some_space();
  int tried = 0;
  const auto wrong = [&](const Sketch& sketch) -> std::string {
    ++tried;
    const Plan plan = space.plan(sketch);
    const bool stopped = std::any_of(plan.faults.begin(), plan.faults.end(), [](const FaultPlan& f) {
      return f.kind == "stop" && f.lasts >= milliseconds(300);
    });
    return stopped && min_insync_of(plan) == 2 ? "it is stopped" : "";
  };
  const Smallest found = smallest(space, wrong, 1000, 1);
  ASSERT_EQ(found.wrong, "it is stopped");
  const Plan plan = space.plan(found.sketch);
  ASSERT_EQ(plan.faults.size(), 1U);
  EXPECT_EQ(plan.faults[0].kind, "stop");
  EXPECT_EQ(plan.faults[0].target, "any");
  EXPECT_EQ(plan.faults[0].lasts, milliseconds(300));
  EXPECT_EQ(plan.faults[0].trigger.at, milliseconds(1000));
  EXPECT_EQ(space.text(found.sketch), "sizes=2/2/2\n  stop of any at 1s, for 300ms");
  EXPECT_EQ(found.sketch.seed, 0);
  EXPECT_LT(tried, 1000);
}

TEST(Shrinking, OffersOnlySmallerOnesOfTheSameSpace) {
  const Space space = some_space();
  const auto size = [](const Sketch& sketch) {
    uint64_t sum = sketch.seed;
    for (const uint8_t knob : sketch.knobs) sum += knob;
    for (const FaultSketch& f : sketch.faults) sum += 1U + f.kind + f.target + f.at + f.lasts + f.mark;
    return sum;
  };
  const auto wrong = [&](const Sketch& sketch) -> std::string {
    for (const Sketch& smaller : space.smaller(sketch)) {
      if (size(smaller) >= size(sketch) || smaller.knobs.size() != space.knob_count())
        return "it is not smaller";
    }
    return {};
  };
  EXPECT_EQ(smallest(space, wrong, 50, 2).wrong, "");
}

}  // namespace
}  // namespace ksim::sim::properties
