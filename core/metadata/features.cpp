#include "core/metadata/features.h"

#include <algorithm>
#include <limits>
#include <set>

#include "core/metadata/config_def.h"

namespace ksim {
namespace {

struct Version {
  int16_t level;
  std::string_view name;
  bool changed_metadata;
};
constexpr Version kVersions[] = {
    {7, "3.3-IV3", true},   {8, "3.4-IV0", true},   {9, "3.5-IV0", false},  {10, "3.5-IV1", false},
    {11, "3.5-IV2", true},  {12, "3.6-IV0", false}, {13, "3.6-IV1", true},  {14, "3.6-IV2", true},
    {15, "3.7-IV0", true},  {16, "3.7-IV1", false}, {17, "3.7-IV2", true},  {18, "3.7-IV3", false},
    {19, "3.7-IV4", false}, {20, "3.8-IV0", false}, {21, "3.9-IV0", false}, {22, "4.0-IV0", false},
    {23, "4.0-IV1", true},  {24, "4.0-IV2", false}, {25, "4.0-IV3", false},
};
constexpr int16_t kMinLevel = 7;
constexpr int16_t kMaxLevel = 25;
static_assert(kVersions[0].level == kMinLevel && std::size(kVersions) == kMaxLevel - kMinLevel + 1);

Failure<Error> refused(const FeatureUpdate& update, std::string_view why) {
  return fail(ErrorCode::INVALID_UPDATE_VERSION, "Invalid update version " + std::to_string(update.level) +
                                                     " for feature " + update.name + ". " + std::string(why));
}

// Why `who` cannot run with that level, or "".
std::string not_supported(const std::string& who, const FeatureRanges& ranges, const FeatureUpdate& update) {
  const auto it = ranges.find(update.name);
  const VersionRange range = it == ranges.end() ? VersionRange{} : it->second;
  if (it == ranges.end() && update.level != 0) return who + " does not support this feature.";
  if (it != ranges.end() && !range.contains(update.level)) {
    return who + " only supports versions " + std::to_string(range.min) + "-" + std::to_string(range.max);
  }
  return {};
}

std::string not_supported_by_cluster(const MetadataImage& image, const FeatureUpdate& update,
                                     const FeatureRanges& local, int32_t local_id,
                                     const std::vector<int32_t>& voters) {
  std::string why = not_supported("Local controller " + std::to_string(local_id), local, update);
  if (!why.empty()) return why;
  for (const auto& [id, broker] : image.cluster.brokers) {
    why = not_supported("Broker " + std::to_string(id), broker->features, update);
    if (!why.empty()) return why;
  }
  if (image.features.metadata_version < kMetadataVersion37Iv0) return {};
  std::set<int32_t> registered{local_id};
  for (const auto& [id, controller] : image.cluster.controllers) {
    if (id == local_id) continue;
    registered.insert(id);
    why = not_supported("Controller " + std::to_string(id), controller->features, update);
    if (!why.empty()) return why;
  }
  for (const int32_t voter : voters) {
    if (registered.count(voter) == 0) {
      return "controller " + std::to_string(voter) + " has not registered, and may not support this feature";
    }
  }
  return {};
}

Result<void> check_metadata_version(const MetadataImage& image, const FeatureUpdate& update) {
  const auto refuse = [&](std::string_view why) {
    return fail(ErrorCode::INVALID_UPDATE_VERSION,
                "Invalid metadata.version " + std::to_string(update.level) + ". " + std::string(why));
  };
  if (update.level < kMinLevel) {
    return refuse("Unable to set a metadata.version less than " + metadata_version_name(kMinLevel));
  }
  if (update.level < image.features.metadata_version &&
      metadata_changed_between(update.level, image.features.metadata_version)) {
    return refuse(
        update.type == FeatureUpgrade::unsafe_downgrade
            ? "Unsafe metadata downgrade is not supported in this version."
            : "Refusing to perform the requested downgrade because it might delete metadata information.");
  }
  return {};
}

}  // namespace

FeatureRanges supported_features() {
  return {
      {std::string(kMetadataVersionFeature), {kMinLevel, kMaxLevel}},
      {std::string(kElrFeature), {0, 1}},
      {"group.version", {0, 1}},
      {std::string(kKraftVersionFeature), {0, 0}},
      {"transaction.version", {0, 2}},
  };
}

namespace {

// What comes with a metadata.version, but for that itself (Features in Apache Kafka).
std::map<std::string, int16_t> levels_of(int16_t metadata_version) {
  std::map<std::string, int16_t> levels;
  if (metadata_version >= kDefaultMetadataVersion) levels[std::string(kElrFeature)] = 1;
  if (metadata_version >= kMetadataVersion40Iv0) levels["group.version"] = 1;
  if (metadata_version >= kMetadataVersion40Iv2) levels["transaction.version"] = 2;
  return levels;
}

}  // namespace

FeatureLevels default_feature_levels() {
  const std::map<std::string, int16_t> others = levels_of(kDefaultMetadataVersion);
  FeatureLevels levels{{std::string(kMetadataVersionFeature), kDefaultMetadataVersion}};
  levels.insert(levels.end(), others.begin(), others.end());
  return levels;
}

Result<FeatureLevels> bootstrap_feature_levels(const std::vector<std::string_view>& given) {
  const FeatureRanges supported = supported_features();
  std::map<std::string, int16_t> wanted;
  for (const std::string_view item : given) {
    const auto refuse = [&](std::string_view why) {
      return fail(ErrorCode::INVALID_CONFIG, std::string(item) + ": " + std::string(why));
    };
    const size_t equals = item.find('=');
    if (equals == std::string_view::npos) return refuse("must have the form name=level");
    const std::string name(trim(item.substr(0, equals)));
    const auto level = parse_int(trim(item.substr(equals + 1)), 0, std::numeric_limits<int16_t>::max());
    const auto range = supported.find(name);
    if (range == supported.end()) return refuse("there is no feature of that name");
    if (!level || (*level != 0 && !range->second.contains(static_cast<int16_t>(*level))) ||
        (*level == 0 && name == kMetadataVersionFeature)) {
      return refuse("its levels are " + std::to_string(range->second.min) + " to " +
                    std::to_string(range->second.max));
    }
    wanted[name] = static_cast<int16_t>(*level);
  }
  int16_t metadata_version = kDefaultMetadataVersion;
  if (const auto own = wanted.extract(std::string(kMetadataVersionFeature))) metadata_version = own.mapped();
  std::map<std::string, int16_t> levels = levels_of(metadata_version);
  for (const auto& [name, level] : wanted) levels[name] = level;
  std::erase_if(levels, [](const auto& entry) { return entry.second == 0; });
  if (levels.contains(std::string(kElrFeature)) && metadata_version < kMetadataVersion40Iv1) {
    return fail(ErrorCode::INVALID_CONFIG, std::string(kElrFeature) + " needs metadata.version " +
                                               std::to_string(kMetadataVersion40Iv1) + " or more");
  }
  FeatureLevels all{{std::string(kMetadataVersionFeature), metadata_version}};
  all.insert(all.end(), levels.begin(), levels.end());
  return all;
}

bool is_known_metadata_version(int16_t level) { return level >= kMinLevel && level <= kMaxLevel; }

std::string metadata_version_name(int16_t level) {
  if (!is_known_metadata_version(level)) return "level " + std::to_string(level);
  return std::string(kVersions[level - kMinLevel].name);
}

bool metadata_changed_between(int16_t lower, int16_t higher) {
  for (const Version& version : kVersions) {
    if (version.level > lower && version.level <= higher && version.changed_metadata) return true;
  }
  return false;
}

int16_t register_broker_record_version(int16_t metadata_version) {
  if (metadata_version >= kMetadataVersion37Iv2) return 3;
  if (metadata_version >= kMetadataVersion34Iv0) return 2;
  return 1;
}

int16_t partition_record_version(int16_t metadata_version) {
  if (metadata_version >= kMetadataVersion40Iv1) return 2;
  if (metadata_version >= kMetadataVersion37Iv2) return 1;
  return 0;
}

Result<void> check_feature_update(const MetadataImage& image, const FeatureUpdate& update,
                                  const std::vector<FeatureUpdate>& together, const FeatureRanges& local,
                                  int32_t local_id, const std::vector<int32_t>& voters) {
  if (update.type != FeatureUpgrade::upgrade && update.type != FeatureUpgrade::safe_downgrade &&
      update.type != FeatureUpgrade::unsafe_downgrade) {
    return refused(update, "The controller does not support the given upgrade type.");
  }
  if (update.level < 0) return refused(update, "A feature version cannot be less than 0.");
  if (update.name == kKraftVersionFeature) {
    if (update.level == 0) return {};  // what it is
    // A control record of the quorum itself, written by its leader (rule C47).
    return refused(update, "This version of kraft.version cannot be changed.");
  }
  const std::string why = not_supported_by_cluster(image, update, local, local_id, voters);
  if (!why.empty()) return refused(update, why);
  const int16_t current = image.features.level(update.name);
  if (update.level < current && update.type == FeatureUpgrade::upgrade) {
    return refused(
        update,
        "Can't downgrade the version of this feature without setting the upgrade type to either safe or "
        "unsafe downgrade.");
  }
  if (update.level > current && update.type != FeatureUpgrade::upgrade) {
    return refused(update, "Can't downgrade to a newer version.");
  }
  if (update.name == kMetadataVersionFeature) return check_metadata_version(image, update);
  int16_t metadata_version = image.features.metadata_version;
  for (const FeatureUpdate& other : together) {
    if (other.name == kMetadataVersionFeature) metadata_version = other.level;
  }
  if (update.name == kElrFeature && update.level > 0 && metadata_version < kMetadataVersion40Iv1) {
    return refused(update, std::string(kElrFeature) +
                               " could not be set to 1 because it depends on metadata.version "
                               "level " +
                               std::to_string(kMetadataVersion40Iv1));
  }
  return {};
}

}  // namespace ksim
