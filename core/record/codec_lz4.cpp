// One LZ4 frame of independent blocks (rules A13, A14). liblz4 does the blocks; the frame is ours, because
// its frame reader accepts and refuses other things than Kafka's.

#include <algorithm>
#include <vector>

#include <lz4.h>
#include <lz4hc.h>

#include "core/record/codecs.h"
#include "core/record/xxh32.h"

namespace ksim {

namespace {

constexpr uint32_t kFrameMagic = 0x184D2204;
constexpr uint8_t kFlags = 0x60;            // version 1, independent blocks
constexpr uint8_t kBlockDescriptor = 0x40;  // 64 KiB
constexpr size_t kLz4BlockBytes = 64 * 1024;
constexpr uint32_t kStoredBit = 0x80000000U;
constexpr size_t kFrameHeaderBytes = 7;

uint8_t header_checksum(Bytes descriptor) { return static_cast<uint8_t>(xxh32(descriptor) >> 8); }

class Lz4Decompressor final : public Decompressor {
 public:
  Lz4Decompressor(Bytes input, size_t max_output_bytes) : Decompressor(max_output_bytes), rest_(input) {}

 private:
  Result<bool> produce(ByteBuffer& window, size_t room) override {
    if (block_limit_ == 0) TRY(read_frame_header());
    while (!ended_) {
      if (rest_.size() < 4) return damaged("lz4: frame without end");
      const uint32_t word = load_le32(rest_.data());
      rest_ = rest_.subspan(4);
      if (word == 0) {
        ended_ = true;  // a content checksum may follow; Kafka does not verify it
        break;
      }
      const size_t size = word & ~kStoredBit;
      if (size > block_limit_ || size + (block_checksums_ ? 4 : 0) > rest_.size())
        return damaged("lz4: bad block size");
      const Bytes block = rest_.first(size);
      rest_ = rest_.subspan(size);
      if (block_checksums_) {
        if (load_le32(rest_.data()) != xxh32(block)) return damaged("lz4: block checksum mismatch");
        rest_ = rest_.subspan(4);
      }
      TRY_ASSIGN(const size_t made, append_block(block, (word & kStoredBit) != 0, window, room));
      if (made > 0) return true;
    }
    return false;
  }

  Result<size_t> append_block(Bytes block, bool stored, ByteBuffer& window, size_t room) {
    const size_t before = window.size();
    if (stored) {
      if (block.size() > room) return output_too_large();
      window.insert(window.end(), block.begin(), block.end());
      return block.size();
    }
    const size_t capacity = std::min(block_limit_, room);
    window.resize(before + capacity);
    const int made = LZ4_decompress_safe(chars(block.data()), chars(window.data() + before),
                                         static_cast<int>(block.size()), static_cast<int>(capacity));
    window.resize(before + static_cast<size_t>(std::max(made, 0)));
    if (made >= 0) return static_cast<size_t>(made);
    // With less room than a block may have, an overrun and damage look alike; both end the stream.
    if (capacity < block_limit_) return output_too_large();
    return damaged("lz4: bad block");
  }

  Result<void> read_frame_header() {
    if (rest_.size() < kFrameHeaderBytes || load_le32(rest_.data()) != kFrameMagic)
      return damaged("lz4: not a frame");
    const uint8_t flags = rest_[4];
    const uint8_t descriptor = rest_[5];
    if ((flags >> 6) != 1) return damaged("lz4: unknown version");
    if ((flags & 0x20) == 0) return damaged("lz4: dependent blocks");
    if ((flags & 0x03) != 0 || (descriptor & 0x8f) != 0) return damaged("lz4: reserved bits");
    const unsigned size_class = descriptor >> 4;
    if (size_class < 4) return damaged("lz4: bad block size class");
    block_checksums_ = (flags & 0x10) != 0;
    const size_t checked = (flags & 0x08) != 0 ? 10 : 2;  // with or without the content size
    if (rest_.size() < 4 + checked + 1) return damaged("lz4: short frame header");
    if (rest_[4 + checked] != header_checksum(rest_.subspan(4, checked)))
      return damaged("lz4: header checksum mismatch");
    rest_ = rest_.subspan(4 + checked + 1);
    block_limit_ = size_t{1} << (8 + 2 * size_class);
    return {};
  }

  Bytes rest_;
  size_t block_limit_ = 0;
  bool block_checksums_ = false;
  bool ended_ = false;
};

}  // namespace

void compress_lz4(int32_t level, Bytes input, ByteBuffer& output) {
  const size_t start = output.size();
  output.resize(start + kFrameHeaderBytes);
  store_le32(output.data() + start, kFrameMagic);
  output[start + 4] = kFlags;
  output[start + 5] = kBlockDescriptor;
  output[start + 6] = header_checksum(Bytes(output).subspan(start + 4, 2));
  const bool fast = level == kDefaultLz4Level;  // rule A15
  std::vector<uint8_t> state(static_cast<size_t>(fast ? LZ4_sizeofState() : LZ4_sizeofStateHC()) + 16);
  while (!input.empty()) {
    const Bytes block = input.first(std::min(kLz4BlockBytes, input.size()));
    input = input.subspan(block.size());
    const size_t at = output.size();
    const auto size = static_cast<int>(block.size());
    const int bound = LZ4_compressBound(size);
    output.resize(at + 4 + static_cast<size_t>(bound));
    char* const to = chars(output.data() + at + 4);
    const int made =
        fast ? LZ4_compress_fast_extState(state.data(), chars(block.data()), to, size, bound, 1)
             : LZ4_compress_HC_extStateHC(state.data(), chars(block.data()), to, size, bound, level);
    ENSURE(made > 0, "lz4 block");
    if (made < size) {
      store_le32(output.data() + at, static_cast<uint32_t>(made));
      output.resize(at + 4 + static_cast<size_t>(made));
    } else {
      store_le32(output.data() + at, static_cast<uint32_t>(size) | kStoredBit);
      std::memcpy(to, block.data(), block.size());
      output.resize(at + 4 + block.size());
    }
  }
  output.resize(output.size() + 4);
}

std::unique_ptr<Decompressor> make_lz4_decompressor(Bytes input, size_t max_output_bytes) {
  return std::make_unique<Lz4Decompressor>(input, max_output_bytes);
}

}  // namespace ksim
