#pragma once
// Memory that outlives a run: stacks and pages are kept from seed to seed, so that a campaign makes no
// system calls once it is warm.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/io/linux/stack_memory.h"
#include "core/io/stack.h"

namespace ksim::sim {

constexpr size_t kPageBytes = 4096;

// Pages of files and streams. A page taken holds old bytes: whoever takes it fills or zeroes it.
class PagePool {
 public:
  PagePool() = default;
  PagePool(const PagePool&) = delete;
  PagePool& operator=(const PagePool&) = delete;
  ~PagePool();

  uint8_t* take();
  void give_back(uint8_t* page) { free_.push_back(page); }
  size_t lent() const { return slabs_.size() * kSlabPages - free_.size(); }

 private:
  static constexpr size_t kSlabPages = 256;
  std::vector<std::unique_ptr<uint8_t[]>> slabs_;
  std::vector<uint8_t*> free_;
};

struct RunMemory {
  // `scramble` fills reused stacks: an uninitialised read must not see an earlier fiber (--verify).
  explicit RunMemory(uint8_t scramble = 0) : stacks(stack_memory, scramble) {}
  MappedStacks stack_memory;
  StackPool stacks;
  PagePool pages;
};

}  // namespace ksim::sim
