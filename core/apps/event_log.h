#pragma once

#include <atomic>
#include <string>

#include "core/apps/log_levels.h"
#include "core/base/event_level.h"

namespace ksim {

// Events as lines of text: "2026-01-31T12:00:00.123Z INFO replica isr.changed topic=orders ...", the third
// word being the module. Events that every batch causes are of level debug. From any thread; a line is one
// write.
class EventLog final : public Events {
 public:
  // To stderr.
  explicit EventLog(LogLevels levels) : levels_(std::move(levels)), lowest_(levels_.lowest()) {}
  EventLog(const EventLog&) = delete;
  EventLog& operator=(const EventLog&) = delete;
  ~EventLog() override;

  // From now on to the end of this file, which is made if it is missing.
  Result<void> open(const std::string& path);
  // The same path once more, after the file has been moved away; nothing happens on stderr. If the file
  // cannot be opened, lines go on to the old one.
  Result<void> reopen();

  void emit(const Event& event) override;

 private:
  LogLevels levels_;
  LogLevel lowest_;
  std::string path_;
  std::atomic<int> descriptor_{2};
};

// Without time and level; for tests.
std::string event_text(const Event& event);

}  // namespace ksim
