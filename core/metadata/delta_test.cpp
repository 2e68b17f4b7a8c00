#include "core/metadata/delta.h"

#include <gtest/gtest.h>

#include "core/metadata/image_writer.h"

namespace ksim {
namespace {

template <class T>
std::span<T> view(std::vector<T>& items) {
  return items;
}

// Applies what `list` holds as one commit would.
MetadataImageRef replayed(const MetadataImageRef& base, const RecordList& list,
                          std::string* error = nullptr) {
  MetadataDelta delta(base);
  for (size_t i = 0; i < list.size(); ++i) {
    const auto result = delta.replay(list[i]);
    if (!result.ok()) {
      if (error == nullptr) ADD_FAILURE() << result.error().message;
      if (error != nullptr) *error = result.error().message;
      return base;
    }
  }
  return delta.finish({base->provenance.last_offset + static_cast<int64_t>(list.size()), 1, 0});
}

const Uuid kTopic{1, 2};
const Uuid kDir{7, 101};

void add_feature(RecordList& list, std::string_view name, int16_t level) {
  wire::FeatureLevelRecord record;
  record.name = name;
  record.feature_level = level;
  list.add(record, 0);
}

void add_broker(RecordList& list, int32_t id, int64_t epoch, bool fenced = false) {
  std::vector<wire::BrokerEndpoint> points(1);
  points[0].name = "PLAINTEXT";
  points[0].host = "h";
  points[0].port = 9092;
  std::vector<wire::BrokerFeature> features(1);
  features[0].name = "metadata.version";
  features[0].min_supported_version = 7;
  features[0].max_supported_version = 25;
  std::vector<Uuid> dirs{kDir};
  wire::RegisterBrokerRecord record;
  record.broker_id = id;
  record.broker_epoch = epoch;
  record.incarnation_id = Uuid{5, static_cast<uint64_t>(id)};
  record.end_points = view(points);
  record.features = view(features);
  record.rack = std::nullopt;
  record.fenced = fenced;
  record.log_dirs = view(dirs);
  list.add(record, 3);
}

void add_topic(RecordList& list, std::string_view name, const Uuid& id, int32_t partitions) {
  wire::TopicRecord topic;
  topic.name = name;
  topic.topic_id = id;
  list.add(topic, 0);
  PartitionRegistration partition;
  partition.replicas = {1, 2};
  partition.directories = {kDir, kDirectoryUnassigned};
  partition.isr = {1};
  partition.elr = {2};
  partition.last_known_elr = {};
  partition.leader = 1;
  partition.leader_epoch = 3;
  partition.partition_epoch = 4;
  for (int32_t i = 0; i < partitions; ++i) add_partition_record(list, id, i, partition, 25);
}

void add_config(RecordList& list, ConfigResourceType type, std::string_view resource, std::string_view name,
                std::optional<std::string_view> value) {
  wire::ConfigRecord record;
  record.resource_type = static_cast<int8_t>(type);
  record.resource_name = resource;
  record.name = name;
  record.value = value;
  list.add(record, 0);
}

RecordList everything() {
  RecordList list;
  add_feature(list, kMetadataVersionFeature, 25);
  add_feature(list, kElrFeature, 1);
  add_broker(list, 1, 10);
  add_broker(list, 2, 11, true);
  wire::RegisterControllerRecord controller;
  controller.controller_id = 9;
  controller.incarnation_id = Uuid{1, 200};
  list.add(controller, 0);
  add_topic(list, "orders", kTopic, 3);
  add_config(list, ConfigResourceType::topic, "orders", "retention.ms", "5");
  add_config(list, ConfigResourceType::broker, "", "log.retention.ms", "6");
  std::vector<wire::ClientQuotaRecordEntityData> entity(2);
  entity[0].entity_type = "user";
  entity[0].entity_name = "u";
  entity[1].entity_type = "client-id";
  entity[1].entity_name = std::nullopt;
  wire::ClientQuotaRecord quota;
  quota.entity = view(entity);
  quota.key = "producer_byte_rate";
  quota.value = 1024.5;
  list.add(quota, 0);
  wire::ProducerIdsRecord ids;
  ids.broker_id = 1;
  ids.broker_epoch = 10;
  ids.next_producer_id = 1000;
  list.add(ids, 0);
  wire::AccessControlEntryRecord acl;
  acl.id = Uuid{3, 300};
  acl.principal = "User:u";
  acl.resource_name = "orders";
  acl.host = "*";
  list.add(acl, 0);
  wire::UserScramCredentialRecord scram;
  scram.name = "u";
  scram.mechanism = 1;
  scram.salt = as_bytes("salt");
  scram.stored_key = as_bytes("stored");
  scram.server_key = as_bytes("server");
  scram.iterations = 4096;
  list.add(scram, 0);
  wire::DelegationTokenRecord token;
  token.owner = "User:u";
  token.token_id = "t";
  list.add(token, 0);
  return list;
}

// Records may be newer than the metadata.version in force: what a snapshot of it cannot carry is left out.
TEST(Delta, AnImageOfAnOldVersionHasASnapshot) {
  RecordList list;
  add_broker(list, 1, 10);
  add_topic(list, "orders", kTopic, 1);
  const MetadataImageRef image = replayed(empty_image(), list);
  ASSERT_FALSE(image->broker(1)->directories.empty());
  const auto loaded = load_snapshot(image->provenance, image_records(*image).values());
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  EXPECT_TRUE(loaded->image->broker(1)->directories.empty());
  EXPECT_EQ(image_hash(*loaded->image), image_hash(*image));
}

TEST(Delta, RuleC49SnapshotRebuildsTheImage) {
  const MetadataImageRef image = replayed(empty_image(), everything());
  EXPECT_EQ(image->broker(1)->epoch, 10);
  EXPECT_EQ(image->partition("orders", 2)->elr, std::vector<int32_t>{2});
  EXPECT_EQ(image->partition(kTopic, 0)->directory_of(1), kDir);
  EXPECT_TRUE(image->features.elr_enabled());
  EXPECT_FALSE(image->broker_alive(2));
  EXPECT_EQ(image->alive_brokers().size(), 1u);
  const RecordList snapshot = image_records(*image);
  const MetadataImageRef rebuilt = replayed(empty_image(), snapshot);
  EXPECT_EQ(image_hash(*rebuilt), image_hash(*image));
  // The order of the sections, by the type number of their first record.
  std::vector<int> order;
  for (size_t i = 0; i < snapshot.size(); ++i) {
    const int type = snapshot[i][1];
    if (order.empty() || order.back() != type) order.push_back(type);
  }
  EXPECT_EQ(order, (std::vector<int>{12, 0, 27, 2, 3, 4, 14, 15, 18, 11, 10}));
  EXPECT_EQ(snapshot[0][3], 17);  // the first name is "metadata.version": compact length 16 + 1
}

TEST(Delta, TheBaseStaysAndChangesAreTold) {
  const MetadataImageRef base = replayed(empty_image(), everything());
  const uint64_t before = image_hash(*base);
  RecordList list;
  wire::PartitionChangeRecord change;
  change.topic_id = kTopic;
  change.partition_id = 1;
  change.leader = 1;
  list.add(change, 2);
  add_config(list, ConfigResourceType::topic, "orders", "retention.ms", std::nullopt);
  MetadataDelta delta(base);
  for (size_t i = 0; i < list.size(); ++i) ASSERT_TRUE(delta.replay(list[i]).ok());
  ASSERT_EQ(delta.changed_topics().size(), 1u);
  EXPECT_EQ(delta.changed_topics().at(kTopic).partitions, std::set<int32_t>{1});
  EXPECT_FALSE(delta.changed_topics().at(kTopic).created);
  EXPECT_EQ(delta.changed_configs().size(), 1u);
  EXPECT_TRUE(delta.changed_brokers().empty());
  const MetadataImageRef next = delta.finish({99, 2, 5});
  EXPECT_EQ(next->provenance.last_offset, 99);
  EXPECT_EQ(image_hash(*base), before);
  EXPECT_EQ(next->topic_configs("orders"), nullptr);
  EXPECT_TRUE(next->cluster.brokers.same_as(base->cluster.brokers));
  // What was not touched is shared.
  EXPECT_EQ(next->partition(kTopic, 0), base->partition(kTopic, 0));
}

TEST(Delta, RuleC22EpochsOfAPartition) {
  const MetadataImageRef base = replayed(empty_image(), everything());
  RecordList list;
  wire::PartitionChangeRecord change;
  change.topic_id = kTopic;
  change.partition_id = 0;
  std::vector<int32_t> isr{1, 2};
  change.isr = view(isr);
  list.add(change, 2);
  const MetadataImageRef shrunk = replayed(base, list);
  EXPECT_EQ(shrunk->partition(kTopic, 0)->leader_epoch, 3);
  EXPECT_EQ(shrunk->partition(kTopic, 0)->partition_epoch, 5);
  list.clear();
  change.isr = std::nullopt;
  change.leader = 1;  // the same id: still a new epoch
  list.add(change, 2);
  const MetadataImageRef led = replayed(shrunk, list);
  EXPECT_EQ(led->partition(kTopic, 0)->leader_epoch, 4);
  EXPECT_EQ(led->partition(kTopic, 0)->partition_epoch, 6);
}

TEST(Delta, RuleC42ARecreatedTopicIsAnother) {
  const MetadataImageRef base = replayed(empty_image(), everything());
  RecordList list;
  wire::RemoveTopicRecord removal;
  removal.topic_id = kTopic;
  list.add(removal, 0);
  add_topic(list, "orders", Uuid{1, 3}, 1);
  MetadataDelta delta(base);
  for (size_t i = 0; i < list.size(); ++i) ASSERT_TRUE(delta.replay(list[i]).ok());
  ASSERT_EQ(delta.deleted_topics().count(kTopic), 1u);
  EXPECT_EQ(delta.deleted_topics().at(kTopic)->partitions.size(), 3u);
  EXPECT_TRUE(delta.changed_topics().at((Uuid{1, 3})).created);
  const MetadataImageRef next = delta.finish({});
  EXPECT_EQ(next->topic(kTopic), nullptr);
  EXPECT_EQ(next->topic_id("orders"), (Uuid{1, 3}));
  EXPECT_EQ(next->topic_configs("orders"), nullptr);  // its settings went with it
}

TEST(Delta, RuleC30ClearElr) {
  const MetadataImageRef base = replayed(empty_image(), everything());
  RecordList list;
  list.add(wire::ClearElrRecord{}, 0);
  const MetadataImageRef next = replayed(base, list);
  EXPECT_TRUE(next->partition(kTopic, 0)->elr.empty());
  EXPECT_EQ(next->partition(kTopic, 0)->partition_epoch, 5);
  EXPECT_EQ(next->partition(kTopic, 0)->leader_epoch, 3);
  // Nothing left to clear: nothing changes.
  EXPECT_EQ(image_hash(*replayed(next, list)), image_hash(*next));
}

TEST(Delta, ContradictionsAreErrors) {
  const MetadataImageRef base = replayed(empty_image(), everything());
  const auto error_of = [&](const auto& record, int16_t version) {
    RecordList list;
    list.add(record, version);
    std::string error;
    static_cast<void>(replayed(base, list, &error));
    return error;
  };
  wire::BrokerRegistrationChangeRecord change;
  change.broker_id = 1;
  change.broker_epoch = 9;  // a registration of before
  EXPECT_NE(error_of(change, 0), "");
  change.broker_epoch = 10;
  EXPECT_EQ(error_of(change, 0), "");
  wire::TopicRecord topic;
  topic.name = "orders";
  topic.topic_id = Uuid{1, 9};
  EXPECT_NE(error_of(topic, 0), "");
  wire::PartitionChangeRecord partition;
  partition.topic_id = kTopic;
  partition.partition_id = 7;
  EXPECT_NE(error_of(partition, 2), "");
  wire::ProducerIdsRecord ids;  // rule C43
  ids.next_producer_id = 1000;
  EXPECT_NE(error_of(ids, 0), "");
  wire::FeatureLevelRecord feature;  // rule C47
  feature.name = "unheard.of";
  feature.feature_level = 1;
  EXPECT_NE(error_of(feature, 0), "");
  feature.feature_level = 0;
  EXPECT_EQ(error_of(feature, 0), "");
  feature.name = kMetadataVersionFeature;
  feature.feature_level = 26;
  EXPECT_NE(error_of(feature, 0), "");
}

TEST(Records, RuleA53Framing) {
  RecordList list;
  wire::FeatureLevelRecord feature;
  feature.name = "kafka";
  feature.feature_level = 0x0102;
  list.add(feature, 0);
  // frame 1, type 12, version 0, compact string, level, no tagged fields
  EXPECT_EQ(to_hex(list[0]), "010c00066b61666b61010200");
  wire::Arena arena;
  const auto code = [&](std::vector<uint8_t> bytes) { return decode_metadata_record(bytes, arena).ok(); };
  EXPECT_TRUE(code(to_buffer(list[0])));
  auto longer = to_buffer(list[0]);
  longer.push_back(0);
  EXPECT_FALSE(code(longer));                  // bytes after the message
  EXPECT_FALSE(code({0, 12, 0, 1, 0, 0, 0}));  // frame version 0
  EXPECT_FALSE(code({2, 12, 0, 1, 0, 0, 0}));
  EXPECT_FALSE(code({1, 99, 0}));     // no such type
  EXPECT_FALSE(code({1, 12, 9, 1}));  // no such version of it
  EXPECT_FALSE(code({}));
  EXPECT_FALSE(code({1}));
  EXPECT_TRUE(code({1, 21, 0, 3, 0}));  // the ZooKeeper migration's state
}

}  // namespace
}  // namespace ksim
