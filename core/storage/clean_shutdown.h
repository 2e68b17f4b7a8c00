#pragma once
// `.kafka_cleanshutdown`: every log of the directory was flushed and closed (rule A45).

#include <optional>
#include <string_view>

#include "core/base/result.h"
#include "core/io/disk.h"

namespace ksim::storage {

constexpr std::string_view kCleanShutdownFile = ".kafka_cleanshutdown";

struct CleanShutdown {
  std::optional<int64_t> broker_epoch;  // empty: a file of an older version, or an unreadable one
};

std::optional<int64_t> parse_clean_shutdown(std::string_view text);

// Nothing if there is no marker.
Result<std::optional<CleanShutdown>> read_clean_shutdown(Disk& disk, std::string_view directory);
// Both are durable when they return: a marker that a power loss brought back would vouch for logs that were
// written since.
Result<void> remove_clean_shutdown(Disk& disk, std::string_view directory);
Result<void> write_clean_shutdown(Disk& disk, std::string_view directory, int64_t broker_epoch);

}  // namespace ksim::storage
