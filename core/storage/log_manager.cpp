#include "core/storage/log_manager.h"

#include <algorithm>

#include "core/storage/partition_directory.h"

namespace ksim::storage {

// Flushes of one directory at the same time: file systems put them into one write of their journal.
constexpr uint64_t kFlushersPerDirectory = 4;

// The keeper of the logs of one directory.
class LogManager::Keeper final : public LogKeeper {
 public:
  Keeper(LogManager& manager, Directory& directory) : manager_(manager), directory_(directory) {}
  void flush_soon(const std::shared_ptr<Log>& log, int64_t up_to) override;
  void remove_later(std::vector<std::string> paths, int64_t delay_ms) override;
  Result<void> persist_recovery_point(Log& log) override;
  Result<void> persist_log_start(Log& log) override;
  void disk_failed(Log& log, const Error& error) override;

 private:
  LogManager& manager_;
  Directory& directory_;
};

struct LogManager::Directory {
  Directory(LogManager& manager, size_t i, LogDirInfo where, Scheduler& scheduler)
      : index(i),
        info(std::move(where)),
        online(!info.id.is_zero()),
        keeper(manager, *this),
        flush_work(scheduler),
        removal_work(scheduler) {}
  const size_t index;
  const LogDirInfo info;
  bool online;
  Keeper keeper;
  Condition flush_work;
  Condition removal_work;
  std::deque<std::pair<std::shared_ptr<Log>, int64_t>> flushes;  // one for each log
  std::vector<std::shared_ptr<Log>> being_flushed;
  std::multimap<Instant, std::string> removals;  // files, and directories with what is in them
};

// ---- the keeper ----

void LogManager::Keeper::flush_soon(const std::shared_ptr<Log>& log, int64_t up_to) {
  auto& flushes = directory_.flushes;
  const auto waiting =
      std::find_if(flushes.begin(), flushes.end(), [&](const auto& f) { return f.first == log; });
  if (waiting != flushes.end()) {
    waiting->second = std::max(waiting->second, up_to);
    return;
  }
  flushes.push_back({log, up_to});
  directory_.flush_work.notify_one();
}

void LogManager::Keeper::remove_later(std::vector<std::string> paths, int64_t delay_ms) {
  const Instant due = manager_.env_.after(milliseconds(delay_ms));
  for (std::string& path : paths) directory_.removals.emplace(due, std::move(path));
  directory_.removal_work.notify_all();
}

Result<void> LogManager::Keeper::persist_recovery_point(Log& log) {
  return manager_.link_.update(
      {directory_.index, CheckpointKind::recovery_point, {{log.topic_partition(), log.recovery_point()}}});
}

Result<void> LogManager::Keeper::persist_log_start(Log& log) {
  return manager_.link_.update({directory_.index,
                                CheckpointKind::log_start,
                                {{log.topic_partition(), log.log_start_to_checkpoint()}}});
}

void LogManager::Keeper::disk_failed(Log&, const Error& error) {
  manager_.note_failure(directory_, error.message);
}

// ---- life ----

LogManager::LogManager(const Env& env, LogDirLink& link, std::vector<LogDirInfo> infos)
    : env_(env), link_(link), scope_(env), creation_lock_(env.scheduler) {
  for (LogDirInfo& info : infos) {
    directories_.push_back(
        std::make_unique<Directory>(*this, directories_.size(), std::move(info), env.scheduler));
  }
}

LogManager::~LogManager() = default;

void LogManager::start() {
  for (const auto& directory : directories_) {
    for (uint64_t k = 0; k < kFlushersPerDirectory; ++k) {
      scope_.spawn(
          "log-flush", [this, &dir = *directory] { run_flushes(dir); },
          directory->index * kFlushersPerDirectory + k);
    }
    scope_.spawn(
        "log-removal", [this, &dir = *directory] { run_removals(dir); }, directory->index);
  }
}

void LogManager::stop() { scope_.close(); }

void LogManager::run_flushes(Directory& directory) {
  for (;;) {
    if (!flush_next(directory)) static_cast<void>(directory.flush_work.wait(Instant::never(), "log flush"));
  }
}

// The first log in line that is not being flushed; what is appended to that one meanwhile waits together for
// the flush after. False if there is none.
bool LogManager::flush_next(Directory& directory) {
  auto& busy = directory.being_flushed;
  auto& flushes = directory.flushes;
  const auto next = std::find_if(flushes.begin(), flushes.end(), [&](const auto& f) {
    return std::find(busy.begin(), busy.end(), f.first) == busy.end();
  });
  if (next == flushes.end()) return false;
  const auto [log, up_to] = std::move(*next);
  flushes.erase(next);
  if (log->closed() || log->failed()) return true;
  busy.push_back(log);
  static_cast<void>(log->flush(up_to));
  busy.erase(std::find(busy.begin(), busy.end(), log));
  return true;
}

void LogManager::run_removals(Directory& directory) {
  for (;;) {
    if (!remove_due(directory)) {
      const Instant next = directory.removals.empty() ? Instant::never() : directory.removals.begin()->first;
      static_cast<void>(directory.removal_work.wait(next, "removal of files"));
    }
  }
}

// One path; false if none is due.
bool LogManager::remove_due(Directory& directory) {
  if (directory.removals.empty() || directory.removals.begin()->first > env_.now()) return false;
  const std::string path = std::move(directory.removals.begin()->second);
  directory.removals.erase(directory.removals.begin());
  if (directory.online) remove_path(directory, path);
  return true;
}

// What cannot be removed stays until the next start.
void LogManager::remove_path(Directory& directory, const std::string& path) {
  auto done = env_.disk.remove(path);
  if (!done.ok() && (done.error() == IoError::is_a_directory || done.error() == IoError::not_empty)) {
    const auto names = env_.disk.list(path);
    if (names.ok()) {
      for (const std::string& name : *names) remove_path(directory, join_path(path, name));
    }
    done = env_.disk.remove(path);
  }
  if (done.ok() || done.error() == IoError::not_found) return;
  env_.emit(LogLine{2, "storage", "cannot remove " + path});
  if (done.error() == IoError::io) note_failure(directory, "removing " + path);
}

void LogManager::note_failure(Directory& directory, const std::string& reason) {
  if (!directory.online) return;
  directory_failed(directory.index);
  link_.fail_directory(directory.index, reason);
}

bool LogManager::online(size_t directory) const { return directories_[directory]->online; }

bool LogManager::begun(const TopicPartition& partition, Uuid topic_id) const {
  return begun_.contains({partition, topic_id});
}

bool LogManager::all_online() const {
  return std::all_of(directories_.begin(), directories_.end(), [](const auto& one) { return one->online; });
}

void LogManager::directory_failed(size_t index) {
  Directory& directory = *directories_[index];
  directory.online = false;
  directory.flushes.clear();
  directory.removals.clear();
  for (const std::shared_ptr<Log>& log : logs_in(directory)) {
    log->fail_directory();
    logs_.erase(log->topic_partition());
  }
}

std::vector<std::shared_ptr<Log>> LogManager::logs_in(const Directory& directory) const {
  std::vector<std::shared_ptr<Log>> found;
  for (const auto& [partition, log] : logs_) {
    if (parent_path(log->path()) == directory.info.path) found.push_back(log);
  }
  return found;
}

// ---- loading ----

void LogManager::load_one(Directory& directory, const FoundLog& found, LogConfigs& configs) {
  if (!directory.online) return;
  LogOpen options;
  options.path = found.path;
  options.topic_partition = found.topic_partition;
  options.topic_id = found.topic_id;
  options.config = configs.config_of(found.topic_partition.topic);
  options.clean = found.clean;
  options.recovery_point = found.recovery_point;
  options.log_start_offset = found.log_start_offset;
  options.keeper = &directory.keeper;
  auto opened = Log::open(env_, std::move(options));
  if (!opened.ok()) {
    note_failure(directory, found.path + ": " + opened.error().message);
    return;
  }
  if (!directory.online) {
    (*opened)->fail_directory();
    return;
  }
  loaded_high_watermarks_[found.topic_partition] = found.high_watermark;
  logs_[found.topic_partition] = std::move(*opened);
}

void LogManager::load(const std::vector<FoundLog>& logs, LogConfigs& configs, size_t fibers_per_directory) {
  std::vector<std::deque<const FoundLog*>> queues(directories_.size());
  for (const FoundLog& log : logs) queues[log.directory].push_back(&log);
  run_scoped(env_, [&](Scope& scope) {
    for (const auto& directory : directories_) {
      auto& queue = queues[directory->index];
      for (size_t k = 0; k < std::min(fibers_per_directory, queue.size()); ++k) {
        scope.spawn(
            "log-recovery",
            [&, dir = directory.get()] {
              auto& mine = queues[dir->index];
              while (!mine.empty()) {
                const FoundLog* next = mine.front();
                mine.pop_front();
                load_one(*dir, *next, configs);
              }
            },
            directory->index);
      }
    }
    scope.join();
  });
}

Uuid LogManager::unique(const std::string& path, Uuid topic_id) {
  // Another shard may have had a namesake of this topic here, whose directory waits for its removal.
  Dice dice(env_.random, Stream::uuid, hash_text(path, mix64(topic_id.high, topic_id.low, ++names_drawn_)));
  return dice.uuid();
}

Result<void> LogManager::make_stray(const FoundLog& log) {
  Directory& directory = *directories_[log.directory];
  const std::string to = join_path(
      directory.info.path,
      partition_directory_with_suffix(log.topic_partition, unique(log.path, log.topic_id), kStrayDirSuffix));
  auto renamed = env_.disk.rename(log.path, to);
  if (renamed.ok()) renamed = env_.disk.sync_dir(directory.info.path);
  if (!renamed.ok()) {
    Error error(renamed.error(), "renaming stray " + log.path);
    note_failure(directory, error.message);
    return fail(std::move(error));
  }
  env_.reached(Mark::log_stray, log.topic_partition.to_string());
  TRY(link_.forget(log.directory, log.topic_partition));
  remove_directory_later(log.directory, to, LogConfig{}.file_delete_delay_ms);
  return {};
}

void LogManager::remove_directory_later(size_t directory, const std::string& path, int64_t delay_ms) {
  directories_[directory]->keeper.remove_later({path}, delay_ms);
}

// ---- logs ----

std::shared_ptr<Log> LogManager::find(const TopicPartition& partition) const {
  const auto found = logs_.find(partition);
  return found == logs_.end() ? nullptr : found->second;
}

LogManager::Directory* LogManager::directory_of_path(std::string_view path) {
  for (const auto& directory : directories_) {
    if (directory->info.path == parent_path(path)) return directory.get();
  }
  return nullptr;
}

Uuid LogManager::directory_of(const Log& log) const {
  for (const auto& directory : directories_) {
    if (directory->info.path == parent_path(log.path())) return directory->info.id;
  }
  return kDirectoryLost;
}

int64_t LogManager::checkpointed_high_watermark(const Log& log) const {
  const auto found = loaded_high_watermarks_.find(log.topic_partition());
  return found == loaded_high_watermarks_.end() ? 0 : found->second;
}

LogManager::Directory* LogManager::choose(Uuid id) {
  Directory* best = nullptr;
  size_t best_count = 0;
  for (const auto& directory : directories_) {
    if (!directory->online) continue;
    if (directory->info.id == id) return directory.get();
    const size_t count = logs_in(*directory).size();
    if (best != nullptr && count >= best_count) continue;
    best = directory.get();
    best_count = count;
  }
  return best;
}

Result<std::shared_ptr<Log>> LogManager::open(const TopicPartition& partition, Uuid topic_id, Uuid directory,
                                              const LogConfig& config) {
  MutexLock lock(creation_lock_);
  if (const std::shared_ptr<Log> log = find(partition)) {
    if (log->topic_id().is_zero()) {
      TRY(log->assign_topic_id(topic_id));
    } else if (log->topic_id() != topic_id) {
      return fail(
          ErrorCode::INCONSISTENT_TOPIC_ID,
          log->name() + " has topic id " + log->topic_id().to_string() + ", not " + topic_id.to_string());
    }
    log->set_config(config);
    return log;
  }
  Directory* chosen = choose(directory);
  if (chosen == nullptr) return fail(ErrorCode::KAFKA_STORAGE_ERROR, "no log directory is online");
  if (!directory.is_reserved() && chosen->info.id != directory) {
    // It may stand in a directory that is offline, of which not even the id may be known: an empty log
    // elsewhere would take its place.
    for (const auto& other : directories_) {
      if (!other->online) return fail(ErrorCode::KAFKA_STORAGE_ERROR, other->info.path + " is offline");
    }
  }
  return create(partition, topic_id, *chosen, config);
}

Result<std::shared_ptr<Log>> LogManager::create(const TopicPartition& partition, Uuid topic_id,
                                                Directory& directory, const LogConfig& config) {
  // No checkpoint may speak of an earlier partition of this name.
  TRY(link_.forget(directory.index, partition));
  loaded_high_watermarks_.erase(partition);
  LogOpen options;
  options.path = join_path(directory.info.path, partition.to_string());
  options.topic_partition = partition;
  options.topic_id = topic_id;
  options.config = config;
  options.keeper = &directory.keeper;
  auto made = env_.disk.make_dir(options.path);
  if (!made.ok() && made.error() == IoError::exists) made = {};  // a crash came before its files
  if (made.ok()) made = env_.disk.sync_dir(directory.info.path);
  if (!made.ok()) {
    Error error(made.error(), "making " + options.path);
    note_failure(directory, error.message);
    return fail(std::move(error));
  }
  begun_.insert({partition, topic_id});
  TRY_ASSIGN(std::shared_ptr<Log> log, Log::open(env_, std::move(options)));
  if (!directory.online) {
    log->fail_directory();
    return fail(ErrorCode::KAFKA_STORAGE_ERROR, directory.info.path + " is offline");
  }
  logs_[partition] = log;
  return log;
}

Result<void> LogManager::remove(const std::shared_ptr<Log>& log) {
  MutexLock lock(creation_lock_);
  Directory* directory = directory_of_path(log->path());
  if (directory == nullptr || find(log->topic_partition()) != log) {
    return fail(ErrorCode::KAFKA_STORAGE_ERROR, log->name() + " is not kept here");
  }
  const std::string to =
      join_path(directory->info.path,
                partition_directory_with_suffix(log->topic_partition(), unique(log->path(), log->topic_id()),
                                                kDeleteDirSuffix));
  logs_.erase(log->topic_partition());
  loaded_high_watermarks_.erase(log->topic_partition());
  TRY(log->rename_directory(to));
  log->abandon();
  remove_directory_later(directory->index, to, log->config().file_delete_delay_ms);
  return link_.forget(directory->index, log->topic_partition());
}

// ---- duties ----

bool LogManager::checkpoint(CheckpointKind kind, const Directory& directory) {
  if (!directory.online) return false;
  CheckpointUpdate update{directory.index, kind, {}};
  for (const std::shared_ptr<Log>& log : logs_in(directory)) {
    std::optional<int64_t> value;
    if (kind == CheckpointKind::recovery_point) value = log->recovery_point();
    if (kind == CheckpointKind::log_start) value = log->log_start_to_checkpoint();
    update.entries.push_back({log->topic_partition(), value});
  }
  return link_.update(std::move(update)).ok();
}

void LogManager::checkpoint_recovery_points() {
  for (const auto& directory : directories_) checkpoint(CheckpointKind::recovery_point, *directory);
}

void LogManager::checkpoint_log_starts() {
  for (const auto& directory : directories_) checkpoint(CheckpointKind::log_start, *directory);
}

void LogManager::checkpoint_high_watermarks(
    const std::vector<std::pair<std::shared_ptr<Log>, int64_t>>& marks) {
  for (const auto& directory : directories_) {
    CheckpointUpdate update{directory->index, CheckpointKind::high_watermark, {}};
    for (const auto& [log, mark] : marks) {
      if (parent_path(log->path()) != directory->info.path || find(log->topic_partition()) != log) continue;
      update.entries.push_back({log->topic_partition(), mark});
    }
    if (directory->online && !update.entries.empty()) static_cast<void>(link_.update(std::move(update)));
  }
}

void LogManager::flush_due() {
  const auto logs = logs_;
  for (const auto& [partition, log] : logs) {
    const int64_t flush_ms = log->config().flush_ms;
    if (log->failed() || log->closed() || log->recovery_point() >= log->log_end_offset()) continue;
    if (env_.now() - log->last_flush() >= milliseconds(flush_ms)) static_cast<void>(log->flush_all());
  }
}

void LogManager::clean_up() {
  const auto logs = logs_;
  for (const auto& [partition, log] : logs) {
    if (!log->failed() && !log->closed()) static_cast<void>(log->delete_old_segments());
  }
}

void LogManager::remove_expired_producers() {
  for (const auto& [partition, log] : logs_) log->remove_expired_producers();
}

std::vector<bool> LogManager::close() {
  std::vector<bool> in_order(directories_.size(), false);
  run_scoped(env_, [&](Scope& scope) {
    for (const auto& directory : directories_) {
      scope.spawn(
          "log-close",
          [&, dir = directory.get()] {
            bool all = dir->online;
            for (const std::shared_ptr<Log>& log : logs_in(*dir)) {
              if (!log->closed() && !log->close().ok()) all = false;
            }
            in_order[dir->index] = all;
          },
          directory->index);
    }
    scope.join();
  });
  for (const auto& directory : directories_) {
    const bool points = checkpoint(CheckpointKind::recovery_point, *directory);
    const bool starts = checkpoint(CheckpointKind::log_start, *directory);
    if (!points || !starts) in_order[directory->index] = false;
  }
  return in_order;
}

}  // namespace ksim::storage
