// Appends, reads and offset queries of a partition (rules D10-D24, D28-D36, D57-D59).

#include <algorithm>

#include "core/broker/partition.h"

namespace ksim::broker {
namespace {

constexpr Duration kSlowRead = milliseconds(1500);

Failure<ProduceFailure> refuse(ErrorCode code, std::string message = {}) {
  return {ProduceFailure{code, std::move(message), {}}};
}

}  // namespace

ValidationRules Partition::rules() const {
  ValidationRules rules;
  rules.max_message_bytes = settings_.max_message_bytes;
  if (settings_.codec >= 0) rules.compression = static_cast<Compression>(settings_.codec);
  if (settings_.has_codec_level) rules.compression_level = settings_.codec_level;
  rules.timestamp_type =
      settings_.log_append_time ? TimestampType::log_append_time : TimestampType::create_time;
  rules.timestamp_before_max_ms = settings_.timestamp_before_max_ms;
  rules.timestamp_after_max_ms = settings_.timestamp_after_max_ms;
  rules.compacted = settings_.log.cleanup_compact;
  return rules;
}

Result<ProducedBatch, ProduceFailure> Partition::append(MutableBytes records, int16_t acks,
                                                        storage::AppendOrigin origin, uint64_t guard) {
  MutexLock hold(lock_);
  if (!online()) return refuse(ErrorCode::KAFKA_STORAGE_ERROR, name_);
  if (!isr_.is_leader()) return refuse(ErrorCode::NOT_LEADER_OR_FOLLOWER, name_);
  if (acks == -1 && isr_.under_min_isr(settings_.min_isr)) {
    env_.reached(Mark::produce_under_min_isr, name_);
    return refuse(ErrorCode::NOT_ENOUGH_REPLICAS, name_);
  }
  ValidationRules checks = rules();
  if (origin == storage::AppendOrigin::coordinator) checks.origin = ksim::AppendOrigin::coordinator;
  auto validated = validate_batch(records, checks, env_.clock.wall().ms());
  if (!validated.ok()) {
    BatchRejection rejection = std::move(validated).error();
    return Failure<ProduceFailure>{
        {rejection.code, std::move(rejection.message), std::move(rejection.record_errors)}};
  }
  auto appended = log_->append_as_leader(validated->bytes(), isr_.leader_epoch(), origin, guard);
  if (!appended.ok()) {
    Error error = std::move(appended).error();
    if (error.code == ErrorCode::KAFKA_STORAGE_ERROR) host_.moved(*this);
    return refuse(error.code, std::move(error.message));
  }
  ProducedBatch result;
  result.info = *appended;
  result.leader_epoch = isr_.leader_epoch();
  result.log_append_time_ms =
      appended->duplicate ? appended->append_time_ms : validated->log_append_time_ms();
  env_.reached(appended->duplicate ? Mark::produce_duplicate : Mark::produce_appended, name_);
  // Deleted while it was written: the records are in a directory about to go.
  if (gone_) return refuse(ErrorCode::NOT_LEADER_OR_FOLLOWER, name_);
  carry_out(isr_.advance(context()));  // the ISR may be this broker alone
  host_.moved(*this);
  return result;
}

std::optional<ErrorCode> Partition::acknowledged(int64_t required_offset, int32_t appended_epoch) const {
  if (const auto lost = lost_to_another_epoch(required_offset, appended_epoch)) return lost;
  return isr_.reached(required_offset, leader_log());
}

std::optional<ErrorCode> Partition::flushed(int64_t offset, int32_t appended_epoch) const {
  if (gone_) return ErrorCode::NOT_LEADER_OR_FOLLOWER;
  if (!online()) return ErrorCode::KAFKA_STORAGE_ERROR;
  if (!holds(offset, appended_epoch)) return ErrorCode::REQUEST_TIMED_OUT;
  return log_->recovery_point() >= offset ? std::optional(ErrorCode::NONE) : std::nullopt;
}

// Of what was appended up to there in that epoch, nothing was cut off since.
bool Partition::holds(int64_t end_offset, int32_t appended_epoch) const {
  if (isr_.leader_epoch() == appended_epoch) return true;
  const storage::EpochEndOffset end = log_->end_offset_for_epoch(appended_epoch);
  return end.epoch == appended_epoch && end.end_offset >= end_offset;
}

// Why what was appended in that epoch will not be acknowledged, whatever comes.
std::optional<ErrorCode> Partition::lost_to_another_epoch(int64_t end_offset, int32_t appended_epoch) const {
  if (gone_) return ErrorCode::NOT_LEADER_OR_FOLLOWER;
  if (!online()) return ErrorCode::KAFKA_STORAGE_ERROR;
  if (isr_.leader_epoch() == appended_epoch) return std::nullopt;
  // Not copied: Kafka asks only whether this broker leads now. After follower and leader again in between,
  // other records may stand at these offsets (R1, P2).
  if (isr_.is_leader() && holds(end_offset, appended_epoch)) return std::nullopt;
  return ErrorCode::NOT_LEADER_OR_FOLLOWER;
}

void Partition::log_flushed() {
  if (gone_) return;
  if (isr_.is_leader() && online()) carry_out(isr_.advance(context()));
  host_.moved(*this);
}

ErrorCode Partition::check_epoch(std::optional<int32_t> current_leader_epoch, bool leader_only) const {
  if (gone_) return ErrorCode::NOT_LEADER_OR_FOLLOWER;
  if (!online()) return ErrorCode::KAFKA_STORAGE_ERROR;
  if (current_leader_epoch && *current_leader_epoch < isr_.leader_epoch())
    return ErrorCode::FENCED_LEADER_EPOCH;
  if (current_leader_epoch && *current_leader_epoch > isr_.leader_epoch())
    return ErrorCode::UNKNOWN_LEADER_EPOCH;
  if (leader_only && !isr_.is_leader()) return ErrorCode::NOT_LEADER_OR_FOLLOWER;
  return ErrorCode::NONE;
}

// Rule D32: what the fetcher last fetched must be a prefix of this log.
std::optional<ReadOutcome> Partition::diverges(const ReadAsk& ask, const ReadOutcome& marks) const {
  if (!ask.last_fetched_epoch) return std::nullopt;
  const storage::EpochEndOffset end = log_->end_offset_for_epoch(*ask.last_fetched_epoch);
  const bool out_of_range = end.epoch < 0 || end.end_offset < 0 || ask.fetch_offset < marks.log_start_offset;
  if (!out_of_range && end.epoch >= *ask.last_fetched_epoch && end.end_offset >= ask.fetch_offset)
    return std::nullopt;
  ReadOutcome outcome = marks;
  if (out_of_range) {
    outcome.error = ErrorCode::OFFSET_OUT_OF_RANGE;
    return outcome;
  }
  outcome.diverging = end;
  note_epoch_end(*ask.last_fetched_epoch, end);
  env_.reached(Mark::fetch_diverged, name_);
  return outcome;
}

ReadOutcome Partition::read(const ReadAsk& ask, const ReadParams& params, bool min_one_batch) {
  ReadOutcome outcome;
  outcome.error = check_epoch(ask.current_leader_epoch, params.leader_only);
  if (outcome.error == ErrorCode::NONE && params.is_follower())
    outcome.error = isr_.check_follower(params.replica_id, ask.current_leader_epoch.has_value());
  if (outcome.error != ErrorCode::NONE) return outcome;

  // The log end before the read: appends that come after it must not keep a follower out of sync.
  const int32_t epoch = isr_.leader_epoch();
  const Instant at = env_.now();
  outcome.high_watermark = log_->high_watermark();
  outcome.last_stable_offset = log_->last_stable_offset();
  outcome.log_start_offset = log_->log_start_offset();
  outcome.log_end_offset = log_->log_end_offset();
  if (auto refused = diverges(ask, outcome)) return *refused;

  auto data = log_->read(ask.fetch_offset, ask.max_bytes, params.isolation, min_one_batch);
  env_.dawdle(Site::fetch_slow_read, 20, kSlowRead);
  if (!data.ok()) {
    outcome.error = data.error().code;
    if (outcome.error == ErrorCode::KAFKA_STORAGE_ERROR) host_.moved(*this);
    return outcome;
  }
  // Another epoch began while the disk was read: what was checked above need not hold for it.
  if (isr_.leader_epoch() != epoch || gone_) {
    env_.reached(Mark::fetch_epoch_moved, name_);
    outcome.error = ErrorCode::NOT_LEADER_OR_FOLLOWER;
    return outcome;
  }
  if (params.is_follower() && params.update_follower) {
    FollowerFetch fetch;
    fetch.replica_id = params.replica_id;
    fetch.broker_epoch = params.replica_epoch;
    fetch.fetch_offset = ask.fetch_offset;
    fetch.log_start_offset = ask.log_start_offset;
    fetch.leader_end_at_read = outcome.log_end_offset;
    fetch.at = at;
    IsrEffects effects;
    const int64_t low_before = isr_.low_watermark(leader_log(), host_.brokers());
    outcome.error = isr_.follower_fetched(fetch, context(), effects);
    if (outcome.error != ErrorCode::NONE) return outcome;
    carry_out(effects);
    if (isr_.low_watermark(leader_log(), host_.brokers()) > low_before) host_.moved(*this);
  }
  outcome.data = std::move(*data);
  outcome.readable_end = readable_end(params.isolation);
  if (outcome.data.size_bytes > 0) {
    const auto later = ends_on_later_segment(outcome.data.start, params.isolation);
    outcome.answer_now = later.ok() && *later;
  }
  return outcome;
}

int64_t Partition::readable_end(storage::FetchIsolation isolation) const {
  switch (isolation) {
    case storage::FetchIsolation::log_end:
      return log_->log_end_offset();
    case storage::FetchIsolation::high_watermark:
      return log_->high_watermark();
    case storage::FetchIsolation::txn_committed:
      return log_->last_stable_offset();
  }
  return log_->high_watermark();
}

// Rule D30: where the readable end lies on a later segment, waiting would not make the answer larger.
Result<bool> Partition::ends_on_later_segment(const storage::LogOffsetMetadata& start,
                                              storage::FetchIsolation isolation) {
  if (start.offset_only() || !start.on_older_segment_than(log_->log_end())) return false;
  TRY_ASSIGN(const storage::LogOffsetMetadata end, log_->readable_end(isolation));
  return start.on_older_segment_than(end);
}

ReadProgress Partition::progress(const ReadWait& wait, const ReadParams& params) const {
  ReadProgress progress;
  progress.complete = true;
  if (check_epoch(wait.ask.current_leader_epoch, params.leader_only) != ErrorCode::NONE) return progress;
  ReadOutcome marks;
  marks.log_start_offset = log_->log_start_offset();
  if (diverges(wait.ask, marks)) return progress;
  if (wait.ask.fetch_offset > log_->log_end_offset()) return progress;  // truncated below what it has
  if (wait.ask.fetch_offset < marks.log_start_offset) return progress;
  progress.complete = false;
  progress.advanced = readable_end(params.isolation) > wait.known_end;
  const storage::LogOffsetMetadata& end = log_->log_end();
  progress.bytes_at_most = wait.start.offset_only() || end.segment_base != wait.start.segment_base
                               ? ReadProgress::kManyBytes
                               : end.position - wait.start.position;
  return progress;
}

int64_t Partition::fetchable_end(ListIsolation isolation) const {
  switch (isolation) {
    case ListIsolation::replica:
      return log_->log_end_offset();
    case ListIsolation::read_uncommitted:
      return log_->high_watermark();
    case ListIsolation::read_committed:
      return log_->last_stable_offset();
  }
  return log_->high_watermark();
}

// Rule D46: right after an election the high watermark may be below what the leader before had shown.
bool Partition::watermark_lags_epoch(ListIsolation isolation) const {
  return isolation != ListIsolation::replica && isr_.is_leader() &&
         isr_.epoch_start_offset() > log_->high_watermark();
}

OffsetAnswer Partition::latest(ListIsolation isolation) const {
  OffsetAnswer answer;
  if (watermark_lags_epoch(isolation)) {
    env_.reached(Mark::offsets_latest_unknown, name_);
    answer.error = ErrorCode::OFFSET_NOT_AVAILABLE;
    return answer;
  }
  answer.offset = fetchable_end(isolation);
  answer.leader_epoch = isr_.leader_epoch();
  return answer;
}

OffsetAnswer Partition::offset_for_timestamp(int64_t timestamp_ms, ListIsolation isolation,
                                             std::optional<int32_t> current_leader_epoch, bool leader_only) {
  OffsetAnswer answer;
  answer.error = check_epoch(current_leader_epoch, leader_only);
  if (answer.error != ErrorCode::NONE) return answer;
  if (timestamp_ms == kLatestTimestamp) return latest(isolation);
  if (timestamp_ms == kLatestTieredTimestamp) return answer;  // nothing is tiered
  if (timestamp_ms < kLatestTieredTimestamp) {
    answer.error = ErrorCode::UNSUPPORTED_VERSION;
    return answer;
  }
  const int32_t epoch = isr_.leader_epoch();
  auto found = log_->offset_for_timestamp(timestamp_ms);
  if (!found.ok()) {
    answer.error = found.error().code;
    return answer;
  }
  if (isr_.leader_epoch() != epoch || gone_) {
    answer.error = ErrorCode::NOT_LEADER_OR_FOLLOWER;
    return answer;
  }
  const bool earliest = timestamp_ms == kEarliestTimestamp || timestamp_ms == kEarliestLocalTimestamp;
  const bool visible = found->has_value() && (earliest || (*found)->offset < fetchable_end(isolation));
  if (visible) {
    answer.timestamp_ms = earliest ? -1 : (*found)->timestamp_ms;
    answer.offset = (*found)->offset;
    answer.leader_epoch = (*found)->leader_epoch;
  } else if (watermark_lags_epoch(isolation)) {
    answer.error = ErrorCode::OFFSET_NOT_AVAILABLE;
  }
  return answer;
}

Result<storage::EpochEndOffset> Partition::end_offset_for_epoch(std::optional<int32_t> current_leader_epoch,
                                                                int32_t epoch, bool leader_only) const {
  const ErrorCode error = check_epoch(current_leader_epoch, leader_only);
  if (error != ErrorCode::NONE) return fail(error, name_);
  const storage::EpochEndOffset end = log_->end_offset_for_epoch(epoch);
  if (isr_.is_leader() && end.epoch >= 0) note_epoch_end(epoch, end);
  return end;
}

void Partition::note_epoch_end(int32_t asked, storage::EpochEndOffset end) const {
  env_.emit(EpochEndTold{name_, key().topic_id, key().index, asked, end.epoch, end.end_offset});
}

Result<int64_t> Partition::low_watermark() const {
  if (!online()) return fail(ErrorCode::KAFKA_STORAGE_ERROR, name_);
  if (!isr_.is_leader()) return fail(ErrorCode::NOT_LEADER_OR_FOLLOWER, name_);
  return isr_.low_watermark(leader_log(), host_.brokers());
}

Result<int64_t> Partition::delete_records(int64_t offset) {
  MutexLock hold(lock_);
  if (!online()) return fail(ErrorCode::KAFKA_STORAGE_ERROR, name_);
  if (!isr_.is_leader()) return fail(ErrorCode::NOT_LEADER_OR_FOLLOWER, name_);
  if (!settings_.log.cleanup_delete)
    return fail(ErrorCode::POLICY_VIOLATION, "the topic is not deleted from");
  if (offset == kUnknownOffset) offset = log_->high_watermark();
  if (offset < 0 || offset > log_->high_watermark()) return fail(ErrorCode::OFFSET_OUT_OF_RANGE, name_);
  TRY(log_->increment_log_start(offset, storage::LogStartReason::records_deleted));
  env_.reached(Mark::records_deleted, name_);
  host_.moved(*this);
  return offset;
}

}  // namespace ksim::broker
