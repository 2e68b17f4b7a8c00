#pragma once
// xxHash32 with seed 0, the checksum of LZ4 frames (lz4 frame format description, "Header Checksum").

#include <cstdint>

#include "core/base/bytes.h"

namespace ksim {

// The byte order of LZ4's frames.
inline uint32_t load_le32(const uint8_t* at) {
  return static_cast<uint32_t>(at[0]) | static_cast<uint32_t>(at[1]) << 8 |
         static_cast<uint32_t>(at[2]) << 16 | static_cast<uint32_t>(at[3]) << 24;
}
inline void store_le32(uint8_t* at, uint32_t value) {
  for (unsigned i = 0; i < 4; ++i) at[i] = static_cast<uint8_t>(value >> (8 * i));
}

uint32_t xxh32(Bytes bytes);

}  // namespace ksim
