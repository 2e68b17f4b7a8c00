// Metadata (rules D60, D61).

#include <algorithm>

#include "core/broker/auto_topics.h"
#include "core/broker/handlers/common.h"
#include "core/broker/handlers/config_entries.h"
#include "core/broker/handlers/handlers.h"

namespace ksim::broker {
namespace {

struct Scene {
  BrokerContext& context;
  const MetadataImage& image;
  std::string_view listener;
  int16_t version;
  wire::Arena arena;
};

void fill_brokers(Scene& scene, wire::MetadataResponse& response) {
  const std::vector<NamedBroker> brokers = brokers_on(scene.image, scene.listener);
  response.brokers = scene.arena.make_array<wire::MetadataResponseBroker>(brokers.size());
  for (size_t i = 0; i < brokers.size(); ++i) {
    wire::MetadataResponseBroker& entry = response.brokers[i];
    entry.node_id = brokers[i].broker->id;
    entry.host = brokers[i].endpoint->host;
    entry.port = brokers[i].endpoint->port;
    if (brokers[i].broker->rack) entry.rack = *brokers[i].broker->rack;
  }
  response.cluster_id = scene.context.cluster_id;
  // Clients send admin requests to "the controller"; any live broker forwards them.
  if (!brokers.empty()) {
    const uint64_t draw =
        scene.context.env.random.draw(Stream::least_loaded_node, hash_text("metadata controller"),
                                      static_cast<uint64_t>(scene.context.env.now().ns));
    response.controller_id = brokers[draw % brokers.size()].broker->id;
  }
}

void fill_topic(Scene& scene, const TopicImage& topic, const wire::MetadataRequest& request,
                wire::MetadataResponseTopic& entry) {
  entry.name = copy_text(scene.arena, topic.name);
  entry.topic_id = topic.id;
  entry.is_internal = is_internal_topic(topic.name);
  entry.topic_authorized_operations =
      request.include_topic_authorized_operations ? kTopicOperations : kNoOperations;
  entry.partitions = scene.arena.make_array<wire::MetadataResponsePartition>(topic.partitions.size());
  size_t at = 0;
  for (const auto& [index, partition] : topic.partitions) {
    wire::MetadataResponsePartition& data = entry.partitions[at++];
    const PartitionView view = view_partition(scene.image, *partition, scene.listener, scene.version >= 6);
    data.error_code = code(view.error);
    data.partition_index = index;
    data.leader_id = view.leader;
    data.leader_epoch = partition->leader_epoch;
    data.replica_nodes = copy_ids(scene.arena, partition->replicas);
    data.isr_nodes = copy_ids(scene.arena, partition->isr);
    data.offline_replicas = copy_ids(scene.arena, view.offline_replicas);
  }
}

void fill_missing(ErrorCode error, std::optional<std::string_view> name, const Uuid& id,
                  wire::MetadataResponseTopic& entry) {
  entry.error_code = code(error);
  if (name) {
    entry.name = *name;
    entry.is_internal = is_internal_topic(*name);
  } else {
    entry.name.reset();
  }
  entry.topic_id = id;
}

ErrorCode missing_topic(Scene& scene, std::string_view name, const wire::MetadataRequest& request) {
  if (!valid_topic_name(name)) return ErrorCode::INVALID_TOPIC_EXCEPTION;
  const bool allowed = scene.version < 4 || request.allow_auto_topic_creation;
  if (allowed && scene.context.server.boolean("auto.create.topics.enable"))
    scene.context.auto_topics.request(std::string(name));
  return ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
}

void fill_named_topics(Scene& scene, const wire::MetadataRequest& request, wire::MetadataResponse& response) {
  response.topics = scene.arena.make_array<wire::MetadataResponseTopic>(request.topics->size());
  size_t at = 0;
  for (const auto& asked : *request.topics) {
    wire::MetadataResponseTopic& entry = response.topics[at++];
    const bool by_id = !asked.topic_id.is_zero();
    const TopicRef topic = by_id        ? scene.image.topic(asked.topic_id)
                           : asked.name ? scene.image.topic(*asked.name)
                                        : nullptr;
    if (topic != nullptr) {
      fill_topic(scene, *topic, request, entry);
    } else if (by_id) {
      fill_missing(ErrorCode::UNKNOWN_TOPIC_ID, std::nullopt, asked.topic_id, entry);
    } else {
      const std::string_view name = asked.name.value_or(std::string_view());
      fill_missing(missing_topic(scene, name, request), name, kZeroUuid, entry);
    }
  }
}

void fill_all_topics(Scene& scene, const wire::MetadataRequest& request, wire::MetadataResponse& response) {
  response.topics = scene.arena.make_array<wire::MetadataResponseTopic>(scene.image.topics.by_name.size());
  size_t at = 0;
  for (const auto& [name, id] : scene.image.topics.by_name)
    fill_topic(scene, *scene.image.topic(id), request, response.topics[at++]);
}

// Names are never null, and ids not served, before version 12 (KIP-516).
bool expressible(const wire::MetadataRequest& request, int16_t version) {
  if (version >= 12 || !request.topics) return true;
  return std::all_of(request.topics->begin(), request.topics->end(),
                     [](const auto& topic) { return topic.name && topic.topic_id.is_zero(); });
}

void refuse(Scene& scene, const wire::MetadataRequest& request, wire::MetadataResponse& response) {
  response.controller_id = -1;
  response.topics = scene.arena.make_array<wire::MetadataResponseTopic>(request.topics->size());
  for (size_t i = 0; i < request.topics->size(); ++i) {
    const auto& asked = (*request.topics)[i];
    fill_missing(ErrorCode::INVALID_REQUEST, asked.name.value_or(std::string_view()), asked.topic_id,
                 response.topics[i]);
  }
}

}  // namespace

void handle_metadata(BrokerContext& context, const wire::MetadataRequest& request, IncomingRequest& incoming,
                     ResponseSlot slot) {
  const MetadataImageRef image = context.image();
  Scene scene{context, *image, incoming.context.connection->listener, incoming.context.version, {}};
  wire::MetadataResponse response;
  if (!expressible(request, scene.version)) {
    refuse(scene, request, response);
    return slot.respond(response);
  }
  fill_brokers(scene, response);
  if (request.include_cluster_authorized_operations)
    response.cluster_authorized_operations = kClusterOperations;
  // Version 0 has no null: there an empty list asks for all topics.
  const bool all = !request.topics || (scene.version == 0 && request.topics->empty());
  if (all) {
    fill_all_topics(scene, request, response);
  } else {
    fill_named_topics(scene, request, response);
  }
  slot.respond(response);
}

}  // namespace ksim::broker
