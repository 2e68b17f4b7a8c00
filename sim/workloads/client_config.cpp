#include "sim/workloads/client_config.h"

#include <charconv>

#include <fmt/format.h>

namespace ksim::sim {
namespace {

template <class T>
bool number(const std::string& value, T& into) {
  T parsed{};
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), parsed);
  if (error != std::errc{} || end != value.data() + value.size()) return false;
  into = parsed;
  return true;
}
bool flag(const std::string& value, bool& into) {
  if (value != "true" && value != "false") return false;
  into = value == "true";
  return true;
}

Failure<Error> wrong(const std::string& key, const std::string& value) {
  return fail(ErrorCode::INVALID_CONFIG, fmt::format("{}={}: not a value of this key", key, value));
}

// The keys that all clients have. True: it was one of them.
Result<bool> common(client::ClientConfig& config, const std::string& key, const std::string& value) {
  int64_t* place = key == "request.timeout.ms"         ? &config.request_timeout_ms
                   : key == "retry.backoff.ms"         ? &config.retry_backoff_ms
                   : key == "retry.backoff.max.ms"     ? &config.retry_backoff_max_ms
                   : key == "reconnect.backoff.ms"     ? &config.reconnect_backoff_ms
                   : key == "reconnect.backoff.max.ms" ? &config.reconnect_backoff_max_ms
                   : key == "metadata.max.age.ms"      ? &config.metadata_max_age_ms
                   : key == "connections.max.idle.ms"  ? &config.connections_max_idle_ms
                                                       : nullptr;
  if (key == "client.id") {
    config.client_id = value;
    return true;
  }
  if (place == nullptr) return false;
  if (!number(value, *place)) return wrong(key, value);
  return true;
}

Result<void> producer_key(client::ProducerConfig& config, const std::string& key, const std::string& value) {
  bool good = true;
  if (key == "acks") {
    if (value == "all" || value == "-1") {
      config.acks = client::ProducerConfig::kAcksAll;
    } else {
      good = number(value, config.acks) && (config.acks == 0 || config.acks == 1);
    }
  } else if (key == "enable.idempotence") {
    good = flag(value, config.enable_idempotence);
  } else if (key == "retries") {
    good = number(value, config.retries);
  } else if (key == "max.in.flight.requests.per.connection") {
    good = number(value, config.max_in_flight_requests_per_connection);
  } else if (key == "batch.size") {
    good = number(value, config.batch_size);
  } else if (key == "linger.ms") {
    good = number(value, config.linger_ms);
  } else if (key == "buffer.memory") {
    good = number(value, config.buffer_memory);
  } else if (key == "max.block.ms") {
    good = number(value, config.max_block_ms);
  } else if (key == "max.request.size") {
    good = number(value, config.max_request_size);
  } else if (key == "delivery.timeout.ms") {
    good = number(value, config.delivery_timeout_ms);
  } else if (key == "compression.type") {
    const auto codec = compression_of(value);
    good = codec.has_value();
    if (good) config.compression_type = *codec;
  } else {
    TRY_ASSIGN(const bool known, common(config, key, value));
    if (!known) return fail(ErrorCode::INVALID_CONFIG, key + ": no configuration of a producer");
  }
  if (!good) return wrong(key, value);
  return {};
}

Result<void> consumer_key(client::ConsumerConfig& config, const std::string& key, const std::string& value) {
  bool good = true;
  if (key == "auto.offset.reset") {
    good = value == "earliest" || value == "latest" || value == "none";
    config.auto_offset_reset = value == "earliest" ? client::AutoOffsetReset::earliest
                               : value == "latest" ? client::AutoOffsetReset::latest
                                                   : client::AutoOffsetReset::none;
  } else if (key == "isolation.level") {
    good = value == "read_committed" || value == "read_uncommitted";
    config.isolation_level = value == "read_committed" ? client::IsolationLevel::read_committed
                                                       : client::IsolationLevel::read_uncommitted;
  } else if (key == "check.crcs") {
    good = flag(value, config.check_crcs);
  } else if (key == "fetch.min.bytes") {
    good = number(value, config.fetch_min_bytes);
  } else if (key == "fetch.max.bytes") {
    good = number(value, config.fetch_max_bytes);
  } else if (key == "fetch.max.wait.ms") {
    good = number(value, config.fetch_max_wait_ms);
  } else if (key == "max.partition.fetch.bytes") {
    good = number(value, config.max_partition_fetch_bytes);
  } else if (key == "max.poll.records") {
    good = number(value, config.max_poll_records);
  } else if (key == "client.rack") {
    config.client_rack = value;
  } else {
    TRY_ASSIGN(const bool known, common(config, key, value));
    if (!known) return fail(ErrorCode::INVALID_CONFIG, key + ": no configuration of a consumer");
  }
  if (!good) return wrong(key, value);
  return {};
}

std::vector<std::string> with_common(std::vector<std::string> keys) {
  for (const char* key :
       {"request.timeout.ms", "retry.backoff.ms", "retry.backoff.max.ms", "reconnect.backoff.ms",
        "reconnect.backoff.max.ms", "metadata.max.age.ms", "connections.max.idle.ms", "client.id"})
    keys.emplace_back(key);
  return keys;
}

}  // namespace

std::vector<std::string> producer_keys() {
  return with_common({"acks", "enable.idempotence", "retries", "max.in.flight.requests.per.connection",
                      "batch.size", "linger.ms", "buffer.memory", "max.block.ms", "max.request.size",
                      "delivery.timeout.ms", "compression.type"});
}

std::vector<std::string> consumer_keys() {
  return with_common({"auto.offset.reset", "isolation.level", "check.crcs", "fetch.min.bytes",
                      "fetch.max.bytes", "fetch.max.wait.ms", "max.partition.fetch.bytes", "max.poll.records",
                      "client.rack"});
}

std::vector<Endpoint> parse_endpoints(std::string_view text) {
  std::vector<Endpoint> endpoints;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    const std::string_view one = text.substr(0, comma);
    const size_t colon = one.rfind(':');
    if (colon != std::string_view::npos) {
      Endpoint endpoint{std::string(one.substr(0, colon)), 0};
      std::from_chars(one.data() + colon + 1, one.data() + one.size(), endpoint.port);
      endpoints.push_back(std::move(endpoint));
    }
    text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
  }
  return endpoints;
}

Result<client::ProducerConfig> producer_config(const Properties& properties, const std::string& bootstrap) {
  client::ProducerConfig config;
  config.bootstrap_servers = parse_endpoints(bootstrap);
  // Kafka's default is on, but only where the other settings allow it.
  const auto acks = properties.find("acks");
  if (acks != properties.end() && acks->second != "all" && acks->second != "-1")
    config.enable_idempotence = false;
  for (const auto& [key, value] : properties) {
    if (key == "enable.idempotence" && value == "true" && !config.enable_idempotence) continue;
    TRY(producer_key(config, key, value));
  }
  return config;
}

Result<client::ConsumerConfig> consumer_config(const Properties& properties, const std::string& bootstrap) {
  client::ConsumerConfig config;
  config.bootstrap_servers = parse_endpoints(bootstrap);
  for (const auto& [key, value] : properties) TRY(consumer_key(config, key, value));
  return config;
}

}  // namespace ksim::sim
