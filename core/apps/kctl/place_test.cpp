#include "core/apps/kctl/place.h"

#include <gtest/gtest.h>

#include "core/apps/kctl/topic.h"

namespace ksim::kctl {
namespace {

using Kind = Place::Kind;

void expect_place(const char* text, Kind kind, int64_t value) {
  const auto place = Place::parse(text, WallTime::from_ms(10'000'000));
  ASSERT_TRUE(place.ok()) << text;
  EXPECT_EQ(place->kind, kind) << text;
  EXPECT_EQ(place->value, value) << text;
}

TEST(Place, Words) {
  expect_place("beginning", Kind::beginning, 0);
  expect_place("end", Kind::end, 0);
  expect_place("0", Kind::offset, 0);
  expect_place("9223372036854775807", Kind::offset, INT64_MAX);
  expect_place("-10", Kind::before_end, 10);
  expect_place("-0", Kind::before_end, 0);
  expect_place("@1700000000000", Kind::time, 1'700'000'000'000);
  expect_place("@1970-01-02", Kind::time, 86'400'000);
  expect_place("1970-01-02", Kind::time, 86'400'000);
  expect_place("-5m", Kind::time, 9'700'000);
  expect_place("-7d", Kind::time, 0);
}

TEST(Place, RefusesOthers) {
  for (const char* bad :
       {"", "middle", "1.5", "+-1", "@", "@-5", "-", "--5", "5m", "9223372036854775808", "1 "})
    EXPECT_FALSE(Place::parse(bad, WallTime{}).ok()) << bad;
}

TEST(Assignment, BrokersOfEachPartition) {
  const auto assignment = parse_assignment("1:2:3,2:3:1,7");
  ASSERT_TRUE(assignment.ok());
  EXPECT_EQ(*assignment, (std::map<int32_t, std::vector<int32_t>>{{0, {1, 2, 3}}, {1, {2, 3, 1}}, {2, {7}}}));
  for (const char* bad : {"", ",", "1,", "1:", ":1", "a", "1:-2", "1::2", "1;2"})
    EXPECT_FALSE(parse_assignment(bad).ok()) << bad;
}

}  // namespace
}  // namespace ksim::kctl
