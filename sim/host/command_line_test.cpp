#include "sim/host/command_line.h"

#include <gtest/gtest.h>

namespace ksim::host {
namespace {

ScenarioCommand good(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "scenario");
  const Result<Command> command = parse_command_line(arguments);
  EXPECT_TRUE(command.ok()) << (command.ok() ? "" : command.error().message);
  return command.ok() ? command->scenario.value_or(ScenarioCommand{}) : ScenarioCommand{};
}

std::string complaint(std::vector<std::string> arguments) {
  const Result<Command> command = parse_command_line(std::move(arguments));
  EXPECT_FALSE(command.ok());
  if (command.ok()) return {};
  EXPECT_LE(std::count(command.error().message.begin(), command.error().message.end(), '\n'), 2);
  return command.error().message;
}

TEST(CommandLine, SeedsHaveSixtyFourBits) {
  EXPECT_EQ(good({"ping"}).seed, std::nullopt);
  EXPECT_EQ(good({"ping", "--seed", "7+1f+0"}).seed, "7+1f+0");
  EXPECT_EQ(good({"ping", "--seeds", "3..18446744073709551615"}).seeds->last, ~0ULL);
  EXPECT_EQ(good({"ping", "--seeds", "7..7"}).seeds->first, 7U);
  for (const char* seeds : {"9..1", "-1..5", "1..", "..5", "1-5", "1...5", "5"}) {
    EXPECT_NE(complaint({"scenario", "ping", "--seeds", seeds}).find(seeds), std::string::npos) << seeds;
  }
}

TEST(CommandLine, SettingsKeepTheirValues) {
  const ScenarioCommand command = good({"--set", "a.b=c=d", "ping", "--set", "x=", "--jobs", "3", "--json"});
  ASSERT_EQ(command.settings.size(), 2U);
  EXPECT_EQ(command.settings[0], std::make_pair(std::string("a.b"), std::string("c=d")));
  EXPECT_EQ(command.settings[1], std::make_pair(std::string("x"), std::string()));
  EXPECT_EQ(command.scenario, "ping");
  EXPECT_EQ(command.jobs, 3U);
  EXPECT_TRUE(command.json);
  EXPECT_NE(complaint({"scenario", "ping", "--set", "novalue"}), "");
}

TEST(CommandLine, WhatDoesNotGoTogetherIsRefused) {
  complaint({"scenario"});
  complaint({"scenario", "ping", "--plan", "p.toml"});
  complaint({"scenario", "--plan", "p.toml", "--seed", "2"});
  complaint({"scenario", "ping", "--seed", "1", "--seeds", "1..2"});
  complaint({"scenario", "ping", "--seeds", "1..2", "--record", "f"});
  complaint({"scenario", "ping", "--seeds", "1..2", "--print-plan"});
  complaint({"scenario", "ping", "--jobs", "0"});
  complaint({"scenario", "ping", "pong"});
  complaint({"scenario", "ping", "--unknown"});
  complaint({"nonsense"});
  complaint({});
}

TEST(CommandLine, EmptyNamesOfFilesAreStillGiven) {
  EXPECT_EQ(good({"ping", "--record", ""}).record, "");
  complaint({"scenario", "ping", "--plan", ""});
}

TEST(CommandLine, ListsEverythingIfNothingIsNamed) {
  const Result<Command> command = parse_command_line({"list"});
  ASSERT_TRUE(command.ok());
  EXPECT_EQ(command->list->what, "");
}

TEST(CommandLine, HelpIsText) {
  const Result<Command> command = parse_command_line({"scenario", "--help"});
  ASSERT_TRUE(command.ok());
  EXPECT_NE(command->text.find("--print-plan"), std::string::npos);
}

}  // namespace
}  // namespace ksim::host
