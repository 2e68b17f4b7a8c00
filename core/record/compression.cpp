#include "core/record/compression.h"

#include <string>

namespace ksim {

namespace {

class Unsupported final : public Decompressor {
 public:
  explicit Unsupported(Compression compression) : compression_(compression) {}

 private:
  Result<bool> produce(ByteBuffer&) override {
    return fail(ErrorCode::UNSUPPORTED_COMPRESSION_TYPE, std::string(to_string(compression_)));
  }
  Compression compression_;
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
    TRY_ASSIGN(const bool more, produce(window_));
    ended_ = !more;
  }
  return Bytes(window_).subspan(consumed_);
}

void Decompressor::consume(size_t size_bytes) {
  ENSURE(size_bytes <= window_.size() - consumed_);
  consumed_ += size_bytes;
}

void compress(Compression compression, int32_t, Bytes input, ByteBuffer& output) {
  ENSURE(compression == Compression::none, "codec not built yet");
  output.insert(output.end(), input.begin(), input.end());
}

std::unique_ptr<Decompressor> make_decompressor(Compression compression, Bytes) {
  return std::make_unique<Unsupported>(compression);
}

Result<ByteBuffer> decompress(Compression compression, Bytes input, size_t max_output_bytes) {
  if (compression != Compression::none)
    return fail(ErrorCode::UNSUPPORTED_COMPRESSION_TYPE, std::string(to_string(compression)));
  if (input.size() > max_output_bytes) return fail(ErrorCode::RECORD_LIST_TOO_LARGE, "records");
  return to_buffer(input);
}

}  // namespace ksim
