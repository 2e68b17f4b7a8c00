#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/apps/arguments.h"
#include "core/metadata/server_config.h"

namespace ksim {

// The facts of this machine that a configuration may stand for.
struct Machine {
  std::string host_name;  // advertised by a listener without a host
};

// Log directories come out absolute, and everything that is advertised has a host. Unknown keys and the like
// add to `warnings`. Later sources win: the file, then the environment (KAFKA_LOG_DIRS stands for log.dirs),
// then --override. Without a file and without process.roles, what is missing is that of a combined node for
// oneself, on localhost.
Result<ServerConfig> load_config(const KbrokerArguments& arguments, const char* const* environment,
                                 const Machine& machine, std::vector<std::string>& warnings);

// What a node with this configuration is, in one line.
std::string describe(const ServerConfig& config);

}  // namespace ksim
