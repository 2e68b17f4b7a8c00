#include "core/client/producer_batch.h"

#include <algorithm>

namespace ksim::client {

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::written:
      return "written";
    case Outcome::not_written:
      return "not_written";
    case Outcome::unknown:
      break;
  }
  return "unknown";
}

size_t CompressionEstimate::estimated_bytes(size_t uncompressed_bytes) const {
  if (compression_ == Compression::none || uncompressed_bytes <= kBatchHeaderBytes) return uncompressed_bytes;
  const size_t records = (uncompressed_bytes - kBatchHeaderBytes) * per_1024_ / 1024;
  return kBatchHeaderBytes + records + records / 20;  // Kafka adds 5 % against surprises
}

void CompressionEstimate::observed(size_t uncompressed_bytes, size_t compressed_bytes) {
  constexpr size_t kWorse = 51;  // 0.05 and 0.005 of 1024
  constexpr size_t kBetter = 5;
  if (compression_ == Compression::none || uncompressed_bytes == 0) return;
  const size_t ratio = std::max<size_t>(1, compressed_bytes * 1024 / uncompressed_bytes);
  if (ratio > per_1024_)
    per_1024_ = std::max(per_1024_ + kWorse, ratio);
  else if (ratio < per_1024_)
    per_1024_ = std::max(per_1024_ - std::min(kBetter, per_1024_), ratio);
}

ProducerBatch::ProducerBatch(TopicPartition partition, const BatchOptions& options, size_t limit_bytes,
                             size_t memory_bytes, Instant created_at, uint64_t serial)
    : ready_since(created_at),
      partition_(std::move(partition)),
      builder_(options),
      limit_bytes_(limit_bytes),
      memory_bytes_(memory_bytes),
      created_at_(created_at),
      serial_(serial) {}

bool ProducerBatch::try_append(const RecordInput& record, DeliveryRef delivery,
                               const CompressionEstimate& estimate) {
  if (closed_) return false;
  if (record_count_ > 0) {
    const size_t record_bytes = builder_.size_with(record) - builder_.uncompressed_bytes();
    if (estimated_bytes(estimate) + record_bytes > limit_bytes_) return false;
  }
  builder_.append(record);
  parts_.push_back({std::move(delivery), record.timestamp_ms});
  ++record_count_;
  return true;
}

size_t ProducerBatch::estimated_bytes(const CompressionEstimate& estimate) const {
  return encoded_.empty() ? estimate.estimated_bytes(builder_.uncompressed_bytes()) : encoded_.size();
}

bool ProducerBatch::is_full(const CompressionEstimate& estimate) const {
  return closed_ || (record_count_ > 0 && estimated_bytes(estimate) >= limit_bytes_);
}

void ProducerBatch::encode(CompressionEstimate& estimate) {
  closed_ = true;
  if (!encoded_.empty()) return;
  const size_t uncompressed = builder_.uncompressed_bytes();
  encoded_ = builder_.build();
  estimate.observed(uncompressed - kBatchHeaderBytes, encoded_.size() - kBatchHeaderBytes);
}

void ProducerBatch::set_sequence(ProducerIdAndEpoch producer, int32_t base_sequence) {
  producer_ = producer;
  base_sequence_ = base_sequence;
  if (encoded_.empty())
    builder_.set_producer(producer.id, producer.epoch, base_sequence);
  else
    BatchEditor(encoded_).set_producer(producer.id, producer.epoch, base_sequence);
}

void ProducerBatch::note_leader_epoch(std::optional<int32_t> epoch) {
  if (!epoch || (leader_epoch && *leader_epoch >= *epoch)) return;
  leader_epoch = epoch;
  attempts_at_leader_change = attempts;
}

std::vector<ProducerBatch::Part> ProducerBatch::finish() {
  ENSURE(!done_, "a batch ends once");
  done_ = true;
  return std::move(parts_);
}

std::vector<BatchRef> ProducerBatch::split(size_t limit_bytes, const BatchOptions& options) {
  ENSURE(!encoded_.empty() && record_count_ > 1);
  std::vector<Part> parts = finish();
  std::vector<BatchRef> pieces;
  const CompressionEstimate none(Compression::none);
  RecordCursor records{BatchView(encoded_)};
  std::vector<RecordHeader> headers;
  RecordView view;
  for (Part& part : parts) {
    const auto more = records.next(view);
    ENSURE(more.ok() && *more, "a batch that this producer built cannot be read");
    headers.assign(view.headers.begin(), view.headers.end());
    const RecordInput record{view.timestamp_ms, view.key, view.value, headers};
    if (!pieces.empty() && pieces.back()->try_append(record, part.delivery, none)) continue;
    const size_t limit = std::max(limit_bytes, record_size_upper_bound(record));
    auto piece = std::make_shared<ProducerBatch>(partition_, options, limit, 0, created_at_, serial_);
    ENSURE(piece->try_append(record, part.delivery, none));
    pieces.push_back(std::move(piece));
  }
  int32_t sequence = base_sequence_;
  for (const BatchRef& piece : pieces) {
    piece->closed_ = true;
    piece->drain_order = drain_order;
    if (!has_sequence()) continue;
    piece->set_sequence(producer_, sequence);
    sequence = add_sequence(sequence, piece->record_count());
  }
  return pieces;
}

}  // namespace ksim::client
