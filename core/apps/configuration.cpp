#include "core/apps/configuration.h"

#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "core/metadata/config_def.h"

namespace ksim {
namespace {

constexpr uint16_t kDefaultPort = 9092;
constexpr const char* kDefaultData = "kbroker-data";

// Variables of Kafka's container image that are no keys of server.properties.
constexpr std::array<std::string_view, 13> kNoKeys{"KAFKA_VERSION",
                                                   "KAFKA_HEAP_OPTS",
                                                   "KAFKA_LOG4J_OPTS",
                                                   "KAFKA_OPTS",
                                                   "KAFKA_JMX_OPTS",
                                                   "KAFKA_GC_LOG_OPTS",
                                                   "KAFKA_LOG4J_LOGGERS",
                                                   "KAFKA_JVM_PERFORMANCE_OPTS",
                                                   "KAFKA_JMX_PORT",
                                                   "KAFKA_HOME",
                                                   "KAFKA_JMX_HOSTNAME",
                                                   "KAFKA_LOG4J_ROOT_LOGLEVEL",
                                                   "KAFKA_TOOLS_LOG4J_LOGLEVEL"};

// Relative directories are relative to where the process was started, as for Apache Kafka.
void make_directories_absolute(PropertyMap& properties) {
  for (const char* key : {"log.dir", "log.dirs", "metadata.log.dir"}) {
    const auto it = properties.find(key);
    if (it == properties.end()) continue;
    std::string absolute;
    for (const std::string_view directory : split_list(it->second)) {
      if (!absolute.empty()) absolute += ",";
      if (!directory.empty()) absolute += std::filesystem::absolute(directory).lexically_normal().string();
    }
    it->second = absolute;
  }
}

Result<PropertyMap> gather(const KbrokerArguments& arguments, const char* const* environment) {
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
    const std::string_view name = entry.substr(0, equals);
    if (std::find(kNoKeys.begin(), kNoKeys.end(), name) != kNoKeys.end()) continue;
    const std::string key = property_of_environment(name);
    if (!key.empty()) properties[key] = entry.substr(equals + 1);
  }
  for (const std::string& entry : arguments.overrides) {
    const size_t equals = entry.find('=');
    if (equals == std::string::npos || equals == 0) {
      return fail(ErrorCode::INVALID_CONFIG, "--override wants key=value, not " + entry);
    }
    properties[entry.substr(0, equals)] = entry.substr(equals + 1);
  }
  return properties;
}

// A node that was told nothing of its part in a cluster: broker and controller, alone, for this machine only.
void complete_alone(const KbrokerArguments& arguments, PropertyMap& properties) {
  const uint16_t port = arguments.port.value_or(kDefaultPort);
  properties["process.roles"] = "broker,controller";
  const auto fill = [&](const char* key, const std::string& value) { properties.try_emplace(key, value); };
  fill("node.id", "1");
  fill("listeners", fmt::format("PLAINTEXT://localhost:{},CONTROLLER://localhost:{}", port, port + 1));
  fill("controller.listener.names", "CONTROLLER");
  fill("controller.quorum.voters", fmt::format("{}@localhost:{}", properties["node.id"], port + 1));
  fill("http.listener", fmt::format("localhost:{}", port + 2));
  if (properties.count("log.dir") == 0) {
    fill("log.dirs", arguments.data_directory.empty() ? kDefaultData : arguments.data_directory);
  }
  // Internal topics with as many replicas as there are brokers; nobody to wait for in a rebalance.
  fill("offsets.topic.replication.factor", "1");
  fill("transaction.state.log.replication.factor", "1");
  fill("transaction.state.log.min.isr", "1");
  fill("group.initial.rebalance.delay.ms", "0");
}

// A listener without a host binds everywhere; what is told to others is the name of this machine.
void give_hosts(const Machine& machine, PropertyMap& properties) {
  const auto listeners = properties.find("listeners");
  auto advertised = properties.find("advertised.listeners");
  constexpr std::string_view kNoHost = "://:";
  if (advertised == properties.end()) {
    const std::string bound = listeners == properties.end() ? "PLAINTEXT://:9092" : listeners->second;
    if (bound.find(kNoHost) == std::string::npos) return;
    advertised = properties.try_emplace("advertised.listeners", bound).first;
  }
  std::string& text = advertised->second;
  for (size_t at = text.find(kNoHost); at != std::string::npos; at = text.find(kNoHost, at + 1)) {
    text.insert(at + 3, machine.host_name);
  }
}

// What would leave a node open that its owner believes to be closed stops it.
Result<void> refuse_what_is_not_kept(const ServerConfig& config) {
  const auto refuse = [](std::string_view key, std::string_view value, std::string_view why) {
    return fail(ErrorCode::INVALID_CONFIG,
                fmt::format("Invalid value {} for configuration {}: {}", value, key, why));
  };
  for (const ListenerEndpoint& listener : config.listeners()) {
    if (listener.protocol == SecurityProtocol::plaintext) continue;
    return refuse("listener.security.protocol.map",
                  fmt::format("{}:{}", listener.name, to_string(listener.protocol)),
                  "Only PLAINTEXT is served by this version");
  }
  if (const std::string_view name = config.text("authorizer.class.name"); !name.empty()) {
    return refuse("authorizer.class.name", name, "Must be empty: this version has no authorizer");
  }
  return {};
}

}  // namespace

Result<ServerConfig> load_config(const KbrokerArguments& arguments, const char* const* environment,
                                 const Machine& machine, std::vector<std::string>& warnings) {
  TRY_ASSIGN(PropertyMap properties, gather(arguments, environment));
  if (arguments.properties_file.empty() && properties.count("process.roles") == 0) {
    complete_alone(arguments, properties);
  }
  make_directories_absolute(properties);
  give_hosts(machine, properties);
  TRY_ASSIGN(ServerConfig config, ServerConfig::parse(properties, warnings));
  TRY(refuse_what_is_not_kept(config));
  return config;
}

std::string describe(const ServerConfig& config) {
  std::string listeners;
  for (const ListenerEndpoint& listener : config.listeners()) {
    listeners += fmt::format("{}{}://{}:{}", listeners.empty() ? "" : ", ", listener.name, listener.host,
                             listener.port);
  }
  std::string directories;
  for (const std::string& directory : config.log_dirs()) {
    directories += (directories.empty() ? "" : ", ") + directory;
  }
  const char* roles = !config.is_broker()      ? "controller"
                      : config.is_controller() ? "broker and controller"
                                               : "broker";
  const std::string_view http = config.text("http.listener");
  return fmt::format("node {}, {}, on {}; data in {}{}{}", config.node_id(), roles, listeners,
                     config.is_broker() ? directories : config.metadata_log_dir(),
                     http.empty() ? "" : "; metrics on ", http);
}

}  // namespace ksim
