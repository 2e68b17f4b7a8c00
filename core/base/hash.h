#pragma once
// A 64-bit mixing function with fixed results on every machine, for keyed draws, digests and shard choice.
// It folds a 128-bit product; the constants are odd 64-bit numbers with balanced bits.

#include <cstdint>
#include <string_view>

namespace ksim {

constexpr uint64_t fold_multiply(uint64_t a, uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

constexpr uint64_t mix64(uint64_t a, uint64_t b) {
  return fold_multiply(a ^ 0xa0761d6478bd642fULL, b ^ 0xe7037ed1a0b428dbULL);
}

constexpr uint64_t mix64(uint64_t a, uint64_t b, uint64_t c) {
  return mix64(mix64(a, b), c ^ 0x8ebc6af09c88c6e3ULL);
}

constexpr uint64_t hash_text(std::string_view text, uint64_t seed = 0) {
  uint64_t h = mix64(seed, text.size());
  uint64_t word = 0;
  unsigned filled = 0;
  for (char c : text) {
    word |= static_cast<uint64_t>(static_cast<unsigned char>(c)) << (8 * filled);
    if (++filled == 8) {
      h = mix64(h, word);
      word = 0;
      filled = 0;
    }
  }
  return mix64(h, word ^ 0x589965cc75374cc3ULL);
}

}  // namespace ksim
