// Producer state and its snapshots on disk (rules A34-A38).

#include <algorithm>

#include "core/storage/log.h"
#include "core/storage/segment.h"

namespace ksim::storage {
namespace {

std::string snapshot_path(const std::string& directory, int64_t offset) {
  return join_path(directory, segment_file_name(offset, kSnapshotSuffix));
}

}  // namespace

LogFacts Log::facts() const {
  LogFacts facts;
  facts.start_offset = log_start_offset_;
  facts.end_offset = log_end_.offset;
  facts.first_segment = segments_.begin()->first;
  for (const EpochEntry& entry : epochs_.entries()) facts.epochs.push_back({entry.epoch, entry.start_offset});
  facts.tracks_producers = options_.track_producers;
  for (const auto& [id, entry] : producers_.producers()) {
    const BatchMetadata* last = entry.last_batch();
    facts.producers.push_back({id, entry.epoch, entry.last_sequence(),
                               last == nullptr ? -1 : last->last_offset, entry.last_timestamp_ms,
                               entry.txn_first_offset});
  }
  facts.expired_before_ms = env_.clock.wall().ms() - options_.config.producer_id_expiration_ms + 1;
  facts.high_watermark = high_watermark_.offset;
  for (const auto& [base, segment] : segments_) facts.indexes.push_back(segment->index_facts());
  return facts;
}

Result<void> Log::take_snapshot() {
  const int64_t offset = producers_.end_offset();
  if (!options_.track_producers || (!snapshots_.empty() && snapshots_.back() >= offset)) return {};
  if (offset <= segments_.begin()->first && producers_.producers().empty()) return {};
  const ByteBuffer bytes = producers_.encode_snapshot();
  const std::string path = snapshot_path(options_.path, offset);
  const auto file = env_.disk.open(path, Open::create_truncate);
  if (!file.ok()) return fail(Error(file.error(), "creating " + path));
  // Not synced here: its checksum tells whether it is whole, and what it says can be read from the log, as
  // long as that is there (sync_first_snapshot).
  const auto written = write_fully(**file, 0, bytes);
  if (!written.ok()) return fail(Error(written.error(), "writing " + path));
  snapshots_.push_back(offset);
  return {};
}

// What is before `base_offset` is about to be deleted: after that only this snapshot knows of its producers,
// and a power loss must not take it. Apache Kafka syncs each, a moment after it was written.
Result<void> Log::sync_first_snapshot(int64_t base_offset) {
  const auto first = std::lower_bound(snapshots_.begin(), snapshots_.end(), base_offset);
  if (!options_.track_producers || first == snapshots_.end()) return {};
  const std::string path = snapshot_path(options_.path, *first);
  const auto file = env_.disk.open(path, Open::write);
  if (!file.ok()) return disk_failure(file.error(), "opening " + path);
  const auto synced = (*file)->sync(SyncMode::all);
  if (!synced.ok()) return disk_failure(synced.error(), "syncing " + path);
  const auto named = env_.disk.sync_dir(options_.path);
  if (!named.ok()) return disk_failure(named.error(), "syncing its directory");
  return {};
}

Result<void> Log::remove_snapshot(int64_t offset) {
  const auto at = std::find(snapshots_.begin(), snapshots_.end(), offset);
  if (at == snapshots_.end()) return {};
  snapshots_.erase(at);
  const std::string path = snapshot_path(options_.path, offset);
  const auto removed = env_.disk.remove(path);
  if (!removed.ok() && removed.error() != IoError::not_found) {
    return fail(Error(removed.error(), "removing " + path));
  }
  return {};
}

Result<void> Log::remove_snapshots_outside(int64_t above, int64_t up_to) {
  const std::vector<int64_t> all = snapshots_;
  for (const int64_t offset : all) {
    if (offset <= above || offset > up_to) TRY(remove_snapshot(offset));
  }
  return {};
}

Result<void> Log::load_producers(ProducerState& state, int64_t end_offset) {
  // From the first segment on, though Kafka begins at the log start: what loading gives then does not depend
  // on which snapshots there are.
  state.clear(segments_.begin()->first);
  if (!options_.track_producers) {
    state.set_end_offset(end_offset);
    return {};
  }
  for (;;) {
    const auto above = std::upper_bound(snapshots_.begin(), snapshots_.end(), end_offset);
    if (above == snapshots_.begin()) break;
    const int64_t offset = *std::prev(above);
    const std::string path = snapshot_path(options_.path, offset);
    const auto bytes = read_file(env_.disk, path);
    if (!bytes.ok() && bytes.error() != IoError::not_found) {
      return fail(Error(bytes.error(), "reading " + path));
    }
    if (bytes.ok() &&
        state.load_snapshot(*bytes, offset, env_.clock.wall().ms(), options_.config.producer_id_expiration_ms)
            .ok()) {
      break;
    }
    TRY(remove_snapshot(offset));
  }
  TRY(replay(state, end_offset));
  return {};
}

Result<void> Log::replay(ProducerState& state, int64_t end_offset) {
  int64_t from = state.end_offset();
  for (auto segment = segment_at(from) != nullptr ? segment_at(from) : segment_after(from);
       segment != nullptr && segment->base_offset() < end_offset && from < end_offset;
       segment = segment_after(segment->base_offset())) {
    TRY_ASSIGN(const auto location, segment->locate(from));
    if (!location) continue;
    const FileRef file = segment->file();
    FileBatches batches(*file, location->position, segment->size_bytes(), FileBatches::kScanWindow);
    for (;;) {
      TRY_ASSIGN(const bool more, batches.next());
      if (!more || batches.header().base_offset >= end_offset) break;
      if (batches.header().magic < 2 || !batches.view().has_producer_id()) continue;
      BatchView batch = batches.view();
      if (batch.is_control()) {
        TRY_ASSIGN(const Bytes whole, batches.whole());
        batch = BatchView(whole);
      }
      TRY_ASSIGN(const auto completed, state.apply(batch, segment->base_offset(), batches.header().position));
      if (completed) state.complete(*completed);
    }
  }
  state.set_end_offset(end_offset);
  return {};
}

// A producer's last batches, from the newest segment backwards, until five are known.
Result<void> Log::restore_batches(int64_t producer_id) {
  const ProducerEntry* entry = producers_.find(producer_id);
  if (entry == nullptr || entry->whole) return {};
  const int16_t epoch = entry->epoch;
  std::vector<BatchMetadata> found;
  for (auto segment = segment_at(entry->last_batch()->last_offset); segment != nullptr;
       segment = segment->base_offset() == 0 ? nullptr : segment_at(segment->base_offset() - 1)) {
    std::vector<BatchMetadata> here;
    const FileRef file = segment->file();
    FileBatches batches(*file, 0, segment->size_bytes(), FileBatches::kScanWindow);
    bool other_epoch = false;
    for (;;) {
      TRY_ASSIGN(const bool more, batches.next());
      if (!more) break;
      if (batches.header().magic < 2) continue;
      const BatchView batch = batches.view();
      if (batch.producer_id() != producer_id || batch.is_control()) continue;
      if (batch.producer_epoch() != epoch) {
        here.clear();
        other_epoch = true;
        continue;
      }
      if (here.size() == kBatchesKept) here.erase(here.begin());
      here.push_back(
          {batch.last_offset(), batch.max_timestamp_ms(), batch.last_sequence(), batch.last_offset_delta()});
    }
    found.insert(found.begin(), here.begin(), here.end());
    if (found.size() >= kBatchesKept || other_epoch) break;
  }
  producers_.set_batches(producer_id, found);
  return {};
}

}  // namespace ksim::storage
