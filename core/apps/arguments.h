#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/apps/event_log.h"
#include "core/metadata/server_config.h"

namespace ksim {

// What kbroker was started with. Later sources win: the file, then the environment (KAFKA_LOG_DIRS stands for
// log.dirs), then --override.
struct KbrokerArguments {
  std::string properties_file;  // empty: none
  std::vector<std::string> overrides;
  size_t shards = 1;
  LogLevel log_level = LogLevel::info;
};

// Leaves with an exit code after --help, or with a message if the arguments are wrong.
std::optional<int> parse_arguments(int argc, char** argv, KbrokerArguments& arguments);

// Log directories come out absolute. Unknown keys and the like add to `warnings`.
Result<ServerConfig> load_config(const KbrokerArguments& arguments, const char* const* environment,
                                 std::vector<std::string>& warnings);

}  // namespace ksim
