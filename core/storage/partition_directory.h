#pragma once
// Names of partition directories (rule A47).

#include <optional>
#include <string>
#include <string_view>

#include "core/base/topic_partition.h"
#include "core/base/uuid.h"

namespace ksim::storage {

constexpr std::string_view kDeleteDirSuffix = "-delete";
constexpr std::string_view kStrayDirSuffix = "-stray";
constexpr std::string_view kFutureDirSuffix = "-future";

// "orders-3" -> {orders, 3}: what follows the last '-' is the partition. Nothing for other names.
std::optional<TopicPartition> parse_partition_directory(std::string_view name);
// "orders-3.0123456789abcdef0123456789abcdef-delete"; the topic is cut so that the whole has at most 255
// bytes.
std::string partition_directory_with_suffix(const TopicPartition& topic_partition, Uuid unique,
                                            std::string_view suffix);

}  // namespace ksim::storage
