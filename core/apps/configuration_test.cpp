#include "core/apps/configuration.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

namespace ksim {
namespace {

const Machine kMachine{"host.example"};

struct Loaded {
  Result<ServerConfig> config;
  std::vector<std::string> warnings;
};

Loaded load(const std::vector<std::string>& overrides, std::vector<const char*> environment = {},
            const std::string& file = "") {
  KbrokerArguments arguments;
  arguments.overrides = overrides;
  arguments.properties_file = file;
  environment.push_back(nullptr);
  std::vector<std::string> warnings;
  Result<ServerConfig> config = load_config(arguments, environment.data(), kMachine, warnings);
  return {std::move(config), std::move(warnings)};
}

std::string endpoint(const ListenerEndpoint& listener) {
  return listener.name + "://" + listener.host + ":" + std::to_string(listener.port);
}

TEST(KbrokerConfiguration, NoneIsOneNodeForOneself) {
  const Loaded loaded = load({});
  ASSERT_TRUE(loaded.config.ok()) << to_string(loaded.config.error());
  const ServerConfig& config = *loaded.config;
  EXPECT_TRUE(config.is_broker() && config.is_controller());
  ASSERT_EQ(config.listeners().size(), 2U);
  EXPECT_EQ(endpoint(config.listeners()[0]), "PLAINTEXT://localhost:9092");
  EXPECT_EQ(endpoint(config.listeners()[1]), "CONTROLLER://localhost:9093");
  EXPECT_TRUE(config.boolean("auto.create.topics.enable"));
  EXPECT_EQ(config.log_dirs()[0], (std::filesystem::current_path() / "kbroker-data").string());
  EXPECT_EQ(config.integer("offsets.topic.replication.factor"), 1);
  EXPECT_TRUE(loaded.warnings.empty());
}

TEST(KbrokerConfiguration, WhatIsGivenStaysWhenTheRestIsFilledIn) {
  const Loaded loaded = load({"node.id=4", "log.dir=/somewhere"}, {"KAFKA_NUM_PARTITIONS=6"});
  ASSERT_TRUE(loaded.config.ok()) << to_string(loaded.config.error());
  EXPECT_EQ(loaded.config->voters()[0].id, 4);
  EXPECT_EQ(loaded.config->log_dirs(), std::vector<std::string>{"/somewhere"});
  EXPECT_EQ(loaded.config->integer("num.partitions"), 6);
}

TEST(KbrokerConfiguration, AFileMustSayItsRoles) {
  const std::string path = testing::TempDir() + "kbroker_no_roles.properties";
  std::ofstream(path) << "node.id=1\n";
  EXPECT_EQ(load({}, {}, path).config.error().message,
            "Invalid value  for configuration process.roles: Must name broker, controller or both");
}

TEST(KbrokerConfiguration, OverridesWinOverTheEnvironmentAndThatOverTheFile) {
  const std::string path = testing::TempDir() + "kbroker.properties";
  std::ofstream(path) << "process.roles=broker,controller\nnode.id=2\nnum.partitions=2\n"
                         "broker.rack=file\nlisteners=PLAINTEXT://localhost:0,CONTROLLER://localhost:0\n"
                         "controller.listener.names=CONTROLLER\nlog.dirs=/a/b, data/../c\n"
                         "controller.quorum.voters=7@localhost:19093\n";
  const Loaded loaded =
      load({"node.id=7"}, {"KAFKA_NODE_ID=3", "KAFKA_BROKER_RACK=a=b", "HOME=/nowhere"}, path);
  ASSERT_TRUE(loaded.config.ok()) << to_string(loaded.config.error());
  EXPECT_EQ(loaded.config->node_id(), 7);
  EXPECT_EQ(loaded.config->value("broker.rack"), "a=b");
  EXPECT_EQ(loaded.config->integer("num.partitions"), 2);
  const std::vector<std::string> wanted = {"/a/b", (std::filesystem::current_path() / "c").string()};
  EXPECT_EQ(loaded.config->log_dirs(), wanted);
}

TEST(KbrokerConfiguration, TheEnvironmentIsThatOfKafkasImage) {
  const Loaded loaded = load(
      {}, {"KAFKA_LOG_DIRS=/d", "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP=PLAINTEXT:PLAINTEXT,C:PLAINTEXT",
           "KAFKA_LISTENERS=PLAINTEXT://:19092,C://localhost:19093", "KAFKA_CONTROLLER_LISTENER_NAMES=C",
           "KAFKA_PROCESS_ROLES=broker,controller", "KAFKA_CONTROLLER_QUORUM_VOTERS=1@localhost:19093",
           "KAFKA_NODE_ID=1", "KAFKA_HEAP_OPTS=-Xmx1g", "KAFKA_JMX_PORT=9999", "KAFKA_NO__SUCH___KEY=1"});
  ASSERT_TRUE(loaded.config.ok()) << to_string(loaded.config.error());
  EXPECT_EQ(endpoint(loaded.config->advertised_listeners()[0]), "PLAINTEXT://host.example:19092");
  EXPECT_EQ(loaded.config->listeners()[0].host, "") << "binds everywhere all the same";
  EXPECT_EQ(loaded.warnings,
            std::vector<std::string>{"Configuration no_such-key is not known and has no effect"});
}

TEST(KbrokerConfiguration, WrongOnesAreNamed) {
  EXPECT_EQ(load({"node.id"}).config.error().message, "--override wants key=value, not node.id");
  EXPECT_EQ(load({"num.partitions=many"}).config.error().message,
            "Invalid value many for configuration num.partitions: Not a number of 32 bits");
  EXPECT_EQ(load({"log.cleanup.policy=burn"}).config.error().message,
            "Invalid value burn for configuration log.cleanup.policy: Each element must be one of: "
            "compact,delete");
  EXPECT_EQ(load({"broker.heartbeat.interval.ms="}).config.error().message,
            "Invalid value  for configuration broker.heartbeat.interval.ms: Not a number of 32 bits");
}

TEST(KbrokerConfiguration, ProtectionThatIsNotThereIsNotPromised) {
  EXPECT_EQ(
      load({"listener.security.protocol.map=PLAINTEXT:SSL,CONTROLLER:PLAINTEXT"}).config.error().message,
      "Invalid value PLAINTEXT:SSL for configuration listener.security.protocol.map: Only PLAINTEXT is "
      "served by this version");
  EXPECT_EQ(load({"authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer"})
                .config.error()
                .message,
            "Invalid value org.apache.kafka.metadata.authorizer.StandardAuthorizer for configuration "
            "authorizer.class.name: Must be empty: this version has no authorizer");
}

TEST(KbrokerConfiguration, IsToldInOneLine) {
  EXPECT_EQ(
      describe(*load({"log.dirs=/a,/b"}).config),
      "node 1, broker and controller, on PLAINTEXT://localhost:9092, CONTROLLER://localhost:9093; data in "
      "/a, /b; metrics on localhost:9094");
}

}  // namespace
}  // namespace ksim
