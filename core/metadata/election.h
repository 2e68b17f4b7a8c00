#pragma once
// Who leads a partition (rules C24 to C27).

#include <cstdint>
#include <functional>
#include <span>

#include "core/metadata/image.h"

namespace ksim {

enum class Election : uint8_t {
  online,     // a member of the ISR, or of the ELR when the ISR is empty
  preferred,  // the same, the preferred replica first
  unclean,    // any acceptable replica rather than none
};

// Whether a broker may lead this partition now (rule C18).
using LeaderCheck = std::function<bool(int32_t broker)>;

struct ElectionInput {
  std::span<const int32_t> replicas;  // in order of preference; all of these are as they will be
  std::span<const int32_t> isr;
  std::span<const int32_t> elr;
  std::span<const int32_t> last_known_elr;  // as it was
  int32_t leader = kNoLeader;               // as it was
  bool elr_enabled = false;
  Election election = Election::online;
};

struct ElectionResult {
  int32_t leader = kNoLeader;
  bool unclean = false;  // it may lack committed records
};

ElectionResult elect_leader(const ElectionInput& input, const LeaderCheck& acceptable);

}  // namespace ksim
