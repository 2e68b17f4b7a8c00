#pragma once
// The memory of a simulating process: blocks by size class, each class a list of freed blocks, last in first
// out. A run allocates and frees the same few sizes millions of times, in one thread, and a campaign keeps
// its memory from seed to seed: no locks, no merging of neighbours, nothing given back.

#include <array>
#include <cstddef>
#include <cstdint>

namespace ksim::host {

class Pool {
 public:
  static constexpr size_t kLargest = 32 << 10;  // larger blocks belong to malloc

  // nullptr: no room left; the caller asks malloc instead.
  void* take(size_t size_bytes) {
    const size_t index = class_of(size_bytes);
    Free* const block = free_[index];
    if (block == nullptr) return carve(index);
    free_[index] = block->next;
    return block;
  }
  bool owns(const void* block) const {
    return base_ != nullptr &&
           static_cast<size_t>(static_cast<const std::byte*>(block) - base_) < kRegionBytes;
  }
  void give_back(void* block) {
    const size_t span = static_cast<size_t>(static_cast<std::byte*>(block) - base_) / kSpanBytes;
    auto* const freed = static_cast<Free*>(block);
    freed->next = free_[span_class_[span]];
    free_[span_class_[span]] = freed;
  }

 private:
  struct Free {
    Free* next;
  };
  static constexpr size_t kGrain = 16;
  static constexpr size_t kFine = 1024;    // up to here a class for every 16 bytes,
  static constexpr size_t kStepsLog2 = 2;  // then four for every doubling
  static constexpr size_t kFineClasses = kFine / kGrain + 1;
  static constexpr size_t kClasses = kFineClasses + 5 * (size_t{1} << kStepsLog2);
  static constexpr size_t kSpanBytes = 256 << 10;
  static constexpr size_t kRegionBytes = size_t{16} << 30;  // of addresses; memory comes with the first touch

  static size_t class_of(size_t size_bytes) {
    if (size_bytes <= kFine) return (size_bytes + kGrain - 1) / kGrain;
    const auto log2 = static_cast<size_t>(63 - __builtin_clzll(size_bytes - 1));
    const size_t step = ((size_bytes - 1) >> (log2 - kStepsLog2)) & ((size_t{1} << kStepsLog2) - 1);
    return kFineClasses + ((log2 - 10) << kStepsLog2) + step;
  }
  static size_t class_bytes(size_t index) {
    if (index < kFineClasses) return index == 0 ? kGrain : index * kGrain;
    const size_t log2 = 10 + ((index - kFineClasses) >> kStepsLog2);
    const size_t step = (index - kFineClasses) & ((size_t{1} << kStepsLog2) - 1);
    return ((size_t{1} << kStepsLog2) + step + 1) << (log2 - kStepsLog2);
  }
  void* carve(size_t index);

  std::byte* base_ = nullptr;
  size_t spans_used_ = 0;
  std::array<Free*, kClasses> free_{};
  std::array<std::byte*, kClasses> fresh_{};  // the part of the newest span of a class never handed out
  std::array<std::byte*, kClasses> fresh_end_{};
  std::array<uint8_t, kRegionBytes / kSpanBytes> span_class_{};
};

}  // namespace ksim::host
