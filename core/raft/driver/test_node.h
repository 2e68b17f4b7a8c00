#pragma once
// A member of the quorum for tests: raft client, listener on the network, a small state machine that takes
// snapshots, and a client that appends wherever this node leads. What was promised to whom is kept in a
// Ledger outside the nodes.

#include <map>
#include <memory>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "core/raft/driver/raft_client.h"
#include "core/rpc/api_versions.h"
#include "core/rpc/server.h"
#include "sim/test_world.h"

namespace ksim::raft {

// What the outside world has been told.
struct Ledger {
  std::map<int64_t, std::string> committed;  // value by offset, from whoever applied it first
  std::set<std::string> acknowledged;        // values a client was told to be committed
  std::map<int32_t, int32_t> leaders;        // epoch -> node that a listener was told of
  std::vector<std::string> violations;
  uint64_t next_value = 0;
  bool quiet = false;  // clients stop appending

  void applied(int32_t node, int64_t offset, const std::string& value) {
    const auto [it, first] = committed.emplace(offset, value);
    if (it->second != value) {
      violations.push_back("node " + std::to_string(node) + " applied " + value + " at " +
                           std::to_string(offset) + ", another had " + it->second);
    }
  }
};

struct TestNodeSetup {
  int32_t id = 1;
  int32_t voters = 3;
  bool voter = true;
  Duration append_every = milliseconds(50);
  int64_t snapshot_every = 0;  // batches; 0: never
  int64_t retention_bytes = 100 << 20;
  int64_t segment_bytes = 1 << 30;
};

inline RaftOptions test_options(const TestNodeSetup& setup) {
  RaftOptions options;
  std::vector<ReplicaKey> voters;
  for (int32_t id = 1; id <= setup.voters; ++id) {
    voters.push_back({id, kZeroUuid});
    options.quorum.voters[id] = Endpoint{"c" + std::to_string(id), 9093};
  }
  options.node.local = {setup.id, Uuid{7, static_cast<uint64_t>(setup.id) + 1000}};
  options.node.voters = VoterSet(voters);
  options.quorum.cluster_id = "test-cluster";
  options.quorum.listener = "CONTROLLER";
  options.log.log_dir = "meta";
  options.log.segment_bytes = setup.segment_bytes;
  options.retention_bytes = setup.retention_bytes;
  options.cleaning_interval = seconds(1);
  return options;
}

class TestNode final : public sim::Process, public RaftListener {
 public:
  TestNode(const std::vector<Env*>& shards, TestNodeSetup setup, Ledger& ledger)
      : env_(*shards[0]), setup_(setup), ledger_(ledger), stopped_(env_.scheduler) {}

  static sim::ProcessFactory factory(TestNodeSetup setup, Ledger& ledger) {
    return [setup, &ledger](const std::vector<Env*>& shards) {
      return std::make_unique<TestNode>(shards, setup, ledger);
    };
  }

  void run(size_t) override {
    const auto made = env_.disk.make_dir("meta");
    ASSERT_TRUE(made.ok() || made.error() == IoError::exists);
    ASSERT_TRUE(env_.disk.sync_dir("").ok());
    auto opened = RaftClient::open(env_, test_options(setup_));
    ASSERT_TRUE(opened.ok()) << to_string(opened.error());
    raft_ = std::move(opened).value();
    raft_->add_listener(*this);
    raft_->register_handlers(table_);
    table_.on<wire::ApiVersionsRequest>(
        [this](const wire::ApiVersionsRequest&, rpc::IncomingRequest& in, rpc::ResponseSlot slot) {
          wire::ApiVersionsResponse response;
          response.api_keys = rpc::served_versions(table_, rpc::ListenerKind::controller, in.arena);
          slot.respond(response);
        });
    rpc::RpcServerConfig config;
    config.bind = Endpoint{"", 9093};
    config.listener = "CONTROLLER";
    config.kind = rpc::ListenerKind::controller;
    rpc::RpcServer server(env_, config, table_);
    ASSERT_TRUE(server.start().ok());
    raft_->start();
    run_scoped(env_, [&](Scope& scope) {
      scope.spawn("appender", [&] { append_now_and_then(); });
      while (!stop_) static_cast<void>(stopped_.wait(Instant::never(), "stop"));
    });
    raft_->shutdown(seconds(5));
    server.stop();
  }
  void stop() override {
    stop_ = true;
    stopped_.notify_all();
  }

  const RaftClient& raft() const { return *raft_; }
  bool ready() const { return raft_ != nullptr; }
  const std::map<int64_t, std::string>& state() const { return state_; }
  int64_t applied() const { return applied_; }
  size_t snapshots_loaded() const { return snapshots_loaded_; }

  Result<void> handle_commit(std::span<const CommittedBatch> batches) override {
    for (const CommittedBatch& batch : batches) {
      if (batch.base_offset != applied_) {
        ledger_.violations.push_back("node " + std::to_string(setup_.id) + " was given offset " +
                                     std::to_string(batch.base_offset) + " after " +
                                     std::to_string(applied_));
      }
      int64_t offset = batch.base_offset;
      for (const Bytes value : batch.records) {
        state_[offset] = std::string(as_text(value));
        ledger_.applied(setup_.id, offset, state_[offset]);
        acknowledge(offset);
        ++offset;
      }
      applied_ = batch.last_offset + 1;
      last_epoch_ = batch.epoch;
      last_time_ms_ = batch.append_time_ms;
      ++batches_since_snapshot_;
    }
    if (setup_.snapshot_every > 0 && batches_since_snapshot_ >= setup_.snapshot_every) return take_snapshot();
    return {};
  }

  Result<void> handle_load_snapshot(SnapshotReader& snapshot) override {
    if (leads_) ledger_.violations.push_back("a snapshot was loaded into a leader");
    if (snapshot.id().offset <= applied_) {
      ledger_.violations.push_back("node " + std::to_string(setup_.id) + " went back from " +
                                   std::to_string(applied_) + " to a snapshot up to " +
                                   std::to_string(snapshot.id().offset));
    }
    state_.clear();
    std::vector<Bytes> values;
    for (;;) {
      TRY_ASSIGN(const bool more, snapshot.next(values));
      if (!more) break;
      for (const Bytes value : values) {
        const std::string_view text = as_text(value);
        const size_t colon = text.find(':');
        const int64_t offset = std::stoll(std::string(text.substr(0, colon)));
        state_[offset] = std::string(text.substr(colon + 1));
        ledger_.applied(setup_.id, offset, state_[offset]);
      }
    }
    applied_ = snapshot.id().offset;
    last_epoch_ = snapshot.id().epoch;
    batches_since_snapshot_ = 0;
    ++snapshots_loaded_;
    return {};
  }

  void handle_leader_change(const LeaderAndEpoch& leader) override {
    leads_ = leader.leader_id == setup_.id;
    epoch_ = leader.epoch;
    waiting_.clear();
    if (!leader.leader_id) return;
    const auto [it, first] = ledger_.leaders.emplace(leader.epoch, *leader.leader_id);
    if (it->second != *leader.leader_id) {
      ledger_.violations.push_back("two leaders of epoch " + std::to_string(leader.epoch));
    }
  }

 private:
  void append_now_and_then() {
    for (;;) {
      env_.sleep(setup_.append_every);
      if (!leads_ || ledger_.quiet) continue;
      const std::string value = "v" + std::to_string(++ledger_.next_value) + "-" + std::to_string(setup_.id);
      const std::string more = value + "+";
      const Bytes values[] = {as_bytes(value), as_bytes(more)};
      const auto at = raft_->append(epoch_, values);
      if (!at.ok()) continue;
      waiting_[at->base_offset] = value;
      waiting_[at->last_offset] = more;
    }
  }
  void acknowledge(int64_t offset) {
    const auto it = waiting_.find(offset);
    if (it == waiting_.end()) return;
    if (state_[offset] == it->second) ledger_.acknowledged.insert(it->second);
    waiting_.erase(it);
  }
  Result<void> take_snapshot() {
    batches_since_snapshot_ = 0;
    TRY_ASSIGN(std::unique_ptr<SnapshotWriter> writer,
               raft_->create_snapshot({applied_, last_epoch_}, last_time_ms_));
    if (writer == nullptr) return {};
    for (const auto& [offset, value] : state_) {
      const std::string text = std::to_string(offset) + ":" + value;
      const Bytes bytes = as_bytes(text);
      TRY(writer->append(std::span(&bytes, 1)));
    }
    return raft_->complete_snapshot(std::move(writer));
  }

  Env& env_;
  TestNodeSetup setup_;
  Ledger& ledger_;
  Condition stopped_;
  bool stop_ = false;
  std::unique_ptr<RaftClient> raft_;
  rpc::HandlerTable table_;
  std::map<int64_t, std::string> state_;
  std::map<int64_t, std::string> waiting_;
  int64_t applied_ = 0;
  int32_t last_epoch_ = 0;
  int64_t last_time_ms_ = 0;
  int64_t batches_since_snapshot_ = 0;
  size_t snapshots_loaded_ = 0;
  bool leads_ = false;
  int32_t epoch_ = 0;
};

}  // namespace ksim::raft
