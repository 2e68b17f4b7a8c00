#include "core/io/stack.h"

#include <cstring>

#include "core/base/sanitizers.h"

#ifdef KSIM_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#endif

namespace ksim {

StackPool::~StackPool() {
  for (StackSpan stack : free_) memory_.unmap(stack);
}

StackSpan StackPool::take() {
  if (free_.empty()) return memory_.map();
  const StackSpan stack = free_.back();
  free_.pop_back();
  if (scramble_ != 0) std::memset(stack.bottom, scramble_, stack.size_bytes);
  return stack;
}

void StackPool::give_back(StackSpan stack) {
#ifdef KSIM_ADDRESS_SANITIZER
  __asan_unpoison_memory_region(stack.bottom, stack.size_bytes);
#endif
  free_.push_back(stack);
}

}  // namespace ksim
