#include "core/record/builder.h"

#include <algorithm>
#include <limits>

#include "core/base/crc32c.h"
#include "core/base/varint.h"

namespace ksim {

namespace {

size_t field_bytes(const std::optional<Bytes>& field) {
  return field ? varint_size(static_cast<int32_t>(field->size())) + field->size() : varint_size(-1);
}

size_t headers_bytes(std::span<const RecordHeader> headers) {
  size_t size = 0;
  for (const RecordHeader& header : headers)
    size += field_bytes(as_bytes(header.key)) + field_bytes(header.value);
  return size;
}

uint8_t* put_field(uint8_t* at, const std::optional<Bytes>& field) {
  if (!field) return put_varint(at, -1);
  ENSURE(field->size() <= static_cast<size_t>(std::numeric_limits<int32_t>::max()));
  at = put_varint(at, static_cast<int32_t>(field->size()));
  if (!field->empty()) std::memcpy(at, field->data(), field->size());
  return at + field->size();
}

// As records are read: what 64 bits cannot hold goes round, and comes back the same.
int64_t delta_between(int64_t base_ms, int64_t timestamp_ms) {
  return static_cast<int64_t>(static_cast<uint64_t>(timestamp_ms) - static_cast<uint64_t>(base_ms));
}

// A record's bytes behind its length (rule A7), but for the deltas.
size_t content_bytes(const RecordInput& record) {
  return field_bytes(record.key) + field_bytes(record.value) +
         varint_size(static_cast<int32_t>(record.headers.size())) + headers_bytes(record.headers);
}

}  // namespace

// The parts of a record that are the same whether its headers are given one by one or already encoded.
struct BatchBuilder::Encoding {
  const std::optional<Bytes>& key;
  const std::optional<Bytes>& value;
  int32_t header_count;
  std::span<const RecordHeader> headers;
  Bytes encoded_headers;
};

size_t record_size_upper_bound(const RecordInput& record) {
  return kBatchHeaderBytes + kVarintMax + 1 + kVarlongMax + kVarintMax + content_bytes(record);
}

BatchBuilder::BatchBuilder(const BatchOptions& options)
    : options_(options), buffer_(kBatchHeaderBytes), next_offset_(options.base_offset) {
  if (options.delete_horizon_ms) base_timestamp_ms_ = *options.delete_horizon_ms;
}

void BatchBuilder::append_at(int64_t offset, const RecordInput& record) {
  append_encoded(offset, record.timestamp_ms,
                 {record.key, record.value, static_cast<int32_t>(record.headers.size()), record.headers, {}});
}

void BatchBuilder::append_at(int64_t offset, const RecordView& record) {
  append_encoded(offset, record.timestamp_ms,
                 {record.key, record.value, record.headers.size(), {}, record.headers.encoded()});
}

void BatchBuilder::append_encoded(int64_t offset, int64_t timestamp_ms, const Encoding& record) {
  ENSURE(offset >= next_offset_, "offsets in a batch rise");
  ENSURE(offset - options_.base_offset <= std::numeric_limits<int32_t>::max());
  if (record_count_ == 0 && !options_.delete_horizon_ms) base_timestamp_ms_ = timestamp_ms;
  const auto offset_delta = static_cast<int32_t>(offset - options_.base_offset);
  const int64_t timestamp_delta = delta_between(base_timestamp_ms_, timestamp_ms);
  const size_t length = 1 + varlong_size(timestamp_delta) + varint_size(offset_delta) +
                        field_bytes(record.key) + field_bytes(record.value) +
                        varint_size(record.header_count) + headers_bytes(record.headers) +
                        record.encoded_headers.size();
  ENSURE(length <= static_cast<size_t>(std::numeric_limits<int32_t>::max()));
  const size_t start = buffer_.size();
  const auto encoded_length = static_cast<int32_t>(length);
  buffer_.resize(start + varint_size(encoded_length) + length);
  uint8_t* at = put_varint(buffer_.data() + start, encoded_length);
  *at++ = 0;  // attributes: unused
  at = put_varlong(at, timestamp_delta);
  at = put_varint(at, offset_delta);
  at = put_field(at, record.key);
  at = put_field(at, record.value);
  at = put_varint(at, record.header_count);
  for (const RecordHeader& header : record.headers) {
    at = put_field(at, as_bytes(header.key));
    at = put_field(at, header.value);
  }
  if (!record.encoded_headers.empty())
    std::memcpy(at, record.encoded_headers.data(), record.encoded_headers.size());
  ENSURE(at + record.encoded_headers.size() == buffer_.data() + buffer_.size());

  max_timestamp_ms_ = std::max(max_timestamp_ms_, timestamp_ms);
  last_offset_ = offset;
  next_offset_ = offset + 1;
  ++record_count_;
}

size_t BatchBuilder::size_with(const RecordInput& record) const {
  const int64_t timestamp_delta = empty() ? 0 : delta_between(base_timestamp_ms_, record.timestamp_ms);
  const auto offset_delta = static_cast<int32_t>(next_offset_ - options_.base_offset);
  const size_t length = 1 + varlong_size(timestamp_delta) + varint_size(offset_delta) + content_bytes(record);
  return buffer_.size() + varint_size(static_cast<int32_t>(length)) + length;
}

void BatchBuilder::set_producer(int64_t producer_id, int16_t producer_epoch, int32_t base_sequence) {
  options_.producer_id = producer_id;
  options_.producer_epoch = producer_epoch;
  options_.base_sequence = base_sequence;
}

void BatchBuilder::set_last_offset(int64_t offset) {
  ENSURE(offset >= last_offset_ && offset >= options_.base_offset);
  last_offset_ = offset;
}

ByteBuffer BatchBuilder::build() {
  ENSURE(record_count_ > 0, "a batch without records; see build_empty_batch");
  ByteBuffer out;
  if (options_.compression == Compression::none) {
    out = std::move(buffer_);
  } else {
    out.resize(kBatchHeaderBytes);
    compress(options_.compression, options_.compression_level.value_or(default_level(options_.compression)),
             Bytes(buffer_).subspan(kBatchHeaderBytes), out);
  }
  buffer_.assign(kBatchHeaderBytes, 0);
  const bool append_time = options_.timestamp_type == TimestampType::log_append_time;
  int attributes = static_cast<int>(options_.compression);
  if (append_time) attributes |= BatchAttributes::log_append_time;
  if (options_.transactional) attributes |= BatchAttributes::transactional;
  if (options_.control) attributes |= BatchAttributes::control;
  if (options_.delete_horizon_ms) attributes |= BatchAttributes::delete_horizon;

  uint8_t* const h = out.data();
  store_be<int64_t>(h + BatchLayout::base_offset, options_.base_offset);
  store_be<int32_t>(h + BatchLayout::length, static_cast<int32_t>(out.size() - kBatchPrefixBytes));
  store_be<int32_t>(h + BatchLayout::leader_epoch, options_.leader_epoch);
  store_be<int8_t>(h + BatchLayout::magic, 2);
  store_be<int16_t>(h + BatchLayout::attributes, static_cast<int16_t>(attributes));
  store_be<int32_t>(h + BatchLayout::last_offset_delta,
                    static_cast<int32_t>(last_offset_ - options_.base_offset));
  store_be<int64_t>(h + BatchLayout::base_timestamp, base_timestamp_ms_);
  store_be<int64_t>(h + BatchLayout::max_timestamp,
                    append_time ? options_.log_append_time_ms : max_timestamp_ms_);
  store_be<int64_t>(h + BatchLayout::producer_id, options_.producer_id);
  store_be<int16_t>(h + BatchLayout::producer_epoch, options_.producer_epoch);
  store_be<int32_t>(h + BatchLayout::base_sequence, options_.base_sequence);
  store_be<int32_t>(h + BatchLayout::record_count, record_count_);
  store_be<uint32_t>(h + BatchLayout::crc, crc32c(Bytes(out).subspan(BatchLayout::attributes)));
  record_count_ = 0;
  return out;
}

ByteBuffer build_batch(const BatchOptions& options, std::span<const RecordInput> records) {
  BatchBuilder builder(options);
  for (const RecordInput& record : records) builder.append(record);
  return builder.build();
}

ByteBuffer build_empty_batch(const BatchView& original) {
  ByteBuffer out = to_buffer(original.bytes().first(kBatchHeaderBytes));
  uint8_t* const h = out.data();
  store_be<int32_t>(h + BatchLayout::length, kBatchHeaderBytes - kBatchPrefixBytes);
  store_be<int16_t>(h + BatchLayout::attributes,
                    static_cast<int16_t>(original.attributes() & ~BatchAttributes::codec_mask));
  if (!original.delete_horizon_ms()) store_be<int64_t>(h + BatchLayout::base_timestamp, kNoTimestamp);
  store_be<int32_t>(h + BatchLayout::record_count, 0);
  store_be<uint32_t>(h + BatchLayout::crc, crc32c(Bytes(out).subspan(BatchLayout::attributes)));
  return out;
}

Result<std::vector<ByteBuffer>> split_batch(const BatchView& batch, size_t target_bytes) {
  TRY(batch.check());
  const auto compression = batch.compression();
  BatchOptions options;
  options.compression = compression.value_or(Compression::none);
  options.producer_id = batch.producer_id();
  options.producer_epoch = batch.producer_epoch();
  options.base_sequence = batch.base_sequence();
  options.transactional = batch.is_transactional();
  std::vector<ByteBuffer> parts;
  BatchBuilder builder(options);
  RecordCursor records(batch);
  for (RecordView record;;) {
    TRY_ASSIGN(const bool more, records.next(record));
    if (!more) break;
    if (!builder.empty() && builder.uncompressed_bytes() + record.size_bytes > target_bytes) {
      if (batch.has_sequence())
        options.base_sequence = add_sequence(options.base_sequence, builder.record_count());
      parts.push_back(builder.build());
      builder = BatchBuilder(options);
    }
    builder.append_at(builder.next_offset(), record);
  }
  if (!builder.empty()) parts.push_back(builder.build());
  return parts;
}

}  // namespace ksim
