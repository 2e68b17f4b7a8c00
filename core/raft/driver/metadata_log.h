#pragma once
// The replicated metadata log on disk: `<metadata.log.dir>/__cluster_metadata-0` with its segments, snapshots
// and quorum-state, as the consensus core's disk operations need it (rules A57, A58, B24, B36, B43, B45).
// One fiber changes it; others may read meanwhile.

#include <memory>
#include <string>

#include "core/io/env.h"
#include "core/raft/driver/quorum_addresses.h"
#include "core/raft/driver/snapshot_file.h"
#include "core/raft/effects.h"
#include "core/storage/log.h"

namespace ksim::raft {

struct MetadataLogConfig {
  std::string log_dir;  // metadata.log.dir
  int64_t segment_bytes = 1 << 30;
  int64_t segment_ms = 7LL * 24 * 3600 * 1000;
  int64_t max_batch_bytes = 8 << 20;
};

// Whole batches read from the log, with their memory.
struct LogChunk {
  ByteBuffer bytes;
};

class MetadataLog {
 public:
  // Creates the directory if it is missing; scans all segments (rule A57). A log that begins above 0 without
  // a snapshot to begin from is refused.
  static Result<std::unique_ptr<MetadataLog>> open(const Env& env, const MetadataLogConfig& config);

  const std::string& directory() const { return directory_; }
  // What the core starts from.
  LogView view() const;
  int64_t start_offset() const { return log_->log_start_offset(); }
  int64_t end_offset() const { return log_->log_end_offset(); }

  // ---- reads ----
  // Batches from the one that contains `offset`, at least one, up to about max_bytes; the last may be cut.
  Result<LogChunk> read(int64_t offset, int64_t max_bytes);
  // The same below the high watermark; nothing at it.
  Result<LogChunk> read_committed(int64_t offset, int64_t max_bytes);
  Result<ByteBuffer> read_snapshot(const SnapshotRange& range) const;
  Result<std::unique_ptr<SnapshotReader>> open_snapshot(OffsetAndEpoch id) const {
    return SnapshotReader::open(env_.disk, directory_, id);
  }
  std::optional<OffsetAndEpoch> latest_snapshot() const {
    if (snapshots_.empty()) return std::nullopt;
    return snapshots_.back().id;
  }
  const std::vector<SnapshotInfo>& snapshots() const { return snapshots_; }
  int64_t size_bytes() const { return static_cast<int64_t>(log_->size_bytes()); }

  // ---- changes ----
  Result<void> append(const AppendAsLeader& action);
  Result<void> append(const AppendAsFollower& action);
  Result<void> truncate(int64_t offset);
  Result<void> flush() { return log_->flush_all(); }
  void advance_high_watermark(int64_t offset);
  Result<void> store_chunk(const StoreSnapshotChunk& action);
  // Freezes what store_chunk wrote; the log is then empty on it.
  Result<void> install(OffsetAndEpoch id);
  Result<void> trim(int64_t start_offset);
  Result<std::unique_ptr<SnapshotWriter>> create_snapshot(OffsetAndEpoch id,
                                                          int64_t last_contained_timestamp_ms);
  // One that was written with create_snapshot() has been frozen.
  void add_snapshot(OffsetAndEpoch id, int64_t size_bytes);
  Result<void> close() { return log_->close(); }

 private:
  MetadataLog(const Env& env, std::string directory, std::shared_ptr<storage::Log> log,
              std::vector<SnapshotInfo> snapshots)
      : env_(env), directory_(std::move(directory)), log_(std::move(log)), snapshots_(std::move(snapshots)) {}
  static Result<void> reconcile(const Env& env, const std::string& directory, storage::Log& log,
                                std::vector<SnapshotInfo>& snapshots);
  static Result<void> remove_snapshots_below(const Env& env, const std::string& directory, int64_t offset,
                                             std::vector<SnapshotInfo>& snapshots);
  Result<LogChunk> read(int64_t offset, int64_t max_bytes, storage::FetchIsolation isolation);
  Result<void> append_leader_bytes(ByteBuffer& bytes, int32_t epoch, int64_t expected_end);
  Result<void> verify_partial();
  ByteBuffer leader_change_batch(const LeaderChange& change, const AppendEntry& entry, int32_t epoch) const;

  const Env& env_;
  std::string directory_;
  std::shared_ptr<storage::Log> log_;
  std::vector<SnapshotInfo> snapshots_;  // files that are there
  std::unique_ptr<RawSnapshotWriter> fetching_;
  uint64_t unique_ = 0;
};

}  // namespace ksim::raft
