#include "core/client/idempotence.h"

#include <algorithm>
#include <limits>

#include "core/base/contains.h"

namespace ksim::client {

namespace {

// Whether `a` comes after `b`, around the wrap of sequences.
bool later(int32_t a, int32_t b) {
  constexpr int32_t kHalf = std::numeric_limits<int32_t>::max() / 2;
  const int32_t distance = subtract_sequence(a, b);
  return distance > 0 && distance <= kHalf;
}

// Of a producer's batches a broker knows this many again (rule D15).
constexpr uint64_t kKnownAgain = 5;

}  // namespace

Idempotence::Partition* Idempotence::find(const TopicPartition& partition) {
  const auto it = partitions_.find(partition);
  return it == partitions_.end() ? nullptr : &it->second;
}
const Idempotence::Partition* Idempotence::find(const TopicPartition& partition) const {
  const auto it = partitions_.find(partition);
  return it == partitions_.end() ? nullptr : &it->second;
}

bool Idempotence::has_in_flight(const TopicPartition& partition) const {
  return first_in_flight(partition) != nullptr;
}

const ProducerBatch* Idempotence::first_in_flight(const TopicPartition& partition) const {
  const Partition* const state = find(partition);
  return state == nullptr || state->in_flight.empty() ? nullptr : state->in_flight.front().get();
}

bool Idempotence::may_drain(const ProducerBatch& batch) const {
  if (!producer_.is_valid()) return false;
  const Partition* const state = find(batch.partition());
  // Retries go one at a time, the lowest sequence first.
  if (batch.has_sequence()) return first_in_flight(batch.partition()) == &batch;
  if (state == nullptr) return true;
  if (state->rewrite || !state->unresolved_from.empty()) return false;
  // A broker without state of this producer takes whatever sequence comes first (rule D15). If the first
  // batch that it gets were refused, the one sent behind it would be taken in its place; so that one waits. A
  // new leader may be one that has lost its log, and so may one that was started again: of that the
  // connection tells, long before the metadata. (Kafka's does not wait.)
  const bool known = state->known_id == producer_.id && state->known_in == batch.leader_epoch;
  if (!known && !state->in_flight.empty()) return false;
  if (state->in_flight.empty()) return true;
  // One that is sent again must not fall behind those that a broker knows: it would be refused for ever,
  // though it is written (rule D16). Requests under way are no measure, since others were answered meanwhile.
  // (Kafka's goes by them.)
  return state->producer == producer_ &&
         state->next_drain_order - state->in_flight.front()->drain_order < kKnownAgain;
}

void Idempotence::assign(const BatchRef& batch) {
  Partition& state = partitions_[batch->partition()];
  if (state.producer != producer_) {
    ENSURE(state.in_flight.empty(), "a partition changes its producer epoch with batches in flight");
    state.producer = producer_;
    state.next_sequence = 0;
    state.last_acked.reset();
  }
  batch->set_sequence(producer_, state.next_sequence);
  batch->drain_order = state.next_drain_order++;
  state.next_sequence = add_sequence(state.next_sequence, batch->record_count());
  state.in_flight.push_back(batch);
}

void Idempotence::acknowledged(const TopicPartition& partition, ProducerIdAndEpoch producer,
                               int32_t last_sequence, int64_t last_offset,
                               std::optional<int32_t> leader_epoch) {
  Partition* const state = find(partition);
  if (state == nullptr) return;
  state->last_acked_offset = std::max(state->last_acked_offset, last_offset);
  state->known_id = producer.id;
  state->known_in = leader_epoch;
  if (producer != state->producer) return;
  if (!state->last_acked || later(last_sequence, *state->last_acked)) state->last_acked = last_sequence;
}

void Idempotence::not_acknowledged(const TopicPartition& partition) {
  if (Partition* const state = find(partition)) state->known_id = kNoProducerId;
}

void Idempotence::remove(const ProducerBatch& batch) {
  Partition* const state = find(batch.partition());
  if (state == nullptr) return;
  const auto it = std::find_if(state->in_flight.begin(), state->in_flight.end(),
                               [&](const BatchRef& entry) { return entry.get() == &batch; });
  if (it != state->in_flight.end()) state->in_flight.erase(it);
}

void Idempotence::replace(const ProducerBatch& batch, const std::vector<BatchRef>& pieces) {
  Partition* const state = find(batch.partition());
  ENSURE(state != nullptr);
  const auto it = std::find_if(state->in_flight.begin(), state->in_flight.end(),
                               [&](const BatchRef& entry) { return entry.get() == &batch; });
  ENSURE(it != state->in_flight.end(), "a split batch is not tracked");
  state->in_flight.insert(state->in_flight.erase(it), pieces.begin(), pieces.end());
}

bool Idempotence::out_of_order(const ProducerBatch& batch) {
  Partition* const state = find(batch.partition());
  if (state == nullptr) return true;
  if (state->overtaken(batch)) return false;
  // Whatever is before it has to be settled first.
  if (first_in_flight(batch.partition()) != &batch) return true;
  // The broker has lost what it knew, or lacks what was given up in front of it.
  const bool gap =
      state->is_next(batch.base_sequence()) || contains(state->unresolved_from, batch.base_sequence());
  if (gap) request_bump(*state, state->none_written());
  return true;
}

bool Idempotence::unknown_producer_id(const ProducerBatch& batch, int64_t log_start_offset) {
  Partition* const state = find(batch.partition());
  if (state == nullptr) return true;
  if (state->overtaken(batch)) return false;
  if (log_start_offset < 0 || first_in_flight(batch.partition()) != &batch) return true;
  request_bump(*state, state->none_written());
  return true;
}

void Idempotence::written_before_bump(const ProducerBatch& batch) {
  remove(batch);
  if (Partition* const state = find(batch.partition())) request_bump(*state, false);
}

void Idempotence::failed(const ProducerBatch& batch) {
  const Partition* const known = find(batch.partition());
  if (known != nullptr && known->overtaken(batch)) return remove(batch);
  // With others before it, which may be written, a bump now would sequence those anew as well (as Kafka's
  // does); so their fate is awaited.
  if (batch.maybe_written || first_in_flight(batch.partition()) != &batch) return given_up(batch);
  remove(batch);
  if (Partition* const state = find(batch.partition())) request_bump(*state, true);
}

void Idempotence::given_up(const ProducerBatch& batch) {
  remove(batch);
  Partition* const state = find(batch.partition());
  if (state == nullptr || batch.producer() != state->producer || state->overtaken(batch)) return;
  state->unresolved_from.push_back(add_sequence(batch.last_sequence(), 1));
}

bool Idempotence::Partition::overtaken(const ProducerBatch& batch) const {
  return batch.producer() == producer && last_acked && later(*last_acked, batch.last_sequence());
}

bool Idempotence::Partition::none_written() const {
  return std::none_of(in_flight.begin(), in_flight.end(),
                      [](const BatchRef& batch) { return batch->maybe_written; });
}

void Idempotence::request_bump(Partition& partition, bool proof) {
  bump_requested_ = true;
  partition.rewrite = true;
  partition.rewrite_unsafe = partition.rewrite_unsafe || !proof;
}

Idempotence::Bump Idempotence::resolve_and_bump() {
  for (auto& [name, state] : partitions_) {
    if (state.unresolved_from.empty() || !state.in_flight.empty() || state.rewrite) continue;
    state.unresolved_from.clear();
    // A partition still on an older epoch starts anew with its next batch anyway.
    if (state.producer == producer_ && !state.is_next(state.next_sequence)) request_bump(state, true);
  }
  Bump bump;
  if (!bump_requested_ || !producer_.is_valid()) return bump;
  if (producer_.epoch == std::numeric_limits<int16_t>::max()) {
    producer_ = {};  // the sequences are rewritten once there is a new id
    return bump;
  }
  // With a fresh id the bump costs one epoch more than needed, and nothing else.
  ++producer_.epoch;
  bump_requested_ = false;
  bump.happened = true;
  for (auto& [name, state] : partitions_)
    if (state.rewrite) restart(state, bump);
  return bump;
}

void Idempotence::restart(Partition& partition, Bump& bump) {
  if (partition.rewrite_unsafe) {
    bump.to_fail.insert(bump.to_fail.end(), partition.in_flight.begin(), partition.in_flight.end());
    partition.in_flight.clear();
  }
  int32_t sequence = 0;
  for (const BatchRef& batch : partition.in_flight) {
    batch->set_sequence(producer_, sequence);
    sequence = add_sequence(sequence, batch->record_count());
  }
  partition.producer = producer_;
  partition.next_sequence = sequence;
  partition.last_acked.reset();
  partition.unresolved_from.clear();
  partition.rewrite = false;
  partition.rewrite_unsafe = false;
}

}  // namespace ksim::client
