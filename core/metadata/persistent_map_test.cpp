#include "core/metadata/persistent_map.h"

#include <map>
#include <string>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace ksim {
namespace {

using IntMap = PersistentMap<int, std::string>;

std::map<int, std::string> as_map(const IntMap& map) {
  std::map<int, std::string> result;
  int last = -1;
  for (const auto& [key, value] : map) {
    RC_ASSERT(key > last);
    last = key;
    result.emplace(key, value);
  }
  return result;
}

// Random operations on one map while copies are taken now and then: every copy keeps what it held.
RC_GTEST_PROP(PersistentMap, AgreesWithStdMapAndCopiesStay, ()) {
  IntMap map;
  std::map<int, std::string> model;
  std::vector<std::pair<IntMap, std::map<int, std::string>>> copies;
  const auto steps = *rc::gen::container<std::vector<std::pair<int, int>>>(
      rc::gen::pair(rc::gen::inRange(0, 10), rc::gen::inRange(0, 400)));
  for (int round = 0; round < 5; ++round) {
    for (const auto& [what, key] : steps) {
      const int k = (key + round * 37) % 400;
      if (what < 7) {
        map.set(k, std::to_string(round * 1000 + key));
        model[k] = std::to_string(round * 1000 + key);
      } else if (what < 9) {
        RC_ASSERT(map.erase(k) == (model.erase(k) == 1));
      } else if (copies.size() < 8) {
        copies.emplace_back(map, model);
      }
    }
  }
  RC_ASSERT(as_map(map) == model);
  RC_ASSERT(map.size() == model.size());
  for (const auto& [copy, expected] : copies) RC_ASSERT(as_map(copy) == expected);
  for (const auto& [copy, expected] : copies) {
    std::map<int, std::pair<std::string, std::string>> found;
    IntMap::differences(copy, map, [&](int key, const std::string* before, const std::string* after) {
      found[key] = {before == nullptr ? "" : *before, after == nullptr ? "" : *after};
    });
    std::map<int, std::pair<std::string, std::string>> wanted;
    for (int k = 0; k < 400; ++k) {
      const std::string before = expected.count(k) != 0 ? expected.at(k) : "";
      const std::string after = model.count(k) != 0 ? model.at(k) : "";
      if (before != after) wanted[k] = {before, after};
    }
    RC_ASSERT(found == wanted);
  }
  for (int k = -1; k <= 400; ++k) {
    const auto it = model.find(k);
    const std::string* found = map.find(k);
    RC_ASSERT((found != nullptr) == (it != model.end()));
    if (found != nullptr) RC_ASSERT(*found == it->second);
    const auto lower = model.lower_bound(k);
    const auto mine = map.lower_bound(k);
    RC_ASSERT((mine == map.end()) == (lower == model.end()));
    if (lower != model.end()) RC_ASSERT(mine->first == lower->first);
  }
}

TEST(PersistentMap, GrowsInOrderOverManyChunks) {
  IntMap map;
  for (int i = 0; i < 1000; ++i) map.set(i, std::to_string(i));
  IntMap copy = map;
  EXPECT_TRUE(copy.same_as(map));
  copy.set(500, "changed");
  EXPECT_FALSE(copy.same_as(map));
  EXPECT_EQ(*map.find(500), "500");
  EXPECT_EQ(*copy.find(500), "changed");
  int count = 0;
  for (const auto& entry : map) EXPECT_EQ(entry.first, count++);
  EXPECT_EQ(count, 1000);
}

}  // namespace
}  // namespace ksim
