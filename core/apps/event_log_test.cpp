#include "core/apps/event_log.h"

#include <array>

#include <gtest/gtest.h>

namespace ksim {
namespace {

TEST(EventLog, FieldsAreNamed) {
  const std::array<int32_t, 2> isr{1, 3};
  IsrChanged changed;
  changed.topic = "orders";
  changed.partition = 4;
  changed.leader_epoch = 9;
  changed.isr = isr;
  const std::string text = event_text(Event{changed});
  EXPECT_EQ(text.rfind("replica isr.changed topic=orders ", 0), 0U) << text;
  EXPECT_NE(text.find(" partition=4 "), std::string::npos) << text;
  EXPECT_NE(text.find(" isr=[1,3]"), std::string::npos) << text;
  EXPECT_EQ(event_level(Event{changed}), LogLevel::info);
}

TEST(EventLog, LinesSpeakForThemselves) {
  const Event line{LogLine{2, "config", "unknown key"}};
  EXPECT_EQ(event_text(line), "config unknown key");
  EXPECT_EQ(event_level(line), LogLevel::warn);
}

TEST(EventLog, WhatEveryBatchCausesIsForDebugging) {
  EXPECT_EQ(event_level(Event{LogAppended{}}), LogLevel::debug);
  EXPECT_EQ(event_level(Event{LogDirFailed{}}), LogLevel::error);
}

}  // namespace
}  // namespace ksim
