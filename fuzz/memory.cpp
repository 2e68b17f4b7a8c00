#include "fuzz/memory.h"

#include "core/base/sanitizers.h"

#ifdef KSIM_ADDRESS_SANITIZER
#include <sanitizer/allocator_interface.h>
#else
#include <malloc.h>
#endif

namespace ksim::fuzz {

size_t allocated_bytes() {
#ifdef KSIM_ADDRESS_SANITIZER
  return __sanitizer_get_current_allocated_bytes();
#else
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
#endif
}

}  // namespace ksim::fuzz
