#pragma once
// Randomness as an input of decisions: whoever runs them passes a source of draws (a driver wraps the keyed
// draws of the seam, a test a generator).

#include <cstdint>
#include <utility>
#include <vector>

#include "core/base/uuid.h"

namespace ksim {

class Draws {
 public:
  virtual ~Draws() = default;
  virtual uint64_t next() = 0;  // 64 uniform bits

  // Uniform in [0, bound); bound > 0.
  uint64_t below(uint64_t bound) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<uint64_t>((static_cast<Wide>(next()) * bound) >> 64);
  }
  // Neither reserved nor starting with '-' (rules A44, C42).
  Uuid uuid() {
    for (;;) {
      const uint64_t high = next();
      const uint64_t low = next();
      if (const Uuid id = Uuid::from_draws(high, low); id.is_usable()) return id;
    }
  }
  template <class T>
  void shuffle(std::vector<T>& items) {
    for (size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }
};

}  // namespace ksim
