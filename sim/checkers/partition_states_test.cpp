// What a controller may do to a partition, whom a leader may propose, and what a follower may take (M6, R6,
// R3).

#include "core/metadata/features.h"
#include "core/metadata/image.h"
#include "sim/checkers/test_story.h"

namespace ksim::sim {
namespace {

class States : public Story {
 protected:
  void SetUp() override {
    Story::SetUp();
    emit(1, ControllerActivated{1});
    keep_eligible(true);
    for (const int32_t broker : {1, 2, 3}) {
      emit(1, BrokerRegistered{broker, broker, false});
      emit(1, BrokerUnfenced{broker, broker});
    }
    tell(1, 4, 7, {1, 2, 3});
  }

  void keep_eligible(bool elr) {
    MetadataImage image;
    image.features.metadata_version = kMetadataVersion40Iv1;
    if (elr) image.features.finalized[std::string(kElrFeature)] = 1;
    const auto shared = std::make_shared<const MetadataImage>(std::move(image));
    emit(1, MetadataPublished{++published, 1, false, &shared});
  }
  int64_t published = 4;
  // The active controller has committed it.
  void tell(int32_t leader, int32_t leader_epoch, int32_t partition_epoch, std::vector<int32_t> isr,
            std::vector<int32_t> elr = {}) {
    emit(1, PartitionChanged{"orders", kTopic, 0, leader, leader_epoch, partition_epoch, isr, elr, false});
  }
  void propose(std::vector<int32_t> isr, int32_t partition_epoch, std::vector<int64_t> broker_epochs = {}) {
    emit(1, IsrProposed{"orders", kTopic, 0, 4, partition_epoch, isr, broker_epochs});
  }
  void fence(std::vector<int32_t> brokers) {
    for (const int32_t broker : brokers) emit(1, BrokerFenced{broker, broker, "session timed out"});
  }
  // Broker 3 is outside, and nothing is wrong with that.
  void shrink() {
    propose({1, 2}, 7);
    tell(1, 4, 8, {1, 2});
    EXPECT_EQ(cries(), "");
  }
};

TEST_F(States, AProposalOnTopOfTheStateIsTaken) {
  shrink();
  propose({1, 2, 3}, 8, {1, 2, 3});
  tell(1, 4, 9, {1, 2, 3});
  EXPECT_EQ(cries(), "");
}
TEST_F(States, NobodyComesInByAProposalOfAnOlderState) {
  propose({1, 2, 3}, 7);
  shrink();
  tell(1, 4, 9, {1, 2, 3});
  EXPECT_EQ(cries(), "M6");
}
TEST_F(States, NobodyLeavesByAProposalOfAnOlderState) {
  propose({1, 2}, 6);
  tell(1, 4, 8, {1, 2});
  EXPECT_EQ(cries(), "M6");
}
TEST_F(States, NobodyComesInByAProposalOfAnOlderLeaderEpoch) {
  shrink();
  tell(2, 5, 9, {1, 2});
  tell(1, 6, 10, {1, 2});
  propose({1, 2, 3}, 10);
  tell(1, 6, 11, {1, 2, 3});
  EXPECT_EQ(cries(), "M6");
}
TEST_F(States, WhoWasStartedAgainSinceItWasSeenStaysOut) {
  shrink();
  propose({1, 2, 3}, 8, {1, 2, 3});
  emit(1, BrokerRegistered{3, 20, false});
  tell(1, 4, 9, {1, 2, 3});
  EXPECT_EQ(cries(), "M6");
}
TEST_F(States, AFencedMemberLeavesUnasked) {
  fence({3});
  tell(1, 4, 8, {1, 2});
  EXPECT_EQ(cries(), "");
}
TEST_F(States, WhoIsUnfencedAgainStaysUntilItIsProposed) {
  fence({3});
  emit(1, BrokerUnfenced{3, 3});
  tell(1, 4, 8, {1, 2});  // of both in one batch the controller tells so
  EXPECT_EQ(cries(), "");
  tell(1, 4, 9, {1});
  EXPECT_EQ(cries(), "M6");
}
TEST_F(States, AMemberThatStopsLeavesUnasked) {
  emit(3, BrokerStateChanged{"PENDING_CONTROLLED_SHUTDOWN"});
  tell(1, 4, 8, {1, 2});
  EXPECT_EQ(cries(), "");
}
TEST_F(States, AMemberThatStoppedMayBeBackBeforeItsLeavingIsTold) {
  emit(3, BrokerStateChanged{"PENDING_CONTROLLED_SHUTDOWN"});
  fault(3, NodeFault::crashed);
  fault(3, NodeFault::started);
  tell(1, 4, 8, {1, 2});
  EXPECT_EQ(cries(), "");
  emit(1, BrokerRegistered{2, 12, false});
  emit(1, BrokerUnfenced{2, 12});
  tell(1, 4, 9, {1, 2});
  tell(1, 4, 10, {1});
  EXPECT_EQ(cries(), "M6") << "whoever has been told of since then stays until it is proposed";
}
TEST_F(States, WhatANewControllerTellsIsNotHeldAgainstIt) {
  emit(2, ControllerActivated{2});
  emit(2, PartitionChanged{"orders", kTopic, 0, 1, 4, 8, std::vector<int32_t>{1}, {}, false});
  EXPECT_EQ(cries(), "");
}
TEST_F(States, TheEligibleOneWhoIsElectedStandsAlone) {
  fence({1, 2, 3});
  tell(-1, 5, 8, {}, {1, 2, 3});
  tell(2, 6, 9, {2}, {1, 3});
  EXPECT_EQ(cries(), "");
}
TEST_F(States, ALeaderIsInTheIsr) {
  fence({1});
  tell(1, 5, 8, {2, 3});
  EXPECT_EQ(cries(), "M6");
}
TEST_F(States, AnotherLeaderHasAnotherEpoch) {
  tell(2, 4, 8, {1, 2, 3});
  EXPECT_EQ(cries(), "M6");
}
TEST_F(States, EpochsDoNotRunAhead) {
  tell(1, 6, 8, {1, 2, 3});
  EXPECT_EQ(cries(), "M6");
}
TEST_F(States, EpochsDoNotGoBack) {
  tell(1, 3, 8, {1, 2, 3});
  EXPECT_EQ(cries(), "M6");
}
TEST_F(States, AnEpochHasOneState) {
  tell(1, 4, 7, {1, 2});
  EXPECT_EQ(cries(), "M6");
}
TEST_F(States, WithoutEligibleReplicasTheLastMemberStays) {
  keep_eligible(false);
  fence({1, 2, 3});
  tell(-1, 5, 8, {});
  EXPECT_EQ(cries(), "M6");
}
TEST_F(States, NobodyIsInTheIsrAndEligibleBesides) {
  tell(1, 4, 8, {1, 2, 3}, {2});
  EXPECT_EQ(cries(), "M6");
}

// ---- who counts as stopped in order ----

class Registrations : public Story {
 protected:
  // Broker 2 registers in epoch 20, its process ends and leaves this marker, and it registers again.
  std::string after(std::string_view marker) {
    write(1, 20, 2, {a, b}, kMetadataLog);
    emit(1, BrokerRegistered{2, 20, false});
    if (!marker.empty()) keep(2, "data/.kafka_cleanshutdown", marker);
    fault(2, NodeFault::crashed);
    disks.files.erase({2, "data/.kafka_cleanshutdown"});
    fault(2, NodeFault::started);
    emit(1, BrokerRegistered{2, 30, true});
    return cries();
  }
};
TEST_F(Registrations, AStopInOrderIsOne) { EXPECT_EQ(after(R"({"version":0,"brokerEpoch":20})"), ""); }
TEST_F(Registrations, AnOlderStopIsNone) { EXPECT_EQ(after(R"({"version":0,"brokerEpoch":19})"), "M6"); }
TEST_F(Registrations, ACrashIsNone) { EXPECT_EQ(after(""), "M6"); }
TEST_F(Registrations, WhatACutOffControllerWroteAtThatOffsetBeforeIsNoRegistration) {
  write(3, 20, 1, {c}, kMetadataLog);
  fault(2, NodeFault::crashed);
  fault(2, NodeFault::started);
  EXPECT_EQ(after(R"({"version":0,"brokerEpoch":20})"), "");
}

// ---- whom a leader may propose ----

class Joining : public Story {
 protected:
  // Broker 2 leads in epoch 1 from offset 2; broker 3, which has `records` of its log, is proposed.
  std::string proposed(std::vector<RecordId> records, int64_t broker_epoch = 33) {
    emit(1, BrokerRegistered{3, 33, false});
    lead(1, 0);
    replicate({1, 2}, 0, 0, {a});
    replicate({1, 2}, 1, 0, {b});
    for (size_t i = 0; i < records.size(); ++i) write(3, static_cast<int64_t>(i), 0, {records[i]});
    emit(2, BecameLeader{"orders", kTopic, 0, 1, 2, 0, std::vector<int32_t>{1, 2}});
    const std::vector<int32_t> isr{1, 2, 3};
    const std::vector<int64_t> epochs{11, 22, broker_epoch};
    emit(2, IsrProposed{"orders", kTopic, 0, 1, 3, isr, epochs});
    return cries();
  }
};
TEST_F(Joining, WhoHasComeToTheStartOfTheEpochMay) { EXPECT_EQ(proposed({a, b}), ""); }
TEST_F(Joining, WhoHasNotMayNot) { EXPECT_EQ(proposed({a}), "R6"); }
TEST_F(Joining, WhoWasStartedAgainIsTheControllersToRefuse) { EXPECT_EQ(proposed({a}, 32), ""); }

// ---- what a follower takes ----

TEST_F(Story, R3CriesWhenAFollowerTakesWhatItsLeaderCannotHave) {
  lead(1, 1);
  write(2, 0, 1, {a});
  EXPECT_EQ(cries(), "");
  write(2, 1, 2, {b});
  EXPECT_TRUE(cried("R3"));
}

}  // namespace
}  // namespace ksim::sim
