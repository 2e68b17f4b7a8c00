#pragma once
// Keyed randomness of the simulated world: every decision is a function of (seed, stream, entity, counter).
// Entities are named by meaning (a node and its incarnation, a fiber's key, a file, a connection), never by a
// global order, so that removing one decision shifts no other: shrinking and "what if" stand on this.

#include <cstdint>

#include "core/base/hash.h"
#include "core/base/units.h"

namespace ksim::sim {

// What a draw of the world decides. Append only: the numbers are part of every seed's meaning. Core's own
// streams (core/io/random.h) stay below 1000.
enum class SimStream : uint64_t {
  plan = 1001,
  wake_priority,
  timer_tie,
  resume_cost,
  disk_latency,
  disk_error,
  disk_power_loss,
  disk_torn_write,
  net_latency,
  net_segment,
  net_retry,
  mailbox_delay,
  buggify_active,
  buggify_fire,
  fault,
  clock,
  scenario,
};

class KeyedRandom {
 public:
  explicit constexpr KeyedRandom(uint64_t seed) : seed_(spread(seed)) {}

  constexpr uint64_t draw(uint64_t stream, uint64_t entity, uint64_t counter) const {
    uint64_t h = fold_multiply(seed_ ^ 0xa0761d6478bd642fULL, stream ^ 0xe7037ed1a0b428dbULL);
    h = fold_multiply(h ^ entity ^ 0x8ebc6af09c88c6e3ULL, counter ^ 0x589965cc75374cc3ULL ^ (h << 1));
    return fold_multiply(h ^ 0x1d8e4e27c47d124fULL, 0xeb44accab455d165ULL);
  }
  constexpr uint64_t draw(SimStream stream, uint64_t entity, uint64_t counter) const {
    return draw(static_cast<uint64_t>(stream), entity, counter);
  }

 private:
  static constexpr uint64_t spread(uint64_t seed) {  // SplitMix64: neighbouring seeds share nothing
    uint64_t z = seed + 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }

  uint64_t seed_;
};

// Uniform in [0, bound) out of 64 uniform bits; bound > 0.
constexpr uint64_t below(uint64_t bits, uint64_t bound) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<uint64_t>((static_cast<Wide>(bits) * bound) >> 64);
}
// Uniform in [low, high], both included.
constexpr uint64_t between(uint64_t bits, uint64_t low, uint64_t high) {
  return high - low == ~0ULL ? bits : low + below(bits, high - low + 1);
}

// One decider's sequence of draws.
class SimDice {
 public:
  constexpr SimDice(const KeyedRandom& random, SimStream stream, uint64_t entity)
      : random_(random), stream_(stream), entity_(entity) {}

  constexpr uint64_t next() { return random_.draw(stream_, entity_, counter_++); }
  constexpr uint64_t below(uint64_t bound) { return sim::below(next(), bound); }
  constexpr uint64_t between(uint64_t low, uint64_t high) { return sim::between(next(), low, high); }
  constexpr bool per_mille(uint32_t chance) { return below(1000) < chance; }

 private:
  KeyedRandom random_;
  SimStream stream_;
  uint64_t entity_;
  uint64_t counter_ = 0;
};

}  // namespace ksim::sim
