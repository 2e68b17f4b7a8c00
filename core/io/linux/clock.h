#pragma once

#include "core/io/clock.h"

namespace ksim {

// The kernel's clocks. now() counts from the machine's boot, so that all shards of a node agree.
class LinuxClock final : public Clock {
 public:
  Instant now() override;
  WallTime wall() override;
};

}  // namespace ksim
