#pragma once

#include "core/io/stack.h"

namespace ksim {

// Anonymous mappings with a guard page below.
class MappedStacks final : public StackMemory {
 public:
  StackSpan map() override;
  void unmap(StackSpan stack) override;
};

}  // namespace ksim
