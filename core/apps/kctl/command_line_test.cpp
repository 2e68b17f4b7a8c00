#include "core/apps/kctl/command_line.h"

#include <CLI/CLI.hpp>

#include <gtest/gtest.h>

#include "core/apps/kctl/completion.h"
#include "core/base/contains.h"

namespace ksim::kctl {
namespace {

// -1: something is to be done.
int parsed(std::vector<const char*> arguments, Invocation& invocation, Settings& settings) {
  arguments.insert(arguments.begin(), "kctl");
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  const auto left =
      parse_command_line(static_cast<int>(arguments.size()), arguments.data(), invocation, settings);
  ::testing::internal::GetCapturedStdout();
  ::testing::internal::GetCapturedStderr();
  return left.value_or(-1);
}
int parsed(std::vector<const char*> arguments) {
  Invocation invocation;
  Settings settings;
  const int code = parsed(std::move(arguments), invocation, settings);
  if (code == -1) {
    EXPECT_TRUE(invocation.run || invocation.answer);
  }
  return code;
}

TEST(CommandLine, GlobalOptionsStandBeforeAndBehind) {
  Invocation invocation;
  Settings settings;
  EXPECT_EQ(parsed({"-b", "h:1", "topic", "create", "t", "--json", "--timeout", "2.5", "--config",
                    "retention.ms=5", "--config", "segment.ms=6", "-X", "linger.ms=3"},
                   invocation, settings),
            -1);
  EXPECT_TRUE(invocation.json);
  EXPECT_EQ(settings.bootstrap(), (std::vector<Endpoint>{{"h", 1}}));
  EXPECT_EQ(settings.timeout_ms(), 2500);
  EXPECT_EQ(settings.producer().linger_ms, 3);
}

TEST(CommandLine, EveryCommandCanBeAskedFor) {
  EXPECT_EQ(parsed({"topic", "create", "a", "b", "--partitions", "3"}), -1);
  EXPECT_EQ(parsed({"topic", "list"}), -1);
  EXPECT_EQ(parsed({"topic", "describe"}), -1);
  EXPECT_EQ(parsed({"topic", "trim", "t", "--before", "-10"}), -1);
  EXPECT_EQ(parsed({"config", "set", "topic", "t", "a=b"}), -1);
  EXPECT_EQ(parsed({"config", "describe", "cluster"}), -1);
  EXPECT_EQ(parsed({"produce", "t", "--null", "", "-H", "a=b", "--no-idempotence"}), -1);
  EXPECT_EQ(parsed({"consume", "t", "--from", "-10", "--until", "end", "-p", "0", "-p", "1"}), -1);
  EXPECT_EQ(parsed({"offsets", "t", "u", "--max-timestamp"}), -1);
  EXPECT_EQ(parsed({"cluster", "--apis"}), -1);
  EXPECT_EQ(parsed({"quorum"}), -1);
  EXPECT_EQ(parsed({"elect", "unclean", "t"}), -1);
  EXPECT_EQ(parsed({"log-dirs"}), -1);
  EXPECT_EQ(parsed({"dump-log", "--deep", "somewhere"}), -1);
  EXPECT_EQ(parsed({"bench", "e2e", "t"}), -1);
  EXPECT_EQ(parsed({"record", "--history", "f"}), -1);
  EXPECT_EQ(parsed({"completion", "bash"}), -1);
}

TEST(CommandLine, WrongArgumentsAreTwoAndHelpIsNone) {
  EXPECT_EQ(parsed({}), kBadInput);
  EXPECT_EQ(parsed({"topics"}), kBadInput);
  EXPECT_EQ(parsed({"topic"}), kBadInput);
  EXPECT_EQ(parsed({"topic", "create"}), kBadInput);
  EXPECT_EQ(parsed({"topic", "create", "t", "--partitions", "0"}), kBadInput);
  EXPECT_EQ(parsed({"topic", "create", "t", "--partitions", "1", "--assignment", "1"}), kBadInput);
  EXPECT_EQ(parsed({"consume", "t", "--isolation", "none"}), kBadInput);
  EXPECT_EQ(parsed({"cluster", "-X", "acks=5"}), kBadInput);
  EXPECT_EQ(parsed({"cluster", "-b", "h:0"}), kBadInput);
  EXPECT_EQ(parsed({"cluster", "--config", "/nowhere/at/all"}), kBadInput);
  EXPECT_EQ(parsed({"--help"}), kDone);
  EXPECT_EQ(parsed({"--version"}), kDone);
}

TEST(CommandLine, EveryCommandHasHelpWithItsOwnExamples) {
  Invocation scratch;
  for (const CompletedCommand& command : completed_commands(*make_command_line(scratch))) {
    std::vector<std::string> words;
    for (size_t at = 0; at < command.path.size();) {
      const size_t end = std::min(command.path.find(' ', at), command.path.size());
      words.push_back(command.path.substr(at, end - at));
      at = end + 1;
    }
    std::vector<const char*> arguments{};
    for (const std::string& word : words) arguments.push_back(word.c_str());
    arguments.push_back("--help");
    EXPECT_EQ(parsed(arguments), kDone) << command.path;
    EXPECT_FALSE(command.about.empty()) << command.path;
  }
}

TEST(CommandLine, Pairs) {
  const auto pairs = parse_assignments({"a=b", "c=d=e", "f="});
  ASSERT_TRUE(pairs.ok());
  EXPECT_EQ((*pairs)[1], (std::pair<std::string, std::string>("c", "d=e")));
  EXPECT_EQ((*pairs)[2].second, "");
  EXPECT_FALSE(parse_assignments({"a"}).ok());
  EXPECT_FALSE(parse_assignments({"=a"}).ok());
}

TEST(Completion, KnowsEveryCommandAndItsOptions) {
  Invocation scratch;
  const auto commands = completed_commands(*make_command_line(scratch));
  const auto find = [&](std::string_view path) {
    for (const CompletedCommand& command : commands)
      if (command.path == path) return command;
    ADD_FAILURE() << path;
    return CompletedCommand{};
  };
  EXPECT_TRUE(contains(find("").commands, "dump-log"));
  EXPECT_TRUE(contains(find("topic").commands, "create"));
  EXPECT_TRUE(contains(find("topic create").options, "--partitions"));
  EXPECT_FALSE(find("topic create").takes_topics);
  EXPECT_TRUE(find("topic delete").takes_topics);
  EXPECT_TRUE(find("consume").takes_topics);
  for (const char* shell : {"bash", "zsh", "fish"})
    EXPECT_NE(completion_script(shell, commands).find("topic create"), std::string::npos) << shell;
}

}  // namespace
}  // namespace ksim::kctl
