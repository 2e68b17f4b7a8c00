#pragma once
// What the consensus core knows of its log without reading it. It runs ahead of the disk: it shows the log
// as it will be when every operation issued so far is done; only `flushed_offset` speaks of what is done.
// Invariants: start <= flushed <= end; epochs ascending with ascending starts; snapshots ascending.

#include "core/raft/types.h"

namespace ksim::raft {

struct EpochStart {
  int32_t epoch = 0;
  int64_t start_offset = 0;
};
struct SnapshotInfo {
  OffsetAndEpoch id;
  int64_t size_bytes = 0;
};

class LogView {
 public:
  // What rule B34 says of a fetch position.
  enum class Verdict : uint8_t { valid, diverging, snapshot };
  struct Position {
    Verdict verdict = Verdict::valid;
    OffsetAndEpoch at;
  };

  LogView() = default;
  // As loaded: all of it counts as flushed, since recovery has scanned and synced it (rule A57).
  LogView(int64_t start_offset, int64_t end_offset, std::vector<EpochStart> epochs,
          std::vector<SnapshotInfo> snapshots);

  int64_t start_offset() const { return start_; }
  int64_t end_offset() const { return end_; }
  int64_t flushed_offset() const { return flushed_; }
  // Epoch of the last record, or of the snapshot an empty log stands on (rule B46), else 0.
  int32_t last_epoch() const;
  OffsetAndEpoch end() const { return {end_, last_epoch()}; }
  // Rules A83 and B46.
  OffsetAndEpoch end_offset_for_epoch(int32_t epoch) const;
  Position validate(int64_t offset, int32_t epoch) const;
  // Where a follower cuts when its leader answers `leader_end` (rule B36).
  int64_t truncation_offset(OffsetAndEpoch leader_end) const;

  const std::vector<EpochStart>& epochs() const { return epochs_; }
  const std::vector<SnapshotInfo>& snapshots() const { return snapshots_; }
  std::optional<OffsetAndEpoch> earliest_snapshot() const;
  std::optional<OffsetAndEpoch> latest_snapshot() const;
  const SnapshotInfo* find_snapshot(OffsetAndEpoch id) const;

  void append(int64_t base_offset, int64_t last_offset, int32_t epoch);
  void truncate_to(int64_t offset);
  void flushed_to(int64_t offset);
  void add_snapshot(OffsetAndEpoch id, int64_t size_bytes);
  void reset_to_snapshot(OffsetAndEpoch id, int64_t size_bytes);
  void trim_to(int64_t start_offset);

 private:
  void check() const;

  int64_t start_ = 0;
  int64_t end_ = 0;
  int64_t flushed_ = 0;
  std::vector<EpochStart> epochs_;
  std::vector<SnapshotInfo> snapshots_;
};

}  // namespace ksim::raft
