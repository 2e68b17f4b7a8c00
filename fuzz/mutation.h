#pragma once
// What changes an input. Draws are keyed: the same seed makes the same change of the same bytes.

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

#include "core/base/bytes.h"
#include "core/base/hash.h"

namespace ksim::fuzz {

class Mutation {
 public:
  explicit Mutation(uint64_t seed) : seed_(seed) {}
  virtual ~Mutation() = default;

  uint64_t next() { return mix64(seed_, ++drawn_, 0x66757a7a); }
  uint64_t below(uint64_t bound) { return (next() >> 16) % bound; }  // bound > 0
  bool one_in(uint64_t chances) { return below(chances) == 0; }
  // A number at the edge of something: of a type, of zero, of a power of two, of a length.
  int64_t edge();

  // Changes bytes of which nothing is known; at most `most` of them are left. libFuzzer does it in its own way.
  virtual void bytes(ByteBuffer& bytes, size_t most);

 private:
  uint64_t seed_;
  uint64_t drawn_ = 0;
};

// Lines go, come and change places, numbers become others, words of the format come in.
void mutate_text(ByteBuffer& text, size_t most, std::span<const std::string_view> words, Mutation& mutation);

}  // namespace ksim::fuzz
