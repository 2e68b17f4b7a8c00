#pragma once
// `meta.properties`: to which node of which cluster a log directory belongs (rules A43, A44).

#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/base/units.h"
#include "core/base/uuid.h"
#include "core/io/disk.h"

namespace ksim::storage {

constexpr std::string_view kMetaPropertiesFile = "meta.properties";

struct MetaProperties {
  int32_t version = 1;
  std::optional<std::string> cluster_id;  // always there in version 1
  std::optional<int32_t> node_id;         // always there in version 1; broker.id in version 0
  std::optional<Uuid> directory_id;
};

// A Java properties file with its comment and date. `now` is what the date says.
std::string format_meta_properties(const MetaProperties& properties, WallTime now);
// INVALID_CONFIG: not a properties file, an unknown version, a field that version 1 must have is missing.
Result<MetaProperties> parse_meta_properties(std::string_view text);

// Nothing if there is no file.
Result<std::optional<MetaProperties>> read_meta_properties(Disk& disk, std::string_view directory);
// Durable when this returns.
Result<void> write_meta_properties(Disk& disk, std::string_view directory, const MetaProperties& properties,
                                   WallTime now);

}  // namespace ksim::storage
