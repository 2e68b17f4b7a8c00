#pragma once
// Record batches that are changed and still look like some: sizes and checksums are put right.

#include "core/base/bytes.h"
#include "fuzz/mutation.h"

namespace ksim::fuzz {

// Changes one batch of those that lie end to end in `batches`: a field of its header, or its records, under their
// codec. Its checksum is mostly right afterwards.
void mutate_batches(ByteBuffer& batches, size_t most, Mutation& mutation);

}  // namespace ksim::fuzz
