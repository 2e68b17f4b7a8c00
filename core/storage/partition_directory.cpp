#include "core/storage/partition_directory.h"

#include "core/base/bytes.h"
#include "core/storage/text.h"

namespace ksim::storage {

std::optional<TopicPartition> parse_partition_directory(std::string_view name) {
  const size_t dash = name.rfind('-');
  if (dash == std::string_view::npos || dash == 0) return std::nullopt;
  const std::string_view number = name.substr(dash + 1);
  const auto partition = parse_number<int32_t>(number);
  if (!partition || *partition < 0 || number.front() == '+') return std::nullopt;
  return TopicPartition{std::string(name.substr(0, dash)), *partition};
}

std::string partition_directory_with_suffix(const TopicPartition& topic_partition, Uuid unique,
                                            std::string_view suffix) {
  constexpr size_t kLongestName = 255;
  uint8_t bytes[16];
  store_be(bytes, unique.high);
  store_be(bytes + 8, unique.low);
  std::string tail = "-" + std::to_string(topic_partition.partition) + "." + to_hex(bytes);
  tail.append(suffix);
  return topic_partition.topic.substr(0, kLongestName - tail.size()) + tail;
}

}  // namespace ksim::storage
