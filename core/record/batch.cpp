#include "core/record/batch.h"

#include <algorithm>
#include <array>
#include <string>

#include "core/base/crc32c.h"
#include "core/base/varint.h"
#include "core/record/compression.h"

namespace ksim {

namespace {

constexpr std::array<std::string_view, kCompressionCount> kCompressionNames = {"none", "gzip", "snappy",
                                                                               "lz4", "zstd"};
// Overhead of a v0 message: no entry of any format is shorter (rule A10).
constexpr int32_t kSmallestEntryBytes = 14;

Failure<Error> invalid(std::string_view what) {
  return fail(ErrorCode::INVALID_RECORD, "record: " + std::string(what));
}

// Reads a length and as many bytes; length -1 is null where `nullable`.
bool take_field(Bytes& rest, bool nullable, std::optional<Bytes>& field) {
  int32_t length = 0;
  const uint8_t* const end = rest.data() + rest.size();
  const uint8_t* at = get_varint(rest.data(), end, length);
  if (at == nullptr || length < (nullable ? -1 : 0)) return false;
  if (length < 0) {
    field.reset();
  } else {
    if (length > end - at) return false;
    field = Bytes(at, static_cast<size_t>(length));
    at += length;
  }
  rest = Bytes(at, end);
  return true;
}

bool take_header(Bytes& rest, RecordHeader& header) {
  std::optional<Bytes> key;
  if (!take_field(rest, false, key) || !take_field(rest, true, header.value)) return false;
  header.key = as_text(*key);
  return true;
}

// Decodes one record from its bytes after the length. What is wrong with it; null: nothing.
const char* decode_record_body(Bytes body, RecordView& record, int64_t& timestamp_delta) {
  const uint8_t* const end = body.data() + body.size();
  if (body.empty()) return "no attributes";
  const uint8_t* at = get_varlong(body.data() + 1, end, timestamp_delta);
  if (at == nullptr) return "timestamp delta";
  at = get_varint(at, end, record.offset_delta);
  if (at == nullptr) return "offset delta";
  Bytes rest(at, end);
  if (!take_field(rest, true, record.key)) return "key";
  if (!take_field(rest, true, record.value)) return "value";
  int32_t count = 0;
  at = get_varint(rest.data(), end, count);
  if (at == nullptr || count < 0) return "header count";
  rest = Bytes(at, end);
  const Bytes headers = rest;
  RecordHeader header;
  for (int32_t i = 0; i < count; ++i)
    if (!take_header(rest, header)) return "header";
  if (!rest.empty()) return "bytes behind the last header";
  record.headers = RecordHeaders(headers, count);
  return nullptr;
}

}  // namespace

std::string_view to_string(Compression compression) {
  return kCompressionNames[static_cast<size_t>(compression)];
}

std::optional<Compression> compression_of(std::string_view name) {
  for (size_t i = 0; i < kCompressionNames.size(); ++i)
    if (kCompressionNames[i] == name) return static_cast<Compression>(i);
  return std::nullopt;
}

BatchView::BatchView(Bytes bytes) : bytes_(bytes) {
  ENSURE(bytes.size() >= kBatchHeaderBytes, "a batch needs its header");
  ENSURE(magic() == 2, "not a batch of magic 2");
  const size_t end = std::max(size_bytes(), kBatchHeaderBytes);
  if (bytes_.size() > end) bytes_ = bytes_.first(end);
}

uint32_t BatchView::computed_crc() const {
  ENSURE(is_whole());
  return crc32c(bytes_.subspan(BatchLayout::attributes));
}

Result<void> BatchView::check() const {
  if (!is_whole())
    return fail(ErrorCode::CORRUPT_MESSAGE, "batch at offset " + std::to_string(base_offset()) + ": " +
                                                std::to_string(size_bytes()) + " bytes declared, " +
                                                std::to_string(bytes_.size()) + " there");
  if (!crc_matches())
    return fail(ErrorCode::CORRUPT_MESSAGE,
                "batch at offset " + std::to_string(base_offset()) + ": checksum mismatch");
  return {};
}

Bytes BatchView::records() const {
  ENSURE(is_whole());
  return bytes_.subspan(kBatchHeaderBytes);
}

Result<size_t> peek_batch_size(Bytes prefix) {
  if (prefix.size() < kBatchPrefixBytes) return size_t{0};
  const auto length = load_be<int32_t>(prefix.data() + BatchLayout::length);
  if (length < kSmallestEntryBytes)
    return fail(ErrorCode::CORRUPT_MESSAGE, "entry of " + std::to_string(length) + " bytes");
  if (prefix.size() < kBatchMagicEnd) return size_t{0};
  const auto magic = load_be<int8_t>(prefix.data() + BatchLayout::magic);
  if (magic < 0 || magic > 2) return fail(ErrorCode::CORRUPT_MESSAGE, "magic " + std::to_string(magic));
  if (magic < 2)
    return fail(ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT, "message format v" + std::to_string(magic));
  const size_t size_bytes = kBatchPrefixBytes + static_cast<size_t>(length);
  if (size_bytes < kBatchHeaderBytes)
    return fail(ErrorCode::CORRUPT_MESSAGE, "batch of " + std::to_string(size_bytes) + " bytes");
  return size_bytes;
}

Result<bool> BatchCursor::next(BatchView& batch) {
  const Bytes rest = buffer_.subspan(position_);
  TRY_ASSIGN(const size_t size_bytes, peek_batch_size(rest));
  if (size_bytes == 0 || size_bytes > rest.size()) return false;
  batch = BatchView(rest.first(size_bytes));
  position_ += size_bytes;
  return true;
}

RecordHeaders::Iterator::Iterator(Bytes rest, int32_t left) : rest_(rest), left_(left + 1) { ++*this; }

RecordHeaders::Iterator& RecordHeaders::Iterator::operator++() {
  if (--left_ > 0) ENSURE(take_header(rest_, header_));
  return *this;
}

RecordCursor::RecordCursor(const BatchView& batch, size_t max_record_bytes)
    : batch_(batch), left_(batch.record_count()), max_record_bytes_(max_record_bytes) {
  if (left_ < 0) {
    failure_ = invalid("negative count").error;
  } else if (!batch.is_compressed()) {
    rest_ = batch.records();
  } else if (const auto compression = batch.compression(); !compression) {
    failure_ = Error(ErrorCode::UNSUPPORTED_COMPRESSION_TYPE, "codec " + std::to_string(batch.codec()));
  } else {
    decompressor_ = make_decompressor(*compression, batch.records());
  }
}

RecordCursor::RecordCursor(RecordCursor&&) noexcept = default;
RecordCursor& RecordCursor::operator=(RecordCursor&&) noexcept = default;
RecordCursor::~RecordCursor() = default;

Result<bool> RecordCursor::next(RecordView& record) {
  if (failure_) return fail(*failure_);
  auto result = [&]() -> Result<bool> {
    if (left_ == 0) return finish();
    TRY_ASSIGN(const Bytes encoded, decompressor_ != nullptr ? take_compressed_record() : take_record());
    int32_t length = 0;
    const uint8_t* const body = get_varint(encoded.data(), encoded.data() + encoded.size(), length);
    int64_t timestamp_delta = 0;
    const char* const wrong =
        decode_record_body(Bytes(body, static_cast<size_t>(length)), record, timestamp_delta);
    if (wrong != nullptr) return invalid(wrong);
    record.size_bytes = encoded.size();
    record.offset = batch_.base_offset() + record.offset_delta;
    // Rule A9: under LogAppendTime the deltas mean nothing.
    record.timestamp_ms = batch_.timestamp_type() == TimestampType::log_append_time
                              ? batch_.max_timestamp_ms()
                              : static_cast<int64_t>(static_cast<uint64_t>(batch_.base_timestamp_ms()) +
                                                     static_cast<uint64_t>(timestamp_delta));
    record.sequence =
        batch_.has_sequence() ? add_sequence(batch_.base_sequence(), record.offset_delta) : kNoSequence;
    --left_;
    return true;
  }();
  if (!result.ok()) failure_ = result.error();
  return result;
}

Result<Bytes> RecordCursor::take_record() {
  int32_t length = 0;
  const uint8_t* const end = rest_.data() + rest_.size();
  const uint8_t* const body = get_varint(rest_.data(), end, length);
  if (body == nullptr || length < 0 || length > end - body) return invalid("length");
  const Bytes encoded(rest_.data(), body + length);
  rest_ = Bytes(body + length, end);
  return encoded;
}

Result<Bytes> RecordCursor::take_compressed_record() {
  TRY_ASSIGN(Bytes window, decompressor_->peek(kVarintMax));
  int32_t length = 0;
  const uint8_t* const body = get_varint(window.data(), window.data() + window.size(), length);
  if (body == nullptr || length < 0) return invalid("length");
  const size_t size_bytes = static_cast<size_t>(body - window.data()) + static_cast<size_t>(length);
  if (size_bytes > max_record_bytes_) return invalid("too large");
  TRY_ASSIGN(window, decompressor_->peek(size_bytes));
  if (window.size() < size_bytes) return invalid("runs past the end");
  decompressor_->consume(size_bytes);
  return window.first(size_bytes);
}

Result<bool> RecordCursor::finish() {
  if (decompressor_ != nullptr) {
    TRY_ASSIGN(rest_, decompressor_->peek(1));
  }
  if (!rest_.empty()) return invalid("bytes behind the last one");
  return false;
}

BatchEditor::BatchEditor(MutableBytes batch) : bytes_(batch) { ENSURE(BatchView(batch).is_whole()); }

void BatchEditor::set_last_offset(int64_t offset) { set_base_offset(offset - view().last_offset_delta()); }

void BatchEditor::set_max_timestamp(TimestampType type, int64_t max_timestamp_ms) {
  int16_t attributes = view().attributes();
  attributes = static_cast<int16_t>(type == TimestampType::log_append_time
                                        ? attributes | BatchAttributes::log_append_time
                                        : attributes & ~BatchAttributes::log_append_time);
  if (attributes == view().attributes() && max_timestamp_ms == view().max_timestamp_ms()) return;
  set(BatchLayout::attributes, attributes);
  set(BatchLayout::max_timestamp, max_timestamp_ms);
  seal();
}

void BatchEditor::set_producer(int64_t producer_id, int16_t producer_epoch, int32_t base_sequence) {
  set(BatchLayout::producer_id, producer_id);
  set(BatchLayout::producer_epoch, producer_epoch);
  set(BatchLayout::base_sequence, base_sequence);
  seal();
}

void BatchEditor::seal() { set(BatchLayout::crc, view().computed_crc()); }

}  // namespace ksim
