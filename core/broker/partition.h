#pragma once
// One replica of one partition on its shard: leader or follower, and the log below it (rules D10-D24,
// D28-D46, D48-D53, D57-D59).
//
// What changes the log or the role holds the partition's lock across its disk waits: an append is validated
// and written within one leader epoch (R3, D39). Reads take no lock; they look again at the epoch when they
// come back from the disk. Nobody calls another shard while holding the lock.

#include <memory>
#include <optional>
#include <string>

#include "core/broker/isr.h"
#include "core/broker/partition_key.h"
#include "core/broker/topic_settings.h"
#include "core/io/env.h"
#include "core/io/sync.h"
#include "core/metadata/image.h"
#include "core/record/validator.h"
#include "core/storage/log.h"

namespace ksim::broker {

class Partition;

// What a partition needs of the broker around it. None of these waits.
class PartitionHost {
 public:
  virtual ~PartitionHost() = default;
  virtual const BrokerDirectory& brokers() const = 0;
  virtual int64_t own_broker_epoch() const = 0;
  virtual void propose(Partition& partition, const IsrProposal& proposal) = 0;
  // High watermark, log end, log start or role moved: look at what waits for this partition once no lock is
  // held.
  virtual void moved(const Partition& partition) = 0;
};

struct ProducedBatch {
  storage::AppendInfo info;
  int64_t log_append_time_ms = -1;
  int32_t leader_epoch = -1;  // that of the append
};
struct ProduceFailure {
  ErrorCode code = ErrorCode::UNKNOWN_SERVER_ERROR;
  std::string message;
  std::vector<RecordError> record_errors;
};

// Who reads, and how.
struct ReadParams {
  int32_t replica_id = -1;  // -1: a consumer
  int64_t replica_epoch = kUnknownBrokerEpoch;
  storage::FetchIsolation isolation = storage::FetchIsolation::high_watermark;
  bool leader_only = true;
  bool update_follower = true;  // false for the second read of a fetch that waited (rule D30)
  bool is_follower() const { return replica_id >= 0; }
};
struct ReadAsk {
  int64_t fetch_offset = 0;
  int64_t log_start_offset = kUnknownOffset;
  std::optional<int32_t> current_leader_epoch;
  std::optional<int32_t> last_fetched_epoch;
  uint64_t max_bytes = 0;
};
struct ReadOutcome {
  ErrorCode error = ErrorCode::NONE;
  storage::LogRead data;
  std::optional<storage::EpochEndOffset> diverging;
  int64_t high_watermark = kUnknownOffset;
  int64_t last_stable_offset = kUnknownOffset;
  int64_t log_start_offset = kUnknownOffset;
  int64_t log_end_offset = kUnknownOffset;  // before the read
  int64_t readable_end = kUnknownOffset;    // for this reader, after the read
  bool answer_now = false;                  // however little it is
};

// A fetch that waits for more (rule D30): where it stands, and the end it has already been told of.
struct ReadWait {
  ReadAsk ask;
  storage::LogOffsetMetadata start;
  int64_t known_end = kUnknownOffset;
};
struct ReadProgress {
  static constexpr uint64_t kManyBytes = uint64_t{1} << 40;
  bool complete = false;  // error, truncated or diverged: answer now
  bool advanced = false;  // there is more to read than at the known end
  // Bytes of the log past the fetch offset: no fewer than are readable, so that a fetch is not looked at
  // before it can be satisfied.
  uint64_t bytes_at_most = 0;
};

struct OffsetAnswer {
  ErrorCode error = ErrorCode::NONE;
  int64_t timestamp_ms = -1;
  int64_t offset = -1;
  int32_t leader_epoch = -1;
};

// ListOffsets timestamps with a meaning of their own (rule D57).
constexpr int64_t kLatestTimestamp = -1;
constexpr int64_t kEarliestTimestamp = -2;
constexpr int64_t kMaxTimestamp = -3;
constexpr int64_t kEarliestLocalTimestamp = -4;
constexpr int64_t kLatestTieredTimestamp = -5;

enum class ListIsolation : uint8_t { replica, read_uncommitted, read_committed };

class Partition {
 public:
  struct Options {
    std::string topic;
    PartitionKey key;
    int32_t own_id = -1;
    Duration replica_lag_time_max = seconds(30);
  };
  Partition(const Env& env, PartitionHost& host, Options options, std::shared_ptr<storage::Log> log,
            TopicSettings settings);
  Partition(const Partition&) = delete;
  Partition& operator=(const Partition&) = delete;

  // ---- identity and state; no waits ----
  const PartitionKey& key() const { return options_.key; }
  const std::string& topic() const { return options_.topic; }
  int32_t index() const { return options_.key.index; }
  const std::string& name() const { return name_; }  // "orders-3"
  const std::shared_ptr<storage::Log>& log() const { return log_; }
  const PartitionIsr& isr() const { return isr_; }
  bool is_leader() const { return isr_.is_leader() && online(); }
  bool online() const { return !gone_ && !log_->failed() && !log_->closed(); }
  int32_t leader_id() const { return leader_id_; }
  int32_t leader_epoch() const { return isr_.leader_epoch(); }
  const TopicSettings& settings() const { return settings_; }
  void set_settings(const TopicSettings& settings);

  // ---- role (rules D37, D38); wait for the lock and the disk ----
  // True: a new leader epoch began.
  Result<bool> make_leader(const PartitionRegistration& state);
  Result<bool> make_follower(const PartitionRegistration& state);
  // Deleted or moved away: no appends from here on, all waits for it end.
  void retire();

  // ---- leader ----
  // `records`: the one batch of a produce request, changed in place. Waits.
  Result<ProducedBatch, ProduceFailure> append(MutableBytes records, int16_t acks,
                                               storage::AppendOrigin origin, uint64_t guard);
  // NONE: enough replicas have it; nothing: not yet (rule D22).
  std::optional<ErrorCode> acknowledged(int64_t required_offset, int32_t appended_epoch) const;
  // The same of the flush that flush.messages asks for, up to `offset`; also when others lead since: what was
  // appended is written, and no client may be told otherwise (P2). REQUEST_TIMED_OUT: it was cut off
  // meanwhile.
  std::optional<ErrorCode> flushed(int64_t offset, int32_t appended_epoch) const;
  // The log has been flushed: this replica's own copy may count now.
  void log_flushed();
  void check_lag();
  // A follower that is not alive any more holds neither the high watermark nor the low watermark back.
  void brokers_changed();
  void proposal_answered(const IsrAnswer& answer);
  // Rule D59: the low watermark to wait for. Waits.
  Result<int64_t> delete_records(int64_t offset);
  Result<int64_t> low_watermark() const;

  // ---- reads ----
  ErrorCode check_epoch(std::optional<int32_t> current_leader_epoch, bool leader_only) const;  // rule D31
  ReadOutcome read(const ReadAsk& ask, const ReadParams& params, bool min_one_batch);          // waits
  ReadProgress progress(const ReadWait& wait, const ReadParams& params) const;
  OffsetAnswer offset_for_timestamp(int64_t timestamp_ms, ListIsolation isolation,
                                    std::optional<int32_t> current_leader_epoch, bool leader_only);  // waits
  Result<storage::EpochEndOffset> end_offset_for_epoch(std::optional<int32_t> current_leader_epoch,
                                                       int32_t epoch, bool leader_only) const;

  // ---- follower; wait for the lock and the disk ----
  struct Fetched {
    Bytes records;
    int64_t fetch_offset = 0;
    int32_t leader_epoch = -1;  // of the request
    int64_t leader_high_watermark = kUnknownOffset;
    int64_t leader_log_start = kUnknownOffset;
  };
  // False: not used, the follower has moved on since the request (rule D51).
  Result<bool> append_fetched(const Fetched& fetched);
  // Rule D49: the leader says where epochs part. The log end to fetch from next.
  Result<bool> truncate_to_divergence(int32_t request_epoch, storage::EpochEndOffset leader_end);
  // Rule D53.
  Result<bool> out_of_range(int32_t request_epoch, int64_t leader_start, int64_t leader_end);
  // True if it has no record and knows no epoch, though its log starts above 0, and nobody counts on what it
  // had: its start may be of another log than its leader's.
  bool is_blank() const {
    return log_->empty() && !log_->latest_epoch() && log_->log_start_offset() > 0 && !eligible_;
  }
  // Such a one begins anew where its leader's log starts, if that is lower.
  Result<bool> begin_at(int32_t request_epoch, int64_t leader_start);
  bool follows(int32_t leader_epoch) const {
    return online() && !isr_.is_leader() && isr_.leader_epoch() == leader_epoch;
  }

 private:
  std::optional<ErrorCode> lost_to_another_epoch(int64_t end_offset, int32_t appended_epoch) const;
  bool holds(int64_t end_offset, int32_t appended_epoch) const;
  LeaderLog leader_log() const;
  IsrContext context() const;
  void carry_out(const IsrEffects& effects);
  void set_high_watermark(int64_t offset);
  void note_high_watermark();
  ValidationRules rules() const;
  Result<bool> truncate(int64_t offset);
  Result<void> take_leader_marks(const Fetched& fetched);
  std::optional<ReadOutcome> diverges(const ReadAsk& ask, const ReadOutcome& marks) const;
  void note_epoch_end(int32_t asked, storage::EpochEndOffset end) const;
  int64_t readable_end(storage::FetchIsolation isolation) const;
  Result<bool> ends_on_later_segment(const storage::LogOffsetMetadata& start,
                                     storage::FetchIsolation isolation);
  OffsetAnswer latest(ListIsolation isolation) const;
  bool watermark_lags_epoch(ListIsolation isolation) const;
  int64_t fetchable_end(ListIsolation isolation) const;

  const Env& env_;
  PartitionHost& host_;
  Options options_;
  std::string name_;
  std::shared_ptr<storage::Log> log_;
  TopicSettings settings_;
  PartitionIsr isr_;
  int32_t leader_id_ = -1;
  bool eligible_ = false;  // a follower in ISR or ELR
  bool gone_ = false;
  mutable Mutex lock_;
};

}  // namespace ksim::broker
