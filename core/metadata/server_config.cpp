#include "core/metadata/server_config.h"

#include <algorithm>
#include <limits>
#include <set>

#include "core/metadata/config_def.h"

namespace ksim {
namespace {

constexpr std::string_view kListenerPrefix = "listener.name.";

Failure<Error> bad(std::string_view key, std::string_view value, std::string_view why) {
  std::string text = "Invalid value ";
  text += value;
  text += " for configuration ";
  text += key;
  text += ": ";
  text += why;
  return fail(ErrorCode::INVALID_CONFIG, std::move(text));
}

// NAME://host:port, with an IPv6 host in brackets.
Result<ListenerEndpoint> parse_listener(std::string_view key, std::string_view item) {
  ListenerEndpoint endpoint;
  const size_t scheme = item.find("://");
  const size_t colon = item.rfind(':');
  if (scheme == std::string_view::npos || scheme == 0 || colon == scheme) {
    return bad(key, item, "A listener has the form NAME://host:port");
  }
  endpoint.name = std::string(item.substr(0, scheme));
  for (char& c : endpoint.name) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  std::string_view host = item.substr(scheme + 3, colon - scheme - 3);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  endpoint.host = std::string(host);
  const auto port = parse_int(item.substr(colon + 1), 0, 65535);
  if (!port) return bad(key, item, "A port is a number between 0 and 65535");
  endpoint.port = static_cast<uint16_t>(*port);
  return endpoint;
}

const ListenerEndpoint* by_name(const std::vector<ListenerEndpoint>& listeners, std::string_view name) {
  for (const ListenerEndpoint& listener : listeners) {
    if (listener.name == name) return &listener;
  }
  return nullptr;
}

}  // namespace

std::string_view to_string(SecurityProtocol protocol) {
  switch (protocol) {
    case SecurityProtocol::plaintext:
      return "PLAINTEXT";
    case SecurityProtocol::ssl:
      return "SSL";
    case SecurityProtocol::sasl_plaintext:
      return "SASL_PLAINTEXT";
    case SecurityProtocol::sasl_ssl:
      return "SASL_SSL";
  }
  return "UNKNOWN";
}

std::optional<SecurityProtocol> parse_security_protocol(std::string_view text) {
  for (const SecurityProtocol each : {SecurityProtocol::plaintext, SecurityProtocol::ssl,
                                      SecurityProtocol::sasl_plaintext, SecurityProtocol::sasl_ssl}) {
    if (to_string(each) == text) return each;
  }
  return std::nullopt;
}

Result<ServerConfig> ServerConfig::parse_text(std::string_view properties,
                                              std::vector<std::string>& warnings) {
  TRY_ASSIGN(const PropertyMap map, parse_properties(properties));
  return parse(map, warnings);
}

Result<ServerConfig> ServerConfig::parse(const PropertyMap& properties, std::vector<std::string>& warnings) {
  ServerConfig config;
  config.given_ = properties;
  TRY(config.check_values(warnings));
  TRY(config.derive_roles());
  TRY(config.derive_listeners());
  TRY(config.check_listeners());
  TRY(config.check_together());
  return config;
}

Result<void> ServerConfig::check_values(std::vector<std::string>& warnings) {
  for (auto& [key, value] : given_) {
    const ConfigDef* def = find_broker_config(key);
    if (def == nullptr) {
      if (key.compare(0, kListenerPrefix.size(), kListenerPrefix) != 0) {
        warnings.push_back("Configuration " + one_line(key) + " is not known and has no effect");
      }
      continue;
    }
    value = std::string(trim(value));
    TRY(check_config_value(*def, value));
  }
  return {};
}

Result<void> ServerConfig::derive_roles() {
  for (const std::string_view role : list("process.roles")) {
    is_broker_ = is_broker_ || role == "broker";
    is_controller_ = is_controller_ || role == "controller";
  }
  if (!is_broker_ && !is_controller_) {
    return bad("process.roles", text("process.roles"), "Must name broker, controller or both");
  }
  const int64_t node = integer("node.id");
  const int64_t older = integer("broker.id");
  if (node >= 0 && older >= 0 && node != older) {
    return bad("broker.id", text("broker.id"), "Must be the same as node.id where both are given");
  }
  node_id_ = static_cast<int32_t>(node >= 0 ? node : older);
  if (node_id_ < 0) return bad("node.id", std::to_string(node_id_), "Must be given and at least 0");

  for (const std::string_view item : list("controller.quorum.voters")) {
    const size_t at = item.find('@');
    const size_t colon = item.rfind(':');
    QuorumVoter voter;
    voter.id = static_cast<int32_t>(*parse_int(item.substr(0, at), 0, std::numeric_limits<int32_t>::max()));
    voter.host = std::string(item.substr(at + 1, colon - at - 1));
    voter.port = static_cast<uint16_t>(*parse_int(item.substr(colon + 1), 0, 65535));
    for (const QuorumVoter& other : voters_) {
      if (other.id == voter.id)
        return bad("controller.quorum.voters", item, "A voter id may occur only once");
    }
    voters_.push_back(std::move(voter));
  }
  std::sort(voters_.begin(), voters_.end(),
            [](const QuorumVoter& a, const QuorumVoter& b) { return a.id < b.id; });
  const std::string_view voters_text = text("controller.quorum.voters");
  if (voters_.empty() && list("controller.quorum.bootstrap.servers").empty()) {
    return bad("controller.quorum.voters", voters_text,
               "Must be given, unless controller.quorum.bootstrap.servers is");
  }
  const bool is_voter = std::any_of(voters_.begin(), voters_.end(),
                                    [&](const QuorumVoter& voter) { return voter.id == node_id_; });
  if (is_controller_ && !voters_.empty() && !is_voter) {
    return bad("controller.quorum.voters", voters_text,
               "Must contain node.id where process.roles has controller");
  }
  if (!is_controller_ && is_voter) {
    return bad("controller.quorum.voters", voters_text,
               "Must not contain node.id where process.roles is only broker");
  }
  return {};
}

Result<void> ServerConfig::derive_listeners() {
  for (const std::string_view name : list("controller.listener.names")) {
    controller_listener_names_.emplace_back(name);
  }
  for (const std::string_view item : list("listener.security.protocol.map")) {
    const size_t colon = item.find(':');
    const auto protocol = colon == std::string_view::npos
                              ? std::nullopt
                              : parse_security_protocol(trim(item.substr(colon + 1)));
    if (!protocol) {
      return bad(
          "listener.security.protocol.map", item,
          "An element has the form NAME:PROTOCOL with one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL");
    }
    protocols_[std::string(trim(item.substr(0, colon)))] = *protocol;
  }
  // As in Kafka: a controller listener needs no entry in the map while the map is not given.
  if (!given("listener.security.protocol.map")) {
    for (const std::string& name : controller_listener_names_) {
      protocols_.emplace(name, SecurityProtocol::plaintext);
    }
  }
  const auto is_controllers = [&](const ListenerEndpoint& listener) {
    return std::find(controller_listener_names_.begin(), controller_listener_names_.end(), listener.name) !=
           controller_listener_names_.end();
  };
  for (const std::string_view key :
       {std::string_view("listeners"), std::string_view("advertised.listeners")}) {
    std::vector<ListenerEndpoint> parsed;
    for (const std::string_view item : list(key)) {
      TRY_ASSIGN(ListenerEndpoint endpoint, parse_listener(key, item));
      const auto protocol = protocol_of(endpoint.name);
      if (!protocol) {
        return bad(key, item,
                   "No security protocol is defined for this listener in listener.security.protocol.map");
      }
      endpoint.protocol = *protocol;
      if (by_name(parsed, endpoint.name) != nullptr)
        return bad(key, item, "Each listener must have its own name");
      parsed.push_back(std::move(endpoint));
    }
    (key == "listeners" ? listeners_ : advertised_) = std::move(parsed);
  }
  if (!given("advertised.listeners")) advertised_ = listeners_;
  for (const ListenerEndpoint& listener : advertised_) {
    if (is_controllers(listener)) controller_listeners_.push_back(listener);
  }
  // advertised.listeners need not repeat the controller's.
  for (const ListenerEndpoint& listener : listeners_) {
    if (is_controllers(listener) && by_name(controller_listeners_, listener.name) == nullptr) {
      controller_listeners_.push_back(listener);
    }
  }
  advertised_.erase(std::remove_if(advertised_.begin(), advertised_.end(), is_controllers),
                    advertised_.end());
  inter_broker_listener_name_ = std::string(text("inter.broker.listener.name"));
  if (inter_broker_listener_name_.empty()) {
    inter_broker_listener_name_ = std::string(text("security.inter.broker.protocol"));
  } else if (given("security.inter.broker.protocol")) {
    return bad("inter.broker.listener.name", inter_broker_listener_name_,
               "Must not be given together with security.inter.broker.protocol");
  }
  return {};
}

Result<void> ServerConfig::check_listeners() const {
  if (controller_listener_names_.empty()) {
    return bad("controller.listener.names", "", "Must name at least one listener");
  }
  const std::string_view names = text("controller.listener.names");
  for (const std::string& name : controller_listener_names_) {
    if (is_controller_ && by_name(listeners_, name) == nullptr) {
      return bad("controller.listener.names", names, "Must only contain names that appear in listeners");
    }
    if (!is_controller_ && by_name(listeners_, name) != nullptr) {
      return bad("controller.listener.names", names,
                 "Must not contain a name that appears in listeners where process.roles is only broker");
    }
    if (!protocol_of(name)) {
      return bad("controller.listener.names", names,
                 "No security protocol is defined for " + name + " in listener.security.protocol.map");
    }
  }
  if (!is_broker_) {
    if (controller_listeners_.size() != listeners_.size()) {
      return bad(
          "listeners", text("listeners"),
          "Must only contain listeners of controller.listener.names where process.roles is only controller");
    }
    return {};
  }
  if (advertised_.empty()) {
    return bad("advertised.listeners", text("advertised.listeners"),
               "A broker must have at least one listener that is not in controller.listener.names");
  }
  for (const ListenerEndpoint& listener : advertised_) {
    if (by_name(listeners_, listener.name) == nullptr) {
      return bad("advertised.listeners", listener.name, "Must only contain names that appear in listeners");
    }
    if (listener.host == "0.0.0.0") {
      return bad("advertised.listeners", listener.name + "://0.0.0.0",
                 "Must be an address that others can use; without it, listeners are advertised");
    }
  }
  if (by_name(advertised_, inter_broker_listener_name_) == nullptr) {
    return bad("inter.broker.listener.name", inter_broker_listener_name_,
               "Must be a name that appears in advertised.listeners");
  }
  return {};
}

Result<void> ServerConfig::check_together() const {
  const auto number = [&](std::string_view key) { return std::to_string(integer(key)); };
  const auto optional_at_least = [&](std::string_view key, int64_t min) {
    const auto found = value(key);
    return !found || *parse_int(*found, std::numeric_limits<int64_t>::min(),
                                std::numeric_limits<int64_t>::max()) >= min;
  };
  if (!optional_at_least("log.roll.ms", 1))
    return bad("log.roll.ms", number("log.roll.ms"), "Must be at least 1");
  if (!optional_at_least("log.roll.jitter.ms", 0)) {
    return bad("log.roll.jitter.ms", number("log.roll.jitter.ms"), "Must be at least 0");
  }
  for (const std::string_view key : broker_synonyms("log.retention.ms")) {
    if (!value(key)) continue;
    if (integer(key) == 0 || integer(key) < -1) return bad(key, number(key), "Must be -1 or at least 1");
    break;
  }
  if (log_dirs().empty()) return bad("log.dirs", text("log.dirs"), "Must name at least one directory");
  const int64_t wait = integer("replica.fetch.wait.max.ms");
  if (wait > integer("replica.socket.timeout.ms")) {
    return bad("replica.socket.timeout.ms", number("replica.socket.timeout.ms"),
               "Must be at least replica.fetch.wait.max.ms");
  }
  if (wait > integer("replica.lag.time.max.ms")) {
    return bad("replica.fetch.wait.max.ms", number("replica.fetch.wait.max.ms"),
               "Must be at most replica.lag.time.max.ms");
  }
  const int64_t cleaners = std::max<int64_t>(1, integer("log.cleaner.threads"));
  if (integer("log.cleaner.dedupe.buffer.size") / cleaners <= 1024 * 1024) {
    return bad("log.cleaner.dedupe.buffer.size", number("log.cleaner.dedupe.buffer.size"),
               "Must be more than 1048576 for each of log.cleaner.threads");
  }
  const int64_t queued = integer("queued.max.request.bytes");
  if (queued > 0 && queued < integer("socket.request.max.bytes")) {
    return bad("queued.max.request.bytes", std::to_string(queued),
               "Must be at least socket.request.max.bytes");
  }
  for (const std::string_view item : list("max.connections.per.ip.overrides")) {
    const size_t colon = item.rfind(':');
    if (colon == std::string_view::npos || colon == 0 ||
        !parse_int(item.substr(colon + 1), 0, std::numeric_limits<int32_t>::max())) {
      return bad("max.connections.per.ip.overrides", item, "Each element must have the form address:limit");
    }
  }
  if (const auto levels = bootstrap_feature_levels(list("bootstrap.features")); !levels.ok())
    return bad("bootstrap.features", text("bootstrap.features"), levels.error().message);
  if (!text("http.listener").empty() && !http_listener()) {
    return bad("http.listener", text("http.listener"), "Must have the form host:port, or be empty");
  }
  return {};
}

std::optional<std::string_view> ServerConfig::given(std::string_view name) const {
  const auto it = given_.find(name);
  if (it == given_.end()) return std::nullopt;
  return it->second;
}

std::optional<std::string_view> ServerConfig::value(std::string_view name) const {
  if (const auto found = given(name)) return found;
  const ConfigDef* def = find_broker_config(name);
  ENSURE(def != nullptr, "a configuration that is in no table");
  return def->default_value;
}

int64_t ServerConfig::integer(std::string_view name) const {
  const auto found = value(name);
  ENSURE(found.has_value());
  const auto number =
      parse_int(*found, std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max());
  ENSURE(number.has_value());
  return *number;
}

bool ServerConfig::boolean(std::string_view name) const {
  const auto found = value(name);
  const auto flag = found ? parse_bool(*found) : std::nullopt;
  ENSURE(flag.has_value());
  return *flag;
}

std::string_view ServerConfig::text(std::string_view name) const { return value(name).value_or(""); }

std::vector<std::string_view> ServerConfig::list(std::string_view name) const {
  return split_list(text(name));
}

std::optional<SecurityProtocol> ServerConfig::protocol_of(std::string_view listener_name) const {
  const auto it = protocols_.find(listener_name);
  if (it == protocols_.end()) return std::nullopt;
  return it->second;
}

std::vector<std::string> ServerConfig::log_dirs() const {
  std::vector<std::string> dirs;
  for (const std::string_view dir : list(value("log.dirs") ? "log.dirs" : "log.dir")) dirs.emplace_back(dir);
  return dirs;
}

std::optional<ListenerEndpoint> ServerConfig::http_listener() const {
  auto parsed = parse_listener("http.listener", "HTTP://" + std::string(text("http.listener")));
  if (!parsed.ok()) return std::nullopt;
  return std::move(parsed).value();
}

FeatureLevels ServerConfig::bootstrap_features() const {
  Result<FeatureLevels> levels = bootstrap_feature_levels(list("bootstrap.features"));
  ENSURE(levels.ok(), "it was checked");
  return std::move(levels).value();
}

std::string ServerConfig::metadata_log_dir() const {
  const std::string_view given = trim(text("metadata.log.dir"));
  if (!given.empty()) return std::string(given);
  const std::vector<std::string> dirs = log_dirs();
  return dirs.empty() ? std::string() : dirs.front();
}

}  // namespace ksim
