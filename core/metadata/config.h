#pragma once
// Effective configuration (rule C45): what a topic's or a broker's settings are once its own, the cluster's
// and the node's static ones are laid over the defaults; where each comes from; and what changes are allowed
// (rule C44).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/metadata/config_def.h"
#include "core/metadata/image.h"
#include "core/metadata/server_config.h"
#include "core/record/batch.h"

namespace ksim {

// Numbers of DescribeConfigs' ConfigSource.
enum class ConfigSource : int8_t {
  unknown = 0,
  topic = 1,
  dynamic_broker = 2,
  dynamic_default_broker = 3,
  static_broker = 4,
  default_config = 5,
  dynamic_broker_logger = 6,
  client_metrics = 7,
  group = 8,
};

struct ConfigValue {
  std::string name;  // of the setting it was found under: a synonym's, perhaps
  std::optional<std::string> value;
  ConfigSource source = ConfigSource::default_config;
};

struct ConfigEntry {
  std::string name;
  std::optional<std::string> value;  // null where sensitive
  ConfigSource source = ConfigSource::default_config;
  ConfigType type = ConfigType::unknown;
  bool read_only = false;
  bool sensitive = false;
  std::string_view doc;
  std::vector<ConfigValue> synonyms;  // in order of precedence; the first is the value in force
};

// The node whose view is asked: its static configuration and its id in the dynamic one.
struct ConfigView {
  const ConfigsImage& configs;
  const ServerConfig& server;
};

// The value of one topic setting in force; `topic` null: what a topic without settings of its own has.
ConfigValue topic_config_value(const ConfigView& view, const ConfigMap* topic, const ConfigDef& def);
// The value of one node setting in force, dynamic changes included.
ConfigValue broker_config_value(const ConfigView& view, std::string_view name);
std::optional<int64_t> broker_config_integer(const ConfigView& view, std::string_view name);

// As DescribeConfigs wants them; empty `names`: all of them.
std::vector<ConfigEntry> describe_topic_configs(const ConfigView& view, const ConfigMap* topic,
                                                const std::vector<std::string>* names);
// `broker` is the node's own id, or none for the cluster default resource (only what is set there).
std::vector<ConfigEntry> describe_broker_configs(const ConfigView& view, std::optional<int32_t> broker,
                                                 const std::vector<std::string>* names);

// compression.type: the five codecs by their numbers in batches, or as the producer sent it.
enum class TopicCompression : int8_t {
  producer = -1,
  uncompressed = 0,
  gzip = 1,
  snappy = 2,
  lz4 = 3,
  zstd = 4
};

// A topic's settings in force, parsed once and then only read.
struct TopicConfig {
  bool cleanup_compact = false;
  bool cleanup_delete = true;
  int64_t retention_ms = 604'800'000;
  int64_t retention_bytes = -1;
  int32_t segment_bytes = 1 << 30;
  int64_t segment_ms = 604'800'000;
  int64_t segment_jitter_ms = 0;
  int32_t segment_index_bytes = 10 << 20;
  int32_t index_interval_bytes = 4096;
  int32_t max_message_bytes = 1'048'588;
  int32_t min_insync_replicas = 1;
  TopicCompression compression = TopicCompression::producer;
  int32_t gzip_level = -1;
  int32_t lz4_level = 9;
  int32_t zstd_level = 3;
  TimestampType timestamp_type = TimestampType::create_time;
  int64_t timestamp_before_max_ms = 0;
  int64_t timestamp_after_max_ms = 0;
  int64_t delete_retention_ms = 86'400'000;
  int64_t min_compaction_lag_ms = 0;
  int64_t max_compaction_lag_ms = 0;
  int64_t min_cleanable_ratio_millionths = 500'000;
  int64_t file_delete_delay_ms = 60'000;
  int64_t flush_messages = 0;
  int64_t flush_ms = 0;
  bool unclean_leader_election = false;
  bool preallocate = false;
  bool remote_storage = false;
  int64_t local_retention_bytes = -2;
  int64_t local_retention_ms = -2;
};
TopicConfig effective_topic_config(const ConfigView& view, const ConfigMap* topic);

// Effective min ISR (rules C29, D10): never more than there are replicas.
inline int32_t effective_min_isr(int32_t configured, size_t replicas) {
  const auto count = static_cast<int32_t>(replicas);
  return configured < count ? configured : count;
}

// ---- changes (rule C44) ----
// Numbers of IncrementalAlterConfigs' operations.
enum class ConfigOp : int8_t { set = 0, remove = 1, append = 2, subtract = 3 };

// Applies one operation to a resource's own settings. APPEND and SUBTRACT work on lists only and start from
// the value in force where the resource has none of its own. INVALID_CONFIG, INVALID_REQUEST.
Result<void> apply_config_op(const ConfigView& view, const ConfigResource& resource, ConfigMap& settings,
                             ConfigOp op, std::string_view name, const std::optional<std::string>& value);
// Whether a resource may have these settings as a whole. INVALID_CONFIG, INVALID_REQUEST,
// INVALID_TOPIC_EXCEPTION.
Result<void> check_config_resource(const ConfigResource& resource, const ConfigMap& settings,
                                   bool elr_enabled);
Result<void> check_topic_configs(const ConfigMap& settings);
// INVALID_TOPIC_EXCEPTION (rule C38).
Result<void> check_topic_name(std::string_view name);

}  // namespace ksim
