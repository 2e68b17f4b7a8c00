#include "core/wire/arena.h"

#include <algorithm>
#include <cstdlib>

#ifdef KSIM_ADDRESS_SANITIZER
extern "C" void __asan_poison_memory_region(void const volatile* addr, size_t size);
#endif

namespace ksim::wire {
namespace {

constexpr size_t kFirstChunkBytes = 4096;
constexpr size_t kLargestChunkBytes = 256 * 1024;

}  // namespace

void* Arena::allocate_chunk(size_t size_bytes, size_t alignment) {
  const size_t previous = chunks_ == nullptr ? kFirstChunkBytes / 2 : chunks_->size_bytes;
  const size_t wanted = std::max(std::min(previous * 2, kLargestChunkBytes), size_bytes + alignment);
  void* const memory = ::operator new(sizeof(Chunk) + wanted);
  auto* const chunk = new (memory) Chunk{chunks_, wanted};
  chunks_ = chunk;
  at_ = reinterpret_cast<uint8_t*>(chunk + 1);
  end_ = at_ + wanted;
#ifdef KSIM_ADDRESS_SANITIZER
  __asan_poison_memory_region(at_, wanted);
#endif
  return allocate(size_bytes, alignment);
}

void Arena::reset() {
  while (chunks_ != nullptr) {
    Chunk* const next = chunks_->next;
    unpoison(reinterpret_cast<uint8_t*>(chunks_ + 1), chunks_->size_bytes);
    ::operator delete(chunks_);
    chunks_ = next;
  }
  at_ = nullptr;
  end_ = nullptr;
  used_bytes_ = 0;
}

}  // namespace ksim::wire
