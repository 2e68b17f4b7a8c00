#pragma once
// Feature levels (rules C46 to C48): which features and levels this code supports, what a new cluster starts
// with, which record versions a metadata.version writes, and whether a level may be changed.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/metadata/image.h"

namespace ksim {

// Levels of metadata.version that decide something here (MetadataVersion).
constexpr int16_t kMetadataVersion33Iv3 = 7;  // in-controlled-shutdown state; the lowest supported
constexpr int16_t kMetadataVersion34Iv0 = 8;
constexpr int16_t kMetadataVersion36Iv0 = 12;  // an ISR shrink needs no new leader epoch
constexpr int16_t kMetadataVersion36Iv1 = 13;  // metadata transactions
constexpr int16_t kMetadataVersion37Iv0 = 15;  // controller registration
constexpr int16_t kMetadataVersion37Iv2 = 17;  // log directories in records
constexpr int16_t kMetadataVersion40Iv0 = 22;  // the new group protocol
constexpr int16_t kMetadataVersion40Iv1 = 23;  // eligible leader replicas in records
constexpr int16_t kMetadataVersion40Iv2 = 24;  // transactions of the second kind
constexpr int16_t kMetadataVersion40Iv3 = 25;
constexpr int16_t kDefaultMetadataVersion = kMetadataVersion40Iv3;

// What this code can run with; a node registers these ranges. kraft.version 1 (voter changes) is not built.
FeatureRanges supported_features();
// Levels of a new cluster: metadata.version 4.0-IV3 and what Apache Kafka 4.1 turns on with it. The first is
// metadata.version, the others follow by name; kraft.version is no FeatureLevelRecord (rule C47).
using FeatureLevels = std::vector<std::pair<std::string, int16_t>>;
FeatureLevels default_feature_levels();
// The same for a cluster that begins with these ("name=level"), the others being those that come with its
// metadata.version. INVALID_CONFIG with the reason.
Result<FeatureLevels> bootstrap_feature_levels(const std::vector<std::string_view>& given);

bool is_known_metadata_version(int16_t level);
std::string metadata_version_name(int16_t level);  // "4.0-IV3"
// Whether a version in (lower, higher] changed the records of the metadata log.
bool metadata_changed_between(int16_t lower, int16_t higher);

// Record versions (rule C48).
int16_t register_broker_record_version(int16_t metadata_version);
int16_t partition_record_version(int16_t metadata_version);  // of PartitionRecord and PartitionChangeRecord

enum class FeatureUpgrade : int8_t { unknown = 0, upgrade = 1, safe_downgrade = 2, unsafe_downgrade = 3 };

struct FeatureUpdate {
  std::string name;
  int16_t level = 0;
  FeatureUpgrade type = FeatureUpgrade::upgrade;
};

// Rule C46. INVALID_UPDATE_VERSION with the reason. `local` are the ranges of the deciding controller,
// `voters` the ids of the quorum, all of which must have registered.
Result<void> check_feature_update(const MetadataImage& image, const FeatureUpdate& update,
                                  const std::vector<FeatureUpdate>& together, const FeatureRanges& local,
                                  int32_t local_id, const std::vector<int32_t>& voters);

}  // namespace ksim
