#include "core/storage/producer_state.h"

#include <algorithm>

#include "core/base/crc32c.h"
#include "core/record/control.h"

namespace ksim::storage {
namespace {

bool follows(int32_t last_sequence, int32_t next_sequence) {
  return static_cast<int64_t>(next_sequence) == static_cast<int64_t>(last_sequence) + 1 ||
         (next_sequence == 0 && last_sequence == std::numeric_limits<int32_t>::max());
}

BatchMetadata metadata_of(const BatchView& batch) {
  return {batch.last_offset(), batch.max_timestamp_ms(), batch.last_sequence(), batch.last_offset_delta()};
}

std::string of_producer(const BatchView& batch) {
  return "producer " + std::to_string(batch.producer_id()) + " epoch " +
         std::to_string(batch.producer_epoch());
}

struct Marker {
  EndTxnMarker marker;
  int64_t timestamp_ms = kNoTimestamp;
};
// Nothing: the cleaner has emptied the batch.
Result<std::optional<Marker>> marker_of(const BatchView& batch) {
  RecordCursor records(batch);
  RecordView record;
  TRY_ASSIGN(const bool has_record, records.next(record));
  if (!has_record) return std::optional<Marker>{};
  TRY_ASSIGN(const EndTxnMarker marker, parse_end_txn_marker(record));
  return std::optional<Marker>{{marker, record.timestamp_ms}};
}

}  // namespace

void ProducerEntry::add_batch(const BatchMetadata& batch) {
  if (batch_count == kBatchesKept) {
    std::move(batches.begin() + 1, batches.end(), batches.begin());
    --batch_count;
  }
  batches[batch_count++] = batch;
  if (batch_count == kBatchesKept) whole = true;
}

void ProducerEntry::set_epoch(int16_t new_epoch) {
  if (epoch == new_epoch) return;
  epoch = new_epoch;
  batch_count = 0;
  whole = true;
}

const BatchMetadata* ProducerEntry::find(int32_t first_sequence, int32_t last_sequence) const {
  for (size_t i = 0; i < batch_count; ++i) {
    if (batches[i].first_sequence() == first_sequence && batches[i].last_sequence == last_sequence) {
      return &batches[i];
    }
  }
  return nullptr;
}

const ProducerEntry* ProducerState::find(int64_t producer_id) const {
  const auto found = producers_.find(producer_id);
  return found == producers_.end() ? nullptr : &found->second;
}

void ProducerState::clear(int64_t end_offset) {
  producers_.clear();
  ongoing_.clear();
  unreplicated_.clear();
  end_offset_ = end_offset;
}

bool ProducerState::needs_older_batches(const BatchView& batch) const {
  const ProducerEntry* known = find(batch.producer_id());
  return known != nullptr && !known->whole && known->epoch == batch.producer_epoch() && !batch.is_control() &&
         batch.has_sequence() && known->batch_count > 0 &&
         !follows(known->last_sequence(), batch.base_sequence()) &&
         known->find(batch.base_sequence(), batch.last_sequence()) == nullptr;
}

void ProducerState::set_batches(int64_t producer_id, const std::vector<BatchMetadata>& batches) {
  const auto found = producers_.find(producer_id);
  if (found == producers_.end() || found->second.whole) return;
  ProducerEntry& entry = found->second;
  entry.whole = true;
  if (batches.size() < entry.batch_count) return;  // the log begins above the last batch
  entry.batch_count = 0;
  for (const BatchMetadata& batch : batches) entry.add_batch(batch);
}

Result<void> ProducerState::check_sequence(const BatchView& batch, const ProducerEntry* known) const {
  const int32_t first = batch.base_sequence();
  if (const auto verification = verifications_.find(batch.producer_id());
      verification != verifications_.end() && first > verification->second.lowest_sequence) {
    return fail(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER,
                of_producer(batch) + ": sequence " + std::to_string(first) + " came before " +
                    std::to_string(verification->second.lowest_sequence));
  }
  if (known == nullptr || known->epoch == kNoProducerEpoch) return {};
  if (batch.producer_epoch() != known->epoch) {
    if (first == 0) return {};
    return fail(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER,
                of_producer(batch) + " begins with sequence " + std::to_string(first));
  }
  if (follows(known->last_sequence(), first)) return {};
  return fail(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, of_producer(batch) + ": sequence " +
                                                           std::to_string(first) + " does not follow " +
                                                           std::to_string(known->last_sequence()));
}

Result<void> ProducerState::check_marker(const BatchView& batch, const ProducerEntry* known) const {
  TRY_ASSIGN(const std::optional<Marker> marker, marker_of(batch));
  if (!marker || known == nullptr || known->coordinator_epoch <= marker->marker.coordinator_epoch) return {};
  return fail(ErrorCode::TRANSACTION_COORDINATOR_FENCED,
              of_producer(batch) + ": marker of coordinator epoch " +
                  std::to_string(marker->marker.coordinator_epoch) + " after " +
                  std::to_string(known->coordinator_epoch));
}

Result<ProducerCheck> ProducerState::check(const BatchView& batch, AppendOrigin origin, uint64_t guard,
                                           bool verify_transactions) const {
  if (!batch.has_producer_id() || origin == AppendOrigin::replication ||
      origin == AppendOrigin::raft_leader) {
    return ProducerCheck{};
  }
  const ProducerEntry* known = find(batch.producer_id());
  if (origin == AppendOrigin::client && known != nullptr && known->epoch == batch.producer_epoch()) {
    if (const BatchMetadata* original = known->find(batch.base_sequence(), batch.last_sequence())) {
      return ProducerCheck{true, *original};
    }
  }
  const bool in_transaction = known != nullptr && known->txn_first_offset >= 0;
  if (batch.is_transactional() && !batch.is_control() && !in_transaction && verify_transactions) {
    const auto verification = verifications_.find(batch.producer_id());
    if (guard == 0 || verification == verifications_.end() || verification->second.guard != guard) {
      return fail(ErrorCode::INVALID_TXN_STATE, of_producer(batch) + " has no ongoing transaction");
    }
  }
  if (known != nullptr && batch.producer_epoch() < known->epoch) {
    return fail(ErrorCode::INVALID_PRODUCER_EPOCH,
                of_producer(batch) + " is fenced by epoch " + std::to_string(known->epoch));
  }
  if (batch.is_control()) {
    TRY(check_marker(batch, known));
    return ProducerCheck{};
  }
  if (origin == AppendOrigin::client) TRY(check_sequence(batch, known));
  if (in_transaction && !batch.is_transactional()) {
    return fail(ErrorCode::INVALID_TXN_STATE, of_producer(batch) + " writes outside its open transaction");
  }
  return ProducerCheck{};
}

Result<std::optional<CompletedTransaction>> ProducerState::apply(const BatchView& batch, int64_t segment_base,
                                                                 uint64_t position) {
  std::optional<CompletedTransaction> completed;
  if (!batch.has_producer_id()) return completed;
  const int64_t id = batch.producer_id();
  if (!batch.is_control()) {
    ProducerEntry& entry = producers_[id];
    entry.set_epoch(batch.producer_epoch());
    entry.add_batch(metadata_of(batch));
    entry.last_timestamp_ms = batch.max_timestamp_ms();
    if (batch.is_transactional() && entry.txn_first_offset < 0) {
      entry.txn_first_offset = batch.base_offset();
      ongoing_[batch.base_offset()] = {id, {batch.base_offset(), segment_base, position}, -1};
    }
    if (batch.is_transactional()) verifications_.erase(id);
    return completed;
  }
  TRY_ASSIGN(const std::optional<Marker> marker, marker_of(batch));
  if (!marker) return completed;
  ProducerEntry& entry = producers_[id];
  if (entry.txn_first_offset >= 0) {
    completed = CompletedTransaction{id, entry.txn_first_offset, batch.base_offset(),
                                     marker->marker.type == ControlType::abort};
  }
  entry.set_epoch(batch.producer_epoch());
  entry.coordinator_epoch = marker->marker.coordinator_epoch;
  entry.last_timestamp_ms = marker->timestamp_ms;
  entry.txn_first_offset = -1;
  verifications_.erase(id);
  return completed;
}

void ProducerState::complete(const CompletedTransaction& transaction) {
  const auto found = ongoing_.find(transaction.first_offset);
  ENSURE(found != ongoing_.end(), "a transaction ends that was not begun");
  OpenTransaction decided = found->second;
  decided.last_offset = transaction.last_offset;
  ongoing_.erase(found);
  unreplicated_[transaction.first_offset] = decided;
}

int64_t ProducerState::last_stable_offset_after(const CompletedTransaction& transaction) const {
  for (const auto& [first_offset, open] : ongoing_) {
    if (open.producer_id != transaction.producer_id) return first_offset;
  }
  return transaction.last_offset + 1;
}

const LogOffsetMetadata* ProducerState::first_unstable() const {
  const LogOffsetMetadata* undecided = ongoing_.empty() ? nullptr : &ongoing_.begin()->second.first;
  const LogOffsetMetadata* unreplicated =
      unreplicated_.empty() ? nullptr : &unreplicated_.begin()->second.first;
  if (undecided == nullptr) return unreplicated;
  if (unreplicated == nullptr) return undecided;
  return undecided->offset < unreplicated->offset ? undecided : unreplicated;
}

void ProducerState::forget_replicated(int64_t offset) {
  for (auto at = unreplicated_.begin(); at != unreplicated_.end();) {
    at = at->second.last_offset < offset ? unreplicated_.erase(at) : std::next(at);
  }
}

void ProducerState::log_start_moved(int64_t log_start_offset) {
  forget_replicated(log_start_offset);
  end_offset_ = std::max(end_offset_, log_start_offset);
}

Result<uint64_t> ProducerState::start_verification(int64_t producer_id, int32_t sequence, int16_t epoch,
                                                   int64_t now_ms) {
  if (const ProducerEntry* known = find(producer_id); known != nullptr) {
    if (known->txn_first_offset >= 0) return uint64_t{0};
    if (epoch < known->epoch) {
      return fail(ErrorCode::INVALID_PRODUCER_EPOCH, "producer " + std::to_string(producer_id) + " epoch " +
                                                         std::to_string(epoch) + " is fenced by epoch " +
                                                         std::to_string(known->epoch));
    }
  }
  auto [at, created] = verifications_.try_emplace(producer_id);
  Verification& entry = at->second;
  if (created) {
    entry = {++last_guard_, now_ms, sequence, epoch};
  } else if (epoch > entry.epoch) {
    entry.epoch = epoch;
    entry.lowest_sequence = sequence;
  } else if (epoch == entry.epoch) {
    entry.lowest_sequence = std::min(entry.lowest_sequence, sequence);
  }
  return entry.guard;
}

void ProducerState::remove_expired(int64_t now_ms, int64_t expiration_ms) {
  for (auto at = producers_.begin(); at != producers_.end();) {
    const ProducerEntry& entry = at->second;
    const bool expired = entry.txn_first_offset < 0 && now_ms - entry.last_timestamp_ms >= expiration_ms;
    at = expired ? producers_.erase(at) : std::next(at);
  }
  for (auto at = verifications_.begin(); at != verifications_.end();) {
    at = now_ms - at->second.created_ms >= expiration_ms ? verifications_.erase(at) : std::next(at);
  }
}

// ---- snapshots: version i16, crc u32, count i32, entries ----

namespace {

constexpr size_t kSnapshotCrcAt = 2;
constexpr size_t kSnapshotBodyAt = 6;
constexpr size_t kSnapshotEntriesAt = 10;
constexpr size_t kSnapshotEntryBytes = 46;
constexpr int16_t kSnapshotVersion = 1;

}  // namespace

ByteBuffer ProducerState::encode_snapshot() const {
  ByteBuffer bytes(kSnapshotEntriesAt + producers_.size() * kSnapshotEntryBytes);
  uint8_t* at = bytes.data() + kSnapshotEntriesAt;
  for (const auto& [id, entry] : producers_) {
    const BatchMetadata* last = entry.last_batch();
    store_be(at, id);
    store_be(at + 8, entry.epoch);
    store_be(at + 10, entry.last_sequence());
    store_be(at + 14, last == nullptr ? int64_t{-1} : last->last_offset);
    store_be(at + 22, last == nullptr ? int32_t{0} : last->offset_delta);
    store_be(at + 26, entry.last_timestamp_ms);
    store_be(at + 34, entry.coordinator_epoch);
    store_be(at + 38, entry.txn_first_offset);
    at += kSnapshotEntryBytes;
  }
  store_be(bytes.data() + kSnapshotBodyAt, static_cast<int32_t>(producers_.size()));
  store_be(bytes.data(), kSnapshotVersion);
  store_be(bytes.data() + kSnapshotCrcAt, crc32c(Bytes(bytes).subspan(kSnapshotBodyAt)));
  return bytes;
}

Result<void> ProducerState::load_snapshot(Bytes bytes, int64_t end_offset, int64_t now_ms,
                                          int64_t expiration_ms) {
  const auto corrupt = [](std::string text) {
    return fail(ErrorCode::CORRUPT_MESSAGE, "producer snapshot: " + std::move(text));
  };
  if (bytes.size() < kSnapshotEntriesAt) return corrupt("too short");
  if (load_be<int16_t>(bytes.data()) != kSnapshotVersion) return corrupt("unknown version");
  if (load_be<uint32_t>(bytes.data() + kSnapshotCrcAt) != crc32c(bytes.subspan(kSnapshotBodyAt))) {
    return corrupt("checksum");
  }
  const int32_t count = load_be<int32_t>(bytes.data() + kSnapshotBodyAt);
  if (count < 0 || (bytes.size() - kSnapshotEntriesAt) / kSnapshotEntryBytes < static_cast<size_t>(count)) {
    return corrupt("fewer entries than declared");
  }
  clear(end_offset);
  const uint8_t* at = bytes.data() + kSnapshotEntriesAt;
  for (int32_t i = 0; i < count; ++i, at += kSnapshotEntryBytes) {
    const int64_t id = load_be<int64_t>(at);
    ProducerEntry entry;
    entry.epoch = load_be<int16_t>(at + 8);
    entry.last_timestamp_ms = load_be<int64_t>(at + 26);
    entry.coordinator_epoch = load_be<int32_t>(at + 34);
    entry.txn_first_offset = load_be<int64_t>(at + 38);
    if (entry.txn_first_offset < 0) entry.txn_first_offset = -1;
    if (entry.txn_first_offset < 0 && now_ms - entry.last_timestamp_ms >= expiration_ms) continue;
    if (const int64_t last_offset = load_be<int64_t>(at + 14); last_offset >= 0) {
      entry.add_batch(
          {last_offset, entry.last_timestamp_ms, load_be<int32_t>(at + 10), load_be<int32_t>(at + 22)});
      entry.whole = false;
    }
    if (entry.txn_first_offset >= 0) ongoing_[entry.txn_first_offset] = {id, {entry.txn_first_offset}, -1};
    producers_[id] = entry;
  }
  return {};
}

}  // namespace ksim::storage
