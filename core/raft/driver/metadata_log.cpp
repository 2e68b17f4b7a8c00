#include "core/raft/driver/metadata_log.h"

#include <fmt/format.h>

#include "core/base/assert.h"
#include "core/record/control.h"
#include "core/wire/messages/control_records.h"
#include "core/wire/writer.h"

namespace ksim::raft {

namespace {

constexpr Duration kLateCut = milliseconds(300);  // where raft.install_late is active

storage::LogOpen log_options(const MetadataLogConfig& config, const std::string& directory) {
  storage::LogOpen options;
  options.path = directory;
  options.topic_partition = TopicPartition{std::string(kMetadataTopic), 0};
  options.config.segment_bytes = config.segment_bytes;
  options.config.segment_ms = config.segment_ms;
  options.config.max_message_bytes = config.max_batch_bytes;
  // Rule A57: snapshots alone decide what goes.
  options.config.retention_bytes = -1;
  options.config.retention_ms = -1;
  options.track_producers = false;
  return options;
}

Result<void> make_directory(const Env& env, const std::string& directory) {
  auto made = env.disk.make_dir(directory);
  if (!made.ok() && made.error() != IoError::exists) return fail(Error(made.error(), directory));
  // Also where it exists: who made it may have died before this, and votes are about to be kept in it.
  const std::string_view parent = parent_path(directory);
  if (auto synced = env.disk.sync_dir(parent); !synced.ok())
    return fail(Error(synced.error(), std::string(parent)));
  return {};
}

}  // namespace

Result<std::unique_ptr<MetadataLog>> MetadataLog::open(const Env& env, const MetadataLogConfig& config) {
  const std::string directory = join_path(config.log_dir, kMetadataDirectory);
  TRY(make_directory(env, directory));
  TRY_ASSIGN(std::vector<SnapshotInfo> snapshots, load_snapshots(env.disk, directory));
  TRY_ASSIGN(std::shared_ptr<storage::Log> log, storage::Log::open(env, log_options(config, directory)));
  TRY(reconcile(env, directory, *log, snapshots));
  // What recovery has found may be in no more than the page cache; it is durable from here on (S3).
  TRY(log->flush_all());
  return std::unique_ptr<MetadataLog>(new MetadataLog(env, directory, std::move(log), std::move(snapshots)));
}

// Rule A58.
Result<void> MetadataLog::reconcile(const Env& env, const std::string& directory, storage::Log& log,
                                    std::vector<SnapshotInfo>& snapshots) {
  if (!snapshots.empty()) {
    const OffsetAndEpoch newest = snapshots.back().id;
    const int32_t last_epoch = log.latest_epoch().value_or(0);
    if (newest.epoch > last_epoch || (newest.epoch == last_epoch && newest.offset > log.log_end_offset())) {
      TRY(log.truncate_fully_and_start_at(newest.offset));
    }
  }
  TRY(remove_snapshots_below(env, directory, log.log_start_offset(), snapshots));
  if (log.log_start_offset() > 0 && snapshots.empty()) {
    return fail(ErrorCode::KAFKA_STORAGE_ERROR,
                fmt::format("{} begins at offset {} and has no snapshot up to there", directory,
                            log.log_start_offset()));
  }
  return {};
}

Result<void> MetadataLog::remove_snapshots_below(const Env& env, const std::string& directory, int64_t offset,
                                                 std::vector<SnapshotInfo>& snapshots) {
  for (const SnapshotInfo& info : snapshots) {
    if (info.id.offset >= offset) continue;
    const std::string path = join_path(directory, snapshot_name(info.id));
    auto removed = env.disk.remove(path);
    if (!removed.ok() && removed.error() != IoError::not_found) return fail(Error(removed.error(), path));
  }
  std::erase_if(snapshots, [&](const SnapshotInfo& info) { return info.id.offset < offset; });
  return {};
}

LogView MetadataLog::view() const {
  std::vector<EpochStart> epochs;
  for (const storage::EpochEntry& entry : log_->epoch_entries()) {
    // An epoch noted without a record of it says nothing here.
    if (entry.start_offset >= log_->log_end_offset()) continue;
    epochs.push_back({entry.epoch, entry.start_offset});
  }
  return LogView(log_->log_start_offset(), log_->log_end_offset(), std::move(epochs), snapshots_);
}

// ---- reads ----

Result<LogChunk> MetadataLog::read(int64_t offset, int64_t max_bytes, storage::FetchIsolation isolation) {
  TRY_ASSIGN(const storage::LogRead found,
             log_->read(offset, static_cast<uint64_t>(max_bytes), isolation, true));
  LogChunk chunk;
  chunk.bytes.reserve(found.size_bytes);
  for (const FileSlice& slice : found.slices) {
    const IoResult<ByteBuffer> bytes = read_slice(slice);
    if (!bytes.ok()) return fail(Error(bytes.error(), directory_));
    chunk.bytes.insert(chunk.bytes.end(), bytes->begin(), bytes->end());
  }
  return chunk;
}

Result<LogChunk> MetadataLog::read(int64_t offset, int64_t max_bytes) {
  return read(offset, max_bytes, storage::FetchIsolation::log_end);
}

Result<LogChunk> MetadataLog::read_committed(int64_t offset, int64_t max_bytes) {
  return read(offset, max_bytes, storage::FetchIsolation::high_watermark);
}

Result<ByteBuffer> MetadataLog::read_snapshot(const SnapshotRange& range) const {
  const std::string path = join_path(directory_, snapshot_name(range.id));
  auto file = env_.disk.open(path, Open::read);
  if (!file.ok()) {
    const bool gone = file.error() == IoError::not_found;
    return fail(gone ? Error(ErrorCode::SNAPSHOT_NOT_FOUND, path) : Error(file.error(), path));
  }
  const auto size = (*file)->size();
  if (!size.ok()) return fail(Error(size.error(), path));
  const auto position = static_cast<uint64_t>(range.position);
  if (position >= *size) return fail(ErrorCode::POSITION_OUT_OF_RANGE, path);
  ByteBuffer bytes(std::min<uint64_t>(*size - position, static_cast<uint64_t>(range.max_bytes)));
  if (auto read = read_fully(**file, position, bytes); !read.ok()) return fail(Error(read.error(), path));
  return bytes;
}

// ---- changes ----

ByteBuffer MetadataLog::leader_change_batch(const LeaderChange& change, const AppendEntry& entry,
                                            int32_t epoch) const {
  // Rules A22, A23, version 0: ids only.
  std::vector<wire::LeaderChangeMessageVoter> voters(change.voters.size());
  for (size_t i = 0; i < voters.size(); ++i) voters[i].voter_id = change.voters[i];
  std::vector<wire::LeaderChangeMessageVoter> granting(change.granting_voters.size());
  for (size_t i = 0; i < granting.size(); ++i) granting[i].voter_id = change.granting_voters[i];
  wire::LeaderChangeMessage message;
  message.leader_id = change.leader_id;
  message.voters = voters;
  message.granting_voters = granting;
  wire::Writer w;
  encode(w, message, 0);
  ENSURE(w.status().ok(), "a leader change that cannot be encoded");
  const ByteBuffer value = w.take();
  const ControlRecord record{ControlType::leader_change, value};
  return build_control_batch(std::span(&record, 1), env_.clock.wall().ms(), entry.base_offset, epoch);
}

Result<void> MetadataLog::append(const AppendAsLeader& action) {
  ByteBuffer bytes;
  int64_t end = action.entries.front().base_offset;
  ENSURE_F(end == log_->log_end_offset(), "appending at {}, the log ends at {}", end, log_->log_end_offset());
  const auto limit = static_cast<size_t>(log_->config().segment_bytes);
  for (const AppendEntry& entry : action.entries) {
    ByteBuffer control;
    Bytes batch;
    if (const auto* change = std::get_if<LeaderChange>(&entry.payload)) {
      control = leader_change_batch(*change, entry, action.epoch);
      batch = control;
    } else {
      batch = std::get<Buffer>(entry.payload).view();
    }
    // One write for all that fits a segment.
    if (!bytes.empty() && bytes.size() + batch.size() > limit)
      TRY(append_leader_bytes(bytes, action.epoch, end));
    bytes.insert(bytes.end(), batch.begin(), batch.end());
    end = entry.base_offset + entry.record_count;
  }
  return append_leader_bytes(bytes, action.epoch, end);
}

Result<void> MetadataLog::append_leader_bytes(ByteBuffer& bytes, int32_t epoch, int64_t expected_end) {
  TRY(log_->append_as_leader(bytes, epoch, storage::AppendOrigin::raft_leader));
  bytes.clear();
  ENSURE_F(log_->log_end_offset() == expected_end, "the log ends at {}, {} was promised",
           log_->log_end_offset(), expected_end);
  return {};
}

Result<void> MetadataLog::append(const AppendAsFollower& action) {
  const BatchInfo& last = action.records.batches.back();
  TRY(log_->append_as_follower(action.records.bytes, last.leader_epoch));
  ENSURE_F(log_->log_end_offset() == last.last_offset + 1, "the log ends at {}, {} was appended",
           log_->log_end_offset(), last.last_offset);
  return {};
}

Result<void> MetadataLog::truncate(int64_t offset) {
  TRY(log_->truncate_to(offset));
  ENSURE_F(log_->log_end_offset() == offset, "the log ends at {} after truncation to {}",
           log_->log_end_offset(), offset);
  return {};
}

void MetadataLog::advance_high_watermark(int64_t offset) {
  static_cast<void>(log_->update_high_watermark(std::min(offset, log_->log_end_offset())));
}

Result<void> MetadataLog::store_chunk(const StoreSnapshotChunk& action) {
  if (action.position == 0) {
    if (fetching_ != nullptr) fetching_->abandon();
    TRY_ASSIGN(fetching_, RawSnapshotWriter::create(env_.disk, directory_, action.id, ++unique_));
  }
  ENSURE(fetching_ != nullptr && fetching_->id() == action.id, "a chunk of another snapshot");
  ENSURE(fetching_->size_bytes() == static_cast<uint64_t>(action.position), "a chunk out of order");
  return fetching_->append(action.bytes);
}

Result<void> MetadataLog::verify_partial() {
  TRY_ASSIGN(const std::unique_ptr<SnapshotReader> reader, fetching_->read_back());
  std::vector<Bytes> values;
  for (;;) {
    TRY_ASSIGN(const bool more, reader->next(values));
    if (!more) return {};
  }
}

Result<void> MetadataLog::install(OffsetAndEpoch id) {
  ENSURE(fetching_ != nullptr && fetching_->id() == id, "installing a snapshot that was not fetched");
  // What was damaged at the leader, or on the way, must not become this node's truth.
  TRY(verify_partial());
  TRY(fetching_->freeze());
  const auto size = static_cast<int64_t>(fetching_->size_bytes());
  fetching_.reset();
  // Before the log begins anew: whoever reads it finds no record there from then on, and goes on from this.
  add_snapshot(id, size);
  // A crash between the two is mended at the next start (rule A58).
  env_.reached(Mark::raft_snapshot_named, log_->name());
  env_.dawdle(Site::raft_install_late, 500, kLateCut);
  TRY(log_->truncate_fully_and_start_at(id.offset));
  advance_high_watermark(id.offset);
  return remove_snapshots_below(env_, directory_, id.offset, snapshots_);
}

void MetadataLog::add_snapshot(OffsetAndEpoch id, int64_t size_bytes) {
  const bool known = std::any_of(snapshots_.begin(), snapshots_.end(),
                                 [&](const SnapshotInfo& info) { return info.id == id; });
  if (known) return;
  snapshots_.push_back({id, size_bytes});
  std::sort(snapshots_.begin(), snapshots_.end(),
            [](const SnapshotInfo& a, const SnapshotInfo& b) { return a.id.offset < b.id.offset; });
}

// Rule B43.
Result<void> MetadataLog::trim(int64_t start_offset) {
  TRY(log_->increment_log_start(start_offset, storage::LogStartReason::snapshot_generated));
  TRY(log_->delete_old_segments());
  return remove_snapshots_below(env_, directory_, start_offset, snapshots_);
}

Result<std::unique_ptr<SnapshotWriter>> MetadataLog::create_snapshot(OffsetAndEpoch id,
                                                                     int64_t last_contained_timestamp_ms) {
  TRY_ASSIGN(std::unique_ptr<RawSnapshotWriter> raw,
             RawSnapshotWriter::create(env_.disk, directory_, id, ++unique_));
  return SnapshotWriter::create(std::move(raw), last_contained_timestamp_ms, env_.clock.wall().ms());
}

}  // namespace ksim::raft
