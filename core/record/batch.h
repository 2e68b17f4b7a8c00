#pragma once
// Record batch v2 (rules A1-A11, FORMAT.md): views of its header and records, and in-place setters. Nothing
// here owns bytes.

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <string_view>

#include "core/base/bytes.h"
#include "core/base/result.h"

namespace ksim {

enum class Compression : uint8_t { none = 0, gzip = 1, snappy = 2, lz4 = 3, zstd = 4 };
constexpr uint8_t kCompressionCount = 5;
// Kafka's configuration word: "none", "gzip", ...
std::string_view to_string(Compression compression);
std::optional<Compression> compression_of(std::string_view name);

enum class TimestampType : uint8_t { create_time = 0, log_append_time = 1 };

constexpr size_t kBatchPrefixBytes = 12;  // base offset and length, which the length does not count
constexpr size_t kBatchMagicEnd = 17;     // the shortest prefix that tells size and magic
constexpr size_t kBatchHeaderBytes = 61;

constexpr int64_t kNoProducerId = -1;
constexpr int16_t kNoProducerEpoch = -1;
constexpr int32_t kNoSequence = -1;
constexpr int32_t kNoLeaderEpoch = -1;
constexpr int64_t kNoTimestamp = -1;

// Sequences count from 0 to 2^31-1 and start again at 0 (rule A6).
constexpr int32_t add_sequence(int32_t sequence, int32_t increment) {
  return static_cast<int32_t>((static_cast<int64_t>(sequence) + increment) &
                              std::numeric_limits<int32_t>::max());
}
constexpr int32_t subtract_sequence(int32_t sequence, int32_t decrement) {
  return static_cast<int32_t>((static_cast<int64_t>(sequence) - decrement) &
                              std::numeric_limits<int32_t>::max());
}

// Offsets of the header's fields.
struct BatchLayout {
  static constexpr size_t base_offset = 0, length = 8, leader_epoch = 12, magic = 16, crc = 17,
                          attributes = 21, last_offset_delta = 23, base_timestamp = 27, max_timestamp = 35,
                          producer_id = 43, producer_epoch = 51, base_sequence = 53, record_count = 57;
};
// Bits of the attributes (rule A3).
struct BatchAttributes {
  static constexpr int16_t codec_mask = 0x07, log_append_time = 0x08, transactional = 0x10, control = 0x20,
                           delete_horizon = 0x40;
};

// A batch, or its first 61 bytes: header accessors need no more; records and checksum need the whole. The
// view does not say that what it reads is sound: see check() and core/record/validator.h.
class BatchView {
 public:
  BatchView() = default;
  // `bytes` begins with a batch of magic 2 and holds at least its header; what follows the batch is ignored.
  explicit BatchView(Bytes bytes);

  Bytes bytes() const { return bytes_; }
  bool is_whole() const {
    return bytes_.size() == size_bytes();  // a declared size below the header's never is
  }
  size_t size_bytes() const {
    return kBatchPrefixBytes + static_cast<uint32_t>(get<int32_t>(BatchLayout::length));
  }

  int64_t base_offset() const { return get<int64_t>(BatchLayout::base_offset); }
  int32_t last_offset_delta() const { return get<int32_t>(BatchLayout::last_offset_delta); }
  int64_t last_offset() const { return base_offset() + last_offset_delta(); }
  int64_t next_offset() const { return last_offset() + 1; }
  int32_t leader_epoch() const { return get<int32_t>(BatchLayout::leader_epoch); }
  int8_t magic() const { return get<int8_t>(BatchLayout::magic); }

  int16_t attributes() const { return get<int16_t>(BatchLayout::attributes); }
  uint8_t codec() const { return static_cast<uint8_t>(attributes() & BatchAttributes::codec_mask); }
  // Empty: codec 5, 6 or 7, which do not exist.
  std::optional<Compression> compression() const {
    return codec() < kCompressionCount ? std::optional(static_cast<Compression>(codec())) : std::nullopt;
  }
  bool is_compressed() const { return codec() != 0; }
  TimestampType timestamp_type() const {
    return has(BatchAttributes::log_append_time) ? TimestampType::log_append_time
                                                 : TimestampType::create_time;
  }
  bool is_transactional() const { return has(BatchAttributes::transactional); }
  bool is_control() const { return has(BatchAttributes::control); }
  // Rule A4: the base timestamp field then holds the time until which deletes are kept.
  std::optional<int64_t> delete_horizon_ms() const {
    return has(BatchAttributes::delete_horizon) ? std::optional(base_timestamp_ms()) : std::nullopt;
  }
  int64_t base_timestamp_ms() const { return get<int64_t>(BatchLayout::base_timestamp); }
  int64_t max_timestamp_ms() const { return get<int64_t>(BatchLayout::max_timestamp); }

  int64_t producer_id() const { return get<int64_t>(BatchLayout::producer_id); }
  bool has_producer_id() const { return producer_id() > kNoProducerId; }
  int16_t producer_epoch() const { return get<int16_t>(BatchLayout::producer_epoch); }
  int32_t base_sequence() const { return get<int32_t>(BatchLayout::base_sequence); }
  bool has_sequence() const { return base_sequence() != kNoSequence; }
  int32_t last_sequence() const {
    return has_sequence() ? add_sequence(base_sequence(), last_offset_delta()) : kNoSequence;
  }
  int32_t record_count() const { return get<int32_t>(BatchLayout::record_count); }

  uint32_t stored_crc() const { return get<uint32_t>(BatchLayout::crc); }
  uint32_t computed_crc() const;  // needs the whole batch
  bool crc_matches() const { return stored_crc() == computed_crc(); }
  // CORRUPT_MESSAGE unless the batch is whole and its checksum right.
  Result<void> check() const;
  // What follows the header, as stored (compressed or not).
  Bytes records() const;

 private:
  template <class T>
  T get(size_t at) const {
    return load_be<T>(bytes_.data() + at);
  }
  bool has(int16_t bit) const { return (attributes() & bit) != 0; }

  Bytes bytes_;
};

// True if nothing could follow the offset at which it begins. The checksum does not cover that offset, so
// this is what damage there looks like.
bool has_impossible_base(Bytes prefix);
// How many bytes the entry takes that begins with `prefix`: 0 if the prefix is too short to tell (fewer than
// 17 bytes). CORRUPT_MESSAGE for sizes and magics that cannot be (rule A10); UNSUPPORTED_FOR_MESSAGE_FORMAT
// for message formats v0 and v1, with their size readable at bytes 8..11.
Result<size_t> peek_batch_size(Bytes prefix);

// Walks the batches of a buffer. An incomplete tail ends the walk silently: it is normal at the end of a
// fetch (rule A10).
class BatchCursor {
 public:
  explicit BatchCursor(Bytes buffer) : buffer_(buffer) {}

  // False: no further complete batch. After a failure the cursor stays where it is.
  Result<bool> next(BatchView& batch);
  // Bytes of the batches returned so far; at the end, what lies behind it is the incomplete tail.
  size_t position() const { return position_; }
  size_t tail_bytes() const { return buffer_.size() - position_; }

 private:
  Bytes buffer_;
  size_t position_ = 0;
};

struct RecordHeader {
  std::string_view key;
  std::optional<Bytes> value;
};

// The headers of one record, decoded while they are walked; their bytes were checked when the record was
// read.
class RecordHeaders {
 public:
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = RecordHeader;
    using difference_type = std::ptrdiff_t;
    using pointer = const RecordHeader*;
    using reference = const RecordHeader&;

    Iterator() = default;
    Iterator(Bytes rest, int32_t left);
    reference operator*() const { return header_; }
    pointer operator->() const { return &header_; }
    Iterator& operator++();
    bool operator==(const Iterator& other) const { return left_ == other.left_; }

   private:
    Bytes rest_;
    int32_t left_ = 0;
    RecordHeader header_;
  };

  RecordHeaders() = default;
  RecordHeaders(Bytes encoded, int32_t count) : encoded_(encoded), count_(count) {}
  int32_t size() const { return count_; }
  bool empty() const { return count_ == 0; }
  Iterator begin() const { return {encoded_, count_}; }
  Iterator end() const { return {}; }
  Bytes encoded() const { return encoded_; }

 private:
  Bytes encoded_;
  int32_t count_ = 0;
};

struct RecordView {
  int64_t offset = 0;
  int64_t timestamp_ms = kNoTimestamp;
  int32_t offset_delta = 0;
  int32_t sequence = kNoSequence;
  size_t size_bytes = 0;  // encoded, with its length
  std::optional<Bytes> key;
  std::optional<Bytes> value;
  RecordHeaders headers;
};

class Decompressor;

// Walks the records of a whole batch, decompressing as it goes. A record's views live as long as the batch's
// bytes if it is not compressed, else until the next call of next().
class RecordCursor {
 public:
  // A record that needs more than `max_record_bytes` of a compressed batch is refused, so that memory stays
  // bounded by the largest record.
  static constexpr size_t kDefaultMaxRecordBytes = 128U << 20;

  explicit RecordCursor(const BatchView& batch, size_t max_record_bytes = kDefaultMaxRecordBytes);
  RecordCursor(RecordCursor&&) noexcept;
  RecordCursor& operator=(RecordCursor&&) noexcept;
  ~RecordCursor();

  // False: all records of the header's count were read. INVALID_RECORD as in rule A9, CORRUPT_MESSAGE or
  // UNSUPPORTED_COMPRESSION_TYPE if they cannot be decompressed; after a failure the cursor fails for ever.
  Result<bool> next(RecordView& record);
  // The same for whoever walks many records: false also after a failure, which failure() then tells.
  bool advance(RecordView& record);
  const std::optional<Error>& failure() const { return failure_; }

 private:
  Result<Bytes> take_compressed_record();
  Result<void> finish();

  BatchView batch_;
  Bytes rest_;  // of the uncompressed records, or of the window
  int32_t left_ = 0;
  size_t max_record_bytes_ = 0;
  std::unique_ptr<Decompressor> decompressor_;
  std::optional<Error> failure_;
};

// Changes the header of a batch in place. Base offset and leader epoch lie outside the checksum (rule A2);
// the others recompute it.
class BatchEditor {
 public:
  explicit BatchEditor(MutableBytes batch);

  void set_base_offset(int64_t offset) { set(BatchLayout::base_offset, offset); }
  void set_last_offset(int64_t offset);  // the base offset follows from it
  void set_leader_epoch(int32_t epoch) { set(BatchLayout::leader_epoch, epoch); }
  // Under log_append_time every record then reads as `max_timestamp_ms`.
  void set_max_timestamp(TimestampType type, int64_t max_timestamp_ms);
  void set_producer(int64_t producer_id, int16_t producer_epoch, int32_t base_sequence);
  BatchView view() const { return BatchView(bytes_); }

 private:
  template <class T>
  void set(size_t at, T value) {
    store_be(bytes_.data() + at, value);
  }
  void seal();

  MutableBytes bytes_;
};

}  // namespace ksim
