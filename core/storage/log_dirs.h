#pragma once
// The log directories of a node: which there are, whose they are, and the checkpoints in them. One LogDirs
// a node, on shard 0. The logs themselves belong to the shards of their partitions and are kept by one
// LogManager a shard (log_manager.h).
//
// Start:     open() -> begin_load() -> each shard's LogManager::load() -> finish_load()
// Running:   LogManagers hand over checkpoint entries by value; what is here merges and writes them
// Stop:      each shard's LogManager::close() -> write_clean_markers() -> release()
//
// A checkpoint file has the entries of all shards. An update merges into the entries in memory as soon as it
// arrives, and returns when a file that has it is on disk; updates that arrive while the file is being
// written share the next write. Since updates of one shard arrive in the order of sending, no older value of
// a log can come to lie over a newer one.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/topic_partition.h"
#include "core/io/env.h"
#include "core/io/sync.h"
#include "core/storage/checkpoint.h"
#include "core/storage/meta_properties.h"

namespace ksim::storage {

enum class CheckpointKind : uint8_t { recovery_point, log_start, high_watermark, count_ };

// Values of some partitions of one directory; no value removes the entry.
struct CheckpointUpdate {
  size_t directory = 0;
  CheckpointKind kind = CheckpointKind::recovery_point;
  std::vector<std::pair<TopicPartition, std::optional<int64_t>>> entries;
};

// A partition directory found at start.
struct FoundLog {
  size_t directory = 0;
  std::string path;
  TopicPartition topic_partition;
  Uuid topic_id;  // zero: there is no partition.metadata; such a log is stray (rule A48)
  bool clean = false;
  int64_t recovery_point = 0;
  int64_t log_start_offset = 0;
  int64_t high_watermark = 0;
};

struct FoundLogs {
  std::vector<FoundLog> logs;
  std::vector<std::pair<size_t, std::string>> doomed;  // -delete and -stray directories: by directory, path
};

// Where a log directory is and what it is called; the same on every shard.
struct LogDirInfo {
  std::string path;
  Uuid id;  // zero while it is offline and was never read
};

// Told on shard 0, once for each directory, without a wait in between: the node brings it to every shard.
class LogDirWatcher {
 public:
  virtual ~LogDirWatcher() = default;
  virtual void directory_failed(size_t directory, const std::string& reason) = 0;
};

class LogDirs {
 public:
  struct Options {
    std::vector<std::string> paths;  // log.dirs, in order
    std::string metadata_path;       // of those the one with the metadata log; empty: the first
    int32_t node_id = -1;
    std::string cluster_id;  // what an empty directory is formatted with; others must agree
  };
  LogDirs(const Env& env, Options options, LogDirWatcher* watcher = nullptr);
  LogDirs(const LogDirs&) = delete;
  LogDirs& operator=(const LogDirs&) = delete;

  // ---- start ----
  // Rules W1, A43, A46: makes what is missing, locks, reads meta.properties. A directory that is empty
  // formats itself; one with files but no meta.properties, of another node or cluster, or locked, is refused.
  // One that cannot be read goes offline, unless it is the last or has the metadata log.
  Result<void> open();
  // Rule W3: the broker epoch that all directories were closed in, -1 if they do not agree. After open().
  Result<int64_t> previous_broker_epoch();
  // Rule W6: takes the clean markers away and lists the logs with their checkpointed marks.
  Result<FoundLogs> begin_load();
  // Every log of the live directories is loaded; only now can a clean marker be written again.
  void finish_load() { loaded_ = true; }

  // ---- directories ----
  const std::vector<LogDirInfo>& infos() const { return infos_; }
  bool online(size_t directory) const { return states_[directory].online; }
  std::vector<Uuid> online_ids() const;
  const std::string& cluster_id() const { return options_.cluster_id; }
  size_t metadata_directory() const { return metadata_directory_; }
  // Rule A49. Does not wait. The first failure of a directory is told to the watcher.
  void fail_directory(size_t directory, const std::string& reason);

  // ---- checkpoints ----
  // Durable when this returns. KAFKA_STORAGE_ERROR: the directory is offline.
  Result<void> update(const CheckpointUpdate& update);
  // A partition is gone from the directory, or is about to be made anew: no checkpoint speaks of it any more.
  Result<void> forget(size_t directory, const TopicPartition& topic_partition);

  // ---- stop ----
  // In the directories that are online, loaded, and closed in order by every shard.
  Result<void> write_clean_markers(int64_t broker_epoch, const std::vector<bool>& closed_in_order);
  void release();  // the locks

 private:
  struct Checkpoint {
    OffsetMap entries;
    uint64_t version = 0;  // counts changes
    uint64_t written = 0;  // the version that is on disk
  };
  struct State {
    explicit State(Scheduler& scheduler) : write_lock(scheduler) {}
    bool online = true;
    bool clean = false;
    std::unique_ptr<DirLock> lock;
    Mutex write_lock;
    Checkpoint checkpoints[static_cast<size_t>(CheckpointKind::count_)];
  };

  Result<void> open_directory(size_t directory);
  Result<void> make_directories(const std::string& path);
  Result<void> format(size_t directory);
  Result<void> find_logs(size_t directory, FoundLogs& found);
  Result<void> read_checkpoints(size_t directory);
  Result<void> write(size_t directory, CheckpointKind kind);
  Failure<Error> failed(size_t directory, Error error);

  const Env& env_;
  Options options_;
  LogDirWatcher* watcher_;
  size_t metadata_directory_ = 0;
  std::vector<LogDirInfo> infos_;
  std::deque<State> states_;
  bool loaded_ = false;
};

}  // namespace ksim::storage
