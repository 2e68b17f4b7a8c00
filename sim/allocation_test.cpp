// The loop of a world allocates nothing for an event of its own: timers, switches between fibers, wake-ups
// and the choice of who goes next live in what is there. What an event carries (a request, a file's bytes) is
// its owner's.

#include <cstdlib>
#include <new>

#include <gtest/gtest.h>

#include "core/io/sync.h"
#include "sim/test_world.h"

namespace {

size_t allocations = 0;

void* counted(std::size_t size) {
  ++allocations;
  return std::malloc(size == 0 ? 1 : size);
}

}  // namespace

void* operator new(std::size_t size) {
  void* const block = counted(size);
  if (block == nullptr) throw std::bad_alloc();
  return block;
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return counted(size); }
void operator delete(void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t) noexcept { std::free(block); }
void operator delete(void* block, const std::nothrow_t&) noexcept { std::free(block); }

namespace ksim::sim {
namespace {

TEST(Allocation, TheLoopAllocatesNothingForAnEvent) {
  TestWorld world;
  uint64_t woken = 0;
  for (const char* name : {"a", "b", "c"}) {
    world.start(name, [&](Env& env) {
      for (int64_t turn = 0;; ++turn) {
        env.sleep(microseconds(100 + turn % 7 * 30));
        env.scheduler.yield();
        ++woken;
      }
    });
  }
  world.run(seconds(2));  // tables have grown to what is needed
  const uint64_t woken_before = woken;
  const size_t before = allocations;
  world.run(seconds(5));
  const size_t after = allocations;
  EXPECT_GT(woken - woken_before, 50'000U);
  EXPECT_EQ(after, before);
}

}  // namespace
}  // namespace ksim::sim
