#pragma once
// The bytes of one file: pages from the pool, holes read as zeros. Appending costs the bytes appended.

#include <cstdint>
#include <vector>

#include "core/base/bytes.h"
#include "sim/memory.h"

namespace ksim::sim {

class Content {
 public:
  // `used_bytes` counts what the pages of a whole disk take; it outlives the content.
  Content(PagePool& pool, uint64_t& used_bytes) : pool_(pool), used_bytes_(used_bytes) {}
  Content(const Content&) = delete;
  Content& operator=(const Content&) = delete;
  ~Content() { resize(0); }

  uint64_t size() const { return size_; }
  // Bytes from `offset` on, up to the end of the file.
  size_t read(uint64_t offset, MutableBytes into) const;
  void write(uint64_t offset, Bytes from);
  // Cuts the file or makes it longer by a hole.
  void resize(uint64_t size_bytes);
  // New pages that a write of this range would take, in bytes.
  uint64_t cost_of(uint64_t offset, uint64_t size_bytes) const;
  // Gives the holes of a range pages of their own.
  void fill_holes(uint64_t offset, uint64_t size_bytes);
  uint32_t checksum() const;

 private:
  uint8_t* page_for(size_t index, bool whole);

  PagePool& pool_;
  uint64_t& used_bytes_;
  std::vector<uint8_t*> pages_;
  uint64_t size_ = 0;
};

}  // namespace ksim::sim
