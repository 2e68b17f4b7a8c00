// M6, of the metadata itself: who leads there, and where new partitions are.

#include "sim/checkers/test_images.h"

namespace ksim::sim {
namespace {

// ---- who is in sync and who leads ----

class Leaders : public ImageStory {
 protected:
  void SetUp() override {
    ImageStory::SetUp();
    set_partitions({partition(1, {1, 2, 3})});
    decide();
    EXPECT_EQ(cries(), "");
  }
};
TEST_F(Leaders, GoWithTheirBroker) {
  set_broker(1, true);
  set_partitions({partition(2, {2, 3})});
  decide();
  EXPECT_EQ(cries(), "");
}
TEST_F(Leaders, DoNotStayWhenTheyAreFenced) {
  set_broker(1, true);
  decide();
  EXPECT_TRUE(cried("M6"));
}
TEST_F(Leaders, AreNotElectedWhileTheyAreFenced) {
  set_broker(2, true);
  set_partitions({partition(1, {1, 3})});
  decide();
  EXPECT_EQ(cries(), "");
  set_partitions({partition(2, {2, 3})});
  decide();
  EXPECT_TRUE(cried("M6"));
}
TEST_F(Leaders, AreNotElectedWhileTheyStop) {
  set_broker(2, false, nullptr, true);
  set_partitions({partition(2, {2, 3})});
  decide();
  EXPECT_TRUE(cried("M6"));
}
TEST_F(Leaders, AreRegistered) {
  image.cluster.brokers.erase(1);
  decide();
  EXPECT_TRUE(cried("M6"));
}
TEST_F(Leaders, TheLastMemberStaysAndLeadsNothing) {
  for (const int32_t id : {1, 2, 3}) set_broker(id, true);
  set_partitions({partition(-1, {1})});
  decide();
  EXPECT_EQ(cries(), "");
}
TEST_F(Leaders, NobodyElseStaysInSyncWhenItIsFenced) {
  set_broker(3, true);
  decide();
  EXPECT_TRUE(cried("M6"));
}
TEST_F(Leaders, NobodyElseIsInSyncWithoutTheDirectoryOfItsReplica) {
  PartitionRegistration placed = partition(1, {1, 2});
  placed.directories = {kDirectoryMigrating, kDirectoryUnassigned, Uuid{8, 800}};
  set_partitions({placed});
  decide();
  EXPECT_EQ(cries(), "");
  placed.isr = {1, 2, 3};
  set_partitions({placed});
  decide();
  EXPECT_TRUE(cried("M6"));
}
TEST_F(Leaders, StayWhereAnotherDirectoryOfTheirBrokerIsLost) {
  const Uuid lost{8, 800}, kept{8, 801};
  const auto broker_with = [&](std::vector<Uuid> directories) {
    auto broker = std::make_shared<BrokerRegistration>(*image.broker(3));
    broker->directories = std::move(directories);
    image.cluster.brokers.set(3, broker);
  };
  const auto placed = [](std::vector<int32_t> isr, Uuid directory) {
    PartitionRegistration made = partition(1, std::move(isr));
    made.directories = {kDirectoryUnassigned, kDirectoryUnassigned, directory};
    return made;
  };
  for (const auto& [isr, cries_for] : {std::pair(std::vector<int32_t>{1, 2, 3}, ""), {{1, 2}, "M6"}}) {
    broker_with({lost, kept});
    set_partitions({placed({1, 2, 3}, lost)}, "orders", {4, 4});
    set_partitions({placed({1, 2, 3}, kept)});
    decide();
    verdicts = {};
    broker_with({kept});
    set_partitions({placed({1, 2}, lost)}, "orders", {4, 4});
    set_partitions({placed(isr, kept)});
    decide();
    EXPECT_EQ(cries(), cries_for);
  }
}
class Eligible : public Leaders, public testing::WithParamInterface<ConfigResource> {
 protected:
  void set_minimum(const std::string& value) {
    image.configs.by_resource.set(
        GetParam(), std::make_shared<const ConfigMap>(ConfigMap{{"min.insync.replicas", value}}));
  }
  static PartitionRegistration with_eligible(std::vector<int32_t> eligible) {
    PartitionRegistration made = partition(1, {1});
    made.elr = std::move(eligible);
    return made;
  }
};
TEST_P(Eligible, IsNobodyAnyMoreOnceTheMinimumWasAltered) {
  image.features.finalized["eligible.leader.replicas.version"] = 1;
  set_minimum("2");
  set_partitions({with_eligible({})});
  decide();
  set_partitions({with_eligible({2})});
  decide();
  EXPECT_EQ(cries(), "") << "nothing was altered";
  set_minimum("3");
  set_partitions({with_eligible({})});
  decide();
  EXPECT_EQ(cries(), "");
  set_partitions({with_eligible({2})});
  decide();
  set_minimum("1");
  set_partitions({with_eligible({2})});
  decide();
  EXPECT_EQ(cries(), "M6");
}
INSTANTIATE_TEST_SUITE_P(By, Eligible,
                         testing::Values(ConfigResource::topic("bills"), ConfigResource::cluster_default()));

// Who has all that is committed stays eligible.
class StaysEligible : public ImageStory {
 protected:
  void SetUp() override {
    ImageStory::SetUp();
    view.promise("bills", {3, 2, false});
    image.features.finalized["eligible.leader.replicas.version"] = 1;
    becomes(1, {1, 2, 3}, {});
    becomes(1, {1, 3}, {});
  }
  std::string becomes(int32_t leader, std::vector<int32_t> isr, std::vector<int32_t> elr) {
    PartitionRegistration made = partition(leader, std::move(isr));
    made.elr = std::move(elr);
    made.partition_epoch = ++partition_epoch;
    set_partitions({made});
    decide();
    return cries();
  }
  void register_again(int32_t id) {
    auto broker = std::make_shared<BrokerRegistration>(*image.broker(id));
    broker->epoch += 10;
    image.cluster.brokers.set(id, broker);
  }
  int32_t partition_epoch = 0;
};
TEST_F(StaysEligible, WhoLeavesAnIsrThatIsTooSmall) { EXPECT_EQ(becomes(1, {1}, {}), "M6"); }
TEST_F(StaysEligible, WhoWasEligibleBefore) {
  EXPECT_EQ(becomes(1, {1}, {3}), "");
  EXPECT_EQ(becomes(-1, {}, {1}), "M6");
}
TEST_F(StaysEligible, NobodyOnceEnoughAreInSync) {
  EXPECT_EQ(becomes(1, {1}, {3}), "");
  EXPECT_EQ(becomes(1, {1, 2}, {}), "");
}
TEST_F(StaysEligible, NotWhoComesBackUnclean) {
  EXPECT_EQ(becomes(1, {1}, {3}), "");
  register_again(3);
  EXPECT_EQ(becomes(1, {1}, {}), "");
}
TEST_F(StaysEligible, NobodyAfterAnUncleanElection) {
  EXPECT_EQ(becomes(-1, {}, {1, 3}), "");
  EXPECT_EQ(becomes(2, {2}, {}), "");
}
TEST_F(StaysEligible, NobodyWithoutTheFeature) {
  image.features.finalized["eligible.leader.replicas.version"] = 0;
  decide();
  EXPECT_EQ(becomes(1, {1}, {}), "");
}

TEST_F(Leaders, WhatIsNotNewSaysNothing) {
  set_broker(1, true);
  publish();
  EXPECT_FALSE(cried("M6"));
}

// ---- where new partitions are ----

class Placement : public ImageStory {
 protected:
  void SetUp() override {
    ImageStory::SetUp();
    view.promise("bills", {2, 1, false});
    set_broker(1, false, "a");
    set_broker(2, false, "a");
    set_broker(3, false, "b");
    set_broker(4, true, "b");
    decide();
  }
  std::string created(const std::vector<std::vector<int32_t>>& all) {
    std::vector<PartitionRegistration> partitions;
    for (const auto& replicas : all) {
      std::vector<int32_t> isr;
      for (const int32_t id : replicas) {
        if (id != 4) isr.push_back(id);
      }
      partitions.push_back(partition(isr.empty() ? -1 : isr.front(), isr, replicas));
    }
    set_partitions(partitions);
    decide();
    return cries();
  }
};
TEST_F(Placement, GoesRoundTheRacks) { EXPECT_EQ(created({{1, 3}, {3, 2}, {1, 3}}), ""); }
TEST_F(Placement, TakesNoRackTwiceBeforeTheOther) { EXPECT_EQ(created({{1, 2}}), "M6"); }
TEST_F(Placement, TakesNoFencedBrokerBeforeAnother) { EXPECT_EQ(created({{1, 4}}), "M6"); }
TEST_F(Placement, TakesNoBrokerTwice) { EXPECT_EQ(created({{1, 1}}), "M6"); }
TEST_F(Placement, TakesNobodyWhoIsNotThere) { EXPECT_EQ(created({{1, 9}}), "M6"); }
TEST_F(Placement, TakesAsManyAsWereAskedFor) { EXPECT_EQ(created({{1, 3, 2}}), "M6"); }
TEST_F(Placement, BeginsInAnotherRackEachTime) { EXPECT_EQ(created({{1, 3}, {2, 3}, {1, 3}}), "M6"); }
TEST_F(Placement, IsFreeWhereItIsDoneByHand) {
  view.places_by_hand("bills");
  EXPECT_EQ(created({{1, 2}, {1, 4}}), "");
}
TEST_F(Placement, MayHaveLookedAtOtherBrokersIfThereWereMoreDecisions) {
  set_broker(3, true, "b");
  decide(false);
  EXPECT_EQ(created({{1, 2}}), "");
}
TEST_F(Placement, HasEverybodyInSyncWhoIsActive) {
  set_partitions({partition(1, {1}, {1, 3})});
  decide();
  EXPECT_EQ(cries(), "M6");
}
TEST_F(Placement, OfMorePartitionsIsThatOfTheFirst) {
  EXPECT_EQ(created({{1, 3}}), "");
  set_partitions({partition(1, {1, 3}, {1, 3}), partition(3, {3}, {3})});
  decide();
  EXPECT_EQ(cries(), "M6");
}

}  // namespace
}  // namespace ksim::sim
