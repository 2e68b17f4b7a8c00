#pragma once
// One replica of a test cluster: a raft::Node, its gate, and a disk that can crash or lose power.
//
// The disk has what the process wrote (`written`) and what would survive a power loss (`durable`). The quorum
// state and snapshots are durable once their operation is done; the log only after a FlushLog.

#include <map>
#include <memory>
#include <string>

#include "core/raft/node.h"
#include "core/raft/persist_gate.h"

namespace ksim::raft {

struct StoredBatch {
  int64_t base_offset = 0;
  int64_t last_offset = 0;
  int32_t epoch = 0;
  std::string text;    // "L1" for the leader change of leader 1, else the records' text
  uint64_t chain = 0;  // of this batch and all before it
};
std::string encode(const StoredBatch& batch);
// `previous` is the chain before the first batch.
std::vector<StoredBatch> decode_batches(Bytes bytes, uint64_t previous);
uint64_t chain_after(uint64_t previous, const StoredBatch& batch);

struct StoredSnapshot {
  uint64_t chain = 0;  // of everything below its end
};
std::string encode(const StoredSnapshot& snapshot);

struct DiskImage {
  std::optional<ElectionRecord> quorum_state;
  int64_t log_start = 0;
  uint64_t chain_at_start = 0;
  std::vector<StoredBatch> log;
  std::map<std::pair<int64_t, int32_t>, StoredSnapshot> snapshots;  // by (offset, epoch)

  int64_t log_end() const { return log.empty() ? log_start : log.back().last_offset + 1; }
  // The chain of everything below `offset`, none if this log does not reach it or begins above.
  std::optional<uint64_t> chain_at(int64_t offset) const;
  LogView view() const;
};

class Replica {
 public:
  explicit Replica(NodeConfig config) : config_(std::move(config)) {}

  int32_t id() const { return config_.local.id; }
  bool running() const { return node_ != nullptr; }
  const Node& node() const { return *node_; }
  const NodeConfig& config() const { return config_; }
  const DiskImage& written() const { return written_; }
  const DiskImage& durable() const { return durable_; }
  const PersistGate& gate() const { return gate_; }
  Instant now;

  void start(uint64_t draw);
  void step(Input input, uint64_t draw);
  std::optional<Outward> take_ready() { return gate_.take_ready(); }
  // Performs the next operation without telling the node; the description of it, empty if there is none.
  std::string perform_disk_op();
  // How often each kind of DiskAction was performed, by its index.
  const std::map<size_t, size_t>& performed() const { return performed_; }
  bool disk_op_unacknowledged() const { return gate_.performing(); }
  // Tells the node that the operation performed last is done.
  void acknowledge_disk_op(uint64_t draw);

  void crash();
  // `keep`: how many batches of the unsynced tail survive.
  void lose_power(size_t keep);
  size_t unsynced_batches() const;
  void wipe();

  RecordBytes read(const ReadRange& range) const;
  // The bytes of a snapshot from a position on.
  std::string read_snapshot(const SnapshotRange& range) const;
  // Writes a snapshot of committed state up to the end of the batch before `offset`; its size.
  int64_t write_snapshot(OffsetAndEpoch id);

 private:
  void apply(const PersistQuorumState& action);
  void apply(const AppendAsLeader& action);
  void apply(const AppendAsFollower& action);
  void apply(const TruncateLog& action);
  void apply(const FlushLog& action);
  void apply(const StoreSnapshotChunk& action);
  void apply(const InstallSnapshot& action);
  void apply(const TrimLog& action);
  void recover();

  NodeConfig config_;
  std::unique_ptr<Node> node_;
  PersistGate gate_;
  DiskImage written_;
  DiskImage durable_;
  std::string part_;
  std::map<size_t, size_t> performed_;
};

}  // namespace ksim::raft
