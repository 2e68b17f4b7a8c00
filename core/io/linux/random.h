#pragma once

#include "core/io/random.h"

namespace ksim {

// Keyed draws over a seed. All shards of a node draw from the same one.
class LinuxRandom final : public Random {
 public:
  explicit LinuxRandom(uint64_t seed) : seed_(seed) {}
  // From the kernel's generator.
  static uint64_t fresh_seed();

  uint64_t draw(Stream stream, uint64_t entity, uint64_t counter) override;

 private:
  uint64_t seed_;
};

}  // namespace ksim
