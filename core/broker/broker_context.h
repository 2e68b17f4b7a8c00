#pragma once
// What the request handlers of one shard work with. Each shard of a broker has one; it owns nothing.

#include <cstdint>
#include <string>

#include "core/broker/broker_shards.h"
#include "core/broker/fetch_session.h"
#include "core/metadata/server_config.h"
#include "core/storage/log_manager.h"

namespace ksim::broker {

class AutoTopicCreation;
class ControllerChannel;
class ProducerIds;
class TopicMetrics;

struct BrokerContext {
  const Env& env;
  const ServerConfig& server;
  int32_t broker_id = -1;
  std::string cluster_id;
  BrokerShards& shards;
  FetchSessionCache& fetch_sessions;
  ControllerChannel& forwarding;  // for client requests that the controller answers
  AutoTopicCreation& auto_topics;
  ProducerIds& producer_ids;  // of this shard's view: may ask another shard
  TopicMetrics& topic_metrics;
  const std::vector<storage::LogDirInfo>& directories;
  const storage::LogManager& logs;  // of this shard

  // The image a request works with from its start to its end.
  MetadataImageRef image() const { return shards.local().image(); }
};

}  // namespace ksim::broker
