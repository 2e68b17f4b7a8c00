#include "core/apps/log_levels.h"

#include <gtest/gtest.h>

namespace ksim {
namespace {

TEST(LogLevels, AModuleMayDiffer) {
  const Result<LogLevels> levels = LogLevels::parse("warn, raft=debug,storage = error");
  ASSERT_TRUE(levels.ok());
  EXPECT_EQ(levels->of("rpc"), LogLevel::warn);
  EXPECT_EQ(levels->of("raft"), LogLevel::debug);
  EXPECT_EQ(levels->of("storage"), LogLevel::error);
  EXPECT_EQ(levels->lowest(), LogLevel::debug);
}

TEST(LogLevels, WhatIsWrongIsNamed) {
  EXPECT_EQ(LogLevels::parse("raft=loud").error().message,
            "Invalid log level raft=loud: Must be debug, info, warn or error");
  EXPECT_NE(LogLevels::parse("rft=info").error().message.find("Invalid module rft"), std::string::npos);
}

}  // namespace
}  // namespace ksim
