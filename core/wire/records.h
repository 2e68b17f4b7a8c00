#pragma once

#include <cstdint>

#include "core/base/bytes.h"

namespace ksim::wire {

// A field of type "records": record batches that travel inside a message. Either `bytes` in memory, or, with
// external_size > 0, a promise of that many bytes that are not copied into the Writer: it writes their length
// and notes a splice, and the rpc layer sends a range of a file there. Decoding always gives bytes.
struct Records {
  bool is_null = false;
  Bytes bytes;
  uint32_t external_id = 0;    // the promiser's own number, handed back in the splice
  uint64_t external_size = 0;  // bytes

  uint64_t size_bytes() const { return external_size > 0 ? external_size : bytes.size(); }
};

}  // namespace ksim::wire
