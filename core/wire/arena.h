#pragma once
// Memory of one decoded message: arrays are cut from chunks and die together.

#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

#include "core/base/sanitizers.h"

namespace ksim::wire {

// Bump allocator. Nothing is destroyed one by one, so only trivially destructible types live here. Moving an
// arena keeps what it handed out in place; reset() and destruction end it (AddressSanitizer sees later use).
class Arena {
 public:
  Arena() = default;
  Arena(Arena&& other) noexcept
      : at_(std::exchange(other.at_, nullptr)),
        end_(std::exchange(other.end_, nullptr)),
        chunks_(std::exchange(other.chunks_, nullptr)),
        used_bytes_(std::exchange(other.used_bytes_, 0)) {}
  Arena& operator=(Arena&& other) noexcept {
    std::swap(at_, other.at_);
    std::swap(end_, other.end_);
    std::swap(chunks_, other.chunks_);
    std::swap(used_bytes_, other.used_bytes_);
    return *this;
  }
  ~Arena() { reset(); }

  // `alignment` is at most alignof(std::max_align_t).
  void* allocate(size_t size_bytes, size_t alignment) {
    const size_t gap = (alignment - reinterpret_cast<uintptr_t>(at_) % alignment) % alignment;
    if (static_cast<size_t>(end_ - at_) < gap + size_bytes) return allocate_chunk(size_bytes, alignment);
    uint8_t* const place = at_ + gap;
    at_ = place + size_bytes;
    used_bytes_ += size_bytes;
    unpoison(place, size_bytes);
    return place;
  }

  // `count` elements with their default values.
  template <class T>
  std::span<T> make_array(size_t count) {
    static_assert(std::is_trivially_destructible_v<T>);
    if (count == 0) return {};
    T* const first = static_cast<T*>(allocate(count * sizeof(T), alignof(T)));
    for (size_t i = 0; i < count; ++i) new (first + i) T();
    return {first, count};
  }
  template <class T>
  std::span<T> copy_array(std::span<const T> values) {
    const std::span<T> copy = make_array<T>(values.size());
    for (size_t i = 0; i < values.size(); ++i) copy[i] = values[i];
    return copy;
  }

  void reset();
  size_t used_bytes() const { return used_bytes_; }

 private:
  struct Chunk {
    Chunk* next;
    size_t size_bytes;  // of what follows
  };
  void* allocate_chunk(size_t size_bytes, size_t alignment);
  static void unpoison(uint8_t* place, size_t size_bytes);

  uint8_t* at_ = nullptr;
  uint8_t* end_ = nullptr;
  Chunk* chunks_ = nullptr;
  size_t used_bytes_ = 0;
};

#ifdef KSIM_ADDRESS_SANITIZER
extern "C" void __asan_unpoison_memory_region(void const volatile* addr, size_t size);
inline void Arena::unpoison(uint8_t* place, size_t size_bytes) {
  __asan_unpoison_memory_region(place, size_bytes);
}
#else
inline void Arena::unpoison(uint8_t*, size_t) {}
#endif

}  // namespace ksim::wire
