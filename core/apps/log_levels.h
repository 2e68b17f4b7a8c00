#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/event_level.h"
#include "core/base/result.h"

namespace ksim {

// What is logged, by module.
class LogLevels {
 public:
  LogLevels() = default;
  explicit LogLevels(LogLevel all) : all_(all) {}
  // "info", "warn,raft=debug", "storage=error": a level for all, levels of modules, separated by commas.
  static Result<LogLevels> parse(std::string_view text);

  LogLevel of(std::string_view module) const;
  LogLevel lowest() const;  // over all modules: what is below needs no further look

 private:
  LogLevel all_ = LogLevel::info;
  std::vector<std::pair<std::string, LogLevel>> modules_;
};

// The names that LogLevels::parse knows, separated by ", ".
std::string log_modules();

}  // namespace ksim
