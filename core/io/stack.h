#pragma once
// Stacks of fibers: 256 KiB, a guard page below the first thousands, in every build, kept and used again.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ksim {

constexpr size_t kFiberStackBytes = 256 * 1024;

struct StackSpan {
  uint8_t* bottom = nullptr;  // lowest usable byte, above the guard page
  size_t size_bytes = 0;
};

class StackMemory {
 public:
  virtual ~StackMemory() = default;
  virtual StackSpan map() = 0;  // bottom == nullptr: the system has no more
  virtual void unmap(StackSpan stack) = 0;
};

// Last in, first out, so that a warm stack is used next. With `scramble` a reused stack is filled with a
// pattern first: an uninitialised read must not see the previous fiber.
class StackPool {
 public:
  explicit StackPool(StackMemory& memory, uint8_t scramble = 0) : memory_(memory), scramble_(scramble) {}
  StackPool(const StackPool&) = delete;
  StackPool& operator=(const StackPool&) = delete;
  ~StackPool();

  StackSpan take();
  void give_back(StackSpan stack);

 private:
  StackMemory& memory_;
  uint8_t scramble_;
  std::vector<StackSpan> free_;
};

}  // namespace ksim
