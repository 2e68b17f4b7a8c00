#include "core/apps/kctl/settings.h"

#include <algorithm>
#include <functional>
#include <set>

#include "core/storage/text.h"

namespace ksim::kctl {
namespace {

using client::ClientConfig;
using client::ConsumerConfig;
using client::ProducerConfig;
using storage::parse_number;

constexpr std::string_view kDefaultBootstrap = "localhost:9092";
constexpr uint16_t kDefaultPort = 9092;

Failure<Error> bad(std::string_view key, std::string_view value, std::string_view allowed) {
  return fail(ErrorCode::INVALID_CONFIG,
              std::string(key) + "=" + std::string(value) + ": must be " + std::string(allowed));
}

// Takes properties out of a map into the fields of a configuration; the first that cannot be is kept.
class Properties {
 public:
  explicit Properties(const PropertyMap& map) : map_(map) {}

  template <class Integer>
  void integer(std::string_view key, Integer& into) {
    const std::string* const text = find(key);
    if (text == nullptr) return;
    const auto number = parse_number<Integer>(*text);
    if (number) {
      into = *number;
    } else {
      refuse(bad(key, *text, "an integer").error);
    }
  }
  void boolean(std::string_view key, bool& into) {
    choice<bool>(key, {{"true", true}, {"false", false}}, into);
  }
  void text(std::string_view key, std::string& into) {
    if (const std::string* const value = find(key)) into = *value;
  }
  template <class T>
  void choice(std::string_view key, const std::vector<std::pair<std::string, T>>& choices, T& into) {
    const std::string* const text = find(key);
    if (text == nullptr) return;
    std::string names;
    for (const auto& [name, value] : choices) {
      if (name == *text) {
        into = value;
        return;
      }
      names += (names.empty() ? "" : ", ") + name;
    }
    refuse(bad(key, *text, "one of " + names).error);
  }

  const std::set<std::string, std::less<>>& known() const { return known_; }
  const std::optional<Error>& refused() const { return refused_; }

 private:
  const std::string* find(std::string_view key) {
    known_.emplace(key);
    const auto it = map_.find(key);
    return it == map_.end() ? nullptr : &it->second;
  }
  void refuse(Error error) {
    if (!refused_) refused_ = std::move(error);
  }

  const PropertyMap& map_;
  std::set<std::string, std::less<>> known_;
  std::optional<Error> refused_;
};

void fill_common(Properties& properties, ClientConfig& config) {
  properties.text("client.id", config.client_id);
  properties.integer("request.timeout.ms", config.request_timeout_ms);
  properties.integer("retry.backoff.ms", config.retry_backoff_ms);
  properties.integer("retry.backoff.max.ms", config.retry_backoff_max_ms);
  properties.integer("reconnect.backoff.ms", config.reconnect_backoff_ms);
  properties.integer("reconnect.backoff.max.ms", config.reconnect_backoff_max_ms);
  properties.integer("socket.connection.setup.timeout.ms", config.socket_connection_setup_timeout_ms);
  properties.integer("socket.connection.setup.timeout.max.ms", config.socket_connection_setup_timeout_max_ms);
  properties.integer("connections.max.idle.ms", config.connections_max_idle_ms);
  properties.integer("metadata.max.age.ms", config.metadata_max_age_ms);
  properties.choice<bool>("metadata.recovery.strategy", {{"rebootstrap", true}, {"none", false}},
                          config.metadata_recovery_rebootstrap);
  properties.integer("metadata.recovery.rebootstrap.trigger.ms",
                     config.metadata_recovery_rebootstrap_trigger_ms);
}

void fill(Properties& properties, ProducerConfig& config) {
  fill_common(properties, config);
  properties.choice<int16_t>("acks", {{"all", -1}, {"-1", -1}, {"0", 0}, {"1", 1}}, config.acks);
  properties.boolean("enable.idempotence", config.enable_idempotence);
  properties.integer("retries", config.retries);
  properties.integer("max.in.flight.requests.per.connection", config.max_in_flight_requests_per_connection);
  properties.integer("batch.size", config.batch_size);
  properties.integer("linger.ms", config.linger_ms);
  properties.integer("buffer.memory", config.buffer_memory);
  properties.integer("max.block.ms", config.max_block_ms);
  properties.integer("max.request.size", config.max_request_size);
  properties.integer("delivery.timeout.ms", config.delivery_timeout_ms);
  properties.choice<Compression>("compression.type",
                                 {{"none", Compression::none},
                                  {"gzip", Compression::gzip},
                                  {"snappy", Compression::snappy},
                                  {"lz4", Compression::lz4},
                                  {"zstd", Compression::zstd}},
                                 config.compression_type);
  for (const Compression codec : {Compression::gzip, Compression::lz4, Compression::zstd}) {
    int32_t level = default_level(codec);
    properties.integer("compression." + std::string(to_string(codec)) + ".level", level);
    if (codec == config.compression_type && level != default_level(codec)) config.compression_level = level;
  }
  properties.boolean("partitioner.ignore.keys", config.partitioner_ignore_keys);
  properties.boolean("partitioner.adaptive.partitioning.enable",
                     config.partitioner_adaptive_partitioning_enable);
  properties.integer("partitioner.availability.timeout.ms", config.partitioner_availability_timeout_ms);
  properties.integer("metadata.max.idle.ms", config.metadata_max_idle_ms);
}

void fill(Properties& properties, ConsumerConfig& config) {
  fill_common(properties, config);
  using client::AutoOffsetReset;
  using client::IsolationLevel;
  properties.choice<AutoOffsetReset>("auto.offset.reset",
                                     {{"earliest", AutoOffsetReset::earliest},
                                      {"latest", AutoOffsetReset::latest},
                                      {"none", AutoOffsetReset::none}},
                                     config.auto_offset_reset);
  properties.choice<IsolationLevel>("isolation.level",
                                    {{"read_uncommitted", IsolationLevel::read_uncommitted},
                                     {"read_committed", IsolationLevel::read_committed}},
                                    config.isolation_level);
  properties.boolean("check.crcs", config.check_crcs);
  properties.integer("fetch.min.bytes", config.fetch_min_bytes);
  properties.integer("fetch.max.bytes", config.fetch_max_bytes);
  properties.integer("fetch.max.wait.ms", config.fetch_max_wait_ms);
  properties.integer("max.partition.fetch.bytes", config.max_partition_fetch_bytes);
  properties.integer("max.poll.records", config.max_poll_records);
  properties.integer("default.api.timeout.ms", config.default_api_timeout_ms);
  properties.boolean("allow.auto.create.topics", config.allow_auto_create_topics);
  properties.text("client.rack", config.client_rack);
}

Result<Endpoint> parse_endpoint(std::string_view text) {
  Endpoint endpoint;
  size_t colon = text.rfind(':');
  if (!text.empty() && text.front() == '[') {  // an IPv6 address
    const size_t close = text.find(']');
    if (close == std::string_view::npos) return bad("bootstrap.servers", text, "HOST:PORT[,HOST:PORT...]");
    endpoint.host = std::string(text.substr(1, close - 1));
    colon = close + 1 < text.size() ? close + 1 : std::string_view::npos;
    if (colon != std::string_view::npos && text[colon] != ':')
      return bad("bootstrap.servers", text, "HOST:PORT[,HOST:PORT...]");
  } else {
    endpoint.host = std::string(text.substr(0, colon));
  }
  endpoint.port = kDefaultPort;
  if (colon != std::string_view::npos) {
    const auto port = parse_number<uint16_t>(text.substr(colon + 1));
    if (!port || *port == 0) return bad("bootstrap.servers", text, "HOST:PORT, with a port from 1 to 65535");
    endpoint.port = *port;
  }
  if (endpoint.host.empty()) return bad("bootstrap.servers", text, "HOST:PORT[,HOST:PORT...]");
  return endpoint;
}

// Security that is asked for and not given would be a connection that fails for no visible reason.
Result<void> refuse_security(const PropertyMap& properties) {
  const auto it = properties.find("security.protocol");
  if (it != properties.end() && it->second != "PLAINTEXT")
    return bad("security.protocol", it->second, "PLAINTEXT: kctl has neither TLS nor SASL");
  return {};
}

}  // namespace

Result<std::vector<Endpoint>> parse_endpoints(std::string_view text) {
  std::vector<Endpoint> endpoints;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    if (comma > 0) {
      TRY_ASSIGN(Endpoint endpoint, parse_endpoint(text.substr(0, comma)));
      endpoints.push_back(std::move(endpoint));
    }
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  if (endpoints.empty()) return bad("bootstrap.servers", "", "HOST:PORT[,HOST:PORT...]");
  return endpoints;
}

Result<Settings> Settings::make(const Given& given) {
  Settings settings;
  settings.timeout_ms_ = given.timeout_ms;
  TRY_ASSIGN(PropertyMap file, parse_properties(given.properties));
  PropertyMap own;
  for (const std::string& assignment : given.assignments) {
    const size_t equals = assignment.find('=');
    if (equals == 0 || equals == std::string::npos) return bad("-X", assignment, "KEY=VALUE");
    own[assignment.substr(0, equals)] = assignment.substr(equals + 1);
  }
  settings.properties_ = file;
  for (const auto& [key, value] : own) settings.properties_[key] = value;

  Properties properties(settings.properties_);
  ProducerConfig producer;
  ConsumerConfig consumer;
  std::string servers(kDefaultBootstrap);
  properties.text("bootstrap.servers", servers);
  std::string protocol;
  properties.text("security.protocol", protocol);
  fill(properties, producer);
  fill(properties, consumer);
  if (properties.refused()) return fail(*properties.refused());
  TRY(refuse_security(settings.properties_));
  for (const auto& [key, value] : settings.properties_) {
    if (properties.known().count(key) != 0) continue;
    if (own.count(key) != 0)
      return fail(ErrorCode::INVALID_CONFIG, "-X " + key + ": no property of a client that kctl knows");
    settings.unknown_keys_.push_back(key);
  }
  TRY_ASSIGN(settings.bootstrap_, parse_endpoints(given.bootstrap.empty() ? servers : given.bootstrap));
  TRY(settings.consumer().validate());
  return settings;
}

client::AdminConfig Settings::admin() const {
  client::AdminConfig config;
  config.client_id = "kctl";
  config.bootstrap_servers = bootstrap_;
  config.request_timeout_ms = std::min(config.request_timeout_ms, timeout_ms_);
  // A node that takes connections and says nothing leaves time to ask another.
  config.socket_connection_setup_timeout_ms =
      std::clamp<int64_t>(timeout_ms_ / 4, 1, config.socket_connection_setup_timeout_ms);
  Properties properties(properties_);
  fill_common(properties, config);
  return config;
}

client::ProducerConfig Settings::producer(client::ProducerConfig preset) const {
  client::ProducerConfig config = std::move(preset);
  config.client_id = "kctl";
  config.bootstrap_servers = bootstrap_;
  config.request_timeout_ms = std::min(config.request_timeout_ms, timeout_ms_);
  config.max_block_ms = timeout_ms_;
  // Records are given up after --timeout, unless a property says otherwise.
  config.delivery_timeout_ms = 0;
  Properties properties(properties_);
  fill(properties, config);
  if (config.delivery_timeout_ms == 0)
    config.delivery_timeout_ms = std::max(timeout_ms_, config.linger_ms + config.request_timeout_ms);
  return config;
}

client::ConsumerConfig Settings::consumer(client::ConsumerConfig preset) const {
  client::ConsumerConfig config = std::move(preset);
  config.client_id = "kctl";
  config.bootstrap_servers = bootstrap_;
  config.default_api_timeout_ms = timeout_ms_;
  Properties properties(properties_);
  fill(properties, config);
  return config;
}

}  // namespace ksim::kctl
