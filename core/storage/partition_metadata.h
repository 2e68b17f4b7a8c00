#pragma once
// `partition.metadata`: which topic id a partition directory belongs to (rule A42).

#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/base/uuid.h"
#include "core/io/disk.h"

namespace ksim::storage {

constexpr std::string_view kPartitionMetadataFile = "partition.metadata";

std::string format_partition_metadata(Uuid topic_id);
// CORRUPT_MESSAGE: malformed, or the zero id.
Result<Uuid> parse_partition_metadata(std::string_view text);

// Nothing if there is no file.
Result<std::optional<Uuid>> read_partition_metadata(Disk& disk, std::string_view directory);
// Durable when this returns.
Result<void> write_partition_metadata(Disk& disk, std::string_view directory, Uuid topic_id);

}  // namespace ksim::storage
