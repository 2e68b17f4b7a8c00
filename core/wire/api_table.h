#pragma once
// The table of APIs: what the schemas in core/wire/schema say of each one.

#include <cstdint>
#include <span>
#include <string_view>

namespace ksim::wire {

enum class ApiKey : int16_t {
#define KSIM_API(key, name, kafka_name, lowest, highest, advertised, request_flexible, response_flexible, \
                 broker, controller, forwardable)                                                         \
  name = key,
#include "core/wire/messages/apis.inc"
#undef KSIM_API
};

struct ApiInfo {
  ApiKey key;
  std::string_view name;  // "Fetch"
  int16_t lowest;         // versions we understand; others are refused (rule D2)
  int16_t highest;
  // What ApiVersions says is the lowest: Produce claims 0, else old librdkafka silently drops compression.
  int16_t advertised_lowest;
  int16_t request_flexible_from;
  int16_t response_flexible_from;
  bool on_broker;      // served on listeners of brokers
  bool on_controller;  // served on listeners of controllers
  bool forwardable;    // a broker may pass it on to the controller in an Envelope (KIP-590)

  bool supports(int16_t version) const { return version >= lowest && version <= highest; }
  // Request header v2 and response header v1 come with flexible versions; v1 and v0 before. The response
  // header of ApiVersions is always v0, so that a client of any age can read it (rule D3).
  bool flexible_request_header(int16_t version) const { return version >= request_flexible_from; }
  bool flexible_response_header(int16_t version) const;
};

std::span<const ApiInfo> api_table();  // in the order of the keys
const ApiInfo* find_api(int16_t key);
const ApiInfo& api_info(ApiKey key);

}  // namespace ksim::wire
