#include "core/record/compression.h"

#include <algorithm>

#include "core/record/codecs.h"

namespace ksim {

namespace {

class NoneDecompressor final : public Decompressor {
 public:
  NoneDecompressor(Bytes input, size_t max_output_bytes) : Decompressor(max_output_bytes), rest_(input) {}

 private:
  Result<bool> produce(ByteBuffer& window, size_t room) override {
    if (rest_.empty()) return false;
    const Bytes chunk = rest_.first(std::min<size_t>(rest_.size(), 64 * 1024));
    if (chunk.size() > room) return output_too_large();
    window.insert(window.end(), chunk.begin(), chunk.end());
    rest_ = rest_.subspan(chunk.size());
    return true;
  }
  Bytes rest_;
};

}  // namespace

int32_t default_level(Compression compression) {
  switch (compression) {
    case Compression::gzip:
      return kDefaultGzipLevel;
    case Compression::lz4:
      return kDefaultLz4Level;
    case Compression::zstd:
      return kDefaultZstdLevel;
    case Compression::none:
    case Compression::snappy:
      break;
  }
  return 0;
}

bool is_valid_level(Compression compression, int32_t level) {
  switch (compression) {
    case Compression::gzip:
      return level == -1 || (level >= 1 && level <= 9);
    case Compression::lz4:
      return level >= 1 && level <= 17;
    case Compression::zstd:
      return level >= -131072 && level <= 22;
    case Compression::none:
    case Compression::snappy:
      break;
  }
  return level == 0;
}

Result<Bytes> Decompressor::peek(size_t want) {
  if (consumed_ > 0 && window_.size() - consumed_ < want) {
    window_.erase(window_.begin(), window_.begin() + static_cast<ptrdiff_t>(consumed_));
    consumed_ = 0;
  }
  while (!ended_ && window_.size() - consumed_ < want) {
    const size_t before = window_.size();
    TRY_ASSIGN(const bool more, produce(window_, room_));
    ENSURE(window_.size() - before <= room_);
    room_ -= window_.size() - before;
    ended_ = !more;
  }
  return Bytes(window_).subspan(consumed_);
}

void Decompressor::consume(size_t size_bytes) {
  ENSURE(size_bytes <= window_.size() - consumed_);
  consumed_ += size_bytes;
}

Result<ByteBuffer> Decompressor::take_all() {
  while (!ended_) {
    const size_t unconsumed = window_.size() - consumed_;
    TRY(peek(unconsumed + 1));
  }
  window_.erase(window_.begin(), window_.begin() + static_cast<ptrdiff_t>(consumed_));
  consumed_ = 0;
  return std::move(window_);
}

bool has_portable_output(Compression compression, int32_t level) {
  constexpr int32_t kLastDfastLevel = 3;
  return compression != Compression::zstd || level <= kLastDfastLevel;
}

void compress(Compression compression, int32_t level, Bytes input, ByteBuffer& output) {
  ENSURE(is_valid_level(compression, level), "compression level");
  switch (compression) {
    case Compression::none:
      output.insert(output.end(), input.begin(), input.end());
      return;
    case Compression::gzip:
      return compress_gzip(level, input, output);
    case Compression::snappy:
      return compress_snappy(input, output);
    case Compression::lz4:
      return compress_lz4(level, input, output);
    case Compression::zstd:
      return compress_zstd(level, input, output);
  }
}

std::unique_ptr<Decompressor> make_decompressor(Compression compression, Bytes input,
                                                size_t max_output_bytes) {
  switch (compression) {
    case Compression::none:
      break;
    case Compression::gzip:
      return make_gzip_decompressor(input, max_output_bytes);
    case Compression::snappy:
      return make_snappy_decompressor(input, max_output_bytes);
    case Compression::lz4:
      return make_lz4_decompressor(input, max_output_bytes);
    case Compression::zstd:
      return make_zstd_decompressor(input, max_output_bytes);
  }
  return std::make_unique<NoneDecompressor>(input, max_output_bytes);
}

Result<ByteBuffer> decompress(Compression compression, Bytes input, size_t max_output_bytes) {
  return make_decompressor(compression, input, max_output_bytes)->take_all();
}

}  // namespace ksim
