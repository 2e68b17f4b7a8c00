#include "core/apps/arguments.h"

#include <filesystem>

#include <gtest/gtest.h>

namespace ksim {
namespace {

TEST(KbrokerArguments, OverridesWinOverTheEnvironment) {
  KbrokerArguments arguments;
  arguments.overrides = {"node.id=7",
                         "process.roles=broker,controller",
                         "listeners=PLAINTEXT://localhost:0,CONTROLLER://localhost:0",
                         "controller.listener.names=CONTROLLER",
                         "controller.quorum.voters=7@localhost:19093",
                         "log.dirs=/a/b, data/../c"};
  const char* environment[] = {"KAFKA_NODE_ID=3", "KAFKA_BROKER_RACK=a=b", "HOME=/nowhere", nullptr};
  std::vector<std::string> warnings;
  const Result<ServerConfig> config = load_config(arguments, environment, warnings);
  ASSERT_TRUE(config.ok()) << to_string(config.error());
  EXPECT_EQ(config->node_id(), 7);
  EXPECT_EQ(config->value("broker.rack"), "a=b");
  const std::vector<std::string> wanted = {"/a/b", (std::filesystem::current_path() / "c").string()};
  EXPECT_EQ(config->log_dirs(), wanted);
}

TEST(KbrokerArguments, WrongOnesAreNamed) {
  KbrokerArguments arguments;
  arguments.overrides = {"node.id"};
  std::vector<std::string> warnings;
  const Result<ServerConfig> config = load_config(arguments, nullptr, warnings);
  ASSERT_FALSE(config.ok());
  EXPECT_NE(config.error().message.find("node.id"), std::string::npos);
}

}  // namespace
}  // namespace ksim
