#include "sim/host/scramble.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

#include <malloc.h>

#include "core/base/sanitizers.h"
#include "sim/host/pool.h"
#include "sim/host/terminal.h"

namespace ksim::host {
namespace {

// The state of the whole process, by its nature: operator new has no object. Constant initialised, since it
// is used before main.
constinit uint64_t g_state = 0;
constinit Pool g_pool;

uint64_t next() {
  g_state ^= g_state << 13;
  g_state ^= g_state >> 7;
  g_state ^= g_state << 17;
  return g_state;
}

// A sanitizer must see every block.
#if defined(KSIM_ADDRESS_SANITIZER) || defined(KSIM_THREAD_SANITIZER)
constexpr bool kPooled = false;
#else
constexpr bool kPooled = true;
#endif

void* take_block(std::size_t size) {
  if (kPooled && size <= Pool::kLargest) {
    void* const block = g_pool.take(size);
    if (block != nullptr) [[likely]]
      return block;
  }
  return std::malloc(size == 0 ? 1 : size);
}

void give_block_back(void* block) noexcept {
  if (kPooled && g_pool.owns(block)) {
    g_pool.give_back(block);
    return;
  }
  std::free(block);
}

void* scrambled(std::size_t size) {
  constexpr std::size_t kChoices = 4;
  void* blocks[kChoices];
  for (void*& block : blocks) block = take_block(size);
  const std::size_t chosen = next() % kChoices;
  for (std::size_t i = 0; i < kChoices; ++i) {
    if (i != chosen) give_block_back(blocks[i]);
  }
  auto* bytes = static_cast<unsigned char*>(blocks[chosen]);
  if (bytes == nullptr) return nullptr;
  const uint64_t noise = next();
  for (std::size_t i = 0; i < size; i += sizeof(noise)) {
    std::memcpy(bytes + i, &noise, size - i < sizeof(noise) ? size - i : sizeof(noise));
  }
  return bytes;
}

}  // namespace

void scramble_allocations() { g_state = static_cast<uint64_t>(real_ns()) | 1; }

void keep_memory() {
  constexpr int kAlways = 1 << 30;
  ::mallopt(M_TRIM_THRESHOLD, kAlways);
  ::mallopt(M_MMAP_THRESHOLD, kAlways);
  ::mallopt(M_TOP_PAD, 16 << 20);
}

}  // namespace ksim::host

// All forms, else a sanitizer's own stand where one is left out, and its blocks come back to us
// (std::stable_sort).
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return ksim::host::g_state == 0 ? ksim::host::take_block(size) : ksim::host::scrambled(size);
}
void* operator new[](std::size_t size, const std::nothrow_t& tag) noexcept {
  return ::operator new(size, tag);
}
void* operator new(std::size_t size) {
  void* const block = ::operator new(size, std::nothrow);
  if (block == nullptr) throw std::bad_alloc();
  return block;
}
void* operator new[](std::size_t size) { return ::operator new(size); }
void operator delete(void* block) noexcept { ksim::host::give_block_back(block); }
void operator delete[](void* block) noexcept { ksim::host::give_block_back(block); }
void operator delete(void* block, std::size_t) noexcept { ksim::host::give_block_back(block); }
void operator delete[](void* block, std::size_t) noexcept { ksim::host::give_block_back(block); }
void operator delete(void* block, const std::nothrow_t&) noexcept { ksim::host::give_block_back(block); }
void operator delete[](void* block, const std::nothrow_t&) noexcept { ksim::host::give_block_back(block); }
