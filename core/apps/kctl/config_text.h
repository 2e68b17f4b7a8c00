#pragma once
// Configurations of topics and brokers as people read them.

#include <string_view>
#include <vector>

#include "core/apps/kctl/output.h"
#include "core/client/admin.h"

namespace ksim::kctl {

// Where the value comes from: "topic", "broker", "cluster", "server.properties", "default" ...
std::string_view source_name(int8_t source);
// Without those that have their default, by name.
std::vector<client::ConfigEntry> set_configs(std::vector<client::ConfigEntry> entries);
// {"name":{"value":...,"source":...},...}
Json configs_json(const std::vector<client::ConfigEntry>& entries);

}  // namespace ksim::kctl
