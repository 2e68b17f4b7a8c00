#include "sim/net/byte_queue.h"

#include <algorithm>

#include "core/base/assert.h"

namespace ksim::sim {

MutableBytes ByteQueue::room(uint64_t wanted) {
  const size_t within = tail_ % kPageBytes;
  const size_t page = first_page_ + tail_ / kPageBytes;
  if (page == pages_.size()) pages_.push_back(pool_.take());
  return {pages_[page] + within, std::min<uint64_t>(wanted, kPageBytes - within)};
}

void ByteQueue::append(Bytes from) {
  append_with(from.size(), [&](MutableBytes piece) {
    std::memcpy(piece.data(), from.data(), piece.size());
    from = from.subspan(piece.size());
  });
}

void ByteQueue::take(MutableBytes into) {
  ENSURE(into.size() <= size());
  while (!into.empty()) {
    const size_t n = std::min<uint64_t>(into.size(), kPageBytes - head_);
    std::memcpy(into.data(), pages_[first_page_] + head_, n);
    into = into.subspan(n);
    head_ += n;
    if (head_ < kPageBytes) break;
    pool_.give_back(pages_[first_page_++]);
    head_ -= kPageBytes;
    tail_ -= kPageBytes;
  }
  drop_empty();
}

void ByteQueue::cut_to(uint64_t size_bytes) {
  if (size_bytes >= size()) return;
  tail_ = head_ + size_bytes;
  const size_t keep = first_page_ + (tail_ + kPageBytes - 1) / kPageBytes;
  while (pages_.size() > keep) {
    pool_.give_back(pages_.back());
    pages_.pop_back();
  }
  drop_empty();
}

void ByteQueue::drop_empty() {
  if (head_ != tail_) {
    if (first_page_ > 64) {
      pages_.erase(pages_.begin(), pages_.begin() + static_cast<ptrdiff_t>(first_page_));
      first_page_ = 0;
    }
    return;
  }
  while (pages_.size() > first_page_) {
    pool_.give_back(pages_.back());
    pages_.pop_back();
  }
  pages_.clear();
  first_page_ = 0;
  head_ = tail_ = 0;
}

}  // namespace ksim::sim
