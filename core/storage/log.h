#pragma once
// One replica's log: segments with their indexes, the leader epochs, the state of producers, and the marks
// between which records are visible: log start offset <= last stable offset <= high watermark <= log end
// offset (Kafka's UnifiedLog; rules A65-A83).
//
// A log belongs to one shard. What changes it takes the log's own lock, so that fibers interleave at disk
// waits without seeing a change half made; queries never wait and always see a whole state. Reads take no
// lock: they hold on to the segments they found, and the bytes of a slice may be gone or replaced by the time
// they are sent if the log is truncated meanwhile.
//
// Failures: a disk error gives KAFKA_STORAGE_ERROR, is told to the keeper, and from then on every operation
// of this log gives KAFKA_STORAGE_ERROR (rule A49). Other errors leave the log as it was.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/log_knowledge.h"
#include "core/base/topic_partition.h"
#include "core/io/env.h"
#include "core/io/sync.h"
#include "core/storage/epoch_cache.h"
#include "core/storage/log_types.h"
#include "core/storage/producer_state.h"

namespace ksim::storage {

class Log;
class Segment;

// Whoever keeps the directory a log lives in. May be null: then files are removed at once, nothing is
// flushed but on request, and no checkpoint is kept (the metadata log, which always recovers from 0).
class LogKeeper {
 public:
  virtual ~LogKeeper() = default;
  // A segment was closed or an append is to be synced; flush(up_to) is due, on a fiber of the keeper's. Does
  // not wait.
  virtual void flush_soon(const std::shared_ptr<Log>& log, int64_t up_to) = 0;
  // Files that were renamed to .deleted, to be removed `delay_ms` from now (rule A71). Does not wait.
  virtual void remove_later(std::vector<std::string> paths, int64_t delay_ms) = 0;
  // The log's recovery_point() was lowered, or its log_start_to_checkpoint() has changed; returns when no
  // crash can bring the older value back. The log holds its locks meanwhile.
  virtual Result<void> persist_recovery_point(Log& log) = 0;
  virtual Result<void> persist_log_start(Log& log) = 0;
  // The directory is not usable any more. Does not wait.
  virtual void disk_failed(Log& log, const Error& error) = 0;
};

struct LogOpen {
  std::string path;  // of the partition's directory, which must exist
  TopicPartition topic_partition;
  Uuid topic_id;  // zero: take it from partition.metadata, if there is one
  LogConfig config;
  bool clean = false;  // the directory was closed in order: indexes and snapshots are trusted
  int64_t recovery_point = 0;
  int64_t log_start_offset = 0;
  bool track_producers = true;  // false for the metadata log
  LogKeeper* keeper = nullptr;  // outlives the log
};

enum class LogStartReason : uint8_t { segment_deletion, leader_offset, records_deleted, snapshot_generated };
std::string_view to_string(LogStartReason reason);

class Log final : public std::enable_shared_from_this<Log>, private LogKnowledge {
 public:
  // Loads what is there (rules A76-A83), recovering it if it was not closed in order; an empty directory
  // gives an empty log. Failures: KAFKA_STORAGE_ERROR; INCONSISTENT_TOPIC_ID (rule A42).
  static Result<std::shared_ptr<Log>> open(const Env& env, LogOpen options);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  // ---- identity and configuration; no waits ----
  const std::string& name() const { return name_; }  // "orders-3"
  const TopicPartition& topic_partition() const { return options_.topic_partition; }
  Uuid topic_id() const { return options_.topic_id; }  // zero: none on disk, none given
  const std::string& path() const { return options_.path; }
  const LogConfig& config() const { return options_.config; }
  void set_config(const LogConfig& config) { options_.config = config; }
  bool failed() const { return failed_; }
  bool closed() const { return closed_; }

  // ---- marks; no waits ----
  int64_t log_start_offset() const { return log_start_offset_; }
  int64_t log_end_offset() const { return log_end_.offset; }
  const LogOffsetMetadata& log_end() const { return log_end_; }
  int64_t high_watermark() const { return high_watermark_.offset; }
  // min(high watermark, first offset of a transaction not yet decided and replicated).
  int64_t last_stable_offset() const;
  std::optional<int64_t> first_unstable_offset() const;
  int64_t recovery_point() const { return recovery_point_; }
  Instant last_flush() const { return last_flush_; }
  // The log end, but for appends that flush.messages wants flushed and that are not: until then a leader does
  // not count its own copy of them.
  int64_t settled_end() const;
  // Called after each flush(), without locks held; must not wait.
  void on_flushed(std::function<void()> hook) { flushed_ = std::move(hook); }
  // Rule A41: what a checkpoint must say of the log start; nothing if the files alone tell it, also after a
  // power loss. While the log start is being raised the checkpoint is ahead of it.
  std::optional<int64_t> log_start_to_checkpoint() const {
    return checkpoint_log_start_ > durable_first_base_ ? std::optional(checkpoint_log_start_) : std::nullopt;
  }
  bool empty() const { return log_start_offset_ == log_end_.offset; }
  uint64_t size_bytes() const;
  size_t segment_count() const { return segments_.size(); }
  // Base offsets of the segments, oldest first.
  std::vector<int64_t> segment_bases() const;

  // ---- leader epochs; no waits ----
  std::optional<int32_t> latest_epoch() const { return epochs_.latest_epoch(); }
  // Rule A83: {-1, -1} if undefined.
  EpochEndOffset end_offset_for_epoch(int32_t epoch) const {
    return epochs_.end_offset_for(epoch, log_end_.offset);
  }
  std::optional<int32_t> epoch_for_offset(int64_t offset) const { return epochs_.epoch_for_offset(offset); }
  const std::vector<EpochEntry>& epoch_entries() const { return epochs_.entries(); }
  // A new leader notes where its epoch starts before it appends (rule A82). Waits for the disk.
  Result<void> assign_epoch_start(int32_t epoch, int64_t start_offset);

  // ---- appends; wait for the lock and the disk ----
  // `batches`: one or more whole batches of magic 2 that have passed validation (record/validator.h). Sets
  // base offsets and leader epoch in place, then writes. With a producer id there must be exactly one batch.
  // `guard` is what start_verification() gave (rule D18). What flush.messages asks for is left to the keeper,
  // so that one flush serves many appends: see AppendInfo::flush_to. Failures: KAFKA_STORAGE_ERROR,
  // RECORD_LIST_TOO_LARGE, NOT_LEADER_OR_FOLLOWER if a later leader's records are there, and those of rules
  // D15, D18 and D20.
  Result<AppendInfo> append_as_leader(MutableBytes batches, int32_t leader_epoch,
                                      AppendOrigin origin = AppendOrigin::client, uint64_t guard = 0);
  // `batches` as fetched; a cut last batch is left out, and so is everything from the first batch whose
  // leader epoch is above `leader_epoch` on. Each batch's checksum is verified. Failures:
  // KAFKA_STORAGE_ERROR, CORRUPT_MESSAGE, and OFFSET_OUT_OF_RANGE if the first batch lies below the log end
  // (see rule D56).
  Result<AppendInfo> append_as_follower(Bytes batches, int32_t leader_epoch);

  // ---- reads; wait for the disk ----
  // From the batch that contains `offset`. OFFSET_OUT_OF_RANGE below the log start or above the log end (rule
  // D28); between the isolation's end and the log end nothing is returned. `min_one_batch`: the first batch
  // comes whole even if larger than `max_bytes`.
  Result<LogRead> read(int64_t offset, uint64_t max_bytes, FetchIsolation isolation, bool min_one_batch);
  // The end of what a reader of this isolation may see, with its position.
  Result<LogOffsetMetadata> readable_end(FetchIsolation isolation);
  // Position of an offset in [log start, log end]; OFFSET_OUT_OF_RANGE otherwise.
  Result<LogOffsetMetadata> offset_metadata(int64_t offset);
  // ListOffsets (rule D57): the earliest offset whose timestamp is at or after timestamp_ms >= 0; -2: log
  // start; -3: the record with the largest timestamp; -4: as -2. Nothing if there is none. Latest (-1)
  // depends on who asks and is the caller's.
  Result<std::optional<TimestampAndOffset>> offset_for_timestamp(int64_t timestamp_ms);
  // Aborted transactions that touch [from, up_to) (rule A33).
  Result<std::vector<AbortedTransaction>> aborted_transactions(int64_t from, int64_t up_to);

  // ---- high watermark; no waits ----
  // Clamped to [log start, log end] (rules A73, A81); returns what was set. May go down: followers take it
  // from their leader.
  int64_t update_high_watermark(int64_t high_watermark);
  int64_t update_high_watermark(const LogOffsetMetadata& high_watermark);
  // Only up, or to the same offset with its position known: the old mark if it was moved. `candidate` is at
  // most the log end.
  std::optional<LogOffsetMetadata> maybe_increment_high_watermark(const LogOffsetMetadata& candidate);

  // ---- truncation, log start, retention; wait for the lock and the disk ----
  // Rule A72. True if records were cut off.
  Result<bool> truncate_to(int64_t offset);
  // Drops everything; the log is empty at `offset`, which also becomes log start unless another is given.
  Result<void> truncate_fully_and_start_at(int64_t offset, std::optional<int64_t> log_start = {});
  // Raises the log start offset; it is on disk when this returns (rule D59). OFFSET_OUT_OF_RANGE above the
  // high watermark. False if it was there already.
  Result<bool> increment_log_start(int64_t offset, LogStartReason reason);
  // Rules A74, A75: number of segments deleted.
  Result<size_t> delete_old_segments();

  // ---- roll, flush, close; wait for the lock and the disk ----
  // Closes the active segment and begins a new one at the log end. Nothing if the active one is empty.
  Result<void> roll();
  // Syncs what lies below `up_to` and raises the recovery point to it. The active segment is synced if it has
  // records below.
  Result<void> flush(int64_t up_to);
  Result<void> flush_all() { return flush(log_end_.offset); }
  // Flushes, writes the producer snapshot and the final index entries (rule W15). Afterwards only queries
  // work.
  Result<void> close();
  // The partition's directory is renamed; files follow. The new name is durable when this returns.
  Result<void> rename_directory(const std::string& new_path);
  // Makes partition.metadata say this id (rule A42); INCONSISTENT_TOPIC_ID if it says another.
  Result<void> assign_topic_id(Uuid topic_id);
  // Gives up the files without writing anything: after a disk failure, or once the directory is marked
  // deleted.
  void abandon();
  // Its directory has failed elsewhere: from now on everything gives KAFKA_STORAGE_ERROR. Does not wait.
  void fail_directory() { failed_ = true; }

  // ---- producers and transactions; no waits ----
  const ProducerState& producers() const { return producers_; }
  bool has_ongoing_transaction(int64_t producer_id) const;
  // Rule D18: the guard to append with, 0 if none is needed (ongoing transaction).
  Result<uint64_t> start_verification(int64_t producer_id, int32_t sequence, int16_t epoch);
  void remove_expired_producers();  // rule A38: every 10 minutes

 private:
  friend class LogLoader;
  struct Analysis {
    int64_t first_offset = -1;
    int64_t last_offset = -1;
    int64_t max_timestamp_ms = -1;
    int64_t append_time_ms = -1;
    int32_t last_epoch = -1;
    size_t size_bytes = 0;
  };
  using Segments = std::map<int64_t, std::shared_ptr<Segment>>;
  Log(const Env& env, LogOpen options);

  LogFacts facts() const override;

  // ---- failures ----
  Result<void> check_usable() const;
  // Marks this log failed if the error is the disk's.
  Failure<Error> failure(Error error);
  Failure<Error> disk_failure(IoError cause, std::string_view what);

  // ---- appends; the lock is held ----
  Result<ProducerCheck> check_producer(Bytes batches, AppendOrigin origin, uint64_t guard);
  Analysis analyze(Bytes batches) const;
  Result<Analysis> validate_fetched(Bytes batches, int32_t leader_epoch) const;
  // `fetched_epoch`: of the leader it was fetched from; -1: this node leads.
  Result<AppendInfo> append_locked(Bytes batches, const Analysis& analysis, int32_t fetched_epoch);
  Result<void> note_epochs(Bytes batches);
  Result<void> apply_to_producers(Bytes batches, Segment& segment, uint64_t position);
  Result<void> roll_locked(int64_t base_offset);
  Result<std::shared_ptr<Segment>> create_segment(int64_t base_offset);

  // ---- producers ----
  Result<void> load_producers(ProducerState& state, int64_t end_offset);
  Result<void> replay(ProducerState& state, int64_t end_offset);
  Result<void> restore_batches(int64_t producer_id);
  Result<void> take_snapshot();
  Result<void> sync_first_snapshot(int64_t base_offset);
  Result<void> remove_snapshot(int64_t offset);
  Result<void> remove_snapshots_outside(int64_t above, int64_t up_to);

  // ---- marks ----
  std::shared_ptr<Segment> segment_at(int64_t offset) const;  // whose base is at or below; may be null
  std::shared_ptr<Segment> segment_after(int64_t base_offset) const;
  const std::shared_ptr<Segment>& active() const { return segments_.rbegin()->second; }
  void set_log_end(int64_t offset);
  void set_high_watermark(const LogOffsetMetadata& mark);
  Result<void> raise_log_start(int64_t offset, LogStartReason reason);
  Result<LogOffsetMetadata> resolved(LogOffsetMetadata mark);
  Result<void> read_from(const LogOffsetMetadata& end, uint64_t max_bytes, bool min_one_batch,
                         bool with_aborted, LogRead& read);
  Failure<Error> read_failure(const Segment& segment, Error error);

  // ---- truncation, retention, flush; the lock is held, but for flush_segments ----
  Result<void> lower_persisted(int64_t recovery_point, int64_t log_start);
  Result<void> truncate_fully_locked(int64_t offset, int64_t log_start);
  Result<void> delete_segments(const std::vector<std::shared_ptr<Segment>>& doomed, bool each_durable);
  Result<size_t> count_expired(int64_t now_ms) const;
  Result<bool> flush_segments(int64_t up_to);
  bool flush_is_due() const;
  Result<void> flush_if_due();
  void flush_later(int64_t first_offset);
  int64_t flush_awaited_by(int64_t end_offset) const;
  Result<void> save_epochs();

  // flush_lock_, for who holds lock_: a flush that is under way gives way.
  class FilesLock {
   public:
    explicit FilesLock(Log& log) : wanted_(log), lock_(log.flush_lock_) {}

   private:
    struct Wanted {
      explicit Wanted(Log& l) : log(l) { log.flush_lock_wanted_ = true; }
      Wanted(const Wanted&) = delete;
      Wanted& operator=(const Wanted&) = delete;
      ~Wanted() {
        log.flush_lock_wanted_ = false;
        log.flush_goes_on_.notify_all();
      }
      Log& log;
    };
    Wanted wanted_;
    MutexLock lock_;
  };

  const Env& env_;
  LogOpen options_;
  std::string name_;
  // Taken in this order. lock_: whoever changes the log. flush_lock_: whoever writes or removes files of
  // segments that are not appended to; a flush holds only this one, so that appends go on meanwhile. It gives
  // way at the next segment to who holds the other one, and goes on afterwards.
  Mutex lock_;
  Mutex flush_lock_;
  bool flush_lock_wanted_ = false;
  Condition flush_goes_on_;
  Segments segments_;                 // never empty once open
  std::shared_ptr<Segment> closing_;  // the active one, while a roll closes it: it has its last index entries
  EpochCache epochs_;
  bool epochs_saved_ = true;
  ProducerState producers_;
  std::vector<int64_t> snapshots_;  // offsets of the producer snapshots on disk, rising
  int64_t log_start_offset_ = 0;
  int64_t checkpoint_log_start_ = 0;  // above log_start_offset_ only while that is being raised
  int64_t durable_first_base_ = 0;    // the lowest segment that a power loss could leave
  int64_t recovery_point_ = 0;
  LogOffsetMetadata log_end_;
  LogOffsetMetadata high_watermark_;
  Instant last_flush_;
  int64_t flush_due_from_ = 0;  // appends in [from, to) wait for a flush, if `to` is above the recovery point
  int64_t flush_due_to_ = 0;
  std::function<void()> flushed_;
  uint64_t segments_drawn_ = 0;
  bool failed_ = false;
  bool closed_ = false;
};

}  // namespace ksim::storage
