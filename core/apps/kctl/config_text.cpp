#include "core/apps/kctl/config_text.h"

#include <algorithm>
#include <array>

namespace ksim::kctl {
namespace {

constexpr int8_t kDefaultSource = 5;

}  // namespace

std::string_view source_name(int8_t source) {
  // org.apache.kafka.common.requests.DescribeConfigsResponse.ConfigSource
  constexpr std::array<std::string_view, 9> kNames{
      "unknown", "topic",         "broker",         "cluster", "server.properties",
      "default", "broker logger", "client metrics", "group"};
  const auto index = static_cast<size_t>(std::max<int8_t>(source, 0));
  return index < kNames.size() ? kNames[index] : kNames[0];
}

std::vector<client::ConfigEntry> set_configs(std::vector<client::ConfigEntry> entries) {
  entries.erase(std::remove_if(entries.begin(), entries.end(),
                               [](const auto& entry) { return entry.source == kDefaultSource; }),
                entries.end());
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return entries;
}

Json configs_json(const std::vector<client::ConfigEntry>& entries) {
  Json json = Json::object();
  for (const client::ConfigEntry& entry : entries) {
    Json& config = json[entry.name];
    config["value"] = entry.value ? Json(*entry.value) : Json();
    config["source"] = source_name(entry.source);
    if (entry.is_sensitive) config["sensitive"] = true;
    if (entry.is_read_only) config["read_only"] = true;
  }
  return json;
}

}  // namespace ksim::kctl
