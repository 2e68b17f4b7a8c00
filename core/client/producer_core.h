#pragma once
// A producer without its connections: what is sent next, what an answer means, what becomes of each record
// (rules G6-G26, W23-W29). Pure: no waiting, time comes in; completions and freed memory are collected for
// the caller to carry out.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/client/accumulator.h"
#include "core/record/validator.h"

namespace ksim::client {

// One batch in one request, with the sequence it had then.
struct ProduceAttempt {
  BatchRef batch;
  ProducerIdAndEpoch producer;
  int32_t last_sequence = kNoSequence;
};

// What came back for one batch.
struct ProduceAnswer {
  ErrorCode error = ErrorCode::NONE;
  std::string message;
  // False: nothing came back, the request timed out (REQUEST_TIMED_OUT) or the connection was lost
  // (NETWORK_EXCEPTION).
  bool answered = true;
  int64_t base_offset = -1;
  int64_t log_append_time_ms = kNoTimestamp;
  int64_t log_start_offset = -1;
  std::vector<RecordError> record_errors;
};

// Rule G25: the error says that this attempt was not and will not be written. NOT_LEADER_OR_FOLLOWER does so
// only where the broker does not wait for followers: under acks=all it may come after the append.
bool is_definite_failure(ErrorCode error, int16_t acks);

class ProducerCore {
 public:
  // All must outlive the core.
  ProducerCore(const ProducerConfig& config, const MetadataCache& metadata, Random& random, uint64_t entity);

  // ---- filling ----
  // The topic's metadata must be known. memory as in Accumulator::append.
  Accumulator::Appended append(const ProducerRecord& record, const RecordInput& input,
                               const DeliveryRef& delivery, Instant now, int64_t memory,
                               int64_t& memory_used);
  void begin_flush() { accumulator_.begin_flush(); }
  void end_flush() { accumulator_.end_flush(); }
  void begin_close() { accumulator_.close(); }
  uint64_t last_serial() const { return accumulator_.last_serial(); }
  bool done_up_to(uint64_t serial) const {
    return incomplete_.empty() || incomplete_.begin()->first > serial;
  }
  bool all_done() const { return incomplete_.empty(); }
  const std::optional<Error>& fatal_error() const { return fatal_; }

  // ---- a round of the sender ----
  // Gives up what is too old, settles sequences and epochs. To be called before each round.
  void begin_round(Instant now);
  bool needs_producer_id() const {
    return config_.enable_idempotence && !fatal_ && idempotence_.needs_producer_id();
  }
  void set_producer_id(ProducerIdAndEpoch producer) { idempotence_.set_producer_id(producer); }
  // InitProducerId was refused for good.
  void producer_id_failed(Error error) { fail_for_good(std::move(error)); }
  ProducerIdAndEpoch producer() const { return idempotence_.producer(); }
  Accumulator::Ready ready(Instant now, bool memory_exhausted) {
    return accumulator_.ready(now, memory_exhausted);
  }
  std::vector<ProduceAttempt> drain(int32_t node, Instant now);
  // To be called before what is drained for this node goes over a new connection.
  void reconnected(int32_t node) { accumulator_.reconnected(node); }
  void note_node(int32_t node, Instant now, bool drained) { accumulator_.note_node(node, now, drained); }
  // When begin_round() would give something up.
  Instant next_expiry() const;
  size_t outstanding() const { return outstanding_.size(); }

  void handle(const ProduceAttempt& attempt, const ProduceAnswer& answer, Instant now);
  // Everything that is not done fails: as unknown what was sent and may be written, as not written the rest.
  void abort_all(const Error& error);

  // ---- effects, to be taken after each call ----
  struct Completion {
    DeliveryRef delivery;
    SendResult result;
  };
  std::vector<Completion> take_completions() { return std::exchange(completions_, {}); }
  bool has_completions() const { return !completions_.empty(); }
  int64_t take_released_memory() { return std::exchange(released_bytes_, 0); }
  bool take_metadata_wish() { return std::exchange(metadata_wish_, false); }

 private:
  Idempotence* idempotence() { return config_.enable_idempotence ? &idempotence_ : nullptr; }
  bool expired(const ProducerBatch& batch, Instant now) const {
    return batch.created_at() + milliseconds(config_.delivery_timeout_ms) <= now;
  }
  void succeed(const ProduceAttempt& attempt, const ProduceAnswer& answer, bool before_bump);
  bool may_retry(ProducerBatch& batch, const ProduceAnswer& answer, bool before_bump, Instant now);
  void split(const BatchRef& batch);
  void fail(ProducerBatch& batch, const ProduceAnswer& answer, bool retries_left);
  void fail_for_good(Error error);
  void give_up(ProducerBatch& batch, const Error& error);
  void complete_failed(ProducerBatch& batch, Outcome outcome, const ProduceAnswer& answer);
  void forget(const ProducerBatch& batch, int pieces = 0);

  const ProducerConfig& config_;
  Idempotence idempotence_;
  Accumulator accumulator_;
  std::vector<BatchRef> outstanding_;
  std::map<uint64_t, int> incomplete_;  // serial -> batches of it that are not done
  std::optional<Error> fatal_;
  std::vector<Completion> completions_;
  int64_t released_bytes_ = 0;
  bool metadata_wish_ = false;
};

}  // namespace ksim::client
