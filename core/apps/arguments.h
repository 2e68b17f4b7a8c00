#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/apps/log_levels.h"

namespace ksim {

// What kbroker was started with.
struct KbrokerArguments {
  std::string properties_file;  // empty: none
  std::vector<std::string> overrides;
  std::optional<uint16_t> port;  // of a node that was given no configuration
  std::string data_directory;    // the same; empty: the default
  size_t shards = 1;
  LogLevels log_levels;
  std::string log_file;  // empty: stderr
  bool check_config = false;
};

// Leaves with an exit code after --help and the like, or with a message if the arguments are wrong.
std::optional<int> parse_arguments(int argc, char** argv, KbrokerArguments& arguments);

}  // namespace ksim
