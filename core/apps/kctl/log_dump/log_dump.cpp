#include "core/apps/kctl/log_dump/log_dump.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "core/apps/kctl/log_dump/index_dump.h"
#include "core/apps/kctl/log_dump/partition_dump.h"
#include "core/apps/kctl/log_dump/small_files.h"
#include "core/raft/driver/quorum_addresses.h"
#include "core/raft/driver/quorum_state_file.h"
#include "core/storage/clean_shutdown.h"
#include "core/storage/epoch_cache.h"
#include "core/storage/meta_properties.h"
#include "core/storage/partition_directory.h"
#include "core/storage/partition_metadata.h"
#include "core/storage/segment.h"

namespace ksim::kctl {
namespace {

using storage::OffsetMap;

std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

bool is_offset_checkpoint(std::string_view name) {
  return name == storage::kRecoveryPointFile || name == storage::kLogStartFile ||
         name == storage::kHighWatermarkFile || name == storage::kCleanerFile;
}

// Files that hold nothing, or nothing of Kafka's formats.
bool is_of_no_interest(std::string_view name) { return name == ".lock" || name == "lost+found"; }

// ---- one file ----

Result<const SegmentFacts*> facts_beside(Disk& disk, const std::string& path, int64_t base_offset,
                                         const DumpOptions& options, SegmentFacts& into) {
  if (!options.deep) return static_cast<const SegmentFacts*>(nullptr);
  const std::string log =
      path.substr(0, path.rfind('/') + 1) + storage::segment_file_name(base_offset, storage::kLogSuffix);
  if (!disk.stat(log).ok()) return static_cast<const SegmentFacts*>(nullptr);
  class Silent final : public DumpSink {
    void show(const Json&, const std::string&) override {}
    void problem(const std::string&, const std::string&) override {}
  } silent;
  DumpOptions walk = options;
  walk.detail = Detail::summary;
  TRY_ASSIGN(into, dump_segment(disk, log, base_offset, false, walk, silent));
  return static_cast<const SegmentFacts*>(&into);
}

Result<void> dump_file(Disk& disk, const std::string& path, const DumpOptions& options, DumpSink& sink) {
  const FileKind kind = kind_of(name_of(path));
  SegmentFacts facts;
  switch (kind.type) {
    case FileKind::segment:
    case FileKind::metadata_snapshot: {
      const bool snapshot = kind.type == FileKind::metadata_snapshot;
      DumpOptions with = options;
      with.metadata = options.metadata || snapshot ||
                      name_of(path.substr(0, path.rfind('/'))) == raft::kMetadataDirectory;
      return dump_segment(disk, path, snapshot ? 0 : kind.offset, snapshot, with, sink).ok()
                 ? Result<void>{}
                 : fail(Error(IoError::io, path + ": cannot be read"));
    }
    case FileKind::offset_index: {
      TRY_ASSIGN(const auto* beside, facts_beside(disk, path, kind.offset, options, facts));
      return dump_offset_index(disk, path, kind.offset, beside, options, sink);
    }
    case FileKind::time_index: {
      TRY_ASSIGN(const auto* beside, facts_beside(disk, path, kind.offset, options, facts));
      return dump_time_index(disk, path, kind.offset, beside, options, sink);
    }
    case FileKind::txn_index: {
      TRY_ASSIGN(const auto* beside, facts_beside(disk, path, kind.offset, options, facts));
      return dump_txn_index(disk, path, beside, options, sink);
    }
    case FileKind::producer_snapshot: {
      TRY(dump_producer_snapshot(disk, path, options, sink));
      return {};
    }
    case FileKind::other:
      break;
  }
  const std::string name = name_of(path);
  if (name == storage::kEpochFileName) {
    TRY(dump_epochs(disk, path, sink));
    return {};
  }
  if (is_offset_checkpoint(name)) {
    TRY(dump_offsets(disk, path, options, sink));
    return {};
  }
  if (name == storage::kPartitionMetadataFile) return dump_partition_metadata(disk, path, sink);
  if (name == storage::kMetaPropertiesFile) return dump_meta_properties(disk, path, sink);
  if (name == raft::kQuorumStateFile) return dump_quorum_state(disk, path, sink);
  if (name == storage::kCleanShutdownFile) return dump_clean_shutdown(disk, path, sink);
  return fail(ErrorCode::INVALID_REQUEST, path + ": its name is that of no file of a log directory");
}

// ---- a log directory ----

// Marks in checkpoints lie within what the logs hold.
void check_marks(const std::string& path, const OffsetMap& marks,
                 const std::map<TopicPartition, LogRange>& logs, DumpSink& sink) {
  for (const auto& [partition, offset] : marks) {
    const auto log = logs.find(partition);
    if (log == logs.end() || log->second.empty) continue;
    if (offset > log->second.end)
      sink.problem(path, fmt::format("{} is at {}, behind the end of the log at {}", partition.to_string(),
                                     offset, log->second.end));
  }
}

Result<void> dump_log_directory(Disk& disk, const std::string& path, const std::vector<std::string>& names,
                                const DumpOptions& options, DumpSink& sink) {
  std::map<TopicPartition, LogRange> logs;
  for (const std::string& name : names) {
    const std::string child = join_path(path, name);
    const auto stat = disk.stat(child);
    if (!stat.ok()) return fail(Error(stat.error(), child));
    if (!stat->is_directory) continue;
    TRY_ASSIGN(const LogRange range, dump_partition(disk, child, options, sink));
    if (const auto partition = storage::parse_partition_directory(name)) logs[*partition] = range;
  }
  for (const std::string& name : names) {
    const std::string child = join_path(path, name);
    const auto stat = disk.stat(child);
    if (!stat.ok() || stat->is_directory || is_of_no_interest(name)) continue;
    if (is_offset_checkpoint(name)) {
      TRY_ASSIGN(const OffsetMap marks, dump_offsets(disk, child, options, sink));
      if (options.deep && name != storage::kCleanerFile) check_marks(child, marks, logs, sink);
    } else if (const auto dumped = dump_file(disk, child, options, sink); !dumped.ok()) {
      if (dumped.error().code != ErrorCode::INVALID_REQUEST) return dumped;
      sink.show(dump_object(child, "unknown"), child + ": no file of Kafka's");
    }
  }
  return {};
}

bool is_partition_name(const std::string& name) {
  if (storage::parse_partition_directory(name)) return true;
  for (const std::string_view suffix :
       {storage::kDeleteDirSuffix, storage::kStrayDirSuffix, storage::kFutureDirSuffix})
    if (name.size() > suffix.size() && std::string_view(name).substr(name.size() - suffix.size()) == suffix)
      return true;
  return false;
}

}  // namespace

Result<void> dump_path(Disk& disk, const std::string& path, const DumpOptions& options, DumpSink& sink) {
  const auto stat = disk.stat(path);
  if (!stat.ok())
    return fail(stat.error() == IoError::not_found
                    ? Error(ErrorCode::INVALID_REQUEST, path + ": there is no such file")
                    : Error(stat.error(), path));
  if (!stat->is_directory) return dump_file(disk, path, options, sink);
  const auto names = disk.list(path);
  if (!names.ok()) return fail(Error(names.error(), path));
  const bool has_segments = std::any_of(names->begin(), names->end(), [](const std::string& name) {
    return kind_of(name).type == FileKind::segment;
  });
  if (has_segments || is_partition_name(name_of(path))) {
    TRY(dump_partition(disk, path, options, sink));
    return {};
  }
  return dump_log_directory(disk, path, *names, options, sink);
}

}  // namespace ksim::kctl
