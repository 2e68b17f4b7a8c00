#pragma once

#include "core/base/units.h"

namespace ksim {

// A node's two clocks. Nothing else in core reads time.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant now() = 0;    // monotonic, never steps
  virtual WallTime wall() = 0;  // may step either way
};

}  // namespace ksim
