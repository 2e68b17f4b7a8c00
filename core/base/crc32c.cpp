#include "core/base/crc32c.h"

#include <array>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace ksim {
namespace {

constexpr std::array<std::array<uint32_t, 256>, 8> make_tables() {
  std::array<std::array<uint32_t, 256>, 8> tables{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78U : 0U);
    tables[0][i] = crc;
  }
  for (size_t k = 1; k < 8; ++k) {
    for (size_t i = 0; i < 256; ++i)
      tables[k][i] = (tables[k - 1][i] >> 8) ^ tables[0][tables[k - 1][i] & 0xff];
  }
  return tables;
}
constexpr auto kTables = make_tables();

uint32_t crc_by_table(const uint8_t* at, size_t n, uint32_t crc) {
  while (n >= 8) {
    const uint32_t low = crc ^ (static_cast<uint32_t>(at[0]) | static_cast<uint32_t>(at[1]) << 8 |
                                static_cast<uint32_t>(at[2]) << 16 | static_cast<uint32_t>(at[3]) << 24);
    crc = kTables[7][low & 0xff] ^ kTables[6][low >> 8 & 0xff] ^ kTables[5][low >> 16 & 0xff] ^
          kTables[4][low >> 24] ^ kTables[3][at[4]] ^ kTables[2][at[5]] ^ kTables[1][at[6]] ^
          kTables[0][at[7]];
    at += 8;
    n -= 8;
  }
  while (n-- > 0) crc = (crc >> 8) ^ kTables[0][(crc ^ *at++) & 0xff];
  return crc;
}

#if defined(__x86_64__)
// The instruction takes three cycles and one can begin in each: three lanes of this many bytes side by side.
constexpr size_t kLaneBytes = 512;

// What kLaneBytes of zeros make of a checksum, by the value of each of its bytes.
constexpr std::array<std::array<uint32_t, 256>, 4> make_lane_tables() {
  std::array<uint32_t, 32> of_bit{};
  for (size_t bit = 0; bit < 32; ++bit) {
    uint32_t crc = 1U << bit;
    for (size_t n = 0; n < kLaneBytes; ++n) crc = (crc >> 8) ^ kTables[0][crc & 0xff];
    of_bit[bit] = crc;
  }
  std::array<std::array<uint32_t, 256>, 4> tables{};
  for (size_t byte = 0; byte < 4; ++byte) {
    for (size_t value = 0; value < 256; ++value) {
      for (size_t bit = 0; bit < 8; ++bit)
        if ((value >> bit & 1) != 0) tables[byte][value] ^= of_bit[byte * 8 + bit];
    }
  }
  return tables;
}
constexpr auto kLaneTables = make_lane_tables();

uint32_t past_lane(uint32_t crc) {
  return kLaneTables[0][crc & 0xff] ^ kLaneTables[1][crc >> 8 & 0xff] ^ kLaneTables[2][crc >> 16 & 0xff] ^
         kLaneTables[3][crc >> 24];
}

__attribute__((target("sse4.2"))) uint32_t crc_by_instruction(const uint8_t* at, size_t n, uint32_t crc) {
  const auto word_at = [](const uint8_t* from) {
    uint64_t word;
    std::memcpy(&word, from, 8);
    return word;
  };
  uint64_t wide = crc;
  while (n >= 3 * kLaneBytes) {
    uint64_t second = 0, third = 0;
    for (size_t i = 0; i < kLaneBytes; i += 8) {
      wide = _mm_crc32_u64(wide, word_at(at + i));
      second = _mm_crc32_u64(second, word_at(at + kLaneBytes + i));
      third = _mm_crc32_u64(third, word_at(at + 2 * kLaneBytes + i));
    }
    const uint32_t two = past_lane(static_cast<uint32_t>(wide)) ^ static_cast<uint32_t>(second);
    wide = past_lane(two) ^ static_cast<uint32_t>(third);
    at += 3 * kLaneBytes;
    n -= 3 * kLaneBytes;
  }
  while (n >= 8) {
    wide = _mm_crc32_u64(wide, word_at(at));
    at += 8;
    n -= 8;
  }
  auto narrow = static_cast<uint32_t>(wide);
  while (n-- > 0) narrow = _mm_crc32_u8(narrow, *at++);
  return narrow;
}
#endif

}  // namespace

uint32_t crc32c(Bytes bytes, uint32_t seed) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("sse4.2")) return ~crc_by_instruction(bytes.data(), bytes.size(), ~seed);
#endif
  return ~crc_by_table(bytes.data(), bytes.size(), ~seed);
}

}  // namespace ksim
