#include "core/record/xxh32.h"

#include <array>

namespace ksim {

namespace {

constexpr uint32_t kPrime1 = 2654435761U;
constexpr uint32_t kPrime2 = 2246822519U;
constexpr uint32_t kPrime3 = 3266489917U;
constexpr uint32_t kPrime4 = 668265263U;
constexpr uint32_t kPrime5 = 374761393U;

constexpr uint32_t rotate_left(uint32_t v, unsigned bits) { return (v << bits) | (v >> (32 - bits)); }

}  // namespace

uint32_t xxh32(Bytes bytes) {
  const uint8_t* at = bytes.data();
  size_t left = bytes.size();
  uint32_t hash = kPrime5;
  if (left >= 16) {
    std::array<uint32_t, 4> lanes = {kPrime1 + kPrime2, kPrime2, 0, 0U - kPrime1};
    for (; left >= 16; left -= 16) {
      for (uint32_t& lane : lanes) {
        lane = rotate_left(lane + load_le32(at) * kPrime2, 13) * kPrime1;
        at += 4;
      }
    }
    hash = rotate_left(lanes[0], 1) + rotate_left(lanes[1], 7) + rotate_left(lanes[2], 12) +
           rotate_left(lanes[3], 18);
  }
  hash += static_cast<uint32_t>(bytes.size());
  for (; left >= 4; left -= 4, at += 4) hash = rotate_left(hash + load_le32(at) * kPrime3, 17) * kPrime4;
  for (; left > 0; --left, ++at) hash = rotate_left(hash + *at * kPrime5, 11) * kPrime1;
  hash = (hash ^ (hash >> 15)) * kPrime2;
  hash = (hash ^ (hash >> 13)) * kPrime3;
  return hash ^ (hash >> 16);
}

}  // namespace ksim
