#pragma once

#include <cstdint>

#include "core/base/sanitizers.h"

namespace ksim {

// For tests: how often to repeat what differs by its seed. An eighth under a sanitizer, which makes code ten
// and more times slower and which sees in few repetitions what it can see.
constexpr uint64_t repetitions(uint64_t without_sanitizer) {
#if defined(KSIM_ADDRESS_SANITIZER) || defined(KSIM_THREAD_SANITIZER)
  return without_sanitizer / 8 + 1;
#else
  return without_sanitizer;
#endif
}

}  // namespace ksim
