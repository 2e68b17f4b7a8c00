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

// Reads a length and as many bytes; length -1 is null where `nullable`. The byte after, or nullptr.
inline const uint8_t* take_field(const uint8_t* at, const uint8_t* end, bool nullable,
                                 std::optional<Bytes>& field) {
  int32_t length = 0;
  at = get_varint(at, end, length);
  if (at == nullptr || length < (nullable ? -1 : 0)) return nullptr;
  if (length < 0) {
    field.reset();
    return at;
  }
  if (length > end - at) return nullptr;
  field = Bytes(at, static_cast<size_t>(length));
  return at + length;
}

const uint8_t* take_header(const uint8_t* at, const uint8_t* end, RecordHeader& header) {
  std::optional<Bytes> key;
  at = take_field(at, end, false, key);
  if (at == nullptr) return nullptr;
  header.key = as_text(*key);
  return take_field(at, end, true, header.value);
}

// Decodes one record from its bytes after the length. What is wrong with it; null: nothing. Every record that
// is written or read passes here.
const char* decode_record_body(const uint8_t* at, const uint8_t* end, RecordView& record,
                               int64_t& timestamp_delta) {
  if (at == end) return "no attributes";
  at = get_varlong(at + 1, end, timestamp_delta);
  if (at == nullptr) return "timestamp delta";
  at = get_varint(at, end, record.offset_delta);
  if (at == nullptr) return "offset delta";
  at = take_field(at, end, true, record.key);
  if (at == nullptr) return "key";
  at = take_field(at, end, true, record.value);
  if (at == nullptr) return "value";
  int32_t count = 0;
  at = get_varint(at, end, count);
  if (at == nullptr || count < 0) return "header count";
  record.headers = RecordHeaders(Bytes(at, end), count);
  RecordHeader header;
  for (int32_t i = 0; i < count; ++i) {
    at = take_header(at, end, header);
    if (at == nullptr) return "header";
  }
  return at == end ? nullptr : "bytes behind the last header";
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

bool has_impossible_base(Bytes prefix) {
  if (prefix.size() < kBatchMagicEnd) return false;
  const auto base = load_be<int64_t>(prefix.data());
  return base < 0 || base >= std::numeric_limits<int64_t>::max() - std::numeric_limits<int32_t>::max();
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
  if (has_impossible_base(prefix))
    return fail(ErrorCode::CORRUPT_MESSAGE,
                "batch at offset " + std::to_string(load_be<int64_t>(prefix.data())));
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
  if (--left_ <= 0) return *this;
  const uint8_t* const end = rest_.data() + rest_.size();
  const uint8_t* const next = take_header(rest_.data(), end, header_);
  ENSURE(next != nullptr);
  rest_ = Bytes(next, end);
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
  if (advance(record)) return true;
  if (failure_) return fail(*failure_);
  return false;
}

bool RecordCursor::advance(RecordView& record) {
  if (failure_) return false;
  if (left_ == 0) {
    if (auto finished = finish(); !finished.ok()) failure_ = std::move(finished).error();
    return false;
  }
  if (decompressor_ != nullptr) {
    if (auto taken = take_compressed_record(); taken.ok()) {
      rest_ = *taken;
    } else {
      failure_ = std::move(taken).error();
      return false;
    }
  }
  const auto refuse = [this](std::string_view what) {
    failure_ = invalid(what).error;
    return false;
  };
  const uint8_t* const begin = rest_.data();
  const uint8_t* const end = begin + rest_.size();
  int32_t length = 0;
  const uint8_t* const body = get_varint(begin, end, length);
  if (body == nullptr || length < 0 || length > end - body) return refuse("length");
  int64_t timestamp_delta = 0;
  if (const char* wrong = decode_record_body(body, body + length, record, timestamp_delta))
    return refuse(wrong);
  rest_ = Bytes(body + length, end);
  record.size_bytes = static_cast<size_t>(body + length - begin);
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

Result<void> RecordCursor::finish() {
  if (decompressor_ != nullptr) {
    TRY_ASSIGN(rest_, decompressor_->peek(1));
  }
  if (!rest_.empty()) return invalid("bytes behind the last one");
  return {};
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
