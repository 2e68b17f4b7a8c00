#include "core/storage/log_dirs.h"

#include <algorithm>

#include "core/storage/clean_shutdown.h"
#include "core/storage/partition_directory.h"
#include "core/storage/partition_metadata.h"

namespace ksim::storage {
namespace {

constexpr std::string_view kLockFile = ".lock";
constexpr std::string_view kMetadataDirectory = "__cluster_metadata-0";
constexpr std::string_view kRemoteCacheDirectory = "remote-log-index-cache";

std::string_view file_of(CheckpointKind kind) {
  switch (kind) {
    case CheckpointKind::recovery_point:
      return kRecoveryPointFile;
    case CheckpointKind::log_start:
      return kLogStartFile;
    case CheckpointKind::high_watermark:
    case CheckpointKind::count_:
      break;
  }
  return kHighWatermarkFile;
}

int64_t value_or_zero(const OffsetMap& map, const TopicPartition& key) {
  const auto found = map.find(key);
  return found == map.end() ? 0 : found->second;
}

}  // namespace

LogDirs::LogDirs(const Env& env, Options options, LogDirWatcher* watcher)
    : env_(env), options_(std::move(options)), watcher_(watcher) {
  ENSURE(!options_.paths.empty(), "a node without a log directory");
  for (const std::string& path : options_.paths) {
    if (path == options_.metadata_path) metadata_directory_ = infos_.size();
    infos_.push_back({path, kZeroUuid});
    states_.emplace_back(env.scheduler);
  }
}

// ---- start ----

Result<void> LogDirs::open() {
  for (size_t i = 0; i < infos_.size(); ++i) {
    for (size_t k = 0; k < i; ++k) {
      if (infos_[k].path == infos_[i].path) {
        return fail(ErrorCode::INVALID_CONFIG, "log directory " + infos_[i].path + " is named twice");
      }
    }
    auto opened = open_directory(i);
    if (opened.ok()) continue;
    if (opened.error().code != ErrorCode::KAFKA_STORAGE_ERROR || i == metadata_directory_) return opened;
    fail_directory(i, opened.error().message);
  }
  const bool any = std::any_of(states_.begin(), states_.end(), [](const State& s) { return s.online; });
  if (!any) return fail(ErrorCode::KAFKA_STORAGE_ERROR, "no log directory can be read");
  return {};
}

Result<void> LogDirs::make_directories(const std::string& path) {
  const auto stat = env_.disk.stat(path);
  if (stat.ok() && stat->is_directory) {
    // Who made it may have died before its name was on the disk. Where the directory around it is somebody
    // else's, it was made by them.
    static_cast<void>(env_.disk.sync_dir(parent_path(path)));
    return {};
  }
  if (const std::string_view parent = parent_path(path); !parent.empty()) {
    TRY(make_directories(std::string(parent)));
  }
  auto made = env_.disk.make_dir(path);
  if (made.ok()) made = env_.disk.sync_dir(parent_path(path));
  if (!made.ok()) return fail(Error(made.error(), "making log directory " + path));
  return {};
}

Result<void> LogDirs::format(size_t directory) {
  const std::string& path = infos_[directory].path;
  const auto names = env_.disk.list(path);
  if (!names.ok()) return fail(Error(names.error(), "listing " + path));
  for (const std::string& name : *names) {
    if (name == kLockFile || name.ends_with(".tmp") || name == "lost+found") continue;
    return fail(ErrorCode::INVALID_CONFIG, "log directory " + path + " has files but no meta.properties");
  }
  Dice dice(env_.random, Stream::uuid, hash_text(path, hash_text("directory.id")));
  MetaProperties properties;
  properties.cluster_id = options_.cluster_id;
  properties.node_id = options_.node_id;
  properties.directory_id = infos_[directory].id = dice.uuid();
  return write_meta_properties(env_.disk, path, properties, env_.clock.wall());
}

Result<void> LogDirs::open_directory(size_t directory) {
  LogDirInfo& info = infos_[directory];
  TRY(make_directories(info.path));
  auto lock = env_.disk.lock(join_path(info.path, kLockFile));
  if (!lock.ok()) {
    if (lock.error() == IoError::in_use) {
      return fail(ErrorCode::INVALID_CONFIG, "log directory " + info.path + " is used by another process");
    }
    return fail(Error(lock.error(), "locking " + info.path));
  }
  states_[directory].lock = std::move(*lock);
  // The names of the logs in it: an earlier process may have made some and not lived to sync them.
  if (const auto synced = env_.disk.sync_dir(info.path); !synced.ok())
    return fail(Error(synced.error(), "syncing " + info.path));
  TRY_ASSIGN(std::optional<MetaProperties> stored, read_meta_properties(env_.disk, info.path));
  if (!stored) return format(directory);
  const auto refuse = [&](const std::string& what) {
    return fail(ErrorCode::INVALID_CONFIG, "log directory " + info.path + " " + what);
  };
  if (stored->node_id && *stored->node_id != options_.node_id) {
    return refuse("belongs to node " + std::to_string(*stored->node_id));
  }
  if (stored->cluster_id) {
    if (options_.cluster_id.empty()) options_.cluster_id = *stored->cluster_id;
    if (*stored->cluster_id != options_.cluster_id) {
      return fail(ErrorCode::INCONSISTENT_CLUSTER_ID,
                  "log directory " + info.path + " belongs to cluster " + *stored->cluster_id);
    }
  }
  if (!stored->directory_id || stored->version == 0) {
    Dice dice(env_.random, Stream::uuid, hash_text(info.path, hash_text("directory.id")));
    if (!stored->directory_id) stored->directory_id = dice.uuid();
    stored->version = 1;
    stored->node_id = options_.node_id;
    stored->cluster_id = options_.cluster_id;
    TRY(write_meta_properties(env_.disk, info.path, *stored, env_.clock.wall()));
  }
  info.id = *stored->directory_id;
  for (size_t k = 0; k < directory; ++k) {
    if (states_[k].online && infos_[k].id == info.id) return refuse("has the id of " + infos_[k].path);
  }
  return {};
}

Result<int64_t> LogDirs::previous_broker_epoch() {
  int64_t epoch = -1;
  for (size_t i = 0; i < infos_.size(); ++i) {
    if (!states_[i].online) return int64_t{-1};
    auto marker = read_clean_shutdown(env_.disk, infos_[i].path);
    if (!marker.ok()) return failed(i, std::move(marker).error());
    if (!*marker || !(*marker)->broker_epoch) return int64_t{-1};
    if (epoch != -1 && epoch != *(*marker)->broker_epoch) return int64_t{-1};
    epoch = *(*marker)->broker_epoch;
  }
  return epoch;
}

Result<FoundLogs> LogDirs::begin_load() {
  FoundLogs found;
  // Of two topics of one name one at least is gone: its log is stray, and whoever knows the topics sets it
  // aside. It may have been deleted, and made again, while this directory was lost.
  std::map<std::pair<TopicPartition, Uuid>, std::string> seen;
  for (size_t i = 0; i < infos_.size(); ++i) {
    if (!states_[i].online) continue;
    const size_t before = found.logs.size();
    auto done = find_logs(i, found);
    if (!done.ok()) {
      if (done.error().code != ErrorCode::KAFKA_STORAGE_ERROR || i == metadata_directory_) {
        return fail(std::move(done).error());
      }
      found.logs.resize(before);
      fail_directory(i, done.error().message);
      continue;
    }
    for (size_t k = before; k < found.logs.size(); ++k) {
      const FoundLog& log = found.logs[k];
      if (log.topic_id.is_zero()) continue;
      const auto [at, fresh] = seen.try_emplace({log.topic_partition, log.topic_id}, log.path);
      if (!fresh) {
        return fail(ErrorCode::INVALID_CONFIG,
                    log.topic_partition.to_string() + " stands in both " + at->second + " and " + log.path);
      }
    }
  }
  return found;
}

Result<void> LogDirs::read_checkpoints(size_t directory) {
  for (size_t kind = 0; kind < static_cast<size_t>(CheckpointKind::count_); ++kind) {
    const std::string path = join_path(infos_[directory].path, file_of(static_cast<CheckpointKind>(kind)));
    auto entries = read_offset_map(env_.disk, path);
    if (!entries.ok()) {
      // Unreadable is as empty: recovery from 0, log starts from the first segments (rule W6).
      if (entries.error().code == ErrorCode::KAFKA_STORAGE_ERROR) return fail(std::move(entries).error());
      env_.emit(LogLine{2, "storage", path + ": " + entries.error().message});
      continue;
    }
    states_[directory].checkpoints[kind].entries = std::move(*entries);
  }
  return {};
}

Result<void> LogDirs::find_logs(size_t directory, FoundLogs& found) {
  State& state = states_[directory];
  const std::string& root = infos_[directory].path;
  TRY_ASSIGN(const std::optional<CleanShutdown> marker, read_clean_shutdown(env_.disk, root));
  state.clean = marker.has_value();
  TRY(remove_clean_shutdown(env_.disk, root));
  TRY(read_checkpoints(directory));
  auto names = env_.disk.list(root);
  if (!names.ok()) return fail(Error(names.error(), "listing " + root));
  OffsetMap known[static_cast<size_t>(CheckpointKind::count_)];
  for (const std::string& name : *names) {
    const std::string path = join_path(root, name);
    const auto stat = env_.disk.stat(path);
    if (!stat.ok()) return fail(Error(stat.error(), "reading " + path));
    if (!stat->is_directory || name == kMetadataDirectory || name == kRemoteCacheDirectory ||
        name == "lost+found" || name.ends_with(kFutureDirSuffix)) {
      continue;
    }
    if (name.ends_with(kDeleteDirSuffix) || name.ends_with(kStrayDirSuffix)) {
      found.doomed.push_back({directory, path});
      continue;
    }
    FoundLog log;
    const auto topic_partition = parse_partition_directory(name);
    if (!topic_partition) {
      return fail(ErrorCode::INVALID_CONFIG, path + " is not the directory of a partition");
    }
    log.directory = directory;
    log.path = path;
    log.topic_partition = *topic_partition;
    log.clean = state.clean;
    auto id = read_partition_metadata(env_.disk, path);
    if (!id.ok()) return fail(ErrorCode::KAFKA_STORAGE_ERROR, path + ": " + id.error().message);
    log.topic_id = id->value_or(kZeroUuid);
    int64_t* marks[] = {&log.recovery_point, &log.log_start_offset, &log.high_watermark};
    for (size_t kind = 0; kind < std::size(known); ++kind) {
      const OffsetMap& entries = state.checkpoints[kind].entries;
      *marks[kind] = value_or_zero(entries, log.topic_partition);
      if (entries.count(log.topic_partition) != 0) known[kind][log.topic_partition] = *marks[kind];
    }
    found.logs.push_back(std::move(log));
  }
  // What speaks of partitions that are not here (any more) is not written again. It stays in the file until
  // then; forget() sees to it before such a partition is made.
  for (size_t kind = 0; kind < std::size(known); ++kind) {
    Checkpoint& checkpoint = state.checkpoints[kind];
    if (known[kind].size() != checkpoint.entries.size()) ++checkpoint.version;
    checkpoint.entries = std::move(known[kind]);
  }
  return {};
}

// ---- directories ----

std::vector<Uuid> LogDirs::online_ids() const {
  std::vector<Uuid> ids;
  for (size_t i = 0; i < infos_.size(); ++i) {
    if (states_[i].online) ids.push_back(infos_[i].id);
  }
  return ids;
}

void LogDirs::fail_directory(size_t directory, const std::string& reason) {
  State& state = states_[directory];
  if (!state.online) return;
  state.online = false;
  state.lock.reset();
  env_.emit(LogDirFailed{infos_[directory].path, reason});
  if (watcher_ != nullptr) watcher_->directory_failed(directory, reason);
}

Failure<Error> LogDirs::failed(size_t directory, Error error) {
  if (error.code == ErrorCode::KAFKA_STORAGE_ERROR) fail_directory(directory, error.message);
  return fail(std::move(error));
}

// ---- checkpoints ----

Result<void> LogDirs::update(const CheckpointUpdate& update) {
  Checkpoint& checkpoint = states_[update.directory].checkpoints[static_cast<size_t>(update.kind)];
  for (const auto& [key, value] : update.entries) {
    const auto at = checkpoint.entries.find(key);
    if (!value && at == checkpoint.entries.end()) continue;
    if (value && at != checkpoint.entries.end() && at->second == *value) continue;
    ++checkpoint.version;
    if (value) {
      checkpoint.entries[key] = *value;
    } else {
      checkpoint.entries.erase(at);
    }
  }
  return write(update.directory, update.kind);
}

Result<void> LogDirs::write(size_t directory, CheckpointKind kind) {
  State& state = states_[directory];
  Checkpoint& checkpoint = state.checkpoints[static_cast<size_t>(kind)];
  const uint64_t wanted = checkpoint.version;
  MutexLock lock(state.write_lock);
  if (!state.online) return fail(ErrorCode::KAFKA_STORAGE_ERROR, infos_[directory].path + " is offline");
  if (checkpoint.written >= wanted) return {};  // somebody's write took this along
  const uint64_t version = checkpoint.version;
  auto written =
      write_offset_map(env_.disk, join_path(infos_[directory].path, file_of(kind)), checkpoint.entries);
  if (!written.ok()) return failed(directory, std::move(written).error());
  checkpoint.written = version;
  env_.emit(CheckpointWritten{infos_[directory].path, file_of(kind)});
  return {};
}

Result<void> LogDirs::forget(size_t directory, const TopicPartition& topic_partition) {
  for (size_t kind = 0; kind < static_cast<size_t>(CheckpointKind::count_); ++kind) {
    TRY(update({directory, static_cast<CheckpointKind>(kind), {{topic_partition, std::nullopt}}}));
  }
  return {};
}

// ---- stop ----

Result<void> LogDirs::write_clean_markers(int64_t broker_epoch, const std::vector<bool>& closed_in_order) {
  for (size_t i = 0; i < infos_.size(); ++i) {
    if (!states_[i].online || !closed_in_order[i] || !(loaded_ || states_[i].clean)) continue;
    auto written = write_clean_shutdown(env_.disk, infos_[i].path, broker_epoch);
    if (!written.ok()) return failed(i, std::move(written).error());
  }
  return {};
}

void LogDirs::release() {
  for (State& state : states_) state.lock.reset();
}

}  // namespace ksim::storage
