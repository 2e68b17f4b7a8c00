#pragma once
// Variable-length integers: 7 bits a byte, least significant group first (protocol guide, "Protocol
// Primitive Types"). Records use the zigzag forms, flexible messages the unsigned one.

#include <cstddef>
#include <cstdint>

namespace ksim {

constexpr uint32_t zigzag(int32_t v) {
  return (static_cast<uint32_t>(v) << 1) ^ static_cast<uint32_t>(v >> 31);
}
constexpr int32_t unzigzag(uint32_t v) { return static_cast<int32_t>(v >> 1) ^ -static_cast<int32_t>(v & 1); }
constexpr uint64_t zigzag64(int64_t v) {
  return (static_cast<uint64_t>(v) << 1) ^ static_cast<uint64_t>(v >> 63);
}
constexpr int64_t unzigzag64(uint64_t v) {
  return static_cast<int64_t>(v >> 1) ^ -static_cast<int64_t>(v & 1);
}

constexpr size_t kVarintMax = 5;
constexpr size_t kVarlongMax = 10;

constexpr size_t uvarint_size(uint64_t v) {
  size_t n = 1;
  while (v >= 0x80) v >>= 7, ++n;
  return n;
}
constexpr size_t varint_size(int32_t v) { return uvarint_size(zigzag(v)); }
constexpr size_t varlong_size(int64_t v) { return uvarint_size(zigzag64(v)); }

// Writes at `at`, where there must be room for uvarint_size(v) bytes; returns the byte after.
inline uint8_t* put_uvarint(uint8_t* at, uint64_t v) {
  while (v >= 0x80) {
    *at++ = static_cast<uint8_t>(v | 0x80);
    v >>= 7;
  }
  *at++ = static_cast<uint8_t>(v);
  return at;
}
inline uint8_t* put_varint(uint8_t* at, int32_t v) { return put_uvarint(at, zigzag(v)); }
inline uint8_t* put_varlong(uint8_t* at, int64_t v) { return put_uvarint(at, zigzag64(v)); }

// Most numbers take one byte or two, and are read without a loop. nullptr: this is none of those.
template <class U>
inline const uint8_t* get_short_uvarint(const uint8_t* at, const uint8_t* end, U& v) {
  if (at == end) return nullptr;
  if (at[0] < 0x80) {
    v = at[0];
    return at + 1;
  }
  if (end - at < 2 || at[1] >= 0x80) return nullptr;
  v = (at[0] & 0x7fU) | static_cast<U>(at[1]) << 7;
  return at + 2;
}

// Reads from [at, end). Returns the byte after, or nullptr if the bytes end too early or the number is too
// long (over 5 or 10 bytes, or bits beyond 32 or 64).
inline const uint8_t* get_uvarint64(const uint8_t* at, const uint8_t* end, uint64_t& v) {
  if (const uint8_t* const next = get_short_uvarint(at, end, v)) return next;
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 70; shift += 7) {
    if (at == end) return nullptr;
    const uint64_t byte = *at++;
    if (shift == 63 && byte > 1) return nullptr;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      v = value;
      return at;
    }
  }
  return nullptr;
}
inline const uint8_t* get_uvarint32(const uint8_t* at, const uint8_t* end, uint32_t& v) {
  if (const uint8_t* const next = get_short_uvarint(at, end, v)) return next;
  uint32_t value = 0;
  for (unsigned shift = 0; shift < 35; shift += 7) {
    if (at == end) return nullptr;
    const uint32_t byte = *at++;
    if (shift == 28 && byte > 0x0f) return nullptr;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      v = value;
      return at;
    }
  }
  return nullptr;
}
inline const uint8_t* get_varint(const uint8_t* at, const uint8_t* end, int32_t& v) {
  uint32_t bits = 0;
  const uint8_t* next = get_uvarint32(at, end, bits);
  if (next != nullptr) v = unzigzag(bits);
  return next;
}
inline const uint8_t* get_varlong(const uint8_t* at, const uint8_t* end, int64_t& v) {
  uint64_t bits = 0;
  const uint8_t* next = get_uvarint64(at, end, bits);
  if (next != nullptr) v = unzigzag64(bits);
  return next;
}

}  // namespace ksim
