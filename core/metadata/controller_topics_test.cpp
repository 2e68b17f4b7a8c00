#include <gtest/gtest.h>

#include "core/metadata/test_controller.h"

namespace ksim {
namespace {

using Ids = std::vector<int32_t>;

TEST(ControllerTopics, RuleC38Refusals) {
  TestController t;
  EXPECT_EQ(t.create_topic("a", 1, 1), ErrorCode::INVALID_REPLICATION_FACTOR);  // no broker
  t.start_brokers(2);
  EXPECT_EQ(t.create_topic("", 1, 1), ErrorCode::INVALID_TOPIC_EXCEPTION);
  EXPECT_EQ(t.create_topic("a b", 1, 1), ErrorCode::INVALID_TOPIC_EXCEPTION);
  EXPECT_EQ(t.create_topic("a", 0, 1), ErrorCode::INVALID_PARTITIONS);
  EXPECT_EQ(t.create_topic("a", -2, 1), ErrorCode::INVALID_PARTITIONS);
  EXPECT_EQ(t.create_topic("a", 1, 0), ErrorCode::INVALID_REPLICATION_FACTOR);
  EXPECT_EQ(t.create_topic("a", 1, -2), ErrorCode::INVALID_REPLICATION_FACTOR);
  EXPECT_EQ(t.create_topic("a", 1, 3), ErrorCode::INVALID_REPLICATION_FACTOR);
  EXPECT_EQ(t.create_topic("a", 10'001, 1), ErrorCode::POLICY_VIOLATION);  // rule C4
  EXPECT_EQ(t.create_topic("a", {{0}}, {{"segment.bytes", "1"}}), ErrorCode::INVALID_CONFIG);
  EXPECT_EQ(t.create_topic("a", {{0}}, {{"nonsense", "1"}}), ErrorCode::INVALID_CONFIG);
  EXPECT_EQ(t.create_topic("a.b", 1, 1), ErrorCode::NONE);
  EXPECT_EQ(t.create_topic("a.b", 1, 1), ErrorCode::TOPIC_ALREADY_EXISTS);
  EXPECT_EQ(t.create_topic("a_b", 1, 1), ErrorCode::INVALID_TOPIC_EXCEPTION);  // '.' and '_' are the same
}

TEST(ControllerTopics, RuleC39ManualAssignments) {
  TestController t;
  t.start_brokers(3);
  EXPECT_EQ(t.register_broker(3, 1), ErrorCode::NONE);  // fenced
  EXPECT_EQ(t.create_topic("a", {{0, 1}, {}}), ErrorCode::INVALID_REPLICA_ASSIGNMENT);
  EXPECT_EQ(t.create_topic("a", {{0, 0}}), ErrorCode::INVALID_REPLICA_ASSIGNMENT);
  EXPECT_EQ(t.create_topic("a", {{0, 9}}), ErrorCode::INVALID_REPLICA_ASSIGNMENT);
  EXPECT_EQ(t.create_topic("a", {{0, 1}, {2}}), ErrorCode::INVALID_REPLICA_ASSIGNMENT);
  EXPECT_EQ(t.create_topic("a", {{3}}), ErrorCode::INVALID_REPLICA_ASSIGNMENT);
  std::vector<wire::CreatableReplicaAssignment> gap(1);
  Ids ids{0};
  gap[0].partition_index = 1;
  gap[0].broker_ids = ids;
  EXPECT_EQ(t.create("a", -1, -1, gap, {}), ErrorCode::INVALID_REPLICA_ASSIGNMENT);
  gap[0].partition_index = 0;
  EXPECT_EQ(t.create("a", 1, -1, gap, {}), ErrorCode::INVALID_REQUEST);
  EXPECT_EQ(t.create("a", -1, 1, gap, {}), ErrorCode::INVALID_REQUEST);
  EXPECT_EQ(t.create_topic("a", {{3, 2, 1}}), ErrorCode::NONE);
  const PartitionRef partition = t.image().partition("a", 0);
  EXPECT_EQ(partition->isr, (Ids{2, 1}));
  EXPECT_EQ(partition->leader, 2);
  EXPECT_EQ(partition->leader_epoch, 0);
  EXPECT_EQ(partition->partition_epoch, 0);
}

TEST(ControllerTopics, RuleC38RecordsAndDefaults) {
  TestController t("num.partitions=4\ndefault.replication.factor=2\n");
  t.start_brokers(3);
  EXPECT_EQ(t.create("a", -1, -1, {}, {{"retention.ms", "5"}, {"cleanup.policy", "compact"}}),
            ErrorCode::NONE);
  std::vector<int> types;
  for (size_t i = 0; i < t.log().back().records.size(); ++i) types.push_back(t.log().back().records[i][1]);
  EXPECT_EQ(types, (std::vector<int>{2, 4, 4, 3, 3, 3, 3}));
  EXPECT_EQ(t.image().topic("a")->partitions.size(), 4u);
  EXPECT_EQ(t.image().partition("a", 3)->replicas.size(), 2u);
  EXPECT_TRUE(t.image().topic_id("a").is_usable());
}

TEST(ControllerTopics, ValidateOnlyAndRepetitions) {
  TestController t;
  t.start_brokers(1);
  std::vector<wire::CreatableTopic> topics(3);
  topics[0].name = topics[1].name = "twice";
  topics[2].name = "once";
  for (auto& topic : topics) topic.num_partitions = 1, topic.replication_factor = 1;
  wire::CreateTopicsRequest request;
  request.topics = topics;
  request.validate_only = true;
  ControllerReply<wire::CreateTopicsResponse> reply;
  EXPECT_EQ(t.append(t->create_topics(request, t.info(7), t.draws(), reply)), 0u);
  ASSERT_EQ(reply.response.topics.size(), 2u);
  EXPECT_EQ(reply.response.topics[0].error_code, 42);
  EXPECT_EQ(reply.response.topics[1].error_code, 0);
  EXPECT_EQ(reply.response.topics[1].num_partitions, 1);
  EXPECT_FALSE(reply.response.topics[1].configs->empty());
  EXPECT_EQ(t.image().topic("once"), nullptr);
}

TEST(ControllerTopics, RuleC41CreatePartitions) {
  TestController t;
  t.start_brokers(3);
  EXPECT_EQ(t.create_topic("a", {{0, 1}}), ErrorCode::NONE);
  const auto grow = [&](std::string_view name, int32_t count,
                        std::optional<std::vector<Ids>> assignments = {}) {
    std::vector<wire::CreatePartitionsAssignment> list(assignments ? assignments->size() : 0);
    for (size_t i = 0; i < list.size(); ++i) list[i].broker_ids = (*assignments)[i];
    std::vector<wire::CreatePartitionsTopic> topics(1);
    topics[0].name = name;
    topics[0].count = count;
    topics[0].assignments = std::nullopt;
    if (assignments) topics[0].assignments = list;
    wire::CreatePartitionsRequest request;
    request.topics = topics;
    ControllerReply<wire::CreatePartitionsResponse> reply;
    t.append(t->create_partitions(request, t.info(3), t.draws(), reply));
    return error_code_of(reply.response.results[0].error_code);
  };
  EXPECT_EQ(grow("b", 2), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
  EXPECT_EQ(grow("a", 1), ErrorCode::INVALID_PARTITIONS);
  EXPECT_EQ(grow("a", 0), ErrorCode::INVALID_PARTITIONS);
  EXPECT_EQ(grow("a", 3, std::vector<Ids>{{0, 1}}), ErrorCode::INVALID_REPLICA_ASSIGNMENT);
  EXPECT_EQ(grow("a", 2, std::vector<Ids>{{0}}), ErrorCode::INVALID_REPLICA_ASSIGNMENT);
  EXPECT_EQ(grow("a", 2, std::vector<Ids>{{2, 0}}), ErrorCode::NONE);
  EXPECT_EQ(t.image().partition("a", 1)->leader, 2);
  EXPECT_EQ(grow("a", 5), ErrorCode::NONE);
  EXPECT_EQ(t.image().topic("a")->partitions.size(), 5u);
  EXPECT_EQ(t.image().partition("a", 4)->replicas.size(), 2u);
}

TEST(ControllerTopics, RulesC41C42DeleteAndCreateAgain) {
  TestController t;
  t.start_brokers(1);
  EXPECT_EQ(t.create_topic("a", {{0}}, {{"retention.ms", "5"}}), ErrorCode::NONE);
  const Uuid first = t.image().topic_id("a");
  const auto remove = [&](std::optional<std::string_view> name, const Uuid& id) {
    std::vector<wire::DeleteTopicState> topics(1);
    topics[0].name = name;
    topics[0].topic_id = id;
    wire::DeleteTopicsRequest request;
    request.topics = topics;
    ControllerReply<wire::DeleteTopicsResponse> reply;
    t.append(t->delete_topics(request, t.info(6), reply));
    return error_code_of(reply.response.responses[0].error_code);
  };
  EXPECT_EQ(remove("b", kZeroUuid), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
  EXPECT_EQ(remove(std::nullopt, Uuid{5, 5}), ErrorCode::UNKNOWN_TOPIC_ID);
  EXPECT_EQ(remove("a", first), ErrorCode::INVALID_REQUEST);
  EXPECT_EQ(remove(std::nullopt, kZeroUuid), ErrorCode::INVALID_REQUEST);
  EXPECT_EQ(remove(std::nullopt, first), ErrorCode::NONE);
  EXPECT_EQ(t.log().back().records.size(), 1u);
  EXPECT_EQ(t.image().topic("a"), nullptr);
  EXPECT_EQ(t.create_topic("a", 1, 1), ErrorCode::NONE);
  EXPECT_NE(t.image().topic_id("a"), first);
  EXPECT_EQ(t.image().topic_configs("a"), nullptr);
}

TEST(ControllerTopics, ATopicNamedTwiceIsNotDeleted) {
  TestController t;
  t.start_brokers(1);
  EXPECT_EQ(t.create_topic("a", 1, 1), ErrorCode::NONE);
  EXPECT_EQ(t.create_topic("b", 1, 1), ErrorCode::NONE);
  std::vector<std::string_view> names{"a", "b", "a"};
  wire::DeleteTopicsRequest request;
  request.topic_names = names;
  ControllerReply<wire::DeleteTopicsResponse> reply;
  t.append(t->delete_topics(request, t.info(5), reply));
  EXPECT_EQ(error_code_of(reply.response.responses[0].error_code), ErrorCode::INVALID_REQUEST);
  EXPECT_EQ(error_code_of(reply.response.responses[1].error_code), ErrorCode::NONE);
  EXPECT_EQ(reply.response.responses[2].error_message, "Duplicate topic name.");
  EXPECT_NE(t.image().topic("a"), nullptr);
  EXPECT_EQ(t.image().topic("b"), nullptr);
}

TEST(ControllerTopics, RuleC41DeletionDisabled) {
  TestController t("delete.topic.enable=false\n");
  t.start_brokers(1);
  EXPECT_EQ(t.create_topic("a", 1, 1), ErrorCode::NONE);
  std::vector<std::string_view> names{"a"};
  wire::DeleteTopicsRequest request;
  request.topic_names = names;
  ControllerReply<wire::DeleteTopicsResponse> reply;
  EXPECT_EQ(t.append(t->delete_topics(request, t.info(4), reply)), 0u);
  EXPECT_EQ(reply.response.responses[0].error_code, 73);
}

// ---- settings and features ----

TEST(ControllerConfigs, RuleC44ChangesAndRefusals) {
  TestController t;
  t.start_brokers(1);
  EXPECT_EQ(t.create_topic("a", 1, 1), ErrorCode::NONE);
  using Type = ConfigResourceType;
  EXPECT_EQ(t.set_config(Type::topic, "a", "retention.ms", "7"), ErrorCode::NONE);
  EXPECT_EQ(t.image().topic_configs("a")->at("retention.ms"), "7");
  const size_t batches = t.log().size();
  EXPECT_EQ(t.set_config(Type::topic, "a", "retention.ms", "7"), ErrorCode::NONE);
  EXPECT_EQ(t.log().size(), batches);  // no change, no record
  EXPECT_EQ(t.set_config(Type::topic, "a", "retention.ms", std::nullopt), ErrorCode::NONE);
  EXPECT_EQ(t.image().topic_configs("a"), nullptr);
  EXPECT_EQ(t.set_config(Type::topic, "b", "retention.ms", "7"), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
  EXPECT_EQ(t.set_config(Type::topic, "a", "retention.ms", "-2"), ErrorCode::INVALID_CONFIG);
  EXPECT_EQ(t.message, "Invalid value -2 for configuration retention.ms: Value must be at least -1");
  EXPECT_EQ(t.set_config(Type::broker, "5", "log.retention.ms", "7"), ErrorCode::BROKER_ID_NOT_REGISTERED);
  EXPECT_EQ(t.set_config(Type::broker, "0", "log.retention.ms", "7"), ErrorCode::NONE);
  EXPECT_EQ(t.set_config(Type::broker, "100", "log.retention.ms", "7"), ErrorCode::NONE);  // a controller
  EXPECT_EQ(t.set_config(Type::broker, "", "log.retention.ms", "7"), ErrorCode::NONE);
  EXPECT_EQ(t.set_config(Type::broker, "", "node.id", "7"), ErrorCode::INVALID_REQUEST);
}

TEST(ControllerConfigs, RuleC44FullAlterRemovesWhatIsNotNamed) {
  TestController t;
  t.start_brokers(1);
  EXPECT_EQ(t.create_topic("a", {{0}}, {{"retention.ms", "5"}, {"segment.ms", "6"}}), ErrorCode::NONE);
  std::vector<wire::AlterConfigsRequestAlterableConfig> configs(1);
  configs[0].name = "segment.ms";
  configs[0].value = "8";
  std::vector<wire::AlterConfigsRequestAlterConfigsResource> resources(1);
  resources[0].resource_type = 2;
  resources[0].resource_name = "a";
  resources[0].configs = configs;
  wire::AlterConfigsRequest request;
  request.resources = resources;
  ControllerReply<wire::AlterConfigsResponse> reply;
  t.append(t->alter_configs(request, t.info(2), reply));
  EXPECT_EQ(reply.response.responses[0].error_code, 0);
  EXPECT_EQ(*t.image().topic_configs("a"), (ConfigMap{{"segment.ms", "8"}}));
}

TEST(ControllerConfigs, RuleC30ChangingTheMinimumClearsTheElr) {
  TestController t;
  t.start_brokers(3);
  EXPECT_EQ(t.create_topic("a", {{0, 1, 2}}, {{"min.insync.replicas", "3"}}), ErrorCode::NONE);
  EXPECT_EQ(t.create_topic("b", {{0, 1, 2}}, {{"min.insync.replicas", "3"}}), ErrorCode::NONE);
  t.lose_broker(2);
  EXPECT_EQ(t.image().partition("a", 0)->elr, Ids{2});
  EXPECT_EQ(t.set_config(ConfigResourceType::topic, "a", "min.insync.replicas", "2"), ErrorCode::NONE);
  EXPECT_TRUE(t.image().partition("a", 0)->elr.empty());
  EXPECT_EQ(t.image().partition("b", 0)->elr, Ids{2});
  EXPECT_EQ(t.set_config(ConfigResourceType::broker, "", "min.insync.replicas", "2"), ErrorCode::NONE);
  EXPECT_TRUE(t.image().partition("b", 0)->elr.empty());
  EXPECT_EQ(t.set_config(ConfigResourceType::broker, "0", "min.insync.replicas", "2"),
            ErrorCode::INVALID_CONFIG);
  EXPECT_EQ(t.set_config(ConfigResourceType::broker, "", "min.insync.replicas", std::nullopt),
            ErrorCode::INVALID_CONFIG);
}

TEST(ControllerFeatures, RuleC46) {
  TestController t;
  t.start_brokers(1);
  EXPECT_EQ(t.update_feature("group.version", 0), ErrorCode::INVALID_UPDATE_VERSION);  // not as an upgrade
  EXPECT_EQ(t.update_feature("group.version", 0, FeatureUpgrade::safe_downgrade), ErrorCode::NONE);
  EXPECT_EQ(t.image().features.level("group.version"), 0);
  EXPECT_EQ(t.update_feature("group.version", 2), ErrorCode::INVALID_UPDATE_VERSION);
  EXPECT_EQ(t.update_feature("unheard.of", 1), ErrorCode::INVALID_UPDATE_VERSION);
  EXPECT_EQ(t.update_feature("kraft.version", 1), ErrorCode::INVALID_UPDATE_VERSION);
  EXPECT_EQ(t.update_feature("kraft.version", 0), ErrorCode::NONE);  // what it is; nothing is written
  EXPECT_EQ(t.image().features.finalized.count("kraft.version"), 0u);
  EXPECT_EQ(t.update_feature("metadata.version", 26), ErrorCode::INVALID_UPDATE_VERSION);
  EXPECT_EQ(t.update_feature("metadata.version", 6, FeatureUpgrade::safe_downgrade),
            ErrorCode::INVALID_UPDATE_VERSION);
  // 4.0-IV1 changed the records, 4.0-IV2 and IV3 did not.
  EXPECT_EQ(t.update_feature("metadata.version", 22, FeatureUpgrade::safe_downgrade),
            ErrorCode::INVALID_UPDATE_VERSION);
  EXPECT_EQ(t.update_feature("metadata.version", 22, FeatureUpgrade::unsafe_downgrade),
            ErrorCode::INVALID_UPDATE_VERSION);
  EXPECT_EQ(t.update_feature("metadata.version", 23, FeatureUpgrade::safe_downgrade), ErrorCode::NONE);
  EXPECT_EQ(t.update_feature("metadata.version", 24, FeatureUpgrade::safe_downgrade),
            ErrorCode::INVALID_UPDATE_VERSION);
  EXPECT_EQ(t.update_feature("metadata.version", 25), ErrorCode::NONE);
}

TEST(ControllerFeatures, RuleC46EveryVoterMustHaveRegistered) {
  ControllerSettings settings = test_settings();
  settings.voters = {100, 101};
  TestController t("", settings);
  EXPECT_EQ(t.update_feature("group.version", 0, FeatureUpgrade::safe_downgrade),
            ErrorCode::INVALID_UPDATE_VERSION);
  EXPECT_NE(t.message.find("controller 101 has not registered"), std::string::npos);
  wire::ControllerRegistrationRequest request;
  request.controller_id = 101;
  std::vector<wire::ControllerRegistrationRequestFeature> features(1);
  features[0].name = "group.version";
  features[0].max_supported_version = 1;
  request.features = features;
  ControllerReply<wire::ControllerRegistrationResponse> reply;
  t.append(t->register_controller(request, t.info(0), reply));
  EXPECT_EQ(reply.response.error_code, 0);
  EXPECT_EQ(t.update_feature("group.version", 0, FeatureUpgrade::safe_downgrade), ErrorCode::NONE);
}

TEST(ControllerFeatures, RuleC30SwitchingElrOnSharesTheMinimum) {
  ControllerSettings settings = test_settings();
  settings.bootstrap_features = {{"metadata.version", int16_t{25}}};
  TestController t("min.insync.replicas=2\n", settings);
  t.start_brokers(1);
  EXPECT_EQ(t.set_config(ConfigResourceType::broker, "0", "min.insync.replicas", "3"), ErrorCode::NONE);
  EXPECT_EQ(t.update_feature(kElrFeature, 1), ErrorCode::NONE);
  EXPECT_EQ(*t.image().configs.value(ConfigResource::cluster_default(), "min.insync.replicas"), "2");
  EXPECT_EQ(t.image().configs.value(ConfigResource::broker(0), "min.insync.replicas"), nullptr);
}

TEST(ControllerFeatures, RuleC10BrokersMustSupportWhatIsFinalized) {
  TestController t;
  std::vector<wire::BrokerRegistrationRequestFeature> features(1);
  features[0].name = kMetadataVersionFeature;
  features[0].min_supported_version = 7;
  features[0].max_supported_version = 25;
  std::vector<Uuid> dirs{Uuid{8, 888}};
  wire::BrokerRegistrationRequest request;
  request.broker_id = 4;
  request.cluster_id = "cluster";
  request.log_dirs = dirs;
  request.features = features;
  ControllerReply<wire::BrokerRegistrationResponse> reply;
  t.append(t->register_broker(request, t.info(4), reply));
  EXPECT_EQ(reply.response.error_code, 35);  // knows nothing of group.version 1
}

TEST(ControllerFeatures, RuleC43ProducerIds) {
  TestController t;
  t.start_brokers(1);
  wire::AllocateProducerIdsRequest request;
  request.broker_id = 0;
  request.broker_epoch = t.epoch_of(0);
  ControllerReply<wire::AllocateProducerIdsResponse> reply;
  t.append(t->allocate_producer_ids(request, t.info(0), reply));
  EXPECT_EQ(reply.response.producer_id_start, 0);
  EXPECT_EQ(reply.response.producer_id_len, 1000);
  t.append(t->allocate_producer_ids(request, t.info(0), reply));
  EXPECT_EQ(reply.response.producer_id_start, 1000);
  request.broker_epoch += 1;
  t.append(t->allocate_producer_ids(request, t.info(0), reply));
  EXPECT_EQ(reply.response.error_code, 77);
  EXPECT_EQ(t.image().next_producer_id, 2000);
}

}  // namespace
}  // namespace ksim
