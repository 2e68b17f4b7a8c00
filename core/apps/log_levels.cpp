#include "core/apps/log_levels.h"

#include <algorithm>
#include <array>
#include <optional>

#include "core/metadata/config_def.h"

namespace ksim {
namespace {

constexpr std::array<std::string_view, 10> kModules{"broker", "config", "controller", "kbroker", "metadata",
                                                    "node",   "raft",   "replica",    "rpc",     "storage"};

std::optional<LogLevel> parse_level(std::string_view text) {
  if (text == "debug") return LogLevel::debug;
  if (text == "info") return LogLevel::info;
  if (text == "warn") return LogLevel::warn;
  if (text == "error") return LogLevel::error;
  return std::nullopt;
}

}  // namespace

std::string log_modules() {
  std::string names;
  for (const std::string_view module : kModules) (names += names.empty() ? "" : ", ") += module;
  return names;
}

Result<LogLevels> LogLevels::parse(std::string_view text) {
  LogLevels levels;
  for (const std::string_view item : split_list(text)) {
    const size_t equals = item.find('=');
    const bool for_all = equals == std::string_view::npos;
    const auto level = parse_level(for_all ? item : trim(item.substr(equals + 1)));
    if (!level) {
      return fail(ErrorCode::INVALID_CONFIG,
                  "Invalid log level " + std::string(item) + ": Must be debug, info, warn or error");
    }
    if (for_all) {
      levels.all_ = *level;
      continue;
    }
    const std::string_view module = trim(item.substr(0, equals));
    if (std::find(kModules.begin(), kModules.end(), module) == kModules.end()) {
      return fail(ErrorCode::INVALID_CONFIG, "Invalid module " + std::string(module) +
                                                 " of a log level: Must be one of " + log_modules());
    }
    levels.modules_.emplace_back(module, *level);
  }
  return levels;
}

LogLevel LogLevels::of(std::string_view module) const {
  for (const auto& [name, level] : modules_) {
    if (name == module) return level;
  }
  return all_;
}

LogLevel LogLevels::lowest() const {
  LogLevel lowest = all_;
  for (const auto& [name, level] : modules_) lowest = std::min(lowest, level);
  return lowest;
}

}  // namespace ksim
