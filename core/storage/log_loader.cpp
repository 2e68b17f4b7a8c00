#include "core/storage/log_loader.h"

#include <algorithm>

#include "core/storage/partition_metadata.h"

namespace ksim::storage {
namespace {

std::string without_suffix(std::string_view name, std::string_view suffix) {
  return std::string(name.substr(0, name.size() - suffix.size()));
}

bool is_segment_file(std::string_view name) {
  return name.ends_with(kLogSuffix) || name.ends_with(kIndexSuffix) || name.ends_with(kTimeIndexSuffix) ||
         name.ends_with(kTxnIndexSuffix);
}

}  // namespace

// Takes the batches of a segment that is recovered into the log's epochs and producers, and says where they
// stop making sense.
class LogLoader::Recovery final : public BatchVisitor {
 public:
  Recovery(LogLoader& loader, ProducerState& producers, bool correct_epochs)
      : loader_(loader), producers_(producers), correct_epochs_(correct_epochs) {}

  void enter(Segment& segment) { segment_ = &segment; }
  int64_t end_offset() const { return end_offset_; }
  void set_end_offset(int64_t offset) { end_offset_ = offset; }

  Result<bool> visit(const BatchHeader& header, Bytes whole) override {
    if (header.magic == 2 && header.leader_epoch >= 0) {
      // A lower epoch behind a higher one is what an older truncation has cut off, come back after a crash.
      if (header.leader_epoch < epoch_) return false;
      epoch_ = header.leader_epoch;
      if (correct_epochs_) correct_epoch(header);
    }
    if (header.magic == 2 && loader_.options_.track_producers) {
      const auto completed = producers_.apply(BatchView(whole), segment_->base_offset(), header.position);
      // A marker that cannot be read, although its checksum is right.
      if (!completed.ok()) return false;
      if (*completed) complete(**completed);
    }
    end_offset_ = header.last_offset + 1;
    return true;
  }

 private:
  void complete(const CompletedTransaction& completed) {
    if (completed.aborted) {
      segment_->add_aborted({completed.producer_id, completed.first_offset, completed.last_offset,
                             producers_.last_stable_offset_after(completed)});
    }
    producers_.complete(completed);
  }
  // The file may know epochs whose batches a power loss took, or lack some. Entries that a batch bears out
  // stay: compaction may have removed the batch with which an epoch began.
  void correct_epoch(const BatchHeader& header) {
    EpochCache& epochs = loader_.log_.epochs_;
    const auto known = epochs.epoch_for_offset(header.base_offset);
    if (known == header.leader_epoch) return;
    loader_.epochs_changed_ = true;
    if (known && *known > header.leader_epoch) epochs.remove_above(header.leader_epoch);
    if (epochs.epoch_for_offset(header.base_offset) != header.leader_epoch) {
      epochs.assign(header.leader_epoch, header.base_offset);
    }
  }

  LogLoader& loader_;
  ProducerState& producers_;
  bool correct_epochs_;
  Segment* segment_ = nullptr;
  int32_t epoch_ = -1;
  int64_t end_offset_ = 0;
};

Result<void> LogLoader::load() {
  clean_ = options_.clean;
  log_.recovery_point_ = options_.recovery_point;
  TRY(settle_topic_id());
  TRY(finish_interrupted_work());
  TRY(open_segments());
  TRY(drop_below_log_start());
  TRY(load_epochs());
  const bool fresh = log_.segments_.empty();
  if (fresh) TRY(start_over(options_.log_start_offset));
  log_.log_start_offset_ = std::max(options_.log_start_offset, log_.segments_.begin()->first);

  TRY(rebuild_missing_indexes());
  int64_t end_offset = log_.active()->base_offset();
  if (clean_) {
    auto next_offset = log_.active()->read_next_offset();
    const int64_t least = end_offset + (log_.active()->size_bytes() > 0 ? 1 : 0);
    if (next_offset.ok() && *next_offset >= least) {
      end_offset = *next_offset;
    } else if (next_offset.ok() || next_offset.error().code == ErrorCode::CORRUPT_MESSAGE) {
      clean_ = false;  // closed in order, and yet damaged
      TRY(lower_recovery_point(log_.active()->base_offset()));
    } else {
      return fail(std::move(next_offset).error());
    }
  }
  if (!clean_ && !fresh) TRY(recover(end_offset));
  if (end_offset < options_.log_start_offset) {
    end_offset = options_.log_start_offset;
    TRY(start_over(end_offset));
  }
  log_.log_start_offset_ = std::max(options_.log_start_offset, log_.segments_.begin()->first);
  log_.durable_first_base_ = log_.segments_.begin()->first;
  log_.checkpoint_log_start_ = log_.log_start_offset_;
  TRY(lower_recovery_point(end_offset));
  if (clean_ || fresh) log_.recovery_point_ = end_offset;
  TRY(settle_epochs(end_offset));
  TRY(settle_producers(end_offset));
  TRY(log_.active()->prepare_for_append(end_offset));
  log_.set_log_end(end_offset);
  log_.set_high_watermark({log_.log_start_offset_});
  if (directory_changed_) {
    const auto synced = disk_.sync_dir(options_.path);
    if (!synced.ok()) return fail(Error(synced.error(), "syncing " + options_.path));
  }
  // Without appends to come nobody else would flush what an earlier process has left.
  TRY(log_.flush_if_due());
  log_.env_.emit(LogLoaded{log_.name_, options_.topic_id, options_.topic_partition.partition, clean_ || fresh,
                           log_.log_start_offset_, end_offset, static_cast<int64_t>(bytes_cut_), &log_});
  return {};
}

Result<void> LogLoader::settle_topic_id() {
  auto stored = read_partition_metadata(disk_, options_.path);
  if (!stored.ok()) return fail(ErrorCode::KAFKA_STORAGE_ERROR, std::move(stored).error().message);
  if (!*stored) {
    return options_.topic_id.is_zero() ? Result<void>{}
                                       : write_partition_metadata(disk_, options_.path, options_.topic_id);
  }
  if (options_.topic_id.is_zero()) options_.topic_id = **stored;
  if (options_.topic_id != **stored) {
    return fail(ErrorCode::INCONSISTENT_TOPIC_ID, log_.name_ + " has topic id " + (*stored)->to_string() +
                                                      " on disk, not " + options_.topic_id.to_string());
  }
  return {};
}

Result<std::vector<std::string>> LogLoader::list() {
  auto names = disk_.list(options_.path);
  if (!names.ok()) return fail(Error(names.error(), "listing " + options_.path));
  return std::move(*names);
}

Result<void> LogLoader::remove(const std::string& name) {
  directory_changed_ = true;
  const auto removed = disk_.remove(path_of(name));
  if (!removed.ok() && removed.error() != IoError::not_found) {
    return fail(Error(removed.error(), "removing " + path_of(name)));
  }
  return {};
}

Result<int64_t> LogLoader::next_offset_of_file(const std::string& path, int64_t base_offset) {
  auto file = disk_.open(path, Open::read);
  if (!file.ok()) return fail(Error(file.error(), "opening " + path));
  const auto size = (*file)->size();
  if (!size.ok()) return fail(Error(size.error(), "reading " + path));
  FileBatches batches(**file, 0, *size, FileBatches::kScanWindow);
  int64_t next_offset = base_offset;
  for (;;) {
    TRY_ASSIGN(const bool more, batches.next());
    if (!more) return next_offset;
    next_offset = batches.header().last_offset + 1;
  }
}

Result<void> LogLoader::remove_plain_files(int64_t from, int64_t up_to) {
  TRY_ASSIGN(const std::vector<std::string> names, list());
  for (const std::string& name : names) {
    const auto offset = offset_of_file_name(name);
    const bool plain = is_segment_file(name) || name.ends_with(kSnapshotSuffix);
    if (plain && offset && *offset >= from && *offset < up_to) TRY(remove(name));
  }
  return {};
}

// What a cleaner or a split left half done, and files whose removal was due (rule A76).
Result<void> LogLoader::finish_interrupted_work() {
  TRY_ASSIGN(const std::vector<std::string> names, list());
  int64_t first_cleaned = std::numeric_limits<int64_t>::max();
  for (const std::string& name : names) {
    if (!name.ends_with(kCleanedSuffix)) continue;
    if (const auto offset = offset_of_file_name(name)) first_cleaned = std::min(first_cleaned, *offset);
  }
  std::vector<std::string> swaps;
  for (const std::string& name : names) {
    const bool raft_snapshot = name.ends_with(".checkpoint.deleted");
    const auto offset = offset_of_file_name(name);
    if (name.ends_with(kSwapSuffix) && offset && *offset < first_cleaned) {
      swaps.push_back(name);
    } else if (name.ends_with(kSwapSuffix) || name.ends_with(kCleanedSuffix) ||
               (name.ends_with(kDeletedSuffix) && !raft_snapshot)) {
      TRY(remove(name));
    }
  }
  if (swaps.empty()) return {};
  int64_t first = std::numeric_limits<int64_t>::max();
  int64_t end = std::numeric_limits<int64_t>::min();
  for (const std::string& name : swaps) {
    if (!without_suffix(name, kSwapSuffix).ends_with(kLogSuffix)) continue;
    const int64_t base = *offset_of_file_name(name);
    first = std::min(first, base);
    TRY_ASSIGN(const int64_t next, next_offset_of_file(path_of(name), base));
    end = std::max(end, next);
  }
  TRY(remove_plain_files(first, end));
  for (const std::string& name : swaps) {
    const auto renamed = disk_.rename(path_of(name), path_of(without_suffix(name, kSwapSuffix)));
    if (!renamed.ok()) return fail(Error(renamed.error(), "renaming " + path_of(name)));
  }
  directory_changed_ = true;
  return {};
}

Result<void> LogLoader::open_segments() {
  TRY_ASSIGN(const std::vector<std::string> names, list());
  std::map<int64_t, SegmentFiles> found;
  for (const std::string& name : names) {
    const auto offset = offset_of_file_name(name);
    if (offset && name.ends_with(kLogSuffix)) found[*offset];
    if (offset && name.ends_with(kSnapshotSuffix)) log_.snapshots_.push_back(*offset);
  }
  for (const std::string& name : names) {
    const auto offset = offset_of_file_name(name);
    if (!offset || !is_segment_file(name) || name.ends_with(kLogSuffix)) continue;
    const auto segment = found.find(*offset);
    if (segment == found.end()) {
      TRY(remove(name));
      continue;
    }
    const auto stat = disk_.stat(path_of(name));
    if (!stat.ok()) return fail(Error(stat.error(), "reading " + path_of(name)));
    SegmentFiles& files = segment->second;
    (name.ends_with(kTimeIndexSuffix)  ? files.time_index_bytes
     : name.ends_with(kTxnIndexSuffix) ? files.txn_index_bytes
                                       : files.index_bytes) = stat->size_bytes;
  }
  std::sort(log_.snapshots_.begin(), log_.snapshots_.end());
  for (const auto& [base, files] : found) {
    auto segment = Segment::open(disk_, options_.path, base, files, log_.env_.clock.wall());
    if (!segment.ok()) return fail(Error(segment.error(), "opening segment " + std::to_string(base)));
    const auto usable = (*segment)->indexes_usable(files);
    if (!usable.ok())
      return fail(Error(usable.error(), "reading indexes of segment " + std::to_string(base)));
    if (!*usable) without_index_.push_back(base);
    log_.segments_[base] = std::move(*segment);
  }
  return {};
}

// Retention had given them up when the process died. They may never have been synced: a flush passes over
// what is about to be deleted.
Result<void> LogLoader::drop_below_log_start() {
  std::vector<std::shared_ptr<Segment>> doomed;
  auto& segments = log_.segments_;
  while (segments.size() > 1 && std::next(segments.begin())->first <= options_.log_start_offset) {
    doomed.push_back(segments.begin()->second);
    segments.erase(segments.begin());
  }
  return doomed.empty() ? Result<void>{} : log_.delete_segments(doomed, false);
}

Result<void> LogLoader::load_epochs() {
  auto epochs = read_epoch_file(disk_, options_.path);
  if (epochs.ok()) {
    log_.epochs_ = std::move(*epochs);
    return {};
  }
  if (epochs.error().code == ErrorCode::KAFKA_STORAGE_ERROR) return fail(std::move(epochs).error());
  // Unreadable: the batches tell the epochs, if all of them are looked at.
  clean_ = false;
  epochs_changed_ = true;
  return lower_recovery_point(0);
}

// On disk before anything is cut, as with every truncation (rule A70): what is appended in its place would
// count as flushed at the next start, and recovery would pass over it. Apache Kafka lowers it in memory here,
// and its checkpoint only when it is next due.
Result<void> LogLoader::lower_recovery_point(int64_t offset) {
  options_.recovery_point = std::min(options_.recovery_point, offset);
  return log_.lower_persisted(offset, log_.log_start_offset_);
}

// Rule A77, for segments that recovery will not look at.
Result<void> LogLoader::rebuild_missing_indexes() {
  for (const int64_t base : without_index_) {
    if (log_.segments_.count(base) == 0) continue;
    const std::shared_ptr<Segment> segment = log_.segments_[base];
    const std::shared_ptr<Segment> next = log_.segment_after(base);
    if (!clean_ && (next == nullptr || next->base_offset() > options_.recovery_point)) continue;
    ProducerState producers;
    TRY(log_.load_producers(producers, base));
    Recovery recovery(*this, producers, false);
    recovery.enter(*segment);
    TRY_ASSIGN(const uint64_t rest, segment->rebuild(recovery, options_.config.index_interval_bytes,
                                                     std::numeric_limits<int64_t>::max()));
    if (rest > 0) {
      return fail(ErrorCode::KAFKA_STORAGE_ERROR, log_.name_ + ": segment " + std::to_string(base) +
                                                      " was flushed and is damaged " + std::to_string(rest) +
                                                      " bytes before its end");
    }
    const auto saved = segment->save_indexes_atomically();
    if (!saved.ok()) return fail(Error(saved.error(), "saving indexes of segment " + std::to_string(base)));
  }
  return {};
}

// Segments lie end to end (see roll). A hole in front of one that was not flushed is what a power loss took.
// Compacted logs have holes of their own, and a roll there waits for the disk instead.
Result<bool> LogLoader::follows_its_predecessor(int64_t base_offset, int64_t previous_end) const {
  if (base_offset < previous_end) return false;
  if (options_.config.cleanup_compact || base_offset <= options_.log_start_offset) return true;
  return base_offset == previous_end;
}

// Rule A78: everything from the segment that contains the recovery point on.
Result<void> LogLoader::recover(int64_t& end_offset) {
  log_.env_.reached(Mark::log_recovering, log_.name_);
  std::shared_ptr<Segment> segment =
      log_.segment_at(std::max(options_.recovery_point, options_.log_start_offset));
  if (segment == nullptr) segment = log_.segments_.begin()->second;
  const int64_t first_base = segment->base_offset();
  int64_t previous_end = first_base;
  if (first_base != log_.segments_.begin()->first) {
    auto end = log_.segment_at(first_base - 1)->read_next_offset();
    if (!end.ok()) {
      return fail(ErrorCode::KAFKA_STORAGE_ERROR, log_.name_ + ": " + std::move(end).error().message);
    }
    previous_end = *end;
  }
  // Snapshots above may speak of batches that were cut off since.
  TRY(log_.remove_snapshots_outside(-1, first_base));
  TRY(log_.load_producers(log_.producers_, first_base));
  Recovery recovery(*this, log_.producers_, true);
  recovery.set_end_offset(previous_end);
  end_offset = previous_end;
  for (; segment != nullptr; segment = log_.segment_after(segment->base_offset())) {
    TRY_ASSIGN(const bool follows, follows_its_predecessor(segment->base_offset(), end_offset));
    if (!follows) {
      TRY(lower_recovery_point(std::max(end_offset, options_.log_start_offset)));
      TRY(drop_from(segment->base_offset()));
      break;
    }
    log_.producers_.set_end_offset(segment->base_offset());
    if (segment->base_offset() != first_base) TRY(log_.take_snapshot());
    recovery.enter(*segment);
    recovery.set_end_offset(segment->base_offset());
    TRY_ASSIGN(const uint64_t rest,
               segment->rebuild(recovery, options_.config.index_interval_bytes, options_.recovery_point));
    end_offset = recovery.end_offset();
    if (rest == 0) continue;
    bytes_cut_ += rest;
    TRY(lower_recovery_point(std::max(end_offset, options_.log_start_offset)));
    if (const auto next = log_.segment_after(segment->base_offset())) TRY(drop_from(next->base_offset()));
    TRY(segment->truncate_file());
    break;
  }
  if (log_.segments_.empty()) TRY(start_over(end_offset));
  return {};
}

Result<void> LogLoader::drop_from(int64_t base_offset) {
  std::vector<std::shared_ptr<Segment>> doomed;
  for (auto at = log_.segments_.rbegin(); at != log_.segments_.rend() && at->first >= base_offset; ++at) {
    bytes_cut_ += at->second->size_bytes();
    doomed.push_back(at->second);
  }
  for (const auto& segment : doomed) log_.segments_.erase(segment->base_offset());
  if (doomed.empty()) return {};
  return log_.delete_segments(doomed, true);
}

// No segment is of use: the log begins again, empty.
Result<void> LogLoader::start_over(int64_t offset) {
  TRY(lower_recovery_point(offset));
  TRY(drop_from(0));
  TRY(log_.remove_snapshots_outside(-1, -1));
  if (log_.epochs_.clear()) epochs_changed_ = true;
  log_.producers_.clear(offset);
  TRY_ASSIGN(log_.segments_[offset], log_.create_segment(offset));
  directory_changed_ = true;
  return {};
}

Result<void> LogLoader::settle_epochs(int64_t end_offset) {
  EpochCache& epochs = log_.epochs_;
  if (epochs.truncate_from_end(end_offset)) epochs_changed_ = true;
  if (epochs.truncate_from_start(log_.log_start_offset_)) log_.epochs_saved_ = false;
  return epochs_changed_ ? log_.save_epochs() : Result<void>{};
}

Result<void> LogLoader::settle_producers(int64_t end_offset) {
  if (!options_.track_producers) {
    log_.producers_.clear(end_offset);
    return {};
  }
  if (clean_) {
    // Rule A37: of the snapshots without a segment only the newest, above the last base, is of use.
    const int64_t last_base = log_.active()->base_offset();
    const std::vector<int64_t> all = log_.snapshots_;
    for (const int64_t offset : all) {
      const bool newest = offset == all.back() && offset > last_base;
      if (!newest && log_.segments_.count(offset) == 0) TRY(log_.remove_snapshot(offset));
    }
  }
  // One at the first base may be all that is known of producers whose records are deleted.
  TRY(log_.remove_snapshots_outside(log_.segments_.begin()->first - 1, end_offset));
  if (clean_) TRY(log_.load_producers(log_.producers_, end_offset));
  log_.producers_.set_end_offset(end_offset);
  return log_.take_snapshot();
}

}  // namespace ksim::storage
