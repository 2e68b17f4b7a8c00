#pragma once
// Draws for plans, one after the other: the same key gives the same ones.

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

#include "core/base/hash.h"
#include "core/base/units.h"

namespace ksim::sim {

class Draws {
 public:
  explicit Draws(uint64_t key) : key_(key) {}
  uint64_t below(uint64_t bound) { return mix64(key_, ++drawn_) % bound; }
  bool one_in(uint64_t count) { return below(count) == 0; }
  template <class T>
  const T& of(const std::vector<T>& list) {
    return list[below(list.size())];
  }
  // Short ones as likely as long ones: the magnitude is drawn first.
  Duration duration(Duration least, Duration most) {
    int64_t high = std::max<int64_t>(least.ns, 1);
    uint64_t magnitudes = 1;
    for (int64_t reach = high; reach < most.ns; reach *= 2) ++magnitudes;
    const int64_t low = std::min(high << below(magnitudes), most.ns);
    const int64_t span = std::min(low, most.ns - low);
    return milliseconds(Duration{low + static_cast<int64_t>(below(static_cast<uint64_t>(span) + 1))}.ms());
  }
  // From 1 to `most`, small ones as likely as large ones.
  uint32_t count(uint32_t most) {
    return 1 + static_cast<uint32_t>(below(most >> below(static_cast<uint64_t>(std::bit_width(most)))));
  }

 private:
  uint64_t key_;
  uint64_t drawn_ = 0;
};

}  // namespace ksim::sim
