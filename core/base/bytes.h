#pragma once
// Views of bytes and the two owners of them: ByteBuffer (one owner) and Buffer (counted, immutable length).

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace ksim {

using Bytes = std::span<const uint8_t>;
using MutableBytes = std::span<uint8_t>;
using ByteBuffer = std::vector<uint8_t>;

inline Bytes as_bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline ByteBuffer to_buffer(Bytes bytes) { return ByteBuffer(bytes.begin(), bytes.end()); }

inline bool equal(Bytes a, Bytes b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

// The bytes of an integer in the other order. C++20 has no name for it; gcc makes one instruction of the builtins,
// but of no loop.
template <class U>
constexpr U swap_bytes(U value) {
  static_assert(std::is_unsigned_v<U> && sizeof(U) <= 8);
  if constexpr (sizeof(U) == 8) return static_cast<U>(__builtin_bswap64(value));
  if constexpr (sizeof(U) == 4) return static_cast<U>(__builtin_bswap32(value));
  if constexpr (sizeof(U) == 2) return static_cast<U>(__builtin_bswap16(value));
  return value;
}
template <class U>
constexpr U big_endian(U value) {
  return std::endian::native == std::endian::little ? swap_bytes(value) : value;
}

// Big-endian loads and stores at a place the caller has checked.
template <class T>
inline T load_be(const uint8_t* at) {
  std::make_unsigned_t<T> value;
  std::memcpy(&value, at, sizeof value);
  return static_cast<T>(big_endian(value));
}
template <class T>
inline void store_be(uint8_t* at, T value) {
  const auto bits = big_endian(static_cast<std::make_unsigned_t<T>>(value));
  std::memcpy(at, &bits, sizeof bits);
}

// Counted block of bytes of one fixed size, shared between the frame of a request, the views decoded from
// it and other shards. The count is atomic because a Buffer may travel through a mailbox; its bytes are
// written by the one who made it and by nobody after it was shared (the broker sets base offset and leader
// epoch in a produce frame while it is still the only owner).
class Buffer {
 public:
  Buffer() = default;
  static Buffer allocate(size_t size_bytes);
  static Buffer copy_of(Bytes bytes);
  Buffer(const Buffer& other) : block_(other.block_) {
    if (block_ != nullptr) block_->count.fetch_add(1, std::memory_order_relaxed);
  }
  Buffer(Buffer&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  Buffer& operator=(Buffer other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~Buffer() { release(); }

  explicit operator bool() const { return block_ != nullptr; }
  size_t size() const { return block_ == nullptr ? 0 : block_->size; }
  uint8_t* data() { return block_ == nullptr ? nullptr : block_->bytes(); }
  const uint8_t* data() const { return block_ == nullptr ? nullptr : block_->bytes(); }
  MutableBytes writable() { return {data(), size()}; }
  Bytes view() const { return {data(), size()}; }

 private:
  struct Block {
    std::atomic<uint32_t> count;
    size_t size;
    uint8_t* bytes() { return reinterpret_cast<uint8_t*>(this + 1); }
  };
  explicit Buffer(Block* block) : block_(block) {}
  void release();

  Block* block_ = nullptr;
};

std::string to_hex(Bytes bytes);

}  // namespace ksim
