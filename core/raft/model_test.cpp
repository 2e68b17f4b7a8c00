// Random schedules over the pure core: messages lost, doubled and reordered, nodes crashing and losing power
// with disk operations half done, clocks jumping. The harness's Checker asserts M1, M2 and M3 after each
// step; at the end the faults stop and the quorum must agree again.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/base/assert.h"
#include "core/base/repetitions.h"
#include "core/raft/harness/cluster.h"

namespace ksim::raft {
namespace {

class Model {
 public:
  explicit Model(uint64_t seed, std::string* log) : seed_(seed), cluster_(mix64(seed, 77), log) {
    NodeConfig config;
    config.timers.append_linger = milliseconds(below(2) == 0 ? 0 : 25);
    if (below(2) == 0) config.max_fetch_bytes = 1;  // one batch at a time
    const auto voters = static_cast<int32_t>(below(10) == 0 ? 1 : below(4) == 0 ? 5 : 3);
    observers_ = static_cast<int32_t>(below(2));
    std::vector<ReplicaKey> keys;
    for (int32_t id = 1; id <= voters; ++id) keys.push_back({id, kZeroUuid});
    config.voters = VoterSet(keys);
    for (int32_t id = 1; id <= voters + observers_; ++id) {
      config.local = {id, kZeroUuid};
      cluster_.add(config);
    }
    nodes_ = voters + observers_;
    cluster_.auto_disk = below(3) == 0;
    faults_per_mille_ = below(4) * 15;
    for (int32_t id = 1; id <= nodes_; ++id) cluster_.start(id);
  }

  void run(int actions) {
    for (int i = 0; i < actions; ++i) act();
  }

  // Everything works from now on: there must be one leader, and equal logs, all committed.
  void heal() {
    cluster_.auto_disk = true;
    for (int32_t id = 1; id <= nodes_; ++id) {
      if (!node(id).running()) cluster_.start(id);
      while (cluster_.disk(id)) continue;
    }
    int appended = 0;
    for (int round = 0; round < 4000; ++round) {
      for (int budget = 500; budget > 0 && !cluster_.flights().empty(); --budget) cluster_.deliver(0);
      if (agreed() && appended > 2) return;
      // One clock for all, so that timeouts keep their order.
      for (int32_t id = 1; id <= nodes_; ++id) cluster_.advance(id, milliseconds(10));
      if (round % 100 == 99 && append_somewhere()) ++appended;
    }
    ENSURE(false, "no agreement after the faults have stopped");
  }

  Cluster& cluster() { return cluster_; }

 private:
  uint64_t below(uint64_t bound) { return Draws(mix64(seed_, ++drawn_)).below(bound); }
  Replica& node(int32_t id) { return cluster_.replica(id); }
  int32_t any_node() { return static_cast<int32_t>(below(static_cast<uint64_t>(nodes_))) + 1; }

  void act() {
    const uint64_t dice = below(1000);
    const int32_t id = any_node();
    // From time to time one node hears nobody and nobody hears it.
    if (faults_per_mille_ > 0 && below(60) == 0) isolated_ = below(2) == 0 ? any_node() : kNoNode;
    if (dice < faults_per_mille_) return fault(id);
    if (!node(id).running()) {
      if (below(10) == 0) cluster_.start(id);
      return;
    }
    if (dice < 500) return message();
    if (dice < 700) return disk(id);
    if (dice < 850)
      return cluster_.advance(id, milliseconds(static_cast<int64_t>(below(below(8) == 0 ? 1500 : 60))));
    if (dice < 900) return cluster_.advance_to_deadline(id);
    if (dice < 975) {
      static_cast<void>(append_somewhere());
      return;
    }
    if (dice < 985) return snapshot(id);
    if (dice < 990) return clean(id);
    if (dice < 994) return cluster_.step(id, Resign{node(id).node().epoch()});
  }

  void disk(int32_t id) {
    for (uint64_t count = below(4); count > 0; --count) static_cast<void>(cluster_.disk(id));
  }

  void fault(int32_t id) {
    if (!node(id).running()) return;
    if (below(2) == 0) return cluster_.crash(id);
    cluster_.lose_power(id, below(node(id).unsynced_batches() + 1));
  }

  void message() {
    auto& flights = cluster_.flights();
    if (flights.empty()) return;
    const size_t chosen = below(3) == 0 ? below(flights.size()) : 0;
    const uint64_t fate = below(1000);
    const bool cut = flights[chosen].from == isolated_ || flights[chosen].to == isolated_;
    if (cut || fate < faults_per_mille_ * 2) {
      const Flight lost = flights[chosen];
      cluster_.drop(chosen);
      // Sometimes the asker learns of it.
      if (below(2) == 0 && std::holds_alternative<Request>(lost.what) && node(lost.from).running()) {
        cluster_.step(lost.from, RequestFailed{lost.to, lost.correlation});
      }
      return;
    }
    if (fate < faults_per_mille_ * 4 && flights.size() < 200) cluster_.duplicate(chosen);
    cluster_.deliver(chosen);
  }

  bool append_somewhere() {
    for (auto& [id, replica] : cluster_.replicas()) {
      if (!replica->running() || !replica->node().is_leader()) continue;
      ClientAppend in;
      in.epoch = replica->node().epoch();
      in.record_count = static_cast<int32_t>(below(3)) + 1;
      in.batch = Buffer::copy_of(as_bytes(fmt::format("r{}", ++records_)));
      cluster_.step(id, std::move(in));
      return true;
    }
    return false;
  }

  void snapshot(int32_t id) {
    Replica& replica = node(id);
    for (auto batch = replica.written().log.rbegin(); batch != replica.written().log.rend(); ++batch) {
      if (batch->last_offset + 1 > replica.node().high_watermark() || below(2) == 0) continue;
      if (batch->last_offset + 1 > replica.node().log().end_offset()) continue;
      const OffsetAndEpoch at{batch->last_offset + 1, batch->epoch};
      cluster_.step(id, SnapshotCreated{at, replica.write_snapshot(at)});
      return;
    }
  }

  void clean(int32_t id) {
    if (node(id).gate().has_disk_op() || node(id).disk_op_unacknowledged()) return;
    const auto& snapshots = node(id).node().log().snapshots();
    if (snapshots.empty()) return;
    cluster_.step(id, CleanUpTo{snapshots[below(snapshots.size())].id});
  }

  bool agreed() {
    int32_t leader = kNoNode;
    const Node& first = node(1).node();
    for (auto& [id, replica] : cluster_.replicas()) {
      const Node& n = replica->node();
      if (n.is_leader()) leader = id;
      if (n.epoch() != first.epoch() || n.leader_id() != first.leader_id()) return false;
      if (n.log().end_offset() != first.log().end_offset() || n.high_watermark() != n.log().end_offset())
        return false;
      if (replica->written().chain_at(first.log().end_offset()) !=
          node(1).written().chain_at(first.log().end_offset())) {
        return false;
      }
    }
    return leader != kNoNode;
  }

  uint64_t seed_;
  uint64_t drawn_ = 0;
  Cluster cluster_;
  int32_t nodes_ = 0;
  int32_t observers_ = 0;
  uint64_t faults_per_mille_ = 0;
  uint64_t records_ = 0;
  int32_t isolated_ = kNoNode;
};

template <class Action>
size_t performed(Model& model) {
  size_t count = 0;
  for (auto& [id, replica] : model.cluster().replicas()) {
    for (const auto& [kind, times] : replica->performed()) {
      if (kind == DiskAction(Action{}).index()) count += times;
    }
  }
  return count;
}

TEST(Model, InvariantsHoldOverRandomSchedules) {
  constexpr uint64_t kSeeds = repetitions(3000);
  constexpr int kActions = 800;
  size_t elections = 0;
  int64_t committed = 0;
  size_t truncations = 0;
  size_t installed = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    try {
      Model model(seed, nullptr);
      model.run(kActions);
      model.heal();
      elections += model.cluster().checker().elections();
      committed += model.cluster().checker().committed();
      truncations += performed<TruncateLog>(model);
      installed += performed<InstallSnapshot>(model);
    } catch (const AssertionFailed& failed) {
      std::string log;
      try {
        Model again(seed, &log);
        again.run(kActions);
        again.heal();
      } catch (const AssertionFailed&) {
        constexpr size_t kTail = 6000;
        if (log.size() > kTail) log.erase(0, log.size() - kTail);
      }
      FAIL() << "seed " << seed << ": " << failed.what() << "\n" << log;
    }
  }
  // The schedules must not be idle: else the test could not fail.
  EXPECT_GT(elections, kSeeds * 2);
  EXPECT_GT(committed, static_cast<int64_t>(kSeeds) * 10);
  EXPECT_GT(truncations, kSeeds / 10);
  EXPECT_GT(installed, kSeeds / 30);
  RecordProperty("truncations", static_cast<int>(truncations));
  RecordProperty("snapshots_installed", static_cast<int>(installed));
}

}  // namespace
}  // namespace ksim::raft
