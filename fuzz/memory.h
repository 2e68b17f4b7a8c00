#pragma once

#include <cstddef>

namespace ksim::fuzz {

// Of the heap of this process, as far as the allocator in use tells.
size_t allocated_bytes();

}  // namespace ksim::fuzz
