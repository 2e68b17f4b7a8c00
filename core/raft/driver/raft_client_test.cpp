// The quorum with its real disk, network and fibers, in the simulated world.

#include "core/raft/driver/raft_client.h"

#include <array>

#include "core/base/repetitions.h"
#include "core/raft/driver/test_node.h"

namespace ksim::raft {
namespace {

class Quorum {
 public:
  explicit Quorum(uint64_t seed, TestNodeSetup setup = {}, std::optional<Site> site = {})
      : world(world_of(seed, site)), setup_(setup) {}

  sim::SimNode& node(int32_t id) {
    return world.node((id <= setup_.voters ? "c" : "o") + std::to_string(id));
  }
  TestNode* process(int32_t id) {
    auto* process = static_cast<TestNode*>(node(id).process());
    return process != nullptr && process->ready() ? process : nullptr;
  }
  void start(int32_t id) {
    TestNodeSetup setup = setup_;
    setup.id = id;
    setup.voter = id <= setup.voters;
    node(id).start(TestNode::factory(setup, ledger));
  }
  void start_all(int32_t observers = 0) {
    for (int32_t id = 1; id <= setup_.voters + observers; ++id) start(id);
  }
  std::optional<int32_t> leader() {
    for (int32_t id = 1; id <= setup_.voters; ++id) {
      TestNode* one = node(id).running() ? process(id) : nullptr;
      if (one != nullptr && one->raft().node().is_leader() && one->raft().high_watermark() > 0) return id;
    }
    return std::nullopt;
  }
  void run(Duration time) { world.run(time); }
  void expect_sound() {
    EXPECT_EQ(world.failures(), std::vector<std::string>{});
    EXPECT_EQ(ledger.violations, std::vector<std::string>{});
  }
  // No more appends, and time for what there is to reach everybody.
  void calm_down() {
    ledger.quiet = true;
    run(seconds(3));
  }
  // Every acknowledged value is in the state of this node.
  void expect_all_at(int32_t id) {
    TestNode* one = process(id);
    ASSERT_NE(one, nullptr);
    std::set<std::string> values;
    for (const auto& [offset, value] : one->state()) values.insert(value);
    for (const std::string& value : ledger.acknowledged) {
      EXPECT_TRUE(values.count(value) == 1) << value << " was acknowledged and is not at node " << id;
    }
  }

  Ledger ledger;
  sim::TestWorld world;

 private:
  static sim::WorldSetup world_of(uint64_t seed, std::optional<Site> site) {
    sim::WorldSetup setup;
    setup.seed = seed;
    setup.active_sites.resize(kSiteCount);
    if (site) setup.active_sites[static_cast<size_t>(*site)] = true;
    return setup;
  }

  TestNodeSetup setup_;
};

TEST(RaftClient, ElectsALeaderAndReplicates) {
  Quorum quorum(1);
  quorum.start_all(1);
  quorum.run(seconds(10));
  ASSERT_TRUE(quorum.leader().has_value());
  EXPECT_GT(quorum.ledger.acknowledged.size(), 100U);
  for (int32_t id = 1; id <= 4; ++id) {
    TestNode* node = quorum.process(id);
    ASSERT_NE(node, nullptr);
    EXPECT_EQ(node->raft().leader_and_epoch().leader_id, quorum.leader());
    EXPECT_GT(node->applied(), 100);
  }
  quorum.expect_sound();
}

TEST(RaftClient, ASoleVoterLeads) {
  TestNodeSetup setup;
  setup.voters = 1;
  Quorum quorum(2, setup);
  quorum.start_all();
  quorum.run(seconds(2));
  EXPECT_EQ(quorum.leader(), 1);
  quorum.node(1).power_loss();
  quorum.run(milliseconds(10));
  quorum.start(1);
  quorum.run(seconds(2));
  EXPECT_EQ(quorum.process(1)->raft().node().epoch(), 2);
  quorum.calm_down();
  quorum.expect_all_at(1);
  quorum.expect_sound();
}

// Its process dies of a sync that fails. The next one reads what the system goes on to show, commits behind
// it, and has it after a power loss.
TEST(RaftClient, ASoleVoterKeepsWhatAnEarlierProcessFailedToSync) {
  TestNodeSetup setup;
  setup.voters = 1;
  Quorum quorum(3, setup);
  quorum.start_all();
  quorum.run(seconds(2));
  sim::DiskTrouble failing;
  failing.failing.push_back({".log", false, false, true});
  const uint64_t trouble = quorum.node(1).device().add_trouble(failing);
  quorum.run(seconds(1));
  const size_t acknowledged = quorum.ledger.acknowledged.size();
  quorum.node(1).device().remove_trouble(trouble);
  quorum.node(1).crash();
  quorum.run(milliseconds(10));
  quorum.start(1);
  quorum.run(seconds(2));
  EXPECT_GT(quorum.ledger.acknowledged.size(), acknowledged);
  quorum.node(1).power_loss();
  quorum.run(milliseconds(10));
  quorum.start(1);
  quorum.calm_down();
  quorum.expect_all_at(1);
  quorum.expect_sound();
}

TEST(RaftClient, ALeaderThatStopsHandsOver) {
  Quorum quorum(3);
  quorum.start_all();
  quorum.run(seconds(10));
  const auto first = quorum.leader();
  ASSERT_TRUE(first.has_value());
  quorum.node(*first).stop();
  // Far less than the fetch timeout: the others need not find out for themselves.
  quorum.run(seconds(1));
  EXPECT_FALSE(quorum.node(*first).running());
  const auto second = quorum.leader();
  ASSERT_TRUE(second.has_value());
  EXPECT_NE(second, first);
  quorum.calm_down();
  quorum.expect_all_at(*second);
  quorum.expect_sound();
}

TEST(RaftClient, AMinorityDoesNotCommit) {
  Quorum quorum(4);
  quorum.start_all();
  quorum.run(seconds(10));
  const auto leader = quorum.leader();
  ASSERT_TRUE(leader.has_value());
  for (int32_t id = 1; id <= 3; ++id) {
    if (id != *leader) quorum.node(id).power_loss();
  }
  quorum.run(seconds(1));
  const size_t acknowledged = quorum.ledger.acknowledged.size();
  quorum.run(seconds(10));
  EXPECT_EQ(quorum.ledger.acknowledged.size(), acknowledged);
  EXPECT_FALSE(quorum.process(*leader)->raft().node().is_leader());  // rule B26
  for (int32_t id = 1; id <= 3; ++id) {
    if (id != *leader) quorum.start(id);
  }
  quorum.run(seconds(15));
  EXPECT_GT(quorum.ledger.acknowledged.size(), acknowledged);
  quorum.calm_down();
  for (int32_t id = 1; id <= 3; ++id) quorum.expect_all_at(id);
  quorum.expect_sound();
}

TEST(RaftClient, SnapshotsReachThoseWhoAreBehind) {
  TestNodeSetup setup;
  setup.snapshot_every = 20;
  setup.retention_bytes = 1;  // keep as little as possible
  setup.segment_bytes = 4096;
  Quorum quorum(5, setup);
  quorum.start(1);
  quorum.start(2);
  quorum.run(seconds(20));
  ASSERT_TRUE(quorum.leader().has_value());
  EXPECT_GT(quorum.process(*quorum.leader())->raft().log().start_offset(), 0);
  quorum.start(3);
  quorum.start(4);  // an observer
  quorum.run(seconds(10));
  for (int32_t id = 3; id <= 4; ++id) {
    EXPECT_GE(quorum.process(id)->snapshots_loaded(), 1U);
    EXPECT_GT(quorum.process(id)->applied(), 100);
  }
  quorum.node(3).power_loss();
  quorum.run(seconds(1));
  quorum.start(3);
  quorum.run(seconds(10));
  quorum.calm_down();
  for (int32_t id = 1; id <= 4; ++id) quorum.expect_all_at(id);
  quorum.expect_sound();
}

// While a fetched snapshot takes the place of the log, the node's own older one must not take the place of
// what has been applied since: whoever finds the log to begin above what it has goes on from the latest there
// is.
TEST(RaftClient, ALogNeverBeginsAboveItsLatestSnapshot) {
  TestNodeSetup setup;
  setup.snapshot_every = 20;
  setup.retention_bytes = 1;
  setup.segment_bytes = 4096;
  Quorum quorum(7, setup);
  quorum.start_all();
  quorum.run(seconds(10));
  ASSERT_TRUE(quorum.leader().has_value());
  const int32_t behind = *quorum.leader() % 3 + 1;
  sim::DiskTrouble slow;
  slow.slow_per_mille = 100'000;
  quorum.node(behind).device().add_trouble(slow);
  quorum.node(behind).pause();
  quorum.run(seconds(10));
  quorum.node(behind).unpause();
  const RaftClient& raft = quorum.process(behind)->raft();
  for (int step = 0; step < 5000; ++step) {
    quorum.run(milliseconds(1));
    const auto latest = raft.latest_snapshot();
    ASSERT_TRUE(latest.has_value());
    ASSERT_GE(latest->offset, raft.log().start_offset());
  }
  EXPECT_GE(quorum.process(behind)->snapshots_loaded(), 1U);
  quorum.expect_sound();
}

// Records between the two would reach nobody.
TEST(RaftClient, WhoLoadsASnapshotGoesOnBehindItThoughALaterOneHasCome) {
  TestNodeSetup setup;
  setup.snapshot_every = 20;
  setup.retention_bytes = 1;
  setup.segment_bytes = 4096;
  Quorum quorum(8, setup, Site::raft_snapshot_loaded_slowly);
  quorum.start_all();
  quorum.run(seconds(10));
  ASSERT_TRUE(quorum.leader().has_value());
  const int32_t behind = *quorum.leader() % 3 + 1;
  size_t overtaken = 0;
  for (int round = 0; round < 5; ++round) {
    quorum.node(behind).crash();
    quorum.run(seconds(10));
    quorum.start(behind);
    size_t loaded = 0;
    for (int step = 0; step < 3000; ++step) {
      quorum.run(milliseconds(1));
      const TestNode* const node = quorum.process(behind);
      if (node == nullptr || node->snapshots_loaded() == loaded) continue;
      loaded = node->snapshots_loaded();
      overtaken += node->raft().latest_snapshot()->offset > node->applied() ? 1 : 0;
    }
  }
  EXPECT_GT(overtaken, 0U);
  quorum.calm_down();
  for (int32_t id = 1; id <= 3; ++id) quorum.expect_all_at(id);
  quorum.expect_sound();
}

TEST(RaftClient, DescribesItself) {
  Quorum quorum(6);
  quorum.start_all(1);
  quorum.run(seconds(10));
  const auto leader = quorum.leader();
  ASSERT_TRUE(leader.has_value());
  std::array<wire::DescribeQuorumRequestPartitionData, 1> partitions;
  std::array<wire::DescribeQuorumRequestTopicData, 1> topics;
  topics[0].topic_name = kMetadataTopic;
  topics[0].partitions = partitions;
  wire::DescribeQuorumRequest request;
  request.topics = topics;
  wire::Arena arena;
  const wire::DescribeQuorumResponse answer = quorum.process(*leader)->raft().handle(request, arena);
  ASSERT_EQ(answer.error_code, 0);
  const auto& partition = answer.topics[0].partitions[0];
  EXPECT_EQ(partition.leader_id, *leader);
  ASSERT_EQ(partition.current_voters.size(), 3U);
  ASSERT_EQ(partition.observers.size(), 1U);
  EXPECT_EQ(partition.observers[0].replica_id, 4);
  for (const auto& voter : partition.current_voters) {
    EXPECT_GE(voter.log_end_offset, partition.high_watermark - 10);
    EXPECT_GT(voter.last_caught_up_timestamp, 0);
  }
  for (int16_t version = 0; version <= 2; ++version) {  // clients before KIP-853 ask as well
    wire::Writer writer;
    encode(writer, answer, version);
    EXPECT_TRUE(writer.ok()) << version;
  }
  partitions[0].partition_index = 1;
  const wire::DescribeQuorumResponse unknown = quorum.process(*leader)->raft().handle(request, arena);
  ASSERT_EQ(unknown.topics.size(), 1U);
  EXPECT_EQ(unknown.topics[0].partitions[0].partition_index, 1);
  EXPECT_EQ(unknown.topics[0].partitions[0].error_code,
            static_cast<int16_t>(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
  partitions[0].partition_index = 0;
  for (int32_t id = 1; id <= 3; ++id) {
    if (id == *leader) continue;
    EXPECT_EQ(quorum.process(id)->raft().handle(request, arena).error_code,
              static_cast<int16_t>(ErrorCode::NOT_LEADER_OR_FOLLOWER));
  }
}

// Crashes and power losses of any node at any time, as long as the world lasts; then all come back, and
// nothing that was acknowledged is missing anywhere.
TEST(RaftClient, NothingAcknowledgedIsLostUnderCrashes) {
  size_t acknowledged = 0;
  size_t elections = 0;
  constexpr uint64_t kSeeds = repetitions(12);
  for (uint64_t seed = 100; seed < 100 + kSeeds; ++seed) {
    TestNodeSetup setup;
    setup.snapshot_every = seed % 2 == 0 ? 15 : 0;
    setup.retention_bytes = seed % 4 == 0 ? 1 : 100 << 20;
    setup.segment_bytes = 8192;
    Quorum quorum(seed, setup);
    quorum.start_all(1);
    uint64_t draws = 0;
    const auto below = [&](uint64_t bound) { return mix64(seed, 99, ++draws) % bound; };
    for (int step = 0; step < 120; ++step) {
      quorum.run(milliseconds(static_cast<int64_t>(below(800))));
      const auto id = static_cast<int32_t>(below(4)) + 1;
      if (!quorum.node(id).running()) {
        quorum.start(id);
      } else if (below(3) == 0) {
        if (below(2) == 0) {
          quorum.node(id).power_loss();
        } else {
          quorum.node(id).crash();
        }
      }
    }
    quorum.run(seconds(1));
    for (int32_t id = 1; id <= 4; ++id) {
      if (!quorum.node(id).running()) quorum.start(id);
    }
    quorum.run(seconds(20));
    SCOPED_TRACE("seed " + std::to_string(seed));
    ASSERT_TRUE(quorum.leader().has_value());
    quorum.calm_down();
    for (int32_t id = 1; id <= 4; ++id) quorum.expect_all_at(id);
    quorum.expect_sound();
    acknowledged += quorum.ledger.acknowledged.size();
    elections += quorum.ledger.leaders.size();
  }
  EXPECT_GT(acknowledged, kSeeds * 250);
  EXPECT_GT(elections, kSeeds * 4);
}

}  // namespace
}  // namespace ksim::raft
