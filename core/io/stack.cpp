#include "core/io/stack.h"

#include <cstring>

#if defined(__SANITIZE_ADDRESS__)
#define KSIM_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KSIM_ASAN 1
#endif
#endif
#ifdef KSIM_ASAN
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
#ifdef KSIM_ASAN
  __asan_unpoison_memory_region(stack.bottom, stack.size_bytes);
#endif
  free_.push_back(stack);
}

}  // namespace ksim
