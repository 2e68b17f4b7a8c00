#pragma once
// xxHash32 with seed 0, the checksum of LZ4 frames (lz4 frame format description, "Header Checksum").

#include <cstdint>

#include "core/base/bytes.h"

namespace ksim {

uint32_t xxh32(Bytes bytes);

}  // namespace ksim
