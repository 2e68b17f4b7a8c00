#pragma once

#include <algorithm>

#include "core/base/units.h"
#include "core/io/random.h"

namespace ksim::rpc {

// Waits between attempts: doubling from `first` up to `most`, each 20 % more or less (rule G38).
class Backoff {
 public:
  Backoff(Duration first, Duration most, Dice dice) : first_(first), most_(most), next_(first), dice_(dice) {}

  Duration next() {
    const Duration wait{next_.ns / 1000 * (800 + static_cast<int64_t>(dice_.below(401)))};
    next_ = std::min(next_ * 2, most_);
    return wait;
  }
  void reset() { next_ = first_; }

 private:
  Duration first_;
  Duration most_;
  Duration next_;
  Dice dice_;
};

}  // namespace ksim::rpc
