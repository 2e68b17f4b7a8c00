#pragma once
// Kafka's text checkpoints (rules A39-A41, FORMAT.md): version, count, one entry a line, replaced atomically.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/base/topic_partition.h"
#include "core/io/disk.h"

namespace ksim::storage {

// The entry lines of a checkpoint of version 0. CORRUPT_MESSAGE: another version, another number of entries
// than declared. Empty text, or one that ends before the count, has no entries. The views are into `text`.
Result<std::vector<std::string_view>> parse_checkpoint(std::string_view text);
std::string format_checkpoint(const std::vector<std::string>& entries);

// One offset a partition, of all partitions of a log directory.
using OffsetMap = std::map<TopicPartition, int64_t>;

constexpr std::string_view kRecoveryPointFile = "recovery-point-offset-checkpoint";
constexpr std::string_view kLogStartFile = "log-start-offset-checkpoint";
constexpr std::string_view kHighWatermarkFile = "replication-offset-checkpoint";
constexpr std::string_view kCleanerFile = "cleaner-offset-checkpoint";

Result<OffsetMap> parse_offset_map(std::string_view text);
std::string format_offset_map(const OffsetMap& offsets);

// A missing file has no entries. CORRUPT_MESSAGE: malformed; KAFKA_STORAGE_ERROR: it cannot be read.
Result<OffsetMap> read_offset_map(Disk& disk, std::string_view path);
// Durable when this returns.
Result<void> write_offset_map(Disk& disk, std::string_view path, const OffsetMap& offsets);

}  // namespace ksim::storage
