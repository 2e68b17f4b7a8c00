#include "core/metadata/election.h"

#include <algorithm>

#include "core/base/contains.h"

namespace ksim {

ElectionResult elect_leader(const ElectionInput& in, const LeaderCheck& acceptable) {
  const auto valid = [&](int32_t broker) {
    const bool has_all = contains(in.isr, broker) || (in.isr.empty() && contains(in.elr, broker));
    return has_all && acceptable(broker);
  };
  if (in.election == Election::preferred && !in.replicas.empty() && valid(in.replicas.front())) {
    return {in.replicas.front(), false};
  }
  if (in.leader != kNoLeader && valid(in.leader)) return {in.leader, false};
  for (const int32_t replica : in.replicas) {
    if (valid(replica)) return {replica, false};
  }
  // Nobody who surely has all committed records is left. The last known leader is the best guess (rule C26):
  // it may have lost its tail, so this counts as unclean, and it must be alive like any other.
  const bool nobody_eligible = in.isr.empty() && in.elr.empty();
  if (in.elr_enabled && nobody_eligible && in.last_known_elr.size() == 1) {
    const int32_t last = in.last_known_elr.front();
    if (contains(in.replicas, last) && acceptable(last)) return {last, true};
  }
  if (in.election == Election::unclean) {
    for (const int32_t replica : in.replicas) {
      if (acceptable(replica)) return {replica, true};
    }
  }
  return {};
}

}  // namespace ksim
