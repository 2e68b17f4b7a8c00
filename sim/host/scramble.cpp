#include "sim/host/scramble.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

#include <malloc.h>

#include "sim/host/terminal.h"

namespace ksim::host {
namespace {

// The state of the whole process, by its nature: operator new has no object.
uint64_t g_state = 0;

uint64_t next() {
  g_state ^= g_state << 13;
  g_state ^= g_state >> 7;
  g_state ^= g_state << 17;
  return g_state;
}

void* take(std::size_t size) {
  if (size == 0) size = 1;
  if (g_state == 0) return std::malloc(size);
  constexpr std::size_t kChoices = 4;
  void* blocks[kChoices];
  for (void*& block : blocks) block = std::malloc(size);
  const std::size_t chosen = next() % kChoices;
  for (std::size_t i = 0; i < kChoices; ++i) {
    if (i != chosen) std::free(blocks[i]);
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

void* operator new(std::size_t size) {
  void* block = ksim::host::take(size);
  if (block == nullptr) throw std::bad_alloc();
  return block;
}
void* operator new[](std::size_t size) { return ::operator new(size); }
void operator delete(void* block) noexcept { std::free(block); }
void operator delete[](void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t) noexcept { std::free(block); }
void operator delete[](void* block, std::size_t) noexcept { std::free(block); }
