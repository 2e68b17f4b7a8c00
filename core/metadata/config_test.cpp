#include "core/metadata/config.h"

#include <gtest/gtest.h>

namespace ksim {
namespace {

struct Settings {
  ServerConfig server;
  ConfigsImage configs;
  ConfigView view{configs, server};

  explicit Settings(std::string_view extra = "") {
    std::vector<std::string> warnings;
    auto parsed = ServerConfig::parse_text(
        "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@a:9093\n"
        "listeners=PLAINTEXT://:9092,CONTROLLER://:9093\ncontroller.listener.names=CONTROLLER\n" +
            std::string(extra),
        warnings);
    server = std::move(*parsed);
  }
  void set(const ConfigResource& resource, const std::string& name, const std::string& value) {
    ConfigMap map;
    if (const ConfigMap* before = configs.of(resource)) map = *before;
    map[name] = value;
    configs.by_resource.set(resource, std::make_shared<const ConfigMap>(std::move(map)));
  }
  ConfigEntry topic(const ConfigMap& own, const std::string& name) {
    const std::vector<std::string> names{name};
    auto entries = describe_topic_configs(view, &own, &names);
    return entries.at(0);
  }
};

TEST(Config, RuleC45LayersAndSynonyms) {
  Settings f("log.retention.hours=5\n");
  f.set(ConfigResource::cluster_default(), "log.retention.ms", "77");
  f.set(ConfigResource::broker(1), "log.retention.ms", "88");
  f.set(ConfigResource::broker(2), "log.retention.ms", "99");  // another node's
  const ConfigEntry entry = f.topic({{"retention.ms", "1000"}}, "retention.ms");
  EXPECT_EQ(entry.value, "1000");
  EXPECT_EQ(entry.source, ConfigSource::topic);
  std::vector<std::tuple<std::string, std::string, ConfigSource>> synonyms;
  for (const ConfigValue& value : entry.synonyms)
    synonyms.emplace_back(value.name, *value.value, value.source);
  const decltype(synonyms) expected{
      {"retention.ms", "1000", ConfigSource::topic},
      {"log.retention.ms", "88", ConfigSource::dynamic_broker},
      {"log.retention.ms", "77", ConfigSource::dynamic_default_broker},
      {"log.retention.hours", "18000000", ConfigSource::static_broker},
      {"log.retention.hours", "604800000", ConfigSource::default_config},
  };
  EXPECT_EQ(synonyms, expected);
  EXPECT_EQ(effective_topic_config(f.view, nullptr).retention_ms, 88);
}

TEST(Config, DefaultsOfATopic) {
  Settings f;
  const TopicConfig config = effective_topic_config(f.view, nullptr);
  EXPECT_TRUE(config.cleanup_delete);
  EXPECT_FALSE(config.cleanup_compact);
  EXPECT_EQ(config.min_insync_replicas, 1);
  EXPECT_EQ(config.timestamp_after_max_ms, 3'600'000);
  EXPECT_EQ(config.max_compaction_lag_ms, std::numeric_limits<int64_t>::max());
  EXPECT_EQ(config.segment_ms, 604'800'000);
  EXPECT_EQ(config.segment_jitter_ms, 0);
  EXPECT_EQ(config.min_cleanable_ratio_millionths, 500'000);
  EXPECT_EQ(effective_min_isr(3, 2), 2);
  const ConfigEntry entry = f.topic({}, "remote.storage.enable");
  EXPECT_EQ(entry.source, ConfigSource::default_config);
  EXPECT_EQ(entry.value, "false");
}

TEST(Config, BrokerEntriesHideSecretsAndTellWhatIsReadOnly) {
  Settings f("ssl.key.password=secret\nlog.retention.hours=5\n");
  const auto entries = describe_broker_configs(f.view, 1, nullptr);
  const auto find = [&](std::string_view name) {
    for (const ConfigEntry& entry : entries) {
      if (entry.name == name) return entry;
    }
    ADD_FAILURE() << name;
    return ConfigEntry{};
  };
  EXPECT_EQ(find("ssl.key.password").value, std::nullopt);
  EXPECT_TRUE(find("ssl.key.password").sensitive);
  EXPECT_EQ(find("ssl.key.password").source, ConfigSource::static_broker);
  EXPECT_TRUE(find("process.roles").read_only);
  EXPECT_FALSE(find("num.io.threads").read_only);
  EXPECT_EQ(find("log.retention.hours").value, "5");
  EXPECT_EQ(find("log.retention.ms").value, std::nullopt);
}

TEST(Config, RuleC44Operations) {
  Settings f;
  ConfigMap map;
  const ConfigResource topic = ConfigResource::topic("t");
  const auto apply = [&](ConfigOp op, std::string_view name, std::optional<std::string> value) {
    const auto result = apply_config_op(f.view, topic, map, op, name, value);
    return result.ok() ? ErrorCode::NONE : result.error().code;
  };
  EXPECT_EQ(apply(ConfigOp::append, "cleanup.policy", "compact"), ErrorCode::NONE);
  EXPECT_EQ(map["cleanup.policy"], "delete,compact");  // starts from the value in force
  EXPECT_EQ(apply(ConfigOp::append, "cleanup.policy", "compact"), ErrorCode::NONE);
  EXPECT_EQ(map["cleanup.policy"], "delete,compact");
  EXPECT_EQ(apply(ConfigOp::subtract, "cleanup.policy", "delete"), ErrorCode::NONE);
  EXPECT_EQ(map["cleanup.policy"], "compact");
  EXPECT_EQ(apply(ConfigOp::append, "retention.ms", "1"), ErrorCode::INVALID_CONFIG);
  EXPECT_EQ(apply(ConfigOp::set, "retention.ms", std::nullopt), ErrorCode::INVALID_REQUEST);
  EXPECT_EQ(apply(ConfigOp::set, "retention.ms", "5"), ErrorCode::NONE);
  EXPECT_EQ(apply(ConfigOp::remove, "retention.ms", std::nullopt), ErrorCode::NONE);
  EXPECT_EQ(map.count("retention.ms"), 0u);
}

TEST(Config, RuleC44ValidatesAsAWhole) {
  const auto code = [](const ConfigResource& resource, const ConfigMap& map, bool elr = true) {
    const auto result = check_config_resource(resource, map, elr);
    return result.ok() ? ErrorCode::NONE : result.error().code;
  };
  const ConfigResource topic = ConfigResource::topic("t");
  EXPECT_EQ(code(topic, {{"min.compaction.lag.ms", "5"}, {"max.compaction.lag.ms", "4"}}),
            ErrorCode::INVALID_CONFIG);
  EXPECT_EQ(code(topic, {{"min.compaction.lag.ms", "5"}, {"max.compaction.lag.ms", "5"}}), ErrorCode::NONE);
  EXPECT_EQ(code(topic, {{"unheard.of", "1"}}), ErrorCode::INVALID_CONFIG);
  EXPECT_EQ(code(topic, {{"remote.storage.enable", "true"}}), ErrorCode::INVALID_CONFIG);
  EXPECT_EQ(code(ConfigResource::topic(""), {}), ErrorCode::INVALID_REQUEST);
  EXPECT_EQ(code(ConfigResource::broker(1), {{"node.id", "2"}}), ErrorCode::INVALID_REQUEST);
  EXPECT_EQ(code(ConfigResource::broker(1), {{"log.retention.ms", "x"}}), ErrorCode::INVALID_CONFIG);
  EXPECT_EQ(code(ConfigResource::cluster_default(), {{"listeners", "A://:1"}}), ErrorCode::INVALID_REQUEST);
  EXPECT_EQ(code(ConfigResource::cluster_default(), {{"plugin.setting", "1"}}), ErrorCode::NONE);
  EXPECT_EQ(code({ConfigResourceType::broker, "one"}, {}), ErrorCode::INVALID_REQUEST);
  // Rule C30: no broker may have a minimum of its own while eligible leader replicas are kept.
  EXPECT_EQ(code(ConfigResource::broker(1), {{"min.insync.replicas", "2"}}), ErrorCode::INVALID_CONFIG);
  EXPECT_EQ(code(ConfigResource::broker(1), {{"min.insync.replicas", "2"}}, false), ErrorCode::NONE);
  EXPECT_EQ(code(ConfigResource::cluster_default(), {{"min.insync.replicas", "2"}}), ErrorCode::NONE);
}

TEST(Config, RuleC38TopicNames) {
  for (const char* name : {"a", "A.b_c-9", "__consumer_offsets", "..."})
    EXPECT_TRUE(check_topic_name(name).ok()) << name;
  for (const std::string& name : {std::string(), std::string("."), std::string(".."), std::string("a b"),
                                  std::string("a/b"), std::string(250, 'x')}) {
    EXPECT_EQ(check_topic_name(name).error().code, ErrorCode::INVALID_TOPIC_EXCEPTION) << name;
  }
  EXPECT_TRUE(check_topic_name(std::string(249, 'x')).ok());
}

}  // namespace
}  // namespace ksim
