#include "sim/observer/situations.h"

#include <tuple>
#include <vector>

#include <gtest/gtest.h>

namespace ksim::sim {
namespace {

constexpr Mark kA = static_cast<Mark>(1);
constexpr Mark kB = static_cast<Mark>(2);

class NoDisk final : public DiskPeek {
 public:
  std::vector<std::string> list(int32_t, std::string_view, Layer) const override { return {}; }
  std::optional<uint64_t> size(int32_t, std::string_view, Layer) const override { return std::nullopt; }
  size_t read(int32_t, std::string_view, uint64_t, MutableBytes, Layer) const override { return 0; }
};

class SituationsTest : public testing::Test {
 protected:
  // With and without an active controller.
  size_t count_of(const std::vector<std::tuple<Mark, int32_t, uint64_t, bool>>& marks) {
    Situations situations;
    for (const auto& [mark, node, faults, controller] : marks) {
      Event event = ControllerActivated{1};
      predicates.on_event({1, 1, Instant{}, &event});
      if (!controller) event = ControllerDeactivated{1};
      predicates.on_event({1, 1, Instant{}, &event});
      situations.on_mark(mark, node, faults, predicates);
    }
    return situations.seen().size();
  }
  NoDisk disk;
  PartitionNames names;
  ClusterView view{disk, names};
  Predicates predicates{view};
};

TEST_F(SituationsTest, AreWhatWentBeforeOnTheNodeAndWhatActs) {
  EXPECT_EQ(count_of({}), 0U);
  EXPECT_EQ(count_of({{kA, 1, 0, true}, {kA, 1, 0, true}, {kA, 2, 0, true}}), 1U);
  EXPECT_EQ(count_of({{kA, 1, 0, true}, {kB, 2, 0, true}}), 2U);
  EXPECT_EQ(count_of({{kA, 1, 0, true}, {kB, 1, 0, true}, {kB, 1, 0, true}, {kA, 1, 0, true}}), 3U);
  EXPECT_EQ(count_of({{kA, 1, 0, true}, {kA, 1, 1, true}, {kA, 1, 2, true}, {kA, 1, 9, true}}), 3U);
  EXPECT_EQ(count_of({{kA, 1, 0, true}, {kA, 1, 0, false}}), 2U);
}

}  // namespace
}  // namespace ksim::sim
