#pragma once
// What a partition needs of its topic's configuration.

#include <cstdint>
#include <limits>

#include "core/metadata/image.h"
#include "core/storage/log_types.h"

namespace ksim {
class ServerConfig;
}

namespace ksim::broker {

struct TopicSettings {
  int32_t min_isr = 1;  // min.insync.replicas
  size_t max_message_bytes = 1'048'588;
  int8_t codec = -1;  // compression.type by its number in batches; -1: producer
  int32_t codec_level = 0;
  bool has_codec_level = false;
  bool log_append_time = false;  // message.timestamp.type
  int64_t timestamp_before_max_ms = std::numeric_limits<int64_t>::max();
  int64_t timestamp_after_max_ms = 3'600'000;
  storage::LogConfig log;
};

// The settings in force for a topic, which need not exist.
TopicSettings topic_settings(const MetadataImage& image, const ServerConfig& server, std::string_view topic);

}  // namespace ksim::broker
