#pragma once
// The logs of one shard in all log directories of the node. What concerns a directory as a whole (checkpoint
// files, locks, markers) is LogDirs' on shard 0, reached by LogDirLink with values only.
//
// Fibers: for each directory a few that flush, segments after a roll and what flush.messages asks for, and
// one that removes files when their delay is over. The periodic duties (checkpoint_*, flush_due, clean_up)
// are functions that the broker's duty fiber calls.

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "core/io/env.h"
#include "core/io/scope.h"
#include "core/io/sync.h"
#include "core/storage/log.h"
#include "core/storage/log_dirs.h"

namespace ksim::storage {

// The way to shard 0. A shard's calls arrive in the order in which they were made. Implementations only
// carry values; they must not touch the calling shard's state over there. The caller may hold a log's locks,
// so nothing behind update() and forget() may wait for a log of this shard.
class LogDirLink {
 public:
  virtual ~LogDirLink() = default;
  virtual Result<void> update(CheckpointUpdate update) = 0;                            // waits
  virtual Result<void> forget(size_t directory, const TopicPartition& partition) = 0;  // waits
  virtual void fail_directory(size_t directory, const std::string& reason) = 0;        // does not wait
};

// On shard 0 itself.
class LocalLogDirLink final : public LogDirLink {
 public:
  explicit LocalLogDirLink(LogDirs& dirs) : dirs_(dirs) {}
  Result<void> update(CheckpointUpdate update) override { return dirs_.update(update); }
  Result<void> forget(size_t directory, const TopicPartition& partition) override {
    return dirs_.forget(directory, partition);
  }
  void fail_directory(size_t directory, const std::string& reason) override {
    dirs_.fail_directory(directory, reason);
  }

 private:
  LogDirs& dirs_;
};

// The configuration in effect for a topic.
class LogConfigs {
 public:
  virtual ~LogConfigs() = default;
  virtual LogConfig config_of(std::string_view topic) = 0;
};

class LogManager final {
 public:
  // `infos` as LogDirs has them after open(); a zero id is offline. All references outlive the manager.
  LogManager(const Env& env, LogDirLink& link, std::vector<LogDirInfo> infos);
  LogManager(const LogManager&) = delete;
  LogManager& operator=(const LogManager&) = delete;
  ~LogManager();

  void start();  // the fibers of the directories
  void stop();   // waits; what was to be flushed or removed is dropped

  // ---- loading ----
  // Loads this shard's share of the logs, `fibers_per_directory` at a time in each directory
  // (num.recovery.threads.per.data.dir). A disk error takes its directory offline, the others go on.
  void load(const std::vector<FoundLog>& logs, LogConfigs& configs, size_t fibers_per_directory);
  // Rule A48: renamed and removed later, never loaded.
  Result<void> make_stray(const FoundLog& log);
  // -delete and -stray directories found at start.
  void remove_directory_later(size_t directory, const std::string& path, int64_t delay_ms);

  // ---- logs ----
  std::shared_ptr<Log> find(const TopicPartition& partition) const;
  const std::map<TopicPartition, std::shared_ptr<Log>>& logs() const { return logs_; }
  // The directory's id of a log of this manager.
  Uuid directory_of(const Log& log) const;
  // The log, made if there is none: in the directory with that id if it is online, else in the online one
  // with the fewest logs. INCONSISTENT_TOPIC_ID: there is one of another topic id (rule D62).
  // KAFKA_STORAGE_ERROR: no directory is online, or this one has failed.
  Result<std::shared_ptr<Log>> open(const TopicPartition& partition, Uuid topic_id, Uuid directory,
                                    const LogConfig& config);
  // From the checkpoint read at load, 0 if there is none (rule A81).
  int64_t checkpointed_high_watermark(const Log& log) const;
  // Rule D62: renamed to -delete at once, removed after file.delete.delay.ms.
  Result<void> remove(const std::shared_ptr<Log>& log);

  // ---- duties; each waits, an error has taken its directory offline already ----
  void checkpoint_recovery_points();  // every log.flush.offset.checkpoint.interval.ms
  void checkpoint_log_starts();       // every log.flush.start.offset.checkpoint.interval.ms
  // Every replica.high.watermark.checkpoint.interval.ms, with what the replica manager knows.
  void checkpoint_high_watermarks(const std::vector<std::pair<std::shared_ptr<Log>, int64_t>>& marks);
  void flush_due();                 // logs older than flush.ms: every log.flush.scheduler.interval.ms
  void clean_up();                  // retention: every log.retention.check.interval.ms
  void remove_expired_producers();  // every 10 minutes
  // Rule W15: flushes and closes all logs, then writes their marks. By directory: all of it went well.
  std::vector<bool> close();

  // LogDirs' word that a directory has failed, here or on another shard. Does not wait. Its logs give
  // KAFKA_STORAGE_ERROR from now on and are not managed any more.
  void directory_failed(size_t directory);
  bool online(size_t directory) const;
  bool all_online() const;
  // Its log was made by this process, or would have been, had the directory not failed.
  bool begun(const TopicPartition& partition, Uuid topic_id) const;

 private:
  struct Directory;
  class Keeper;

  void run_flushes(Directory& directory);
  bool flush_next(Directory& directory);
  void run_removals(Directory& directory);
  bool remove_due(Directory& directory);
  void remove_path(Directory& directory, const std::string& path);
  Result<std::shared_ptr<Log>> create(const TopicPartition& partition, Uuid topic_id, Directory& directory,
                                      const LogConfig& config);
  void load_one(Directory& directory, const FoundLog& found, LogConfigs& configs);
  Directory* choose(Uuid directory);
  Directory* directory_of_path(std::string_view path);
  bool checkpoint(CheckpointKind kind, const Directory& directory);
  void note_failure(Directory& directory, const std::string& reason);
  Uuid unique(const std::string& path, Uuid topic_id);
  std::vector<std::shared_ptr<Log>> logs_in(const Directory& directory) const;

  const Env& env_;
  LogDirLink& link_;
  Scope scope_;
  std::vector<std::unique_ptr<Directory>> directories_;
  std::map<TopicPartition, std::shared_ptr<Log>> logs_;
  std::map<TopicPartition, int64_t> loaded_high_watermarks_;
  std::set<std::pair<TopicPartition, Uuid>> begun_;
  Mutex creation_lock_;  // one partition directory is made or removed at a time
  uint64_t names_drawn_ = 0;
};

}  // namespace ksim::storage
