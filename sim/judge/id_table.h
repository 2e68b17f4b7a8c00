#pragma once
// A hash index of things that others keep: it maps a hash, and what they say is equal, to a small number.

#include <cstdint>
#include <vector>

namespace ksim::judge {

constexpr uint32_t kNone = UINT32_MAX;

class IdTable {
 public:
  // The number of what `is_it(number)` says is meant; else kNone.
  template <class IsIt>
  uint32_t find(uint64_t hash, IsIt&& is_it) const {
    if (slots_.empty()) return kNone;
    for (size_t at = place(hash); slots_[at].id != kNone; at = (at + 1) & mask_) {
      if (slots_[at].tag == tag(hash) && is_it(slots_[at].id)) return slots_[at].id;
    }
    return kNone;
  }
  // The same; what is not there yet gets the number that `add()` returns.
  template <class IsIt, class Add>
  uint32_t find_or_add(uint64_t hash, IsIt&& is_it, Add&& add) {
    if (2 * (used_ + 1) > slots_.size()) grow();
    size_t at = place(hash);
    for (; slots_[at].id != kNone; at = (at + 1) & mask_) {
      if (slots_[at].tag == tag(hash) && is_it(slots_[at].id)) return slots_[at].id;
    }
    slots_[at] = {tag(hash), add()};
    ++used_;
    return slots_[at].id;
  }

 private:
  struct Slot {
    uint32_t tag = 0;  // the upper half of the hash, which also says where it belongs
    uint32_t id = kNone;
  };
  static uint32_t tag(uint64_t hash) { return static_cast<uint32_t>(hash >> 32); }
  size_t place(uint64_t hash) const { return (tag(hash) * uint64_t{0x9e3779b97f4a7c15} >> 16) & mask_; }
  void grow() {
    std::vector<Slot> old(slots_.empty() ? 64 : 2 * slots_.size());
    old.swap(slots_);
    mask_ = slots_.size() - 1;
    for (const Slot& slot : old) {
      if (slot.id == kNone) continue;
      size_t at = place(uint64_t{slot.tag} << 32);
      while (slots_[at].id != kNone) at = (at + 1) & mask_;
      slots_[at] = slot;
    }
  }

  std::vector<Slot> slots_;
  size_t mask_ = 0;
  size_t used_ = 0;
};

}  // namespace ksim::judge
