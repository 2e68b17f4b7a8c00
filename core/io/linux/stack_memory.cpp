#include "core/io/linux/stack_memory.h"

#include <sys/mman.h>

namespace ksim {
namespace {

constexpr size_t kGuardBytes = 4096;
constexpr size_t kStride = kGuardBytes + kFiberStackBytes;
constexpr size_t kAtOnce = 32;
// A guard splits a mapping, and the kernel gives a process 65,530 (vm.max_map_count). Where that many fibers live, the
// later ones do without, and neighbours share a mapping.
constexpr size_t kGuards = 12'000;

}  // namespace

MappedStacks::~MappedStacks() {
  if (spare_count_ > 0) ::munmap(spare_, spare_count_ * kStride);
}

StackSpan MappedStacks::map() {
  if (spare_count_ == 0) {
    void* memory = ::mmap(nullptr, kAtOnce * kStride, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED) return {};
    spare_ = static_cast<uint8_t*>(memory);
    spare_count_ = kAtOnce;
  }
  if (guards_ < kGuards && ::mprotect(spare_, kGuardBytes, PROT_NONE) == 0) ++guards_;
  uint8_t* guard = spare_;
  spare_ += kStride;
  --spare_count_;
  return {guard + kGuardBytes, kFiberStackBytes};
}

void MappedStacks::unmap(StackSpan stack) {
  ::munmap(stack.bottom - kGuardBytes, kGuardBytes + stack.size_bytes);
}

}  // namespace ksim
