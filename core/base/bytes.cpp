#include "core/base/bytes.h"

#include <new>

namespace ksim {

Buffer Buffer::allocate(size_t size_bytes) {
  void* memory = ::operator new(sizeof(Block) + size_bytes);
  auto* block = ::new (memory) Block{{1}, size_bytes};
  return Buffer(block);
}

Buffer Buffer::copy_of(Bytes bytes) {
  Buffer copy = allocate(bytes.size());
  if (!bytes.empty()) std::memcpy(copy.data(), bytes.data(), bytes.size());
  return copy;
}

void Buffer::release() {
  if (block_ != nullptr && block_->count.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    block_->~Block();
    ::operator delete(block_);
  }
}

std::string to_hex(Bytes bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (uint8_t byte : bytes) {
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 15]);
  }
  return text;
}

}  // namespace ksim
