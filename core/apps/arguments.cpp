#include "core/apps/arguments.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "core/base/properties.h"

namespace ksim {
namespace {

// Relative directories are relative to where the process was started, as for Apache Kafka.
void make_directories_absolute(PropertyMap& properties) {
  for (const char* key : {"log.dir", "log.dirs", "metadata.log.dir"}) {
    const auto it = properties.find(key);
    if (it == properties.end()) continue;
    std::string absolute;
    std::istringstream list(it->second);
    for (std::string directory; std::getline(list, directory, ',');) {
      const size_t first = directory.find_first_not_of(" \t");
      if (first == std::string::npos) continue;
      directory = directory.substr(first, directory.find_last_not_of(" \t") + 1 - first);
      if (!absolute.empty()) absolute += ",";
      absolute += std::filesystem::absolute(directory).lexically_normal().string();
    }
    it->second = absolute;
  }
}

}  // namespace

std::optional<int> parse_arguments(int argc, char** argv, KbrokerArguments& arguments) {
  CLI::App app("kbroker: a Kafka broker, controller, or both", "kbroker");
  app.add_option("properties", arguments.properties_file, "server.properties")->check(CLI::ExistingFile);
  app.add_option("--override", arguments.overrides, "key=value, over the file and the environment");
  app.add_option("--shards", arguments.shards, "threads that share the node's work")
      ->check(CLI::Range(1, 256));
  const std::map<std::string, LogLevel> levels{{"debug", LogLevel::debug},
                                               {"info", LogLevel::info},
                                               {"warn", LogLevel::warn},
                                               {"error", LogLevel::error}};
  app.add_option("--log-level", arguments.log_level, "debug, info, warn or error")
      ->transform(CLI::CheckedTransformer(levels));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  }
  return std::nullopt;
}

Result<ServerConfig> load_config(const KbrokerArguments& arguments, const char* const* environment,
                                 std::vector<std::string>& warnings) {
  PropertyMap properties;
  if (!arguments.properties_file.empty()) {
    std::ifstream file(arguments.properties_file, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    if (!file) return fail(ErrorCode::INVALID_CONFIG, "cannot read " + arguments.properties_file);
    TRY_ASSIGN(properties, parse_properties(text.str()));
  }
  for (; environment != nullptr && *environment != nullptr; ++environment) {
    const std::string_view entry = *environment;
    const size_t equals = entry.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string key = property_of_environment(entry.substr(0, equals));
    if (!key.empty()) properties[key] = entry.substr(equals + 1);
  }
  for (const std::string& entry : arguments.overrides) {
    const size_t equals = entry.find('=');
    if (equals == std::string::npos || equals == 0) {
      return fail(ErrorCode::INVALID_CONFIG, "--override wants key=value, not " + entry);
    }
    properties[entry.substr(0, equals)] = entry.substr(equals + 1);
  }
  make_directories_absolute(properties);
  return ServerConfig::parse(properties, warnings);
}

}  // namespace ksim
