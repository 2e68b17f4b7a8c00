#include "core/metadata/server_config.h"

#include <gtest/gtest.h>

namespace ksim {
namespace {

constexpr std::string_view kCombined =
    "process.roles=broker,controller\n"
    "node.id=1\n"
    "controller.quorum.voters=2@b:9093,1@a:9093\n"
    "listeners=PLAINTEXT://:9092,CONTROLLER://:9093\n"
    "advertised.listeners=PLAINTEXT://a.example:9092\n"
    "controller.listener.names=CONTROLLER\n"
    "log.dirs=/d1, /d2\n";

std::string error_of(std::string_view extra) {
  std::vector<std::string> warnings;
  const auto parsed = ServerConfig::parse_text(std::string(kCombined) + std::string(extra), warnings);
  return parsed.ok() ? "" : parsed.error().message;
}

TEST(ServerConfig, CombinedNode) {
  std::vector<std::string> warnings;
  const auto parsed =
      ServerConfig::parse_text(std::string(kCombined) + "nonsen\\nse=1\nlistener.name.x.y=2\n", warnings);
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  const ServerConfig& config = *parsed;
  EXPECT_EQ(warnings, std::vector<std::string>{"Configuration nonsen\\nse is not known and has no effect"});
  EXPECT_TRUE(config.is_broker() && config.is_controller());
  EXPECT_EQ(config.node_id(), 1);
  ASSERT_EQ(config.voters().size(), 2u);
  EXPECT_EQ(config.voters()[0].host, "a");
  ASSERT_EQ(config.advertised_listeners().size(), 1u);
  EXPECT_EQ(config.advertised_listeners()[0].host, "a.example");
  ASSERT_EQ(config.controller_listeners().size(), 1u);
  EXPECT_EQ(config.controller_listeners()[0].port, 9093);
  EXPECT_EQ(config.inter_broker_listener_name(), "PLAINTEXT");
  EXPECT_EQ(config.log_dirs(), (std::vector<std::string>{"/d1", "/d2"}));
  EXPECT_EQ(config.metadata_log_dir(), "/d1");
  EXPECT_EQ(config.integer("log.retention.hours"), 168);
  EXPECT_EQ(config.value("log.retention.ms"), std::nullopt);
}

TEST(ServerConfig, ErrorsNameKeyValueAndWhatIsAllowed) {
  EXPECT_EQ(error_of("num.io.threads=0"),
            "Invalid value 0 for configuration num.io.threads: Value must be at least 1");
  EXPECT_EQ(error_of("node.id=3"),
            "Invalid value 2@b:9093,1@a:9093 for configuration controller.quorum.voters: Must contain "
            "node.id where "
            "process.roles has controller");
  EXPECT_EQ(
      error_of("process.roles=broker"),
      "Invalid value 2@b:9093,1@a:9093 for configuration controller.quorum.voters: Must not contain node.id "
      "where process.roles is only broker");
  EXPECT_EQ(error_of("process.roles="),
            "Invalid value  for configuration process.roles: Must name broker, controller or both");
  EXPECT_EQ(
      error_of("listeners=PLAINTEXT://:9092,CONTROLLER://:x"),
      "Invalid value CONTROLLER://:x for configuration listeners: A port is a number between 0 and 65535");
  EXPECT_EQ(
      error_of("advertised.listeners=PLAINTEXT://0.0.0.0:9092"),
      "Invalid value PLAINTEXT://0.0.0.0 for configuration advertised.listeners: Must be an address that "
      "others can use; without it, listeners are advertised");
  EXPECT_EQ(error_of("bootstrap.features=group.version"),
            "Invalid value group.version for configuration bootstrap.features: group.version: must have the "
            "form name=level");
  EXPECT_EQ(error_of("bootstrap.features=metadata.version=3"),
            "Invalid value metadata.version=3 for configuration bootstrap.features: metadata.version=3: its "
            "levels are 7 to 25");
  EXPECT_EQ(error_of("bootstrap.features=speed=1"),
            "Invalid value speed=1 for configuration bootstrap.features: speed=1: there is no feature of "
            "that name");
  EXPECT_EQ(error_of("bootstrap.features=metadata.version=22,eligible.leader.replicas.version=1"),
            "Invalid value metadata.version=22,eligible.leader.replicas.version=1 for configuration "
            "bootstrap.features: "
            "eligible.leader.replicas.version needs metadata.version 23 or more");
  EXPECT_EQ(error_of("http.listener=9094"),
            "Invalid value 9094 for configuration http.listener: Must have the form host:port, or be empty");
  EXPECT_EQ(
      error_of("inter.broker.listener.name=INTERNAL"),
      "Invalid value INTERNAL for configuration inter.broker.listener.name: Must be a name that appears in "
      "advertised.listeners");
  EXPECT_EQ(error_of("replica.fetch.wait.max.ms=31000\nreplica.socket.timeout.ms=60000"),
            "Invalid value 31000 for configuration replica.fetch.wait.max.ms: Must be at most "
            "replica.lag.time.max.ms");
  EXPECT_EQ(
      error_of("controller.quorum.voters=1:9093"),
      "Invalid value 1:9093 for configuration controller.quorum.voters: Each element must have the form "
      "id@host:port");
  EXPECT_EQ(error_of("log.retention.ms=0"),
            "Invalid value 0 for configuration log.retention.ms: Must be -1 or at least 1");
}

TEST(ServerConfig, AnEmptyMetadataDirectoryIsNone) {
  std::vector<std::string> warnings;
  const auto parsed = ServerConfig::parse_text(std::string(kCombined) + "metadata.log.dir=\n", warnings);
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  EXPECT_EQ(parsed->metadata_log_dir(), "/d1");
}

TEST(ServerConfig, ControllerOnly) {
  std::vector<std::string> warnings;
  const auto parsed = ServerConfig::parse_text(
      "process.roles=controller\nnode.id=7\ncontroller.quorum.voters=7@h:1\nlisteners=C://[::1]:1\n"
      "controller.listener.names=C\n",
      warnings);
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  EXPECT_EQ(parsed->listeners()[0].host, "::1");
  EXPECT_TRUE(parsed->advertised_listeners().empty());
  EXPECT_EQ(parsed->protocol_of("C"), SecurityProtocol::plaintext);
}

}  // namespace
TEST(ServerConfig, ANewClusterBeginsWithTheFeaturesOfItsMetadataVersion) {
  const auto levels = [](const std::string& given) {
    std::vector<std::string> warnings;
    const auto config =
        ServerConfig::parse_text(std::string(kCombined) + "bootstrap.features=" + given + "\n", warnings);
    EXPECT_TRUE(config.ok() && warnings.empty());
    return config.ok() ? config->bootstrap_features() : FeatureLevels{};
  };
  EXPECT_EQ(levels(""), default_feature_levels());
  EXPECT_EQ(levels("metadata.version=21"), (FeatureLevels{{"metadata.version", 21}}));
  EXPECT_EQ(levels("metadata.version=22, transaction.version=1"),
            (FeatureLevels{{"metadata.version", 22}, {"group.version", 1}, {"transaction.version", 1}}));
  EXPECT_EQ(levels("eligible.leader.replicas.version=0"),
            (FeatureLevels{{"metadata.version", 25}, {"group.version", 1}, {"transaction.version", 2}}));
}

}  // namespace ksim
