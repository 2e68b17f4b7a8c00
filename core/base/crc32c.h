#pragma once
// CRC-32C (Castagnoli, reflected polynomial 0x82f63b78), as in record batches and producer snapshots.

#include <cstdint>

#include "core/base/bytes.h"

namespace ksim {

// The checksum of `bytes`, or of a longer run whose earlier part gave `seed`.
uint32_t crc32c(Bytes bytes, uint32_t seed = 0);

}  // namespace ksim
