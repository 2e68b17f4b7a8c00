#include "sim/host/pool.h"

#include <cstring>
#include <map>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

namespace ksim::host {
namespace {

TEST(Pool, BlocksOfAllSizesDoNotOverlap) {
  const auto pool = std::make_unique<Pool>();
  std::map<std::byte*, size_t> taken;
  for (size_t size = 0; size <= Pool::kLargest; size += 1 + size / 7) {
    for (int i = 0; i < 3; ++i) {
      auto* const block = static_cast<std::byte*>(pool->take(size));
      ASSERT_NE(block, nullptr);
      EXPECT_TRUE(pool->owns(block));
      EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % 16, 0U);
      std::memset(block, 0xa5, size);
      EXPECT_TRUE(taken.emplace(block, std::max<size_t>(size, 1)).second);
    }
  }
  const std::byte* end = nullptr;
  for (const auto& [block, size] : taken) {
    EXPECT_GE(block, end);
    end = block + size;
  }
}

TEST(Pool, AFreedBlockComesBackForItsSizeOnly) {
  const auto pool = std::make_unique<Pool>();
  void* const small = pool->take(40);
  void* const large = pool->take(5000);
  pool->give_back(small);
  pool->give_back(large);
  EXPECT_NE(pool->take(100), small);
  EXPECT_EQ(pool->take(33), small);
  EXPECT_EQ(pool->take(4900), large);
  int local = 0;
  EXPECT_FALSE(pool->owns(&local));
}

}  // namespace
}  // namespace ksim::host
