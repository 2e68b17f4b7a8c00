#pragma once

#include <mutex>
#include <string>

#include "core/base/events.h"

namespace ksim {

enum class LogLevel : int8_t { debug = 0, info = 1, warn = 2, error = 3 };

// Events as lines of text on a descriptor: "2026-01-31T12:00:00.123Z INFO isr.changed topic=orders ...".
// Events that every batch causes are of level debug. From any thread; a line is one write.
class EventLog final : public Events {
 public:
  EventLog(int descriptor, LogLevel lowest) : descriptor_(descriptor), lowest_(lowest) {}
  void emit(const Event& event) override;

 private:
  int descriptor_;
  LogLevel lowest_;
};

// Without the time; for tests.
std::string event_text(const Event& event);
LogLevel event_level(const Event& event);

}  // namespace ksim
