#pragma once
// Keyed randomness: a draw is a function of what it is for, never of how many draws went before it
// elsewhere, so that removing one decision shifts no other.

#include "core/base/hash.h"
#include "core/base/uuid.h"

namespace ksim {

// What a draw decides. Append only: the numbers are part of every seed's meaning.
enum class Stream : uint64_t {
  uuid = 1,
  election_timeout,
  backoff_jitter,
  partitioner,
  placement,
  segment_jitter,
  least_loaded_node,
  fetch_session,
  client_id,
  voter_choice,
  workload,
};

class Random {
 public:
  virtual ~Random() = default;
  // 64 uniform bits for (stream, entity, counter); the same triple gives the same bits within an incarnation.
  virtual uint64_t draw(Stream stream, uint64_t entity, uint64_t counter) = 0;
};

// One decider's sequence of draws.
class Dice {
 public:
  Dice(Random& random, Stream stream, uint64_t entity) : random_(&random), stream_(stream), entity_(entity) {}

  uint64_t next() { return random_->draw(stream_, entity_, counter_++); }
  // Uniform in [0, bound); bound > 0.
  uint64_t below(uint64_t bound) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<uint64_t>((static_cast<Wide>(next()) * bound) >> 64);
  }
  bool per_mille(uint32_t chance) { return below(1000) < chance; }
  Uuid uuid() {
    for (;;) {
      const uint64_t high = next();
      const uint64_t low = next();
      if (const Uuid id = Uuid::from_draws(high, low); id.is_usable()) return id;
    }
  }

 private:
  Random* random_;
  Stream stream_;
  uint64_t entity_;
  uint64_t counter_ = 0;
};

}  // namespace ksim
