#pragma once

#include <cstdint>

#include "core/io/stack.h"

namespace ksim {

// Anonymous mappings, the first 12,000 of them with a guard page below. The system is asked for many at once; each is given
// back alone.
class MappedStacks final : public StackMemory {
 public:
  MappedStacks() = default;
  MappedStacks(const MappedStacks&) = delete;
  MappedStacks& operator=(const MappedStacks&) = delete;
  ~MappedStacks() override;

  StackSpan map() override;
  void unmap(StackSpan stack) override;

 private:
  uint8_t* spare_ = nullptr;  // mapped, not handed out, without guards yet
  size_t spare_count_ = 0;
  size_t guards_ = 0;  // of stacks mapped so far
};

}  // namespace ksim
