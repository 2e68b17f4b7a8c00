#include "core/metadata/config.h"

#include <algorithm>
#include <limits>

namespace ksim {
namespace {

constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

const std::string* find(const ConfigMap* map, std::string_view key) {
  if (map == nullptr) return nullptr;
  const auto it = map->find(key);
  return it == map->end() ? nullptr : &it->second;
}

// All places where node setting `name` has a value, in order of precedence.
void add_broker_values(const ConfigView& view, std::optional<int32_t> broker, std::string_view name,
                       ConfigUnit unit, std::vector<ConfigValue>& into) {
  const std::string key(name);
  if (broker) {
    if (const auto* own = find(view.configs.of(ConfigResource::broker(*broker)), name)) {
      into.push_back({key, convert_unit(*own, unit), ConfigSource::dynamic_broker});
    }
  }
  if (const auto* cluster = find(view.configs.of(ConfigResource::cluster_default()), name)) {
    into.push_back({key, convert_unit(*cluster, unit), ConfigSource::dynamic_default_broker});
  }
  if (const auto given = view.server.given(name)) {
    into.push_back({key, convert_unit(*given, unit), ConfigSource::static_broker});
  }
  const ConfigDef* def = find_broker_config(name);
  if (def != nullptr && def->default_value) {
    into.push_back({key, convert_unit(*def->default_value, unit), ConfigSource::default_config});
  }
}

// A value of the source and then of the synonym: log.retention.hours in the file beats the default of
// log.retention.ms, a dynamic value beats both.
void order_by_precedence(std::vector<ConfigValue>& values) {
  const auto rank = [](ConfigSource source) { return static_cast<int>(source); };
  std::stable_sort(values.begin(), values.end(), [&](const ConfigValue& a, const ConfigValue& b) {
    return rank(a.source) < rank(b.source);
  });
}

std::vector<ConfigValue> topic_values(const ConfigView& view, const ConfigMap* topic, const ConfigDef& def) {
  std::vector<ConfigValue> values;
  if (const auto* own = find(topic, def.name)) {
    values.push_back({std::string(def.name), *own, ConfigSource::topic});
  }
  const auto synonyms = server_synonyms(def.name);
  for (const ConfigSynonym& synonym : synonyms) {
    add_broker_values(view, view.server.node_id(), synonym.name, synonym.unit, values);
  }
  order_by_precedence(values);
  if (synonyms.empty()) {
    std::optional<std::string> fallback;
    if (def.default_value) fallback = std::string(*def.default_value);
    values.push_back({std::string(def.name), std::move(fallback), ConfigSource::default_config});
  }
  return values;
}

ConfigEntry entry_of(const ConfigDef& def, std::vector<ConfigValue> values, bool read_only) {
  ConfigEntry entry;
  entry.name = std::string(def.name);
  entry.type = def.type;
  entry.doc = def.doc;
  entry.read_only = read_only;
  entry.sensitive = def.sensitive();
  if (!values.empty()) {
    entry.value = values.front().value;
    entry.source = values.front().source;
  }
  entry.synonyms = std::move(values);
  if (entry.sensitive) {
    entry.value.reset();
    for (ConfigValue& synonym : entry.synonyms) synonym.value.reset();
  }
  return entry;
}

bool wanted(const std::vector<std::string>* names, std::string_view name) {
  return names == nullptr || std::find(names->begin(), names->end(), name) != names->end();
}

bool is_list(const ConfigResource& resource, std::string_view name) {
  const ConfigDef* def =
      resource.type == ConfigResourceType::topic ? find_topic_config(name) : find_broker_config(name);
  return def != nullptr && def->type == ConfigType::list;
}

// What the node in `view` would use where the resource has no setting of that name of its own.
std::string value_in_force(const ConfigView& view, const ConfigResource& resource, std::string_view name) {
  if (resource.type == ConfigResourceType::topic) {
    const ConfigDef* def = find_topic_config(name);
    return def == nullptr ? std::string() : topic_config_value(view, nullptr, *def).value.value_or("");
  }
  const ConfigDef* def = find_broker_config(name);
  return def == nullptr || !def->default_value ? std::string() : std::string(*def->default_value);
}

std::string join(const std::vector<std::string_view>& items) {
  std::string text;
  for (const std::string_view item : items) {
    if (!text.empty()) text += ',';
    text += item;
  }
  return text;
}

Result<void> check_broker_configs(const ConfigResource& resource, const ConfigMap& settings,
                                  bool elr_enabled) {
  for (const auto& [name, value] : settings) {
    const ConfigDef* def = find_broker_config(name);
    if (def == nullptr) continue;  // of a listener, or of something that Kafka's users plug in
    if (def->update == ConfigUpdate::read_only) {
      return fail(ErrorCode::INVALID_REQUEST, "Cannot update these configs dynamically: " + one_line(name));
    }
    if (resource.name.empty() && def->update == ConfigUpdate::per_broker) {
      return fail(ErrorCode::INVALID_REQUEST,
                  "Cannot update these configs at default cluster level, broker id must be specified: " +
                      one_line(name));
    }
    // A minimum that differs between brokers would make eligible replicas meaningless (rule C30).
    if (elr_enabled && !resource.name.empty() && name == "min.insync.replicas") {
      return fail(ErrorCode::INVALID_CONFIG,
                  "Broker-level min.insync.replicas cannot be altered while ELR is enabled.");
    }
    TRY(check_config_value(*def, value));
  }
  return {};
}

}  // namespace

ConfigValue topic_config_value(const ConfigView& view, const ConfigMap* topic, const ConfigDef& def) {
  if (const auto* own = find(topic, def.name)) return {std::string(def.name), *own, ConfigSource::topic};
  std::vector<ConfigValue> values = topic_values(view, nullptr, def);
  if (values.empty()) return {std::string(def.name), std::nullopt, ConfigSource::default_config};
  return std::move(values.front());
}

ConfigValue broker_config_value(const ConfigView& view, std::string_view name) {
  std::vector<ConfigValue> values;
  add_broker_values(view, view.server.node_id(), name, ConfigUnit::same, values);
  if (values.empty()) return {std::string(name), std::nullopt, ConfigSource::default_config};
  return std::move(values.front());
}

std::optional<int64_t> broker_config_integer(const ConfigView& view, std::string_view name) {
  const ConfigValue found = broker_config_value(view, name);
  return found.value ? parse_int(*found.value, kMin, kMax) : std::nullopt;
}

std::vector<ConfigEntry> describe_topic_configs(const ConfigView& view, const ConfigMap* topic,
                                                const std::vector<std::string>* names) {
  std::vector<ConfigEntry> entries;
  for (const ConfigDef& def : topic_config_defs()) {
    if (wanted(names, def.name)) entries.push_back(entry_of(def, topic_values(view, topic, def), false));
  }
  return entries;
}

std::vector<ConfigEntry> describe_broker_configs(const ConfigView& view, std::optional<int32_t> broker,
                                                 const std::vector<std::string>* names) {
  std::vector<ConfigEntry> entries;
  if (!broker) {
    if (const ConfigMap* cluster = view.configs.of(ConfigResource::cluster_default())) {
      for (const auto& [name, value] : *cluster) {
        if (!wanted(names, name)) continue;
        const ConfigDef* def = find_broker_config(name);
        ConfigDef unknown;
        unknown.name = name;
        unknown.type = ConfigType::unknown;
        entries.push_back(entry_of(def == nullptr ? unknown : *def,
                                   {{name, value, ConfigSource::dynamic_default_broker}}, false));
      }
    }
    return entries;
  }
  for (const ConfigDef& def : broker_config_defs()) {
    if (!wanted(names, def.name)) continue;
    std::vector<ConfigValue> values;
    for (const std::string_view synonym : broker_synonyms(def.name)) {
      // Values are shown as they were given, in their own unit.
      add_broker_values(view, broker, synonym, ConfigUnit::same, values);
    }
    order_by_precedence(values);
    // What is in force of this very name stands first, the others are only told of.
    std::stable_partition(values.begin(), values.end(),
                          [&](const ConfigValue& value) { return value.name == def.name; });
    ConfigEntry entry = entry_of(def, std::move(values), def.update == ConfigUpdate::read_only);
    if (entry.synonyms.empty() || entry.synonyms.front().name != def.name) {
      entry.value.reset();
      entry.source = ConfigSource::default_config;
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

TopicConfig effective_topic_config(const ConfigView& view, const ConfigMap* topic) {
  const auto value = [&](std::string_view name) {
    const ConfigDef* def = find_topic_config(name);
    ENSURE(def != nullptr);
    // Values were checked when they were set; a log from elsewhere may hold others, which count as unset.
    if (const auto* own = find(topic, name); own != nullptr && check_config_value(*def, *own).ok())
      return *own;
    const ConfigValue found = topic_config_value(view, nullptr, *def);
    const bool usable = found.value && check_config_value(*def, *found.value).ok();
    return usable ? *found.value : std::string(def->default_value.value_or(""));
  };
  const auto number = [&](std::string_view name) { return parse_int(value(name), kMin, kMax).value_or(0); };
  const auto small = [&](std::string_view name) { return static_cast<int32_t>(number(name)); };
  const auto flag = [&](std::string_view name) { return parse_bool(value(name)).value_or(false); };

  TopicConfig config;
  config.cleanup_compact = config.cleanup_delete = false;
  const std::string policy = value("cleanup.policy");
  for (const std::string_view item : split_list(policy)) {
    config.cleanup_compact = config.cleanup_compact || item == "compact";
    config.cleanup_delete = config.cleanup_delete || item == "delete";
  }
  config.retention_ms = number("retention.ms");
  config.retention_bytes = number("retention.bytes");
  config.segment_bytes = small("segment.bytes");
  config.segment_ms = number("segment.ms");
  config.segment_jitter_ms = number("segment.jitter.ms");
  config.segment_index_bytes = small("segment.index.bytes");
  config.index_interval_bytes = small("index.interval.bytes");
  config.max_message_bytes = small("max.message.bytes");
  config.min_insync_replicas = small("min.insync.replicas");
  const std::string codec = value("compression.type");
  config.compression = codec == "uncompressed" ? TopicCompression::uncompressed
                       : codec == "gzip"       ? TopicCompression::gzip
                       : codec == "snappy"     ? TopicCompression::snappy
                       : codec == "lz4"        ? TopicCompression::lz4
                       : codec == "zstd"       ? TopicCompression::zstd
                                               : TopicCompression::producer;
  config.gzip_level = small("compression.gzip.level");
  config.lz4_level = small("compression.lz4.level");
  config.zstd_level = small("compression.zstd.level");
  config.timestamp_type = value("message.timestamp.type") == "LogAppendTime" ? TimestampType::log_append_time
                                                                             : TimestampType::create_time;
  config.timestamp_before_max_ms = number("message.timestamp.before.max.ms");
  config.timestamp_after_max_ms = number("message.timestamp.after.max.ms");
  config.delete_retention_ms = number("delete.retention.ms");
  config.min_compaction_lag_ms = number("min.compaction.lag.ms");
  config.max_compaction_lag_ms = number("max.compaction.lag.ms");
  config.min_cleanable_ratio_millionths =
      parse_millionths(value("min.cleanable.dirty.ratio")).value_or(500'000);
  config.file_delete_delay_ms = number("file.delete.delay.ms");
  config.flush_messages = number("flush.messages");
  config.flush_ms = number("flush.ms");
  config.unclean_leader_election = flag("unclean.leader.election.enable");
  config.preallocate = flag("preallocate");
  config.remote_storage = flag("remote.storage.enable");
  config.local_retention_bytes = number("local.retention.bytes");
  config.local_retention_ms = number("local.retention.ms");
  return config;
}

Result<void> apply_config_op(const ConfigView& view, const ConfigResource& resource, ConfigMap& settings,
                             ConfigOp op, std::string_view name, const std::optional<std::string>& value) {
  const std::string key(name);
  if (op == ConfigOp::remove) {
    settings.erase(key);
    return {};
  }
  if (!value)
    return fail(ErrorCode::INVALID_REQUEST,
                "Null value not supported for the configuration " + one_line(key));
  if (op == ConfigOp::set) {
    settings[key] = *value;
    return {};
  }
  if (!is_list(resource, name)) {
    return fail(ErrorCode::INVALID_CONFIG, "Can't " +
                                               std::string(op == ConfigOp::append ? "APPEND" : "SUBTRACT") +
                                               " to key " + one_line(key) + " because its type is not LIST.");
  }
  const std::string* own = find(&settings, name);
  const std::string before = own != nullptr ? *own : value_in_force(view, resource, name);
  std::vector<std::string_view> items = split_list(before);
  for (const std::string_view change : split_list(*value)) {
    const auto it = std::find(items.begin(), items.end(), change);
    if (op == ConfigOp::append && it == items.end()) items.push_back(change);
    if (op == ConfigOp::subtract && it != items.end()) items.erase(it);
  }
  settings[key] = join(items);
  return {};
}

Result<void> check_topic_configs(const ConfigMap& settings) {
  for (const auto& [name, value] : settings) {
    const ConfigDef* def = find_topic_config(name);
    if (def == nullptr)
      return fail(ErrorCode::INVALID_CONFIG, "Unknown topic config name: " + one_line(name));
    TRY(check_config_value(*def, value));
  }
  const auto number = [&](std::string_view name) {
    const std::string* own = find(&settings, name);
    return parse_int(own != nullptr ? std::string_view(*own) : *find_topic_config(name)->default_value, kMin,
                     kMax)
        .value_or(0);
  };
  const int64_t min_lag = number("min.compaction.lag.ms");
  const int64_t max_lag = number("max.compaction.lag.ms");
  if (min_lag > max_lag) {
    return fail(ErrorCode::INVALID_CONFIG, "conflict topic config setting min.compaction.lag.ms (" +
                                               std::to_string(min_lag) + ") > max.compaction.lag.ms (" +
                                               std::to_string(max_lag) + ")");
  }
  const std::string* remote = find(&settings, "remote.storage.enable");
  if (remote != nullptr && parse_bool(*remote) == true) {
    return fail(
        ErrorCode::INVALID_CONFIG,
        "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote "
        "log storage.");
  }
  return {};
}

Result<void> check_topic_name(std::string_view name) {
  const auto invalid = [&](std::string_view why) {
    return fail(ErrorCode::INVALID_TOPIC_EXCEPTION, "Topic name is invalid: " + std::string(why));
  };
  if (name.empty()) return invalid("the empty string is not allowed");
  if (name == "." || name == "..") return invalid("'" + std::string(name) + "' is not allowed");
  if (name.size() > 249)
    return invalid("the length of '" + std::string(name) + "' is longer than the max allowed length 249");
  for (const char c : name) {
    const bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '.' || c == '_' || c == '-';
    if (!fine) {
      return invalid("'" + std::string(name) +
                     "' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'");
    }
  }
  return {};
}

Result<void> check_config_resource(const ConfigResource& resource, const ConfigMap& settings,
                                   bool elr_enabled) {
  switch (resource.type) {
    case ConfigResourceType::topic:
      if (resource.name.empty()) {
        return fail(ErrorCode::INVALID_REQUEST, "Default topic resources are not allowed.");
      }
      TRY(check_topic_name(resource.name));
      return check_topic_configs(settings);
    case ConfigResourceType::broker:
      if (!resource.name.empty() && !parse_int(resource.name, 0, std::numeric_limits<int32_t>::max())) {
        return fail(ErrorCode::INVALID_REQUEST,
                    "Unable to parse broker name as a base 10 number: " + resource.name);
      }
      return check_broker_configs(resource, settings, elr_enabled);
    case ConfigResourceType::client_metrics:
    case ConfigResourceType::group:
      if (resource.name.empty()) {
        return fail(ErrorCode::INVALID_REQUEST, "Default resources of this type are not allowed.");
      }
      return {};
    default:
      return fail(ErrorCode::INVALID_REQUEST,
                  "Unknown resource type " + std::to_string(static_cast<int>(resource.type)));
  }
}

}  // namespace ksim
