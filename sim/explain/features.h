#pragma once
// Eligible leader replicas (KIP-966) among the features that a cluster begins with.

#include <string>
#include <string_view>

namespace ksim::sim {

// Whether they are kept, by "bootstrap.features".
bool elr_on(std::string_view bootstrap_features);

struct ElrChange {
  std::string features;  // for "bootstrap.features"
  std::string setting;   // in words: what is other than before
};
// Those features with eligible leader replicas, and a metadata.version that has them.
ElrChange with_elr(std::string_view bootstrap_features);

}  // namespace ksim::sim
