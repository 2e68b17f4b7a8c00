#include "core/metadata/partition_change.h"

#include <gtest/gtest.h>

#include "core/metadata/delta.h"

namespace ksim {
namespace {

using Ids = std::vector<int32_t>;

struct Fixture {
  PartitionRegistration partition;
  PartitionContext context;
  std::set<int32_t> dead;

  Fixture() {
    partition.replicas = {1, 2, 3};
    partition.directories = {Uuid{0, 201}, Uuid{0, 202}, Uuid{0, 203}};
    partition.isr = {1, 2, 3};
    partition.leader = 1;
    partition.leader_epoch = 5;
    partition.partition_epoch = 9;
    context.metadata_version = 25;
    context.elr_enabled = true;
    context.min_insync_replicas = 2;
    context.acceptable = [this](int32_t id) { return dead.count(id) == 0; };
    context.default_directory = [](int32_t id) { return Uuid{0, 200 + static_cast<uint64_t>(id)}; };
  }
  PartitionChangeBuilder builder() { return PartitionChangeBuilder(partition, Uuid{1, 1}, 0, context); }
  // Applies the change as replay does.
  bool apply(PartitionChangeBuilder& change_builder) {
    auto change = change_builder.build();
    if (!change) return false;
    partition = merge(partition, change->record());
    return true;
  }
  void shrink(Ids isr, Election election = Election::online) {
    auto change = builder();
    change.target_isr(std::move(isr)).election(election);
    static_cast<void>(apply(change));
  }
};

TEST(PartitionChange, RuleC23NothingToDoGivesNoRecord) {
  Fixture f;
  EXPECT_FALSE(f.builder().build().has_value());
}

TEST(PartitionChange, RuleC24KeepsAValidLeaderElseFirstReplicaInOrder) {
  Fixture f;
  f.partition.leader = 2;
  f.shrink({2, 3});
  EXPECT_EQ(f.partition.leader, 2);
  EXPECT_EQ(f.partition.leader_epoch, 5);
  f.dead = {2};
  f.shrink({3});
  EXPECT_EQ(f.partition.leader, 3);
  EXPECT_EQ(f.partition.leader_epoch, 6);
}

TEST(PartitionChange, RuleC29LeavingBelowTheMinimumMakesEligible) {
  Fixture f;
  f.shrink({1, 2});
  EXPECT_TRUE(f.partition.elr.empty());  // still at the minimum
  f.shrink({1});
  EXPECT_EQ(f.partition.elr, Ids{2});
  f.shrink({1, 3});
  EXPECT_TRUE(f.partition.elr.empty());
}

TEST(PartitionChange, RuleC29TheMinimumIsBoundedByTheReplicas) {
  Fixture f;
  f.context.min_insync_replicas = 5;
  f.shrink({1, 2});
  EXPECT_EQ(f.partition.elr, Ids{3});
  f.shrink({1, 2, 3});
  EXPECT_TRUE(f.partition.elr.empty());
}

TEST(PartitionChange, RuleC28WithEligibleReplicasTheIsrMayBecomeEmpty) {
  Fixture f;
  f.shrink({1, 2});
  f.shrink({1});
  f.dead = {1, 2, 3};
  f.shrink({});
  EXPECT_TRUE(f.partition.isr.empty());
  EXPECT_EQ(f.partition.leader, kNoLeader);
  EXPECT_EQ(f.partition.elr, (Ids{2, 1}));
  EXPECT_EQ(f.partition.last_known_elr, Ids{1});
}

TEST(PartitionChange, RuleC28WithoutThemTheLastMemberStays) {
  Fixture f;
  f.context.elr_enabled = false;
  f.shrink({1});
  f.dead = {1};
  f.shrink({});
  EXPECT_EQ(f.partition.isr, Ids{1});
  EXPECT_EQ(f.partition.leader, kNoLeader);
  EXPECT_TRUE(f.partition.elr.empty());
}

TEST(PartitionChange, RuleC27ElectionFromTheElr) {
  Fixture f;
  f.shrink({1, 2});
  f.shrink({1});
  f.dead = {1, 2, 3};
  f.shrink({});
  f.dead = {1, 3};
  auto change = f.builder();
  ASSERT_TRUE(f.apply(change));
  EXPECT_EQ(f.partition.leader, 2);
  EXPECT_EQ(f.partition.isr, Ids{2});
  EXPECT_EQ(f.partition.elr, Ids{1});
  EXPECT_EQ(f.partition.recovery, LeaderRecovery::recovered);  // a clean election
  EXPECT_TRUE(f.partition.last_known_elr.empty());
}

TEST(PartitionChange, RuleC27UncleanElection) {
  Fixture f;
  f.context.elr_enabled = false;
  f.shrink({1});
  f.dead = {1};
  auto change = f.builder();
  change.target_isr({}).election(Election::unclean);
  auto built = change.build();
  ASSERT_TRUE(built.has_value());
  EXPECT_TRUE(built->unclean);
  f.partition = merge(f.partition, built->record());
  EXPECT_EQ(f.partition.leader, 2);
  EXPECT_EQ(f.partition.isr, Ids{2});
  EXPECT_EQ(f.partition.recovery, LeaderRecovery::recovering);
}

TEST(PartitionChange, RuleC26TheLastKnownLeaderMustBeAlive) {
  Fixture f;
  f.partition.isr = {};
  f.partition.elr = {};
  f.partition.leader = kNoLeader;
  f.partition.last_known_elr = {3};
  f.dead = {3};
  EXPECT_FALSE(f.builder().build().has_value());
  f.dead = {};
  auto change = f.builder();
  ASSERT_TRUE(f.apply(change));
  EXPECT_EQ(f.partition.leader, 3);
  EXPECT_EQ(f.partition.recovery, LeaderRecovery::recovering);  // it may have lost records
  EXPECT_TRUE(f.partition.last_known_elr.empty());
}

TEST(PartitionChange, RuleC25PreferredElectionNeverTakesAnOutOfSyncReplica) {
  Fixture f;
  f.partition.isr = {2, 3};
  f.partition.leader = 3;
  auto change = f.builder();
  change.election(Election::preferred);
  EXPECT_FALSE(change.build().has_value());  // 1 is not in the ISR: 3 stays
  f.partition.isr = {1, 2, 3};
  auto again = f.builder();
  again.election(Election::preferred);
  ASSERT_TRUE(f.apply(again));
  EXPECT_EQ(f.partition.leader, 1);
  f.dead = {1, 2, 3};
  f.partition.isr = {1};
  f.dead = {1};
  auto dead = f.builder();
  dead.election(Election::preferred);
  ASSERT_TRUE(f.apply(dead));
  EXPECT_EQ(f.partition.leader, kNoLeader);
}

TEST(PartitionChange, RuleC11UncleanShutdownLeavesIsrAndElr) {
  Fixture f;
  f.shrink({1, 2});
  f.shrink({1});
  ASSERT_EQ(f.partition.elr, Ids{2});
  auto eligible = f.builder();
  eligible.unclean_shutdown_of(2);
  ASSERT_TRUE(f.apply(eligible));
  EXPECT_TRUE(f.partition.elr.empty());
  f.dead = {1};
  auto last = f.builder();
  last.target_isr({}).unclean_shutdown_of(1);
  ASSERT_TRUE(f.apply(last));
  EXPECT_TRUE(f.partition.isr.empty());
  EXPECT_TRUE(f.partition.elr.empty());
  EXPECT_EQ(f.partition.last_known_elr, Ids{1});
}

TEST(PartitionChange, RuleC34ReassignmentStartsAndCompletes) {
  Fixture f;
  Reassignment target = start_reassignment(f.partition, {3, 4});
  EXPECT_EQ(target.replicas, (Ids{3, 4, 1, 2}));
  EXPECT_EQ(target.removing, (Ids{1, 2}));
  EXPECT_EQ(target.adding, Ids{4});
  auto start = f.builder();
  start.target_replicas(target.replicas).target_removing(target.removing).target_adding(target.adding);
  ASSERT_TRUE(f.apply(start));
  EXPECT_EQ(f.partition.leader_epoch, 5);  // nobody was dropped yet
  EXPECT_EQ(f.partition.directories.size(), 4u);
  EXPECT_EQ(f.partition.directory_of(4), (Uuid{0, 204}));
  EXPECT_EQ(f.partition.directory_of(1), (Uuid{0, 201}));
  f.shrink({1, 2, 3, 4});
  EXPECT_EQ(f.partition.replicas, (Ids{3, 4}));
  EXPECT_EQ(f.partition.isr, (Ids{3, 4}));
  EXPECT_FALSE(f.partition.reassigning());
  EXPECT_EQ(f.partition.leader, 3);
  EXPECT_EQ(f.partition.leader_epoch, 6);
  EXPECT_EQ(f.partition.directories, (std::vector<Uuid>{Uuid{0, 203}, Uuid{0, 204}}));
}

TEST(PartitionChange, RuleC23DroppingAReplicaBumpsTheLeaderEpoch) {
  Fixture f;
  auto start = f.builder();
  Reassignment target = start_reassignment(f.partition, {1, 2});
  start.target_replicas(target.replicas).target_removing(target.removing);
  ASSERT_TRUE(f.apply(start));  // completes at once: both are in the ISR
  EXPECT_EQ(f.partition.replicas, (Ids{1, 2}));
  EXPECT_EQ(f.partition.leader, 1);
  EXPECT_EQ(f.partition.leader_epoch, 6);
}

TEST(PartitionChange, RuleC35TheLastMemberIsNotRemoved) {
  Fixture f;
  f.partition.isr = {1};
  auto start = f.builder();
  Reassignment target = start_reassignment(f.partition, {2, 3});
  start.target_replicas(target.replicas).target_removing(target.removing).target_adding(target.adding);
  ASSERT_TRUE(f.apply(start));
  EXPECT_EQ(f.partition.isr, Ids{1});
  EXPECT_TRUE(f.partition.reassigning());
}

TEST(PartitionChange, RuleC34Revert) {
  Fixture f;
  f.partition.replicas = {4, 5, 1, 2};
  f.partition.adding_replicas = {4, 5};
  f.partition.removing_replicas = {1, 2};
  f.partition.isr = {4, 1};
  ReassignmentRevert revert = revert_reassignment(f.partition);
  EXPECT_EQ(revert.replicas, (Ids{1, 2}));
  EXPECT_EQ(revert.isr, Ids{1});
  EXPECT_FALSE(revert.unclean);
  f.partition.isr = {4};
  revert = revert_reassignment(f.partition);
  EXPECT_TRUE(revert.unclean);
  EXPECT_EQ(revert.isr, Ids{1});
}

TEST(PartitionChange, OnlyReplicasAreEligible) {
  Fixture f;
  f.partition.replicas = {4, 1, 2};
  f.partition.adding_replicas = {4};
  f.partition.isr = {1, 4};
  auto revert = f.builder();
  revert.target_isr({1}).target_replicas({1, 2}).target_adding({});
  ASSERT_TRUE(f.apply(revert));
  EXPECT_TRUE(f.partition.elr.empty());  // 4 left the ISR below the minimum, but is no replica any more
}

TEST(PartitionChange, RuleC48OldVersionsBumpTheEpochOnShrinkAndHaveNoDirectories) {
  Fixture f;
  f.context.metadata_version = 8;
  f.context.elr_enabled = false;
  auto change = f.builder();
  change.target_isr({1, 2});
  auto built = change.build();
  ASSERT_TRUE(built.has_value());
  EXPECT_EQ(built->leader, 1);
  EXPECT_FALSE(built->directories.has_value());
}

}  // namespace
}  // namespace ksim
