#include "sim/disk/content.h"

#include <algorithm>
#include <cstring>

#include "core/base/crc32c.h"

namespace ksim::sim {

size_t Content::read(uint64_t offset, MutableBytes into) const {
  if (offset >= size_) return 0;
  const size_t total = std::min<uint64_t>(into.size(), size_ - offset);
  size_t done = 0;
  while (done < total) {
    const size_t page = (offset + done) / kPageBytes;
    const size_t within = (offset + done) % kPageBytes;
    const size_t n = std::min(total - done, kPageBytes - within);
    if (page < pages_.size() && pages_[page] != nullptr) {
      std::memcpy(into.data() + done, pages_[page] + within, n);
    } else {
      std::memset(into.data() + done, 0, n);
    }
    done += n;
  }
  return total;
}

uint8_t* Content::page_for(size_t index, bool whole) {
  if (index >= pages_.size()) pages_.resize(index + 1, nullptr);
  uint8_t*& page = pages_[index];
  if (page == nullptr) {
    page = pool_.take();
    used_bytes_ += kPageBytes;
    if (!whole) std::memset(page, 0, kPageBytes);
  }
  return page;
}

void Content::write(uint64_t offset, Bytes from) {
  size_t done = 0;
  while (done < from.size()) {
    const size_t page = (offset + done) / kPageBytes;
    const size_t within = (offset + done) % kPageBytes;
    const size_t n = std::min(from.size() - done, kPageBytes - within);
    std::memcpy(page_for(page, n == kPageBytes) + within, from.data() + done, n);
    done += n;
  }
  if (!from.empty()) size_ = std::max(size_, offset + from.size());
}

void Content::resize(uint64_t size_bytes) {
  const size_t keep = (size_bytes + kPageBytes - 1) / kPageBytes;
  if (size_bytes < size_ || keep < pages_.size()) {  // pages may stand beyond the end: preallocated ones
    for (size_t i = keep; i < pages_.size(); ++i) {
      if (pages_[i] == nullptr) continue;
      pool_.give_back(pages_[i]);
      used_bytes_ -= kPageBytes;
    }
    if (keep < pages_.size()) pages_.resize(keep);
    const size_t within = size_bytes % kPageBytes;
    if (within != 0 && keep == pages_.size() && pages_[keep - 1] != nullptr) {
      std::memset(pages_[keep - 1] + within, 0, kPageBytes - within);
    }
  }
  size_ = size_bytes;
}

uint64_t Content::cost_of(uint64_t offset, uint64_t size_bytes) const {
  if (size_bytes == 0) return 0;
  const size_t first = offset / kPageBytes;
  const size_t last = (offset + size_bytes - 1) / kPageBytes;
  uint64_t pages = 0;
  for (size_t i = first; i <= last; ++i) {
    if (i >= pages_.size()) return (pages + last - i + 1) * kPageBytes;
    if (pages_[i] == nullptr) ++pages;
  }
  return pages * kPageBytes;
}

void Content::fill_holes(uint64_t offset, uint64_t size_bytes) {
  if (size_bytes == 0) return;
  for (size_t i = offset / kPageBytes; i <= (offset + size_bytes - 1) / kPageBytes; ++i) page_for(i, false);
}

uint32_t Content::checksum() const {
  static constexpr uint8_t kZeros[kPageBytes] = {};
  uint32_t crc = 0;
  for (uint64_t at = 0; at < size_; at += kPageBytes) {
    const size_t page = at / kPageBytes;
    const size_t n = std::min<uint64_t>(kPageBytes, size_ - at);
    const bool hole = page >= pages_.size() || pages_[page] == nullptr;
    crc = crc32c({hole ? kZeros : pages_[page], n}, crc);
  }
  return crc;
}

}  // namespace ksim::sim
