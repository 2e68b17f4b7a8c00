#include "sim/host/pool.h"

#include <sys/mman.h>

namespace ksim::host {

void* Pool::carve(size_t index) {
  const size_t size = class_bytes(index);
  if (fresh_[index] == nullptr || fresh_end_[index] < fresh_[index] + size) {
    if (base_ == nullptr) {
      void* const region = ::mmap(nullptr, kRegionBytes, PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (region == MAP_FAILED) return nullptr;
      base_ = static_cast<std::byte*>(region);
    }
    if (spans_used_ == span_class_.size()) return nullptr;
    span_class_[spans_used_] = static_cast<uint8_t>(index);
    fresh_[index] = base_ + spans_used_ * kSpanBytes;
    fresh_end_[index] = fresh_[index] + kSpanBytes;
    ++spans_used_;
  }
  void* const block = fresh_[index];
  fresh_[index] += size;
  return block;
}

}  // namespace ksim::host
