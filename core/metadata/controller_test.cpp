#include "core/metadata/controller.h"

#include <gtest/gtest.h>

#include "core/metadata/test_controller.h"

namespace ksim {
namespace {

using Ids = std::vector<int32_t>;

// ---- C1 to C7 ----

TEST(Controller, RuleC5BootstrapOfAnEmptyLog) {
  TestController t;
  ASSERT_EQ(t.log().size(), 1u);
  std::vector<int> types;
  for (size_t i = 0; i < t.log()[0].records.size(); ++i) types.push_back(t.log()[0].records[i][1]);
  // begin, metadata.version, eligible.leader.replicas.version with its safety setting, two more, end
  EXPECT_EQ(types, (std::vector<int>{23, 12, 12, 4, 12, 12, 24}));
  EXPECT_EQ(t.image().features.metadata_version, 25);
  EXPECT_TRUE(t.image().features.elr_enabled());
  EXPECT_EQ(t.image().features.level("transaction.version"), 2);
  EXPECT_EQ(*t.image().configs.value(ConfigResource::cluster_default(), "min.insync.replicas"), "1");
  t.fail_over();
  EXPECT_EQ(t.log().size(), 1u);  // not empty any more: nothing to write
}

TEST(Controller, RuleC5AnOpenTransactionIsAborted) {
  const ServerConfig server = test_server_config();
  Controller controller(test_settings(), server);
  RecordList records;
  wire::BeginTransactionRecord begin;
  records.add(begin, 0);
  wire::FeatureLevelRecord feature;
  feature.name = kMetadataVersionFeature;
  feature.feature_level = 25;
  records.add(feature, 0);
  const std::vector<Bytes> values = records.values();
  MetadataBatch batch;
  batch.last_offset = 1;
  batch.records = values;
  ASSERT_TRUE(controller.on_commit(batch).ok());
  EXPECT_EQ(controller.stable_offset(), -1);
  EXPECT_EQ(controller.committed_offset(), 1);
  const ControllerStep step = controller.activate(3, 2, Instant{});
  EXPECT_EQ(step.records[0][1], 25);  // abort
  EXPECT_EQ(step.records[1][1], 23);  // and once more from the beginning
  EXPECT_EQ(controller.image().features.metadata_version, 25);
  EXPECT_EQ(controller.stable_offset(), -1);  // not committed yet
}

TEST(Controller, RulesC1C2C3SpeculativeStableAndRevert) {
  TestController t;
  t.start_brokers(1);
  const uint64_t stable = image_hash(*t->stable_image());
  t.commit_at_once = false;
  EXPECT_EQ(t.create_topic("a", 1, 1), ErrorCode::NONE);
  EXPECT_EQ(t.create_topic("a", 1, 1),
            ErrorCode::TOPIC_ALREADY_EXISTS);  // decided on what is not yet committed
  EXPECT_NE(t.image().topic("a"), nullptr);
  EXPECT_EQ(image_hash(*t->stable_image()), stable);
  EXPECT_LT(t->stable_offset(), t->next_offset() - 1);
  EXPECT_TRUE(t->take_notes().size() >= 1);  // of what came before
  t.fail_over();
  EXPECT_EQ(t.image().topic("a"), nullptr);
  t.commit_at_once = true;
  EXPECT_EQ(t.create_topic("a", 1, 1), ErrorCode::NONE);
  EXPECT_EQ(t->stable_offset(), t->next_offset() - 1);
  const auto notes = t->take_notes();
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_EQ(notes[0].topic, "a");
}

// What a controller wrote and did not live to see committed, its successor tells of.
TEST(Controller, WhatWasCommittedAfterItsControllersEndIsTold) {
  TestController t;
  t.start_brokers(1);
  t.commit_at_once = false;
  EXPECT_EQ(t.create_topic("a", 2, 1), ErrorCode::NONE);
  t->deactivate();
  t.commit();
  EXPECT_TRUE(t->take_notes().empty()) << "nobody is active";
  t.activate();
  const auto notes = t->take_notes();
  ASSERT_EQ(notes.size(), 2u);
  EXPECT_EQ(notes[1].topic, "a");
  EXPECT_EQ(notes[1].partition, 1);
  EXPECT_EQ(notes[1].state->leader_epoch, 0);
  EXPECT_FALSE(notes[1].unclean);
}

TEST(Controller, RuleC3WhatWasCommittedInPartIsNotLost) {
  TestController t;
  t.start_brokers(2);
  EXPECT_EQ(t.create_topic("a", {{0, 1}, {0, 1}}), ErrorCode::NONE);
  // Fencing writes several records; only the first is committed when leadership is lost.
  t.commit_at_once = false;
  const int64_t base = t->next_offset();
  t.lose_broker(0);
  ASSERT_GT(t->next_offset(), base + 1);
  const Bytes first = t.log().back().records[0];
  MetadataBatch batch;
  batch.base_offset = batch.last_offset = base;
  batch.records = std::span<const Bytes>(&first, 1);
  ASSERT_TRUE(t->on_commit(batch).ok());
  t->deactivate();
  EXPECT_EQ(t->committed_offset(), base);
  EXPECT_EQ(t.image().partition("a", 0)->leader == 1 || t.image().partition("a", 1)->leader == 1, true);
  EXPECT_FALSE(t.image().broker(0)->fenced);
}

TEST(Controller, RuleC7NoOpMovesTheOffsetOnly) {
  TestController t;
  const uint64_t before = image_hash(t.image());
  EXPECT_EQ(t.append(t->no_op()), 1u);
  EXPECT_EQ(image_hash(t.image()), before);
}

// ---- C9 to C17 ----

TEST(Controller, RuleC9BrokerEpochs) {
  TestController t;
  const int64_t expected = t->next_offset();
  EXPECT_EQ(t.register_broker(1, 1), ErrorCode::NONE);
  EXPECT_EQ(t.epoch_of(1), expected);
  EXPECT_FALSE(t.heartbeat(1, false, false).is_fenced);
  // The same incarnation again: epoch and state stay.
  EXPECT_EQ(t.register_broker(1, 1), ErrorCode::NONE);
  EXPECT_EQ(t.epoch_of(1), expected);
  EXPECT_FALSE(t.image().broker(1)->fenced);
}

TEST(Controller, RuleC10Refusals) {
  TestController t;
  t.start_broker(1);
  EXPECT_EQ(t.register_broker(1, 2), ErrorCode::DUPLICATE_BROKER_REGISTRATION);
  EXPECT_EQ(t.register_broker(2, 1, -1, {kDirectoryLost}), ErrorCode::INVALID_REGISTRATION);
  EXPECT_EQ(t.register_broker(2, 1, -1, {Uuid{9, 9}, Uuid{9, 9}}), ErrorCode::INVALID_REGISTRATION);
  EXPECT_EQ(t.register_broker(2, 1, -1, {TestController::dir(1)}), ErrorCode::INVALID_REGISTRATION);
  wire::BrokerRegistrationRequest request;
  request.broker_id = 2;
  request.cluster_id = "another";
  ControllerReply<wire::BrokerRegistrationResponse> reply;
  t.append(t->register_broker(request, t.info(4), reply));
  EXPECT_EQ(reply.response.error_code, 104);
  request.cluster_id = "cluster";
  std::vector<Uuid> dirs{Uuid{9, 9}};
  request.log_dirs = dirs;
  t.append(t->register_broker(request, t.info(4), reply));
  EXPECT_EQ(reply.response.error_code, 35);  // supports no metadata.version
  // The session runs out: another incarnation may come.
  t.now = t.now + milliseconds(9001);
  EXPECT_EQ(t.register_broker(1, 2), ErrorCode::NONE);
  EXPECT_TRUE(t.image().broker(1)->fenced);
}

TEST(Controller, RuleC13StaleEpochs) {
  TestController t;
  EXPECT_EQ(t.heartbeat(7, false, false).error_code, 77);
  t.start_broker(1);
  wire::BrokerHeartbeatRequest request;
  request.broker_id = 1;
  request.broker_epoch = t.epoch_of(1) + 1;
  ControllerReply<wire::BrokerHeartbeatResponse> reply;
  t.append(t->heartbeat(request, t.info(1), reply));
  EXPECT_EQ(reply.response.error_code, 77);
}

TEST(Controller, RuleC14UnfencedOnlyWhenCaughtUp) {
  TestController t;
  EXPECT_EQ(t.register_broker(1, 1), ErrorCode::NONE);
  auto response = t.heartbeat(1, false, false, t.epoch_of(1) - 1);
  EXPECT_TRUE(response.is_fenced);
  EXPECT_FALSE(response.is_caught_up);
  response = t.heartbeat(1, true, false, t.epoch_of(1));
  EXPECT_TRUE(response.is_fenced);
  EXPECT_TRUE(response.is_caught_up);
  EXPECT_FALSE(t.heartbeat(1, false, false, t.epoch_of(1)).is_fenced);
}

TEST(Controller, RulesC14C15ControlledShutdown) {
  TestController t;
  t.start_brokers(3);
  EXPECT_EQ(t.create_topic("a", {{0, 1, 2}}, {{"min.insync.replicas", "2"}}), ErrorCode::NONE);
  auto response = t.heartbeat(0, false, true);
  EXPECT_FALSE(response.should_shut_down);
  EXPECT_FALSE(response.is_fenced);
  EXPECT_TRUE(t.image().broker(0)->in_controlled_shutdown);
  EXPECT_EQ(t.image().partition("a", 0)->leader, 1);
  EXPECT_EQ(t.image().partition("a", 0)->isr, (Ids{1, 2}));
  const int64_t shutdown_offset = t->next_offset() - 1;
  // The others have not seen it yet.
  t.heartbeat(1, false, false, shutdown_offset);
  t.heartbeat(2, false, false, shutdown_offset - 1);
  EXPECT_FALSE(t.heartbeat(0, false, true).should_shut_down);
  t.heartbeat(2, false, false, shutdown_offset);
  response = t.heartbeat(0, false, true);
  EXPECT_TRUE(response.should_shut_down);
  EXPECT_TRUE(response.is_fenced);
  EXPECT_TRUE(t.image().broker(0)->fenced);
  // It may come back at once.
  t.start_broker(0, 2, t.epoch_of(0));
}

TEST(Controller, RuleC15TheSoleMemberGoesToo) {
  TestController t;
  t.start_brokers(2);
  EXPECT_EQ(t.create_topic("a", {{0}}), ErrorCode::NONE);
  EXPECT_FALSE(t.heartbeat(0, false, true).should_shut_down);
  EXPECT_EQ(t.image().partition("a", 0)->leader, kNoLeader);
  EXPECT_TRUE(t.image().partition("a", 0)->isr.empty());
  EXPECT_EQ(t.image().partition("a", 0)->elr, Ids{0});
  t.heartbeat(1, false, false);
  EXPECT_TRUE(t.heartbeat(0, false, true).should_shut_down);
  // Rule C17: back again, it is electable, and nothing was lost.
  t.start_broker(0, 2, t.epoch_of(0));
  EXPECT_EQ(t.image().partition("a", 0)->leader, 0);
  EXPECT_EQ(t.image().partition("a", 0)->recovery, LeaderRecovery::recovered);
}

TEST(Controller, RuleC11UncleanRestartOfTheSoleMember) {
  TestController t;
  t.start_brokers(2);
  EXPECT_EQ(t.create_topic("a", {{0}}), ErrorCode::NONE);
  t.now = t.now + milliseconds(9001);
  EXPECT_EQ(t.register_broker(0, 2), ErrorCode::NONE);  // without the epoch of a clean stop
  const PartitionRef partition = t.image().partition("a", 0);
  EXPECT_TRUE(partition->isr.empty());
  EXPECT_TRUE(partition->elr.empty());
  EXPECT_EQ(partition->last_known_elr, Ids{0});
  EXPECT_EQ(partition->leader, kNoLeader);
  t.heartbeat(0, false, false);
  EXPECT_EQ(t.image().partition("a", 0)->leader, 0);
  EXPECT_EQ(t.image().partition("a", 0)->recovery, LeaderRecovery::recovering);  // rule C26
}

TEST(Controller, RuleC11UncleanRestartOfAnEligibleReplica) {
  TestController t;
  t.start_brokers(3);
  EXPECT_EQ(t.create_topic("a", {{0, 1}}, {{"min.insync.replicas", "2"}}), ErrorCode::NONE);
  t.lose_broker(1);
  EXPECT_EQ(t.image().partition("a", 0)->elr, Ids{1});
  EXPECT_EQ(t.register_broker(1, 2, t.epoch_of(1)), ErrorCode::NONE);
  EXPECT_EQ(t.image().partition("a", 0)->elr, Ids{1});  // clean: stays
  t.now = t.now + milliseconds(9001);
  EXPECT_EQ(t.register_broker(1, 3, t.epoch_of(1) - 1), ErrorCode::NONE);
  EXPECT_TRUE(t.image().partition("a", 0)->elr.empty());
}

TEST(Controller, RuleC16OneStaleBrokerAtATime) {
  TestController t;
  t.start_brokers(3);
  EXPECT_EQ(t.create_topic("a", {{0, 1, 2}}), ErrorCode::NONE);
  t.heartbeat(2, false, false);
  t.now = t.now + milliseconds(1);
  t.heartbeat(1, false, false);
  t.heartbeat(0, false, false);
  t.now = t.now + milliseconds(9001);
  EXPECT_GT(t.append(t->fence_one_stale_broker(t.now)), 0u);
  EXPECT_TRUE(t.image().broker(2)->fenced);
  EXPECT_FALSE(t.image().broker(1)->fenced);
  EXPECT_EQ(t.image().partition("a", 0)->isr, (Ids{0, 1}));
  EXPECT_GT(t.append(t->fence_one_stale_broker(t.now)), 0u);
  EXPECT_GT(t.append(t->fence_one_stale_broker(t.now)), 0u);
  EXPECT_EQ(t.append(t->fence_one_stale_broker(t.now)), 0u);
  const PartitionRef partition = t.image().partition("a", 0);
  EXPECT_EQ(partition->leader, kNoLeader);
  EXPECT_TRUE(partition->isr.empty());
  EXPECT_EQ(partition->elr, Ids{1});  // the last one to go; the minimum is 1
}

TEST(Controller, RuleC17FencingRecordsComeBeforeTheRegistrationChange) {
  TestController t;
  t.start_brokers(2);
  EXPECT_EQ(t.create_topic("a", {{0, 1}}), ErrorCode::NONE);
  t.lose_broker(0);
  const RecordList& fencing = t.log().back().records;
  ASSERT_EQ(fencing.size(), 2u);
  EXPECT_EQ(fencing[0][1], 5);
  EXPECT_EQ(fencing[1][1], 17);
  t.lose_broker(1);
  EXPECT_EQ(t.image().partition("a", 0)->leader, kNoLeader);
  EXPECT_FALSE(t.heartbeat(1, false, false).is_fenced);
  const RecordList& unfencing = t.log().back().records;
  ASSERT_EQ(unfencing.size(), 2u);
  EXPECT_EQ(unfencing[0][1], 17);
  EXPECT_EQ(unfencing[1][1], 5);
  EXPECT_EQ(t.image().partition("a", 0)->leader, 1);
}

TEST(Controller, RuleC20OfflineDirectories) {
  TestController t;
  const Uuid a{8, 801};
  const Uuid b{8, 802};
  EXPECT_EQ(t.register_broker(0, 1, -1, {a, b}), ErrorCode::NONE);
  t.heartbeat(0, false, false);
  t.start_broker(1);
  EXPECT_EQ(t.create_topic("x", {{0, 1}, {0, 1}}), ErrorCode::NONE);
  EXPECT_EQ(t.image().partition("x", 0)->directory_of(0), kDirectoryUnassigned);
  EXPECT_EQ(t.image().partition("x", 0)->directory_of(1), TestController::dir(1));
  const Uuid topic = t.image().topic_id("x");
  Result<std::vector<ErrorCode>> codes = std::vector<ErrorCode>();
  t.append(t->assign_directories(0, t.epoch_of(0),
                                 {{topic, 0, a}, {topic, 1, b}, {topic, 2, a}, {Uuid{3, 3}, 0, a}}, codes));
  EXPECT_EQ(*codes,
            (std::vector<ErrorCode>{ErrorCode::NONE, ErrorCode::NONE, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
                                    ErrorCode::UNKNOWN_TOPIC_ID}));
  EXPECT_EQ(t.image().partition("x", 0)->directory_of(0), a);
  t.heartbeat(0, false, false, INT64_MAX, {a});
  EXPECT_EQ(t.image().broker(0)->directories, std::vector<Uuid>{b});
  EXPECT_EQ(t.image().partition("x", 0)->leader, 1);
  EXPECT_EQ(t.image().partition("x", 0)->isr, Ids{1});
  // Whoever took a late fetch for its catching up.
  EXPECT_EQ(t.alter_isr("x", 0, {0, 1}).code, ErrorCode::INELIGIBLE_REPLICA);
  EXPECT_EQ(t.image().partition("x", 1)->leader, 0);
  // Rule C21: to an offline directory.
  t.append(t->assign_directories(0, t.epoch_of(0), {{topic, 1, a}}, codes));
  EXPECT_EQ(t.image().partition("x", 1)->leader, 1);
  EXPECT_EQ(t.image().partition("x", 1)->isr, Ids{1});
}

TEST(Controller, UnregisterBroker) {
  TestController t;
  t.start_brokers(2);
  EXPECT_EQ(t.create_topic("a", {{0, 1}}), ErrorCode::NONE);
  wire::UnregisterBrokerRequest request;
  request.broker_id = 0;
  ControllerReply<wire::UnregisterBrokerResponse> reply;
  t.append(t->unregister_broker(request, t.info(0), reply));
  EXPECT_EQ(reply.response.error_code, 0);
  EXPECT_EQ(t.image().broker(0), nullptr);
  EXPECT_EQ(t.image().partition("a", 0)->leader, 1);
  t.append(t->unregister_broker(request, t.info(0), reply));
  EXPECT_EQ(reply.response.error_code, 102);
}

// ---- C32 to C37 ----

TEST(Controller, RuleC32ChecksInOrder) {
  TestController t;
  t.start_brokers(4);
  EXPECT_EQ(t.create_topic("a", {{0, 1, 2}}), ErrorCode::NONE);
  EXPECT_EQ(t.alter_isr("a", 0, {0, 1}, 1).code, ErrorCode::NOT_CONTROLLER);
  EXPECT_EQ(t.alter_isr("a", 0, {0, 1}, 0, 1).code, ErrorCode::NOT_CONTROLLER);
  EXPECT_EQ(t.alter_isr("a", 0, {0, 1}, -1).code, ErrorCode::FENCED_LEADER_EPOCH);
  const Uuid topic = t.image().topic_id("a");
  const auto member = [&](int32_t id) { return wire::BrokerState{id, t.epoch_of(id)}; };
  EXPECT_EQ(t.alter(1, t.epoch_of(1), topic, 0, {member(0), member(1)}, 0, 0).code,
            ErrorCode::INVALID_REQUEST);
  EXPECT_EQ(t.alter(0, t.epoch_of(0) + 1, topic, 0, {member(0)}, 0, 0).code, ErrorCode::STALE_BROKER_EPOCH);
  EXPECT_EQ(t.alter(0, t.epoch_of(0), Uuid{4, 4}, 0, {member(0)}, 0, 0).code, ErrorCode::UNKNOWN_TOPIC_ID);
  EXPECT_EQ(t.alter(0, t.epoch_of(0), topic, 9, {member(0)}, 0, 0).code,
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
  EXPECT_EQ(t.alter_isr("a", 0, {1, 2}).code, ErrorCode::INVALID_REQUEST);        // without the leader
  EXPECT_EQ(t.alter_isr("a", 0, {}).code, ErrorCode::INVALID_REQUEST);            // empty
  EXPECT_EQ(t.alter_isr("a", 0, {0, 1, 1}).code, ErrorCode::INVALID_REQUEST);     // twice
  EXPECT_EQ(t.alter_isr("a", 0, {0, 3}).code, ErrorCode::INVALID_REQUEST);        // no replica
  EXPECT_EQ(t.alter_isr("a", 0, {0}, 0, 0, 1).code, ErrorCode::INVALID_REQUEST);  // RECOVERED to RECOVERING
  const auto shrunk = t.alter_isr("a", 0, {0, 1});
  EXPECT_EQ(shrunk.code, ErrorCode::NONE);
  EXPECT_EQ(shrunk.isr, (Ids{0, 1}));
  EXPECT_EQ(shrunk.leader_epoch, 0);
  EXPECT_EQ(shrunk.partition_epoch, 1);
  EXPECT_EQ(t.alter_isr("a", 0, {0, 1, 2}, 0, -1).code, ErrorCode::INVALID_UPDATE_VERSION);
  // W21: the follower has restarted, or is fenced, or stopping.
  EXPECT_EQ(t.alter(0, t.epoch_of(0), topic, 0, {member(0), {2, t.epoch_of(2) + 1}}, 0, 1).code,
            ErrorCode::INELIGIBLE_REPLICA);
  EXPECT_EQ(t.alter(0, t.epoch_of(0), topic, 0, {member(0), {2, -1}}, 0, 2).code, ErrorCode::NONE);
  t.lose_broker(1);
  EXPECT_EQ(t.alter_isr("a", 0, {0, 1, 2}).code, ErrorCode::INELIGIBLE_REPLICA);
}

// The leader has given it up: a copy of it that comes later must not be taken when the replica is well again.
TEST(Controller, WhatWasRefusedForAMemberIsNotTakenLater) {
  TestController t;
  t.start_brokers(2);
  EXPECT_EQ(t.create_topic("a", {{0, 1}}), ErrorCode::NONE);
  t.lose_broker(1);
  const int32_t proposed_on = t.image().partition("a", 0)->partition_epoch;
  EXPECT_EQ(t.alter_isr("a", 0, {0, 1}).code, ErrorCode::INELIGIBLE_REPLICA);
  EXPECT_EQ(t.image().partition("a", 0)->partition_epoch, proposed_on + 1);
  EXPECT_EQ(t.image().partition("a", 0)->isr, Ids{0});
  t.heartbeat(1, false, false);
  EXPECT_EQ(t.alter_isr("a", 0, {0, 1}, 0, -1).code, ErrorCode::INVALID_UPDATE_VERSION);
  EXPECT_EQ(t.image().partition("a", 0)->isr, Ids{0});
  EXPECT_EQ(t.alter_isr("a", 0, {0, 1}).code, ErrorCode::NONE) << "which the leader has asked anew";
}

TEST(Controller, RuleC33CompletionThatMovesTheLeader) {
  TestController t;
  t.start_brokers(4);
  EXPECT_EQ(t.create_topic("a", {{0, 1}}), ErrorCode::NONE);
  EXPECT_EQ(t.reassign("a", 0, Ids{2, 3}), ErrorCode::NONE);
  EXPECT_EQ(t.image().partition("a", 0)->replicas, (Ids{2, 3, 0, 1}));
  EXPECT_EQ(t.alter_isr("a", 0, {0, 1, 2}).code, ErrorCode::NONE);
  EXPECT_EQ(t.alter_isr("a", 0, {0, 1, 2, 3}).code, ErrorCode::NEW_LEADER_ELECTED);
  const PartitionRef partition = t.image().partition("a", 0);
  EXPECT_EQ(partition->replicas, (Ids{2, 3}));
  EXPECT_EQ(partition->leader, 2);
  EXPECT_EQ(partition->isr, (Ids{2, 3}));
}

TEST(Controller, RuleC34CancelAndErrors) {
  TestController t;
  t.start_brokers(4);
  EXPECT_EQ(t.create_topic("a", {{0, 1}}), ErrorCode::NONE);
  EXPECT_EQ(t.reassign("a", 0, std::nullopt), ErrorCode::NO_REASSIGNMENT_IN_PROGRESS);
  EXPECT_EQ(t.reassign("a", 0, Ids{0, 0}), ErrorCode::INVALID_REPLICA_ASSIGNMENT);
  EXPECT_EQ(t.reassign("a", 0, Ids{0, 9}), ErrorCode::INVALID_REPLICA_ASSIGNMENT);
  EXPECT_EQ(t.reassign("b", 0, Ids{0}), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
  EXPECT_EQ(t.reassign("a", 0, Ids{2, 3}), ErrorCode::NONE);
  EXPECT_EQ(t.reassign("a", 0, Ids{3, 1}), ErrorCode::NONE);  // overtakes the first
  EXPECT_EQ(t.image().partition("a", 0)->adding_replicas, Ids{3});
  EXPECT_EQ(t.image().partition("a", 0)->removing_replicas, (Ids{0, 2}));
  EXPECT_EQ(t.reassign("a", 0, std::nullopt), ErrorCode::NONE);
  EXPECT_FALSE(t.image().partition("a", 0)->reassigning());
  EXPECT_EQ(t.image().partition("a", 0)->isr, (Ids{0, 1}));
}

TEST(Controller, RuleC36ElectLeaders) {
  TestController t;
  t.start_brokers(3);
  EXPECT_EQ(t.create_topic("a", {{0, 1, 2}}), ErrorCode::NONE);
  EXPECT_EQ(t.elect("a", 0, Election::preferred), ErrorCode::ELECTION_NOT_NEEDED);
  EXPECT_EQ(t.elect("a", 0, Election::unclean), ErrorCode::ELECTION_NOT_NEEDED);
  EXPECT_EQ(t.elect("a", 5, Election::unclean), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
  EXPECT_EQ(t.elect("b", 0, Election::unclean), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
  EXPECT_EQ(t.elect("a", 0, int8_t{2}), ErrorCode::INVALID_REQUEST);
  t.lose_broker(0);
  EXPECT_EQ(t.image().partition("a", 0)->leader, 1);
  EXPECT_EQ(t.elect("a", 0, Election::preferred), ErrorCode::PREFERRED_LEADER_NOT_AVAILABLE);
  t.heartbeat(0, false, false);
  EXPECT_EQ(t.alter_isr("a", 0, {0, 1, 2}).code, ErrorCode::NONE);
  EXPECT_EQ(t.elect("a", 0, Election::preferred), ErrorCode::NONE);
  EXPECT_EQ(t.image().partition("a", 0)->leader, 0);
  for (int32_t id : {0, 1, 2}) t.lose_broker(id);
  EXPECT_EQ(t.elect("a", 0, Election::unclean), ErrorCode::ELIGIBLE_LEADERS_NOT_AVAILABLE);
}

TEST(Controller, RuleC37BalanceGivesLeadershipBack) {
  TestController t("", [] {
    ControllerSettings settings = test_settings();
    settings.max_elections_per_round = 2;
    return settings;
  }());
  t.start_brokers(2);
  EXPECT_EQ(t.create_topic("a", {{0, 1}, {0, 1}, {0, 1}}), ErrorCode::NONE);
  t.lose_broker(0);
  t.heartbeat(0, false, false);
  for (int32_t i = 0; i < 3; ++i) EXPECT_EQ(t.alter_isr("a", i, {0, 1}).code, ErrorCode::NONE);
  EXPECT_TRUE(t->leaders_imbalanced());
  bool more = false;
  EXPECT_EQ(t.append(t->balance_leaders(more)), 2u);
  EXPECT_TRUE(more);
  EXPECT_EQ(t.append(t->balance_leaders(more)), 1u);
  EXPECT_FALSE(more);
  EXPECT_FALSE(t->leaders_imbalanced());
}

TEST(Controller, RuleC37UncleanTopicsAreRetried) {
  TestController t;
  t.start_brokers(2);
  EXPECT_EQ(t.create_topic("a", {{0, 1}}), ErrorCode::NONE);
  EXPECT_EQ(t.create_topic("b", {{0, 1}}), ErrorCode::NONE);
  t.lose_broker(1);
  t.lose_broker(0);
  EXPECT_FALSE(t.heartbeat(1, false, false).is_fenced);
  EXPECT_EQ(t.image().partition("a", 0)->leader, kNoLeader);  // 1 is out of sync
  EXPECT_EQ(t.set_config(ConfigResourceType::topic, "a", "unclean.leader.election.enable", "true"),
            ErrorCode::NONE);
  EXPECT_TRUE(t->some_partition_leaderless());
  bool more = false;
  EXPECT_EQ(t.append(t->elect_unclean_leaders(more)), 1u);
  const PartitionRef partition = t.image().partition("a", 0);
  EXPECT_EQ(partition->leader, 1);
  EXPECT_EQ(partition->isr, Ids{1});
  EXPECT_EQ(partition->recovery, LeaderRecovery::recovering);
  EXPECT_TRUE(partition->elr.empty());
  EXPECT_EQ(t.image().partition("b", 0)->leader, kNoLeader);
  EXPECT_TRUE(t->take_notes().back().unclean);
  // RECOVERING with more than one member is refused; then recovered.
  EXPECT_EQ(t.alter_isr("a", 0, {1}, 0, 0, 0).code, ErrorCode::NONE);
  EXPECT_EQ(t.image().partition("a", 0)->recovery, LeaderRecovery::recovered);
}

}  // namespace
}  // namespace ksim
