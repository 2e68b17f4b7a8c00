#include "core/broker/topic_settings.h"

#include <algorithm>

#include "core/metadata/config.h"

namespace ksim::broker {

TopicSettings topic_settings(const MetadataImage& image, const ServerConfig& server, std::string_view topic) {
  const TopicConfig config =
      effective_topic_config(ConfigView{image.configs, server}, image.topic_configs(topic));
  TopicSettings settings;
  settings.min_isr = config.min_insync_replicas;
  settings.max_message_bytes = static_cast<size_t>(config.max_message_bytes);
  settings.codec = static_cast<int8_t>(config.compression);
  settings.has_codec_level = true;
  switch (config.compression) {
    case TopicCompression::gzip:
      settings.codec_level = config.gzip_level;
      break;
    case TopicCompression::lz4:
      settings.codec_level = config.lz4_level;
      break;
    case TopicCompression::zstd:
      settings.codec_level = config.zstd_level;
      break;
    default:
      settings.has_codec_level = false;
      break;
  }
  settings.log_append_time = config.timestamp_type != decltype(config.timestamp_type){};
  settings.timestamp_before_max_ms = config.timestamp_before_max_ms;
  settings.timestamp_after_max_ms = config.timestamp_after_max_ms;
  storage::LogConfig& log = settings.log;
  log.segment_bytes = std::min<int64_t>(config.segment_bytes, server.limits().segment_bytes);
  log.segment_ms = config.segment_ms;
  log.segment_jitter_ms = config.segment_jitter_ms;
  log.segment_index_bytes = config.segment_index_bytes;
  log.index_interval_bytes = config.index_interval_bytes;
  log.flush_messages = config.flush_messages;
  log.flush_ms = config.flush_ms;
  log.retention_bytes = config.retention_bytes;
  log.retention_ms = config.retention_ms;
  log.file_delete_delay_ms = config.file_delete_delay_ms;
  log.max_compaction_lag_ms = config.max_compaction_lag_ms;
  log.max_message_bytes = config.max_message_bytes;
  log.cleanup_delete = config.cleanup_delete;
  log.cleanup_compact = config.cleanup_compact;
  log.producer_id_expiration_ms = server.integer("producer.id.expiration.ms");
  log.verify_transactions = server.boolean("transaction.partition.verification.enable");
  return settings;
}

}  // namespace ksim::broker
