#pragma once
// Kafka's configuration keys of a plan's clients.

#include "core/client/config.h"
#include "sim/plan/plan.h"

namespace ksim::sim {

// INVALID_CONFIG with the key and what is allowed.
Result<client::ProducerConfig> producer_config(const Properties& properties, const std::string& bootstrap);
Result<client::ConsumerConfig> consumer_config(const Properties& properties, const std::string& bootstrap);
// What they take.
std::vector<std::string> producer_keys();
std::vector<std::string> consumer_keys();
std::vector<Endpoint> parse_endpoints(std::string_view text);

}  // namespace ksim::sim
