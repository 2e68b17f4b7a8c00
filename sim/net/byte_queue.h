#pragma once
// Bytes on their way: first in, first out, in pages of the pool. An empty queue holds no page.

#include <cstring>
#include <vector>

#include "core/base/bytes.h"
#include "sim/memory.h"

namespace ksim::sim {

class ByteQueue {
 public:
  explicit ByteQueue(PagePool& pool) : pool_(pool) {}
  ByteQueue(const ByteQueue&) = delete;
  ByteQueue& operator=(const ByteQueue&) = delete;
  ~ByteQueue() { clear(); }

  uint64_t size() const { return tail_ - head_; }
  void append(Bytes from);
  // Room for `size_bytes` at the end, page by page: `fill(MutableBytes)` is called for each piece in order.
  template <class Fill>
  void append_with(uint64_t size_bytes, Fill fill) {
    while (size_bytes > 0) {
      const MutableBytes piece = room(size_bytes);
      fill(piece);
      size_bytes -= piece.size();
      tail_ += piece.size();
    }
  }
  void take(MutableBytes into);      // into.size() <= size()
  void cut_to(uint64_t size_bytes);  // forgets the newest bytes
  void clear() { cut_to(0); }

 private:
  MutableBytes room(uint64_t wanted);
  void drop_empty();

  PagePool& pool_;
  std::vector<uint8_t*> pages_;  // those before first_page_ are gone
  size_t first_page_ = 0;
  uint64_t head_ = 0;  // positions counted from the start of pages_[first_page_]
  uint64_t tail_ = 0;
};

}  // namespace ksim::sim
