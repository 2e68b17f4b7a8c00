#include "core/io/linux/stack_memory.h"

#include <sys/mman.h>

namespace ksim {
namespace {
constexpr size_t kGuardBytes = 4096;
}

StackSpan MappedStacks::map() {
  void* memory = ::mmap(nullptr, kGuardBytes + kFiberStackBytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (memory == MAP_FAILED) return {};
  if (::mprotect(memory, kGuardBytes, PROT_NONE) != 0) {
    ::munmap(memory, kGuardBytes + kFiberStackBytes);
    return {};
  }
  return {static_cast<uint8_t*>(memory) + kGuardBytes, kFiberStackBytes};
}

void MappedStacks::unmap(StackSpan stack) {
  ::munmap(stack.bottom - kGuardBytes, kGuardBytes + stack.size_bytes);
}

}  // namespace ksim
