#include "sim/explain/features.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/metadata/config_def.h"
#include "core/metadata/features.h"

namespace ksim::sim {

bool elr_on(std::string_view bootstrap_features) {
  const Result<FeatureLevels> levels = bootstrap_feature_levels(split_list(bootstrap_features));
  return levels.ok() && std::any_of(levels->begin(), levels->end(), [](const auto& feature) {
           return feature.first == kElrFeature && feature.second > 0;
         });
}

ElrChange with_elr(std::string_view bootstrap_features) {
  ElrChange change;
  change.setting = fmt::format("{}=1", kElrFeature);
  std::string others;
  for (const std::string_view feature : split_list(bootstrap_features)) {
    if (!feature.starts_with(kElrFeature)) others += fmt::format("{},", feature);
  }
  change.features = others + change.setting;
  if (elr_on(change.features)) return change;
  change.features = change.setting;
  change.setting += fmt::format(" (metadata.version={})", kDefaultMetadataVersion);
  return change;
}

}  // namespace ksim::sim
