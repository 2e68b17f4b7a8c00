#include "core/metadata/placement.h"

#include <algorithm>
#include <map>
#include <set>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "core/metadata/test_draws.h"

namespace ksim {
namespace {

struct Case {
  std::vector<UsableBroker> brokers;
  size_t partitions = 0;
  size_t replication_factor = 0;
  uint64_t seed = 0;
};

Case any_case() {
  Case c;
  const int count = *rc::gen::inRange(1, 13);
  const int racks = *rc::gen::inRange(0, 5);
  for (int i = 0; i < count; ++i) {
    UsableBroker broker;
    broker.id = i * 3;
    broker.fenced = *rc::gen::inRange(0, 4) == 0;
    if (racks > 0) broker.rack = "r" + std::to_string(*rc::gen::inRange(0, racks));
    c.brokers.push_back(broker);
  }
  c.partitions = static_cast<size_t>(*rc::gen::inRange(1, 40));
  c.replication_factor = static_cast<size_t>(*rc::gen::inRange(1, count + 1));
  c.seed = *rc::gen::arbitrary<uint64_t>();
  return c;
}

// Rule C40: distinct brokers, the first one unfenced, replicas spread over the racks as evenly as their
// sizes allow.
RC_GTEST_PROP(Placement, RuleC40DistinctUnfencedFirstAndSpreadOverRacks, ()) {
  const Case c = any_case();
  TestDraws draws(c.seed);
  const auto placed = place_replicas(c.brokers, c.partitions, c.replication_factor, draws);
  const bool any_unfenced =
      std::any_of(c.brokers.begin(), c.brokers.end(), [](const UsableBroker& b) { return !b.fenced; });
  if (!any_unfenced) {
    RC_ASSERT(placed.error().code == ErrorCode::INVALID_REPLICATION_FACTOR);
    return;
  }
  RC_ASSERT(placed.ok());
  RC_ASSERT(placed->size() == c.partitions);
  std::map<int32_t, const UsableBroker*> by_id;
  std::map<std::string, size_t> rack_size;
  for (const UsableBroker& broker : c.brokers) {
    by_id[broker.id] = &broker;
    ++rack_size[broker.rack.value_or("")];
  }
  for (const std::vector<int32_t>& replicas : *placed) {
    RC_ASSERT(replicas.size() == c.replication_factor);
    RC_ASSERT(std::set<int32_t>(replicas.begin(), replicas.end()).size() == replicas.size());
    RC_ASSERT(!by_id.at(replicas[0])->fenced);
    std::map<std::string, size_t> used;
    for (const int32_t id : replicas) ++used[by_id.at(id)->rack.value_or("")];
    size_t most = 0;
    for (const auto& [rack, count] : used) most = std::max(most, count);
    for (const auto& [rack, size] : rack_size) {
      // A rack that still has brokers left is at most one replica behind the fullest, except that the search
      // for an unfenced leader may give one to a later rack first.
      if (used[rack] < size) RC_ASSERT(used[rack] + 2 >= most);
    }
  }
}

TEST(Placement, RuleC40LeadersGoRoundTheBrokers) {
  std::vector<UsableBroker> brokers;
  for (int i = 0; i < 6; ++i) brokers.push_back({i, "r" + std::to_string(i % 3), false});
  TestDraws draws(5);
  const auto placed = place_replicas(brokers, 6, 3, draws);
  ASSERT_TRUE(placed.ok());
  std::set<int32_t> leaders;
  for (const auto& replicas : *placed) {
    leaders.insert(replicas[0]);
    std::set<int32_t> racks;
    for (const int32_t id : replicas) racks.insert(id % 3);
    EXPECT_EQ(racks.size(), 3u);  // one replica in each rack
  }
  EXPECT_EQ(leaders.size(), 6u);
}

TEST(Placement, RuleC40FencedBrokersComeLast) {
  const std::vector<UsableBroker> brokers{{1, {}, true}, {2, {}, false}, {3, {}, false}};
  TestDraws draws(1);
  const auto placed = place_replicas(brokers, 50, 3, draws);
  for (const auto& replicas : *placed) EXPECT_EQ(replicas[2], 1);
}

TEST(Placement, RuleC40Refusals) {
  TestDraws draws(1);
  const auto code = [&](const std::vector<UsableBroker>& brokers, size_t rf) {
    return place_replicas(brokers, 1, rf, draws).error().code;
  };
  EXPECT_EQ(code({{1, {}, false}}, 2), ErrorCode::INVALID_REPLICATION_FACTOR);
  EXPECT_EQ(code({{1, {}, true}}, 1), ErrorCode::INVALID_REPLICATION_FACTOR);
  EXPECT_EQ(code({}, 1), ErrorCode::INVALID_REPLICATION_FACTOR);
  EXPECT_EQ(code({{1, {}, false}}, 0), ErrorCode::INVALID_REPLICATION_FACTOR);
}

}  // namespace
}  // namespace ksim
