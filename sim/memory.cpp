#include "sim/memory.h"

#include <exception>

namespace ksim::sim {

PagePool::~PagePool() {
  if (lent() != 0) std::terminate();  // somebody would go on writing into freed pages
}

uint8_t* PagePool::take() {
  if (free_.empty()) {
    slabs_.push_back(std::unique_ptr<uint8_t[]>(new uint8_t[kSlabPages * kPageBytes]));
    uint8_t* slab = slabs_.back().get();
    free_.reserve(slabs_.size() * kSlabPages);
    for (size_t i = kSlabPages; i-- > 0;) free_.push_back(slab + i * kPageBytes);
  }
  uint8_t* page = free_.back();
  free_.pop_back();
  return page;
}

}  // namespace ksim::sim
