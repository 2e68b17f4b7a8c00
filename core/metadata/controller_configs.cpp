// Settings of resources and feature levels (rules C30, C44, C46).

#include <algorithm>
#include <map>
#include <set>

#include "core/metadata/controller.h"
#include "core/metadata/controller_op.h"

namespace ksim {
namespace {

constexpr std::string_view kMinIsr = "min.insync.replicas";

const std::string* find(const ConfigMap& map, std::string_view key) {
  const auto it = map.find(key);
  return it == map.end() ? nullptr : &it->second;
}

bool same(const std::string* a, const std::string* b) {
  return a == nullptr || b == nullptr ? a == b : *a == *b;
}

template <class Response>
void answer(Response& response, const Result<void>& result, std::string_view message) {
  response.error_message = std::nullopt;
  if (result.ok()) return;
  response.error_code = number(result.error().code);
  response.error_message = message;
}

}  // namespace

// ---- settings ----

Result<void> Controller::check_resource_exists(const MetadataImage& image,
                                               const ConfigResource& resource) const {
  if (resource.type == ConfigResourceType::topic && !image.topics.by_name.contains(resource.name)) {
    return fail(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, "The topic '" + resource.name + "' does not exist.");
  }
  if (resource.type == ConfigResourceType::broker && !resource.name.empty()) {
    const auto id = static_cast<int32_t>(parse_int(resource.name, 0, INT32_MAX).value_or(-1));
    const bool controller =
        std::find(settings_.voters.begin(), settings_.voters.end(), id) != settings_.voters.end();
    if (image.broker(id) == nullptr && !controller) {
      return fail(ErrorCode::BROKER_ID_NOT_REGISTERED, "No broker with id " + resource.name + " found.");
    }
  }
  return {};
}

Result<void> Controller::change_configs(Op& op, const ConfigResource& resource, const ConfigMap& after,
                                        const std::set<std::string>& named) {
  const bool elr = op.image().features.elr_enabled();
  TRY(check_config_resource(resource, after, elr));
  TRY(check_resource_exists(op.image(), resource));
  ConfigMap before;
  if (const ConfigMap* current = op.image().configs.of(resource)) before = *current;
  const bool cluster = resource == ConfigResource::cluster_default();
  if (elr && cluster && find(before, kMinIsr) != nullptr && find(after, kMinIsr) == nullptr) {
    // Static values may differ between nodes; eligible replicas need one that all of them share (rule C30).
    return fail(ErrorCode::INVALID_CONFIG,
                "Cluster-level min.insync.replicas cannot be removed while ELR is enabled.");
  }
  // What is set to the value it has is written all the same for brokers, which reload files on it
  // (KAFKA-14136).
  std::set<std::string> keys = named;
  for (const auto& entry : before) {
    if (find(after, entry.first) == nullptr) keys.insert(entry.first);
  }
  if (op.count() + keys.size() + 1 > settings_.max_records_per_request) {
    return fail(ErrorCode::POLICY_VIOLATION, "Unable to perform excessively large batch operation.");
  }
  for (const std::string& key : keys) {
    const std::string* value = find(after, key);
    if (same(find(before, key), value) && resource.type != ConfigResourceType::broker) continue;
    write_config(op, resource, key,
                 value == nullptr ? std::nullopt : std::optional<std::string_view>(*value));
  }
  const bool min_isr_changed = !same(find(before, kMinIsr), find(after, kMinIsr));
  if (elr && min_isr_changed && (resource.type == ConfigResourceType::topic || cluster)) {
    wire::ClearElrRecord clear;
    clear.topic_name = resource.name;
    op.write(clear, 0);
  }
  return {};
}

void Controller::write_config(Op& op, const ConfigResource& resource, std::string_view name,
                              std::optional<std::string_view> value) {
  wire::ConfigRecord record;
  record.resource_type = static_cast<int8_t>(resource.type);
  record.resource_name = resource.name;
  record.name = name;
  record.value = value;
  op.write(record, 0);
}

ControllerStep Controller::incremental_alter_configs(
    const wire::IncrementalAlterConfigsRequest& request, const ControllerRequestInfo&,
    ControllerReply<wire::IncrementalAlterConfigsResponse>& reply) {
  Op op(*this);
  std::map<ConfigResource, int> times;
  for (const auto& asked : request.resources) {
    ++times[{static_cast<ConfigResourceType>(asked.resource_type), std::string(asked.resource_name)}];
  }
  reply.response.responses =
      reply.arena.make_array<wire::IncrementalAlterConfigsResponseAlterConfigsResourceResponse>(
          request.resources.size());
  for (size_t i = 0; i < request.resources.size(); ++i) {
    const auto& asked = request.resources[i];
    auto& response = reply.response.responses[i];
    response.resource_type = asked.resource_type;
    response.resource_name = keep(reply, asked.resource_name);
    const ConfigResource resource{static_cast<ConfigResourceType>(asked.resource_type),
                                  std::string(asked.resource_name)};
    const auto change = [&]() -> Result<void> {
      if (times[resource] > 1) {
        return fail(ErrorCode::INVALID_REQUEST, "Each resource must appear at most once.");
      }
      ConfigMap after;
      if (const ConfigMap* current = op.image().configs.of(resource)) after = *current;
      std::set<std::string> named;
      for (const auto& config : asked.configs) {
        const std::string key(config.name);
        if (!named.insert(key).second) {
          return fail(ErrorCode::INVALID_REQUEST, "Error due to duplicate config keys: " + one_line(key));
        }
        if (config.config_operation < 0 || config.config_operation > 3) {
          return fail(ErrorCode::INVALID_REQUEST,
                      "Unknown operation type " + std::to_string(config.config_operation));
        }
        std::optional<std::string> value;
        if (config.value) value = std::string(*config.value);
        TRY(apply_config_op(view(op.image()), resource, after, static_cast<ConfigOp>(config.config_operation),
                            key, value));
      }
      return change_configs(op, resource, after, named);
    };
    const Result<void> changed = change();
    answer(response, changed, changed.ok() ? std::string_view() : keep(reply, changed.error().message));
  }
  return request.validate_only ? nothing() : run(op, true);
}

ControllerStep Controller::alter_configs(const wire::AlterConfigsRequest& request,
                                         const ControllerRequestInfo&,
                                         ControllerReply<wire::AlterConfigsResponse>& reply) {
  Op op(*this);
  std::map<ConfigResource, int> times;
  for (const auto& asked : request.resources) {
    ++times[{static_cast<ConfigResourceType>(asked.resource_type), std::string(asked.resource_name)}];
  }
  reply.response.responses = reply.arena.make_array<wire::AlterConfigsResponseAlterConfigsResourceResponse>(
      request.resources.size());
  for (size_t i = 0; i < request.resources.size(); ++i) {
    const auto& asked = request.resources[i];
    auto& response = reply.response.responses[i];
    response.resource_type = asked.resource_type;
    response.resource_name = keep(reply, asked.resource_name);
    const ConfigResource resource{static_cast<ConfigResourceType>(asked.resource_type),
                                  std::string(asked.resource_name)};
    const auto change = [&]() -> Result<void> {
      if (times[resource] > 1) {
        return fail(ErrorCode::INVALID_REQUEST, "Each resource must appear at most once.");
      }
      ConfigMap after;
      std::set<std::string> named;
      for (const auto& config : asked.configs) {
        const std::string key(config.name);
        if (!named.insert(key).second) {
          return fail(ErrorCode::INVALID_REQUEST, "Error due to duplicate config keys: " + one_line(key));
        }
        if (!config.value) {
          return fail(ErrorCode::INVALID_REQUEST,
                      "Null value not supported for the configuration " + one_line(key));
        }
        after[key] = std::string(*config.value);
      }
      return change_configs(op, resource, after, named);
    };
    const Result<void> changed = change();
    answer(response, changed, changed.ok() ? std::string_view() : keep(reply, changed.error().message));
  }
  return request.validate_only ? nothing() : run(op, true);
}

// ---- features ----

// Rule C30: from now on every broker must use the same min.insync.replicas.
void Controller::write_elr_safety(Op& op) {
  const ConfigsImage configs = op.image().configs;
  if (configs.value(ConfigResource::cluster_default(), kMinIsr) == nullptr) {
    write_config(op, ConfigResource::cluster_default(), kMinIsr, server_.text(kMinIsr));
  }
  for (const auto& [resource, settings] : configs.by_resource) {
    if (resource.type != ConfigResourceType::broker || resource.name.empty()) continue;
    if (find(*settings, kMinIsr) != nullptr) write_config(op, resource, kMinIsr, std::nullopt);
  }
}

ControllerStep Controller::update_features(const wire::UpdateFeaturesRequest& request,
                                           const ControllerRequestInfo& info,
                                           ControllerReply<wire::UpdateFeaturesResponse>& reply) {
  Op op(*this);
  std::vector<FeatureUpdate> updates;
  for (const wire::FeatureUpdateKey& key : request.feature_updates) {
    FeatureUpdate update;
    update.name = std::string(key.feature);
    update.level = key.max_version_level;
    update.type = static_cast<FeatureUpgrade>(key.upgrade_type);
    if (info.api_version == 0) {
      update.type = key.allow_downgrade ? FeatureUpgrade::safe_downgrade : FeatureUpgrade::upgrade;
    }
    updates.push_back(std::move(update));
  }
  const auto check = [&]() -> Result<void> {
    std::set<std::string> names;
    for (const FeatureUpdate& update : updates) {
      if (!names.insert(update.name).second) {
        return fail(ErrorCode::INVALID_REQUEST, "Duplicate feature " + update.name);
      }
      TRY(check_feature_update(op.image(), update, updates, settings_.features, server_.node_id(),
                               settings_.voters));
    }
    return {};
  };
  const Result<void> checked = check();
  answer(reply.response, checked, checked.ok() ? std::string_view() : keep(reply, checked.error().message));
  if (info.api_version <= 1 && checked.ok()) {
    reply.response.results = reply.arena.make_array<wire::UpdatableFeatureResult>(updates.size());
    for (size_t i = 0; i < updates.size(); ++i) {
      reply.response.results[i].feature = keep(reply, updates[i].name);
      answer(reply.response.results[i], checked, reply.response.error_message.value_or(""));
    }
  }
  if (!checked.ok() || request.validate_only) return nothing();
  const bool elr_before = op.image().features.elr_enabled();
  for (const FeatureUpdate& update : updates) {
    if (update.name == kKraftVersionFeature) continue;
    wire::FeatureLevelRecord record;
    record.name = update.name;
    record.feature_level = update.level;
    op.write(record, 0);
  }
  if (!elr_before && op.image().features.elr_enabled()) write_elr_safety(op);
  return run(op, true);
}

}  // namespace ksim
