#include "core/client/config.h"

namespace ksim::client {

namespace {

Failure<Error> invalid(std::string message) { return fail(ErrorCode::INVALID_CONFIG, std::move(message)); }

Result<void> validate_common(const ClientConfig& config) {
  if (config.bootstrap_servers.empty()) return invalid("bootstrap.servers is empty");
  if (config.request_timeout_ms <= 0) return invalid("request.timeout.ms must be positive");
  if (config.retry_backoff_ms < 0 || config.reconnect_backoff_ms < 0 || config.metadata_max_age_ms < 0)
    return invalid("retry.backoff.ms, reconnect.backoff.ms and metadata.max.age.ms must not be negative");
  return {};
}

}  // namespace

Result<void> ProducerConfig::validate() const {
  TRY(validate_common(*this));
  if (acks < -1 || acks > 1) return invalid("acks must be all (-1), 0 or 1");
  if (enable_idempotence && acks != kAcksAll) return invalid("enable.idempotence needs acks=all");
  if (enable_idempotence && retries == 0) return invalid("enable.idempotence needs retries");
  if (enable_idempotence && max_in_flight_requests_per_connection > 5)
    return invalid("enable.idempotence needs max.in.flight.requests.per.connection of at most 5");
  if (max_in_flight_requests_per_connection < 1)
    return invalid("max.in.flight.requests.per.connection must be positive");
  if (retries < 0 || batch_size < 0 || linger_ms < 0 || buffer_memory < 0 || max_block_ms < 0 ||
      max_request_size < 0)
    return invalid(
        "retries, batch.size, linger.ms, buffer.memory, max.block.ms and max.request.size must not be "
        "negative");
  if (delivery_timeout_ms < linger_ms + request_timeout_ms)
    return invalid("delivery.timeout.ms must be at least linger.ms + request.timeout.ms");
  if (compression_level && !is_valid_level(compression_type, *compression_level))
    return invalid("compression level " + std::to_string(*compression_level) + " of " +
                   std::string(to_string(compression_type)));
  return {};
}

Result<void> ConsumerConfig::validate() const {
  TRY(validate_common(*this));
  if (max_poll_records < 1) return invalid("max.poll.records must be positive");
  if (fetch_min_bytes < 0 || fetch_max_bytes < 0 || fetch_max_wait_ms < 0 || max_partition_fetch_bytes < 0)
    return invalid("fetch.* and max.partition.fetch.bytes must not be negative");
  return {};
}

Result<void> AdminConfig::validate() const { return validate_common(*this); }

}  // namespace ksim::client
