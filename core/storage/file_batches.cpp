#include "core/storage/file_batches.h"

#include <algorithm>
#include <array>

namespace ksim::storage {
namespace {

constexpr uint32_t kLegacyMinBytes = 14;  // rule A10: what follows the size field in v0
constexpr size_t kLegacyCrcAt = 12;       // then magic@16, attributes@17, in v1 timestamp@18
constexpr size_t kLegacyTimestampAt = 18;
constexpr size_t kLegacyTimestampEnd = 26;

constexpr std::array<uint32_t, 256> make_crc32_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0xedb88320U : 0U);
    table[i] = value;
  }
  return table;
}
constexpr std::array<uint32_t, 256> kCrc32Table = make_crc32_table();

// CRC-32 (IEEE), which formats v0 and v1 use.
uint32_t crc32_ieee(Bytes bytes) {
  uint32_t crc = ~0U;
  for (const uint8_t byte : bytes) crc = (crc >> 8) ^ kCrc32Table[(crc ^ byte) & 0xff];
  return ~crc;
}

Failure<Error> corrupt(uint64_t position, std::string_view what) {
  return fail(ErrorCode::CORRUPT_MESSAGE, std::string(what) + " at position " + std::to_string(position));
}

}  // namespace

FileBatches::FileBatches(File& file, uint64_t position, uint64_t end, size_t window_bytes)
    : file_(file), position_(position), end_(end), window_bytes_(window_bytes) {}

IoResult<Bytes> FileBatches::window(uint64_t at, uint64_t size_bytes) {
  if (at < buffer_at_ || at + size_bytes > buffer_at_ + buffered_) {
    const uint64_t wanted = std::min<uint64_t>(std::max<uint64_t>(size_bytes, window_bytes_), end_ - at);
    if (buffer_.size() < wanted) buffer_.resize(wanted);
    buffer_at_ = at;
    buffered_ = 0;
    while (buffered_ < wanted) {
      const MutableBytes rest(buffer_.data() + buffered_, wanted - buffered_);
      TRY_ASSIGN(const size_t n, file_.read(at + buffered_, std::span(&rest, 1)));
      if (n == 0) break;
      buffered_ += n;
    }
  }
  const size_t skip = static_cast<size_t>(at - buffer_at_);
  return Bytes(buffer_).subspan(skip, std::min<size_t>(size_bytes, buffered_ - skip));
}

Result<bool> FileBatches::next() {
  if (position_ >= end_) return false;
  const uint64_t left = end_ - position_;
  const auto prefix = window(position_, std::min<uint64_t>(left, kBatchHeaderBytes));
  if (!prefix.ok()) return fail(Error(prefix.error(), "reading a segment"));
  const Bytes bytes = *prefix;
  if (bytes.size() < kBatchPrefixBytes) return false;
  const int32_t length = load_be<int32_t>(bytes.data() + BatchLayout::length);
  if (length < static_cast<int32_t>(kLegacyMinBytes)) return corrupt(position_, "impossible batch size");
  if (bytes.size() < kBatchMagicEnd) return false;
  const uint64_t size = kBatchPrefixBytes + static_cast<uint32_t>(length);
  const int8_t magic = static_cast<int8_t>(bytes[BatchLayout::magic]);
  if (magic < 0 || magic > 2) return corrupt(position_, "unknown magic");
  if (magic == 2 && size < kBatchHeaderBytes) return corrupt(position_, "batch shorter than its header");
  const auto base_offset = load_be<int64_t>(bytes.data());
  // The checksum does not cover it.
  if (base_offset < 0 || base_offset >= INT64_MAX - INT32_MAX) return corrupt(position_, "impossible offset");
  if (size > left) return false;
  if (bytes.size() < std::min<uint64_t>(size, kBatchHeaderBytes)) return false;
  header_ = {position_, size, base_offset, 0, kNoTimestamp, kNoLeaderEpoch, magic};
  header_.last_offset = header_.base_offset;
  if (magic == 2) {
    const BatchView batch(bytes);
    header_.last_offset = batch.last_offset();
    header_.max_timestamp_ms = batch.max_timestamp_ms();
    header_.leader_epoch = batch.leader_epoch();
  } else if (magic == 1 && bytes.size() >= kLegacyTimestampEnd) {
    header_.max_timestamp_ms = load_be<int64_t>(bytes.data() + kLegacyTimestampAt);
  }
  position_ += size;
  return true;
}

BatchView FileBatches::view() const {
  ENSURE(header_.magic == 2 && header_.position >= buffer_at_);
  return BatchView(
      Bytes(buffer_).subspan(static_cast<size_t>(header_.position - buffer_at_), kBatchHeaderBytes));
}

Result<Bytes> FileBatches::whole() {
  const auto bytes = window(header_.position, header_.size_bytes);
  if (!bytes.ok()) return fail(Error(bytes.error(), "reading a segment"));
  if (bytes->size() < header_.size_bytes) return corrupt(header_.position, "the file ends within a batch");
  return *bytes;
}

bool checksum_matches(Bytes entry) {
  if (entry.size() < kBatchMagicEnd) return false;
  if (entry[BatchLayout::magic] == 2) return BatchView(entry).check().ok();
  return load_be<uint32_t>(entry.data() + kLegacyCrcAt) == crc32_ieee(entry.subspan(BatchLayout::magic));
}

}  // namespace ksim::storage
