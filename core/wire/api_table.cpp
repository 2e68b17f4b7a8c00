#include "core/wire/api_table.h"

#include <algorithm>

#include "core/base/assert.h"

namespace ksim::wire {
namespace {

constexpr ApiInfo kApis[] = {
#define KSIM_API(key, name, kafka_name, lowest, highest, advertised, request_flexible, response_flexible, \
                 broker, controller, forwardable)                                                         \
  {ApiKey::name,     kafka_name,        lowest, highest,    advertised,                                   \
   request_flexible, response_flexible, broker, controller, forwardable},
#include "core/wire/messages/apis.inc"
#undef KSIM_API
};

}  // namespace

bool ApiInfo::flexible_response_header(int16_t version) const {
  return key != ApiKey::api_versions && version >= response_flexible_from;
}

std::span<const ApiInfo> api_table() { return kApis; }

const ApiInfo* find_api(int16_t key) {
  const auto* const found =
      std::lower_bound(std::begin(kApis), std::end(kApis), key,
                       [](const ApiInfo& a, int16_t k) { return static_cast<int16_t>(a.key) < k; });
  return found != std::end(kApis) && static_cast<int16_t>(found->key) == key ? found : nullptr;
}

const ApiInfo& api_info(ApiKey key) {
  const ApiInfo* const info = find_api(static_cast<int16_t>(key));
  ENSURE(info != nullptr);
  return *info;
}

}  // namespace ksim::wire
