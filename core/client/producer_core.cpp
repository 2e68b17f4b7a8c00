#include "core/client/producer_core.h"

#include <algorithm>

namespace ksim::client {

bool is_definite_failure(ErrorCode error, int16_t acks) {
  switch (error) {
    case ErrorCode::NOT_LEADER_OR_FOLLOWER:
      return acks != ProducerConfig::kAcksAll;
    case ErrorCode::MESSAGE_TOO_LARGE:
    case ErrorCode::RECORD_LIST_TOO_LARGE:
    case ErrorCode::INVALID_RECORD:
    case ErrorCode::INVALID_TIMESTAMP:
    case ErrorCode::CORRUPT_MESSAGE:
    case ErrorCode::UNSUPPORTED_VERSION:
    case ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT:
    case ErrorCode::UNSUPPORTED_COMPRESSION_TYPE:
    case ErrorCode::INVALID_REQUIRED_ACKS:
    case ErrorCode::TOPIC_AUTHORIZATION_FAILED:
    case ErrorCode::CLUSTER_AUTHORIZATION_FAILED:
    case ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case ErrorCode::INVALID_TOPIC_EXCEPTION:
    case ErrorCode::POLICY_VIOLATION:
    case ErrorCode::UNKNOWN_TOPIC_OR_PARTITION:
    case ErrorCode::UNKNOWN_TOPIC_ID:
    case ErrorCode::NOT_ENOUGH_REPLICAS:
    case ErrorCode::INVALID_PRODUCER_EPOCH:
    case ErrorCode::PRODUCER_FENCED:
    case ErrorCode::INVALID_TXN_STATE:
    case ErrorCode::INVALID_PRODUCER_ID_MAPPING:
    case ErrorCode::TRANSACTION_ABORTABLE:
    case ErrorCode::CONCURRENT_TRANSACTIONS:
    case ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER:
    case ErrorCode::UNKNOWN_PRODUCER_ID:
      return true;
    default:
      return false;
  }
}

namespace {

// About sequences of an epoch that the batch no longer has: says nothing about the new one.
bool is_sequence_error(ErrorCode error) {
  return error == ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER || error == ErrorCode::UNKNOWN_PRODUCER_ID ||
         error == ErrorCode::INVALID_PRODUCER_EPOCH;
}

// Rule W28.
bool is_fatal(ErrorCode error) {
  return error == ErrorCode::CLUSTER_AUTHORIZATION_FAILED ||
         error == ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED || error == ErrorCode::PRODUCER_FENCED ||
         error == ErrorCode::UNSUPPORTED_VERSION;
}

ProduceAnswer answer_of(const Error& error) {
  ProduceAnswer answer;
  answer.error = error.code;
  answer.message = error.message;
  return answer;
}

}  // namespace

ProducerCore::ProducerCore(const ProducerConfig& config, const MetadataCache& metadata, Random& random,
                           uint64_t entity)
    : config_(config), accumulator_(config, metadata, idempotence(), random, entity) {}

Accumulator::Appended ProducerCore::append(const ProducerRecord& record, const RecordInput& input,
                                           const DeliveryRef& delivery, Instant now, int64_t memory,
                                           int64_t& memory_used) {
  const Accumulator::Appended result = accumulator_.append(record, input, delivery, now, memory, memory_used);
  if (memory_used > 0) ++incomplete_[accumulator_.last_serial()];
  return result;
}

void ProducerCore::begin_round(Instant now) {
  const Duration timeout = milliseconds(config_.delivery_timeout_ms);
  const Error too_old(ErrorCode::REQUEST_TIMED_OUT, "delivery.timeout.ms has passed");
  std::vector<BatchRef> late;
  for (const BatchRef& batch : outstanding_)
    if (!batch->done() && expired(*batch, now)) late.push_back(batch);
  const std::vector<BatchRef> queued = accumulator_.take_expired(now, timeout);
  late.insert(late.end(), queued.begin(), queued.end());
  for (const BatchRef& batch : late) give_up(*batch, too_old);
  if (!config_.enable_idempotence || fatal_) return;
  const Idempotence::Bump bump = idempotence_.resolve_and_bump();
  for (const BatchRef& batch : bump.to_fail) {
    accumulator_.remove(*batch);
    complete_failed(*batch, Outcome::unknown,
                    answer_of({ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER,
                               "sending it again under a new epoch could write it twice"}));
  }
}

void ProducerCore::give_up(ProducerBatch& batch, const Error& error) {
  const Outcome outcome = batch.failure_outcome();
  if (config_.enable_idempotence && batch.has_sequence()) idempotence_.given_up(batch);
  complete_failed(batch, outcome, answer_of(error));
}

std::vector<ProduceAttempt> ProducerCore::drain(int32_t node, Instant now) {
  std::vector<ProduceAttempt> attempts;
  if (fatal_) return attempts;
  const bool keep_order = config_.max_in_flight_requests_per_connection == 1;
  for (BatchRef& batch : accumulator_.drain(node, now)) {
    outstanding_.push_back(batch);
    if (keep_order) accumulator_.mute(batch->partition());
    const int32_t last = batch->has_sequence() ? batch->last_sequence() : kNoSequence;
    attempts.push_back({batch, batch->producer(), last});
  }
  return attempts;
}

Instant ProducerCore::next_expiry() const {
  Instant oldest = accumulator_.oldest_created();
  for (const BatchRef& batch : outstanding_)
    if (!batch->done()) oldest = std::min(oldest, batch->created_at());
  return oldest + milliseconds(config_.delivery_timeout_ms);
}

void ProducerCore::handle(const ProduceAttempt& attempt, const ProduceAnswer& answer, Instant now) {
  ProducerBatch& batch = *attempt.batch;
  batch.outstanding = false;
  const auto sent = std::find(outstanding_.begin(), outstanding_.end(), attempt.batch);
  ENSURE(sent != outstanding_.end(), "an answer to nothing");
  outstanding_.erase(sent);
  accumulator_.attempt_ended(batch);
  if (config_.max_in_flight_requests_per_connection == 1) accumulator_.unmute(batch.partition());

  const bool success =
      answer.error == ErrorCode::NONE || answer.error == ErrorCode::DUPLICATE_SEQUENCE_NUMBER;
  const bool definite = answer.answered && is_definite_failure(answer.error, config_.acks);
  if (!success && !definite) batch.maybe_written = true;
  if (is_invalid_metadata(answer.error)) metadata_wish_ = true;

  const bool before_bump = config_.enable_idempotence && attempt.producer != batch.producer();
  if (success) return succeed(attempt, answer, before_bump);
  if (config_.enable_idempotence) idempotence_.not_acknowledged(batch.partition());
  if (batch.done()) return;
  // Splitting a batch that may be in the log whole would write it twice.
  if (answer.error == ErrorCode::MESSAGE_TOO_LARGE && batch.record_count() > 1 && !batch.maybe_written)
    return split(attempt.batch);
  if (!fatal_ && may_retry(batch, answer, before_bump, now))
    return accumulator_.queue_again(attempt.batch, now);
  fail(batch, answer, batch.attempts < config_.retries && !expired(batch, now));
}

void ProducerCore::succeed(const ProduceAttempt& attempt, const ProduceAnswer& answer, bool before_bump) {
  ProducerBatch& batch = *attempt.batch;
  const bool duplicate = answer.error == ErrorCode::DUPLICATE_SEQUENCE_NUMBER;
  const int64_t base = duplicate || config_.acks == 0 ? -1 : answer.base_offset;
  if (config_.enable_idempotence) {
    const int64_t last_offset = base < 0 ? -1 : base + batch.record_count() - 1;
    idempotence_.acknowledged(batch.partition(), attempt.producer, attempt.last_sequence, last_offset,
                              batch.leader_epoch);
    if (!batch.done() && before_bump) idempotence_.written_before_bump(batch);
    idempotence_.remove(batch);
  }
  if (batch.done()) return;
  forget(batch);
  int64_t index = 0;
  for (ProducerBatch::Part& part : batch.finish()) {
    SendResult result;
    result.partition = batch.partition().partition;
    result.offset = base < 0 ? -1 : base + index;
    result.timestamp_ms =
        answer.log_append_time_ms != kNoTimestamp ? answer.log_append_time_ms : part.timestamp_ms;
    completions_.push_back({std::move(part.delivery), std::move(result)});
    ++index;
  }
}

bool ProducerCore::may_retry(ProducerBatch& batch, const ProduceAnswer& answer, bool before_bump,
                             Instant now) {
  if (expired(batch, now) || batch.attempts >= config_.retries) return false;
  if (!config_.enable_idempotence) return is_retriable(answer.error);
  if (before_bump && is_sequence_error(answer.error)) return true;
  if (answer.error == ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER) return idempotence_.out_of_order(batch);
  if (answer.error == ErrorCode::UNKNOWN_PRODUCER_ID)
    return idempotence_.unknown_producer_id(batch, answer.log_start_offset);
  return is_retriable(answer.error);
}

void ProducerCore::split(const BatchRef& batch) {
  // If batch.size is itself more than the broker takes, halving gets below it in the end.
  const auto whole = static_cast<int64_t>(batch->bytes().size());
  const int64_t target = whole <= config_.batch_size ? whole / 2 : config_.batch_size;
  accumulator_.estimate(batch->partition().topic).reset_to_none();
  const std::vector<BatchRef> pieces =
      batch->split(static_cast<size_t>(target), accumulator_.batch_options());
  forget(*batch, static_cast<int>(pieces.size()));
  if (config_.enable_idempotence && batch->has_sequence()) idempotence_.replace(*batch, pieces);
  accumulator_.queue_pieces(pieces);
}

void ProducerCore::fail(ProducerBatch& batch, const ProduceAnswer& answer, bool retries_left) {
  const Outcome outcome = batch.failure_outcome();
  complete_failed(batch, outcome, answer);
  if (config_.enable_idempotence && batch.has_sequence()) {
    // Rule G22 where the sequence is known to be free; else the batches behind it will tell.
    if (retries_left && outcome == Outcome::not_written)
      idempotence_.failed(batch);
    else
      idempotence_.given_up(batch);
  }
  if (is_fatal(answer.error)) fail_for_good({answer.error, answer.message});
}

void ProducerCore::fail_for_good(Error error) {
  if (fatal_) return;
  fatal_ = std::move(error);
  for (const BatchRef& batch : accumulator_.take_all())
    complete_failed(*batch, batch->failure_outcome(), answer_of(*fatal_));
}

void ProducerCore::abort_all(const Error& error) {
  for (const BatchRef& batch : accumulator_.take_all())
    complete_failed(*batch, batch->failure_outcome(), answer_of(error));
  for (const BatchRef& batch : outstanding_)
    if (!batch->done()) complete_failed(*batch, batch->failure_outcome(), answer_of(error));
}

void ProducerCore::complete_failed(ProducerBatch& batch, Outcome outcome, const ProduceAnswer& answer) {
  forget(batch);
  int32_t index = 0;
  for (ProducerBatch::Part& part : batch.finish()) {
    SendResult result;
    result.outcome = outcome;
    result.error = answer.error;
    result.message = answer.message;
    result.partition = batch.partition().partition;
    result.timestamp_ms = part.timestamp_ms;
    if (!answer.record_errors.empty()) {
      const auto own = std::find_if(answer.record_errors.begin(), answer.record_errors.end(),
                                    [index](const RecordError& error) { return error.index == index; });
      if (own != answer.record_errors.end())
        result.message = own->message.empty() ? result.message : own->message;
      else
        result.message = "another record of its batch was refused";
    }
    completions_.push_back({std::move(part.delivery), std::move(result)});
    ++index;
  }
}

void ProducerCore::forget(const ProducerBatch& batch, int pieces) {
  released_bytes_ += static_cast<int64_t>(batch.memory_bytes());
  const auto it = incomplete_.find(batch.serial());
  ENSURE(it != incomplete_.end());
  it->second += pieces - 1;
  if (it->second == 0) incomplete_.erase(it);
}

}  // namespace ksim::client
