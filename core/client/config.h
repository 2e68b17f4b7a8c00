#pragma once
// What a client is told, under Kafka's configuration names with '_' for '.', with the defaults of Kafka 4.x
// (org.apache.kafka.clients.producer.ProducerConfig and its siblings). Times are milliseconds.

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/io/network.h"
#include "core/record/compression.h"

namespace ksim::client {

// Common to all clients.
struct ClientConfig {
  std::vector<Endpoint> bootstrap_servers;
  std::string client_id;
  int64_t request_timeout_ms = 30'000;
  int64_t retry_backoff_ms = 100;
  int64_t retry_backoff_max_ms = 1'000;
  int64_t reconnect_backoff_ms = 50;
  int64_t reconnect_backoff_max_ms = 1'000;
  int64_t socket_connection_setup_timeout_ms = 10'000;
  int64_t socket_connection_setup_timeout_max_ms = 30'000;
  int64_t connections_max_idle_ms = 540'000;
  int64_t metadata_max_age_ms = 300'000;
  // metadata.recovery.strategy: true is "rebootstrap", false "none" (rule G36).
  bool metadata_recovery_rebootstrap = true;
  int64_t metadata_recovery_rebootstrap_trigger_ms = 300'000;
};

struct ProducerConfig : ClientConfig {
  static constexpr int16_t kAcksAll = -1;

  int16_t acks = kAcksAll;
  bool enable_idempotence = true;
  int32_t retries = std::numeric_limits<int32_t>::max();
  int32_t max_in_flight_requests_per_connection = 5;
  int64_t batch_size = 16'384;
  int64_t linger_ms = 5;
  int64_t buffer_memory = 33'554'432;
  int64_t max_block_ms = 60'000;
  int64_t max_request_size = 1'048'576;
  int64_t delivery_timeout_ms = 120'000;
  Compression compression_type = Compression::none;
  std::optional<int32_t> compression_level;
  bool partitioner_ignore_keys = false;
  bool partitioner_adaptive_partitioning_enable = true;
  int64_t partitioner_availability_timeout_ms = 0;
  int64_t metadata_max_idle_ms = 300'000;

  // INVALID_CONFIG with the name of what contradicts what (rule G11).
  Result<void> validate() const;
};

enum class IsolationLevel : int8_t { read_uncommitted = 0, read_committed = 1 };
enum class AutoOffsetReset : uint8_t { earliest, latest, none };

struct ConsumerConfig : ClientConfig {
  AutoOffsetReset auto_offset_reset = AutoOffsetReset::latest;
  IsolationLevel isolation_level = IsolationLevel::read_uncommitted;
  bool check_crcs = true;
  int32_t fetch_min_bytes = 1;
  int32_t fetch_max_bytes = 52'428'800;
  int32_t fetch_max_wait_ms = 500;
  int32_t max_partition_fetch_bytes = 1'048'576;
  int32_t max_poll_records = 500;
  int64_t default_api_timeout_ms = 60'000;
  bool allow_auto_create_topics = true;
  std::string client_rack;

  Result<void> validate() const;
};

struct AdminConfig : ClientConfig {
  int64_t default_api_timeout_ms = 60'000;
  int32_t retries = std::numeric_limits<int32_t>::max();

  Result<void> validate() const;
};

}  // namespace ksim::client
