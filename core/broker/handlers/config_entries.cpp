#include "core/broker/handlers/config_entries.h"

#include <charconv>

#include "core/metadata/config.h"

namespace ksim::broker {
namespace {

void fill_entry(const ConfigEntry& from, const wire::DescribeConfigsRequest& request,
                wire::DescribeConfigsResourceResult& to, wire::Arena& arena) {
  to.name = copy_text(arena, from.name);
  to.value.reset();
  if (from.value) to.value = copy_text(arena, *from.value);
  to.read_only = from.read_only;
  to.config_source = static_cast<int8_t>(from.source);
  to.is_sensitive = from.sensitive;
  to.config_type = static_cast<int8_t>(from.type);
  to.documentation.reset();
  if (request.include_documentation) to.documentation = from.doc;
  if (!request.include_synonyms) return;
  to.synonyms = arena.make_array<wire::DescribeConfigsSynonym>(from.synonyms.size());
  for (size_t i = 0; i < from.synonyms.size(); ++i) {
    to.synonyms[i].name = copy_text(arena, from.synonyms[i].name);
    to.synonyms[i].value.reset();
    if (from.synonyms[i].value) to.synonyms[i].value = copy_text(arena, *from.synonyms[i].value);
    to.synonyms[i].source = static_cast<int8_t>(from.synonyms[i].source);
  }
}

Result<std::vector<ConfigEntry>> describe(const ConfigScene& scene,
                                          const wire::DescribeConfigsResource& resource,
                                          const std::vector<std::string>* names) {
  const ConfigView view{scene.image.configs, scene.server};
  const std::string_view name = resource.resource_name;
  switch (static_cast<ConfigResourceType>(resource.resource_type)) {
    case ConfigResourceType::topic:
      TRY(check_topic_name(name));
      if (scene.image.topic(name) == nullptr) return fail(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
      return describe_topic_configs(view, scene.image.topic_configs(name), names);
    case ConfigResourceType::broker: {
      if (name.empty()) return describe_broker_configs(view, std::nullopt, names);
      int32_t id = -1;
      const auto parsed = std::from_chars(name.data(), name.data() + name.size(), id);
      if (parsed.ec != std::errc() || parsed.ptr != name.data() + name.size() || id != scene.broker_id)
        return fail(ErrorCode::INVALID_REQUEST, "this is broker " + std::to_string(scene.broker_id));
      return describe_broker_configs(view, id, names);
    }
    default:
      return fail(ErrorCode::INVALID_REQUEST, "unsupported resource type");
  }
}

}  // namespace

bool valid_topic_name(std::string_view name) { return check_topic_name(name).ok(); }

void describe_config_resource(const ConfigScene& scene, const wire::DescribeConfigsRequest& request,
                              const wire::DescribeConfigsResource& resource,
                              wire::DescribeConfigsResult& result, wire::Arena& arena) {
  result.resource_type = resource.resource_type;
  result.resource_name = resource.resource_name;
  std::vector<std::string> names;
  if (resource.configuration_keys) {
    for (std::string_view key : *resource.configuration_keys) names.emplace_back(key);
  }
  const auto entries = describe(scene, resource, names.empty() ? nullptr : &names);
  if (!entries.ok()) {
    result.error_code = static_cast<int16_t>(entries.error().code);
    result.error_message = copy_text(arena, entries.error().message);
    return;
  }
  result.error_message.reset();
  result.configs = arena.make_array<wire::DescribeConfigsResourceResult>(entries->size());
  for (size_t i = 0; i < entries->size(); ++i) fill_entry((*entries)[i], request, result.configs[i], arena);
}

}  // namespace ksim::broker
