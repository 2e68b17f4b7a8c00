// Snappy in the stream framing of snappy-java (rule A12); a bare block without it is read as well.

#include <algorithm>
#include <array>

#include <snappy.h>

#include "core/record/codecs.h"

namespace ksim {

namespace {

constexpr std::array<uint8_t, 8> kStreamMagic = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0};
constexpr size_t kStreamHeaderBytes = 16;
constexpr int32_t kVersion = 1;
constexpr size_t kSnappyBlockBytes = 32 * 1024;
// Three bytes of input give at most 64 of output: a block that declares more is damaged, and nothing is
// allocated for it.
constexpr size_t kMaxExpansion = 64;

bool has_magic(Bytes bytes) {
  return bytes.size() >= kStreamMagic.size() &&
         std::memcmp(bytes.data(), kStreamMagic.data(), kStreamMagic.size()) == 0;
}

class SnappyDecompressor final : public Decompressor {
 public:
  SnappyDecompressor(Bytes input, size_t max_output_bytes)
      : Decompressor(max_output_bytes), rest_(input), framed_(has_magic(input)) {}

 private:
  Result<bool> produce(ByteBuffer& window, size_t room) override {
    for (;;) {
      if (rest_.empty()) return false;
      TRY_ASSIGN(const Bytes block, take_block());
      if (block.empty()) continue;
      size_t size = 0;
      if (!snappy::GetUncompressedLength(chars(block.data()), block.size(), &size) ||
          size > kMaxExpansion * block.size())
        return damaged("snappy: bad block length");
      if (size > room) return output_too_large();
      const size_t before = window.size();
      window.resize(before + size);
      if (!snappy::RawUncompress(chars(block.data()), block.size(), chars(window.data() + before)))
        return damaged("snappy: bad block");
      if (size > 0) return true;
    }
  }

  // Empty: a stream header was skipped (streams may follow one another).
  Result<Bytes> take_block() {
    if (!framed_) return std::exchange(rest_, {});
    if (has_magic(rest_)) {
      if (rest_.size() < kStreamHeaderBytes) return damaged("snappy: short stream header");
      // The second number is the oldest version that can read the stream.
      if (load_be<int32_t>(rest_.data() + 12) > kVersion) return damaged("snappy: unknown stream version");
      rest_ = rest_.subspan(kStreamHeaderBytes);
      return Bytes{};
    }
    if (rest_.size() < 4) return damaged("snappy: short block length");
    const auto length = load_be<int32_t>(rest_.data());
    rest_ = rest_.subspan(4);
    if (length <= 0 || static_cast<size_t>(length) > rest_.size()) return damaged("snappy: short block");
    const Bytes block = rest_.first(static_cast<size_t>(length));
    rest_ = rest_.subspan(block.size());
    return block;
  }

  Bytes rest_;
  bool framed_;
};

}  // namespace

void compress_snappy(Bytes input, ByteBuffer& output) {
  const size_t start = output.size();
  output.resize(start + kStreamHeaderBytes);
  std::memcpy(output.data() + start, kStreamMagic.data(), kStreamMagic.size());
  store_be<int32_t>(output.data() + start + 8, kVersion);
  store_be<int32_t>(output.data() + start + 12, kVersion);
  while (!input.empty()) {
    const Bytes block = input.first(std::min(kSnappyBlockBytes, input.size()));
    input = input.subspan(block.size());
    const size_t at = output.size();
    output.resize(at + 4 + snappy::MaxCompressedLength(block.size()));
    size_t size = 0;
    snappy::RawCompress(chars(block.data()), block.size(), chars(output.data() + at + 4), &size);
    store_be<int32_t>(output.data() + at, static_cast<int32_t>(size));
    output.resize(at + 4 + size);
  }
}

std::unique_ptr<Decompressor> make_snappy_decompressor(Bytes input, size_t max_output_bytes) {
  return std::make_unique<SnappyDecompressor>(input, max_output_bytes);
}

}  // namespace ksim
