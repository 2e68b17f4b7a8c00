#include <algorithm>
#include <limits>

#include <zlib.h>

#include "core/record/codecs.h"

namespace ksim {

namespace {

constexpr int kGzipWindowBits = 15 + 16;  // the largest window, with gzip's header and trailer
constexpr int kMemoryLevel = 8;
constexpr size_t kGzipChunkBytes = 64 * 1024;

uInt clamp(size_t size) {
  return static_cast<uInt>(std::min<size_t>(size, std::numeric_limits<uInt>::max()));
}

class GzipDecompressor final : public Decompressor {
 public:
  GzipDecompressor(Bytes input, size_t max_output_bytes) : Decompressor(max_output_bytes), rest_(input) {
    ENSURE(inflateInit2(&stream_, kGzipWindowBits) == Z_OK, "inflateInit2");
  }
  ~GzipDecompressor() override { inflateEnd(&stream_); }

 private:
  Result<bool> produce(ByteBuffer& window, size_t room) override {
    const size_t before = window.size();
    while (!ended_) {
      const size_t chunk = output_step(rest_.size(), kGzipChunkBytes, room);
      window.resize(before + chunk);
      stream_.next_out = window.data() + before;
      stream_.avail_out = static_cast<uInt>(chunk);
      stream_.next_in = const_cast<Bytef*>(rest_.data());
      stream_.avail_in = clamp(rest_.size());
      const uInt offered = stream_.avail_in;
      const int status = inflate(&stream_, Z_NO_FLUSH);
      rest_ = rest_.subspan(offered - stream_.avail_in);
      const size_t made = chunk - stream_.avail_out;
      window.resize(before + made);
      if (status == Z_STREAM_END) {
        end_of_member();
      } else if (status != Z_OK) {
        return damaged("gzip: bad or short stream");
      }
      if (made > room) return output_too_large();
      if (made > 0) return true;
    }
    return false;
  }

  // Members may follow one another; anything else behind the trailer is ignored.
  void end_of_member() {
    if (rest_.size() >= 2 && rest_[0] == 0x1f && rest_[1] == 0x8b)
      ENSURE(inflateReset(&stream_) == Z_OK, "inflateReset");
    else
      ended_ = true;
  }

  z_stream stream_{};
  Bytes rest_;
  bool ended_ = false;
};

}  // namespace

void compress_gzip(int32_t level, Bytes input, ByteBuffer& output) {
  z_stream stream{};
  ENSURE(deflateInit2(&stream, level, Z_DEFLATED, kGzipWindowBits, kMemoryLevel, Z_DEFAULT_STRATEGY) == Z_OK,
         "deflateInit2");
  const size_t before = output.size();
  output.resize(before + deflateBound(&stream, static_cast<uLong>(input.size())));
  ENSURE(input.size() <= std::numeric_limits<uInt>::max() &&
         output.size() - before <= std::numeric_limits<uInt>::max());
  stream.next_in = const_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = output.data() + before;
  stream.avail_out = static_cast<uInt>(output.size() - before);
  const int status = deflate(&stream, Z_FINISH);
  output.resize(output.size() - stream.avail_out);
  deflateEnd(&stream);
  ENSURE(status == Z_STREAM_END, "deflate");
}

std::unique_ptr<Decompressor> make_gzip_decompressor(Bytes input, size_t max_output_bytes) {
  return std::make_unique<GzipDecompressor>(input, max_output_bytes);
}

}  // namespace ksim
