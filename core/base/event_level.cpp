#include "core/base/event_level.h"

#include <array>

namespace ksim {

LogLevel event_level(const Event& event) {
  if (const auto* line = std::get_if<LogLine>(&event)) return static_cast<LogLevel>(line->level);
  if (std::holds_alternative<LogDirFailed>(event)) return LogLevel::error;
  if (std::holds_alternative<LogAppended>(event) || std::holds_alternative<HighWatermarkChanged>(event) ||
      std::holds_alternative<RaftHighWatermarkAdvanced>(event) ||
      std::holds_alternative<CheckpointWritten>(event) || std::holds_alternative<BrokerHeard>(event) ||
      std::holds_alternative<MetadataPublished>(event) || std::holds_alternative<ControllerReplayed>(event) ||
      std::holds_alternative<ControllerAnswered>(event)) {
    return LogLevel::debug;
  }
  return LogLevel::info;
}

std::string_view event_module(const Event& event) {
  if (const auto* line = std::get_if<LogLine>(&event)) return line->module;
  struct Prefix {
    std::string_view of;
    std::string_view module;
  };
  static constexpr std::array<Prefix, 12> kPrefixes{{{"log.", "storage"},
                                                     {"log_dir.", "storage"},
                                                     {"raft.", "raft"},
                                                     {"metadata.", "metadata"},
                                                     {"controller.", "controller"},
                                                     {"partition.", "controller"},
                                                     {"broker.state", "broker"},
                                                     {"broker.epoch", "broker"},
                                                     {"broker.producer", "broker"},
                                                     {"broker.", "controller"},
                                                     {"replica.", "replica"},
                                                     {"isr.", "replica"}}};
  const std::string_view name = event_name(event);
  for (const Prefix& prefix : kPrefixes) {
    if (name.substr(0, prefix.of.size()) == prefix.of) return prefix.module;
  }
  return "kbroker";
}

}  // namespace ksim
