#pragma once
// The cluster's metadata at one offset of the metadata log (rule C49): immutable, shared as
// MetadataImageRef by everybody on a node who reads it. A request takes one image and keeps it. The next
// image shares with this one all that did not change (delta.h). Images are never shared between nodes.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "core/base/uuid.h"
#include "core/metadata/persistent_map.h"

namespace ksim {

constexpr int32_t kNoLeader = -1;
constexpr std::string_view kMetadataVersionFeature = "metadata.version";
constexpr std::string_view kElrFeature = "eligible.leader.replicas.version";
constexpr std::string_view kKraftVersionFeature = "kraft.version";

// Numbers of the LeaderRecoveryState field.
enum class LeaderRecovery : int8_t { recovered = 0, recovering = 1 };

// Numbers of the SecurityProtocol field.
enum class SecurityProtocol : int16_t { plaintext = 0, ssl = 1, sasl_plaintext = 2, sasl_ssl = 3 };

struct ListenerEndpoint {
  std::string name;
  std::string host;
  uint16_t port = 0;
  SecurityProtocol protocol = SecurityProtocol::plaintext;

  bool operator==(const ListenerEndpoint& o) const {
    return name == o.name && host == o.host && port == o.port && protocol == o.protocol;
  }
};

struct VersionRange {
  int16_t min = 0;
  int16_t max = 0;
  bool contains(int16_t level) const { return min <= level && level <= max; }
  bool operator==(const VersionRange& o) const { return min == o.min && max == o.max; }
};
using FeatureRanges = std::map<std::string, VersionRange, std::less<>>;

struct BrokerRegistration {
  int32_t id = -1;
  int64_t epoch = -1;  // offset of its RegisterBrokerRecord (rule C9)
  Uuid incarnation_id;
  std::vector<ListenerEndpoint> listeners;  // in the order of the record
  FeatureRanges features;
  std::optional<std::string> rack;
  bool fenced = true;
  bool in_controlled_shutdown = false;
  std::vector<Uuid> directories;  // online log directories, sorted; empty: the broker does not report them

  bool active() const { return !fenced && !in_controlled_shutdown; }  // rule C18
  // A replica in `directory` can be served (reserved ids: not yet known, lost).
  bool has_online_directory(const Uuid& directory) const;
  const ListenerEndpoint* listener(std::string_view name) const;
};
using BrokerRef = std::shared_ptr<const BrokerRegistration>;

struct ControllerRegistration {
  int32_t id = -1;
  Uuid incarnation_id;
  bool zk_migration_ready = false;
  std::vector<ListenerEndpoint> listeners;
  FeatureRanges features;

  const ListenerEndpoint* listener(std::string_view name) const;
};
using ControllerRef = std::shared_ptr<const ControllerRegistration>;

struct PartitionRegistration {
  std::vector<int32_t> replicas;  // in order of preference; replicas[0] is the preferred leader
  std::vector<Uuid> directories;  // one per replica
  std::vector<int32_t> isr;
  std::vector<int32_t> removing_replicas;
  std::vector<int32_t> adding_replicas;
  std::vector<int32_t> elr;  // eligible leader replicas (KIP-966)
  std::vector<int32_t> last_known_elr;
  int32_t leader = kNoLeader;
  LeaderRecovery recovery = LeaderRecovery::recovered;
  int32_t leader_epoch = 0;
  int32_t partition_epoch = 0;

  bool has_leader() const { return leader != kNoLeader; }
  bool has_preferred_leader() const { return !replicas.empty() && leader == replicas.front(); }
  bool reassigning() const { return !removing_replicas.empty() || !adding_replicas.empty(); }
  bool is_replica(int32_t broker) const;
  bool in_isr(int32_t broker) const;
  // The directory of that broker's replica; kDirectoryMigrating if it has none.
  Uuid directory_of(int32_t broker) const;
  bool operator==(const PartitionRegistration& other) const;
};
using PartitionRef = std::shared_ptr<const PartitionRegistration>;

struct TopicImage {
  std::string name;
  Uuid id;
  PersistentMap<int32_t, PartitionRef> partitions;

  const PartitionRegistration* partition(int32_t index) const;
};
using TopicRef = std::shared_ptr<const TopicImage>;

struct FeaturesImage {
  int16_t metadata_version = 0;                           // 0: no FeatureLevelRecord of it has been seen
  std::map<std::string, int16_t, std::less<>> finalized;  // the others, level > 0

  int16_t level(std::string_view name) const;
  bool elr_enabled() const { return level(kElrFeature) > 0; }
};

struct ClusterImage {
  PersistentMap<int32_t, BrokerRef> brokers;
  PersistentMap<int32_t, ControllerRef> controllers;
};

struct TopicsImage {
  PersistentMap<Uuid, TopicRef> by_id;
  PersistentMap<std::string, Uuid> by_name;
};

// Numbers of the ResourceType field of ConfigRecord and of the config APIs.
enum class ConfigResourceType : int8_t {
  unknown = 0,
  topic = 2,
  broker = 4,
  broker_logger = 8,
  client_metrics = 16,
  group = 32,
};
// Broker resource "" is the cluster default (rule C44).
struct ConfigResource {
  ConfigResourceType type = ConfigResourceType::unknown;
  std::string name;

  static ConfigResource topic(std::string_view name) {
    return {ConfigResourceType::topic, std::string(name)};
  }
  static ConfigResource broker(int32_t id) { return {ConfigResourceType::broker, std::to_string(id)}; }
  static ConfigResource cluster_default() { return {ConfigResourceType::broker, {}}; }
  bool operator<(const ConfigResource& o) const { return std::tie(type, name) < std::tie(o.type, o.name); }
  bool operator==(const ConfigResource& o) const { return type == o.type && name == o.name; }
};
using ConfigMap = std::map<std::string, std::string, std::less<>>;
using ConfigMapRef = std::shared_ptr<const ConfigMap>;

struct ConfigsImage {
  PersistentMap<ConfigResource, ConfigMapRef> by_resource;

  const ConfigMap* of(const ConfigResource& resource) const;  // null if there are none
  const std::string* value(const ConfigResource& resource, std::string_view key) const;
};

// (entity type, name or the default) pairs in the order of their types: "client-id", "ip", "user".
using QuotaEntity = std::map<std::string, std::optional<std::string>, std::less<>>;
using QuotaValues = std::map<std::string, double, std::less<>>;
using QuotaValuesRef = std::shared_ptr<const QuotaValues>;
struct ClientQuotasImage {
  PersistentMap<QuotaEntity, QuotaValuesRef> by_entity;
};

struct AclEntry {
  Uuid id;
  int8_t resource_type = 0;
  std::string resource_name;
  int8_t pattern_type = 0;
  std::string principal;
  std::string host;
  int8_t operation = 0;
  int8_t permission_type = 0;
};
using AclRef = std::shared_ptr<const AclEntry>;

struct ScramCredential {
  std::string salt;  // bytes
  std::string stored_key;
  std::string server_key;
  int32_t iterations = 0;
};
// (mechanism, user name)
using ScramKey = std::pair<int8_t, std::string>;
using ScramRef = std::shared_ptr<const ScramCredential>;

struct DelegationToken {
  std::string owner;
  std::string requester;
  std::vector<std::string> renewers;
  int64_t issue_timestamp_ms = 0;
  int64_t max_timestamp_ms = 0;
  int64_t expiration_timestamp_ms = 0;
  std::string id;
};
using TokenRef = std::shared_ptr<const DelegationToken>;

// Which prefix of the metadata log an image is of. Offset -1: nothing yet.
struct MetadataProvenance {
  int64_t last_offset = -1;
  int32_t last_epoch = -1;
  int64_t last_append_time_ms = -1;
};

struct MetadataImage {
  MetadataProvenance provenance;
  FeaturesImage features;
  ClusterImage cluster;
  TopicsImage topics;
  ConfigsImage configs;
  ClientQuotasImage client_quotas;
  int64_t next_producer_id = 0;
  PersistentMap<Uuid, AclRef> acls;
  PersistentMap<ScramKey, ScramRef> scram;
  PersistentMap<std::string, TokenRef> tokens;

  bool empty() const { return provenance.last_offset < 0; }
  const BrokerRegistration* broker(int32_t id) const;
  // Registered, unfenced and not in controlled shutdown: may lead and be in an ISR.
  bool broker_active(int32_t id) const;
  // Registered and unfenced: named to clients.
  bool broker_alive(int32_t id) const;
  std::vector<BrokerRef> alive_brokers() const;  // by id
  TopicRef topic(const Uuid& id) const;          // null if unknown
  TopicRef topic(std::string_view name) const;
  // Zero if there is no topic of that name.
  Uuid topic_id(std::string_view name) const;
  PartitionRef partition(const Uuid& topic_id, int32_t index) const;  // null if unknown
  PartitionRef partition(std::string_view topic, int32_t index) const;
  const ConfigMap* topic_configs(std::string_view name) const {
    return configs.of(ConfigResource::topic(name));
  }
};
using MetadataImageRef = std::shared_ptr<const MetadataImage>;

// The image of an empty log.
MetadataImageRef empty_image();

}  // namespace ksim
