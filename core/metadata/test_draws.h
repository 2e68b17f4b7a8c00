#pragma once

#include "core/base/hash.h"
#include "core/metadata/draws.h"

namespace ksim {

// Draws for tests: a function of the seed and the count.
class TestDraws final : public Draws {
 public:
  explicit TestDraws(uint64_t seed) : seed_(seed) {}
  uint64_t next() override { return mix64(seed_, ++count_, 77); }

 private:
  uint64_t seed_;
  uint64_t count_ = 0;
};

}  // namespace ksim
