#include "sim/observer/situations.h"

#include <tuple>
#include <vector>

#include <gtest/gtest.h>

namespace ksim::sim {
namespace {

constexpr Mark kA = static_cast<Mark>(1);
constexpr Mark kB = static_cast<Mark>(2);

size_t count_of(const std::vector<std::tuple<Mark, int32_t, uint64_t, bool>>& marks) {
  Situations situations;
  for (const auto& [mark, node, faults, controller] : marks) situations.on_mark(mark, node, faults, controller);
  return situations.seen().size();
}

TEST(Situations, AreWhatWentBeforeOnTheNodeAndWhatActs) {
  EXPECT_EQ(count_of({}), 0U);
  EXPECT_EQ(count_of({{kA, 1, 0, true}, {kA, 1, 0, true}, {kA, 2, 0, true}}), 1U);
  EXPECT_EQ(count_of({{kA, 1, 0, true}, {kB, 2, 0, true}}), 2U);
  EXPECT_EQ(count_of({{kA, 1, 0, true}, {kB, 1, 0, true}, {kB, 1, 0, true}, {kA, 1, 0, true}}), 3U);
  EXPECT_EQ(count_of({{kA, 1, 0, true}, {kA, 1, 1, true}, {kA, 1, 2, true}, {kA, 1, 9, true}}), 3U);
  EXPECT_EQ(count_of({{kA, 1, 0, true}, {kA, 1, 0, false}}), 2U);
}

}  // namespace
}  // namespace ksim::sim
