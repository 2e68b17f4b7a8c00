#include <algorithm>

#include <zstd.h>

#include "core/record/codecs.h"

namespace ksim {

namespace {

constexpr size_t kZstdChunkBytes = 128 * 1024;
constexpr int kMaxWindowLog = 27;  // what level 22 writes; larger windows are refused

class ZstdDecompressor final : public Decompressor {
 public:
  ZstdDecompressor(Bytes input, size_t max_output_bytes)
      : Decompressor(max_output_bytes),
        context_(ZSTD_createDCtx()),
        in_{input.data(), input.size(), 0},
        frame_open_(input.empty()) {
    ENSURE(context_ != nullptr, "zstd context");
    ENSURE(ZSTD_isError(ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, kMaxWindowLog)) == 0);
  }
  ~ZstdDecompressor() override { ZSTD_freeDCtx(context_); }

 private:
  Result<bool> produce(ByteBuffer& window, size_t room) override {
    const size_t before = window.size();
    for (;;) {
      // Done: the last frame is complete and nothing follows it.
      if (in_.pos == in_.size && !frame_open_) return false;
      const size_t chunk = output_step(in_.size - in_.pos, kZstdChunkBytes, room);
      window.resize(before + chunk);
      ZSTD_outBuffer out{window.data() + before, chunk, 0};
      const size_t in_before = in_.pos;
      const size_t status = ZSTD_decompressStream(context_, &out, &in_);
      window.resize(before + out.pos);
      if (ZSTD_isError(status) != 0) return damaged("zstd: bad stream");
      frame_open_ = status != 0;
      if (out.pos > room) return output_too_large();
      if (out.pos > 0) return true;
      if (in_.pos == in_before && frame_open_) return damaged("zstd: short stream");
    }
  }

  ZSTD_DCtx* context_;
  ZSTD_inBuffer in_;
  bool frame_open_;
};

}  // namespace

void compress_zstd(int32_t level, Bytes input, ByteBuffer& output) {
  const size_t before = output.size();
  output.resize(before + ZSTD_compressBound(input.size()));
  const size_t made =
      ZSTD_compress(output.data() + before, output.size() - before, input.data(), input.size(), level);
  ENSURE(ZSTD_isError(made) == 0, "zstd");
  output.resize(before + made);
}

std::unique_ptr<Decompressor> make_zstd_decompressor(Bytes input, size_t max_output_bytes) {
  return std::make_unique<ZstdDecompressor>(input, max_output_bytes);
}

}  // namespace ksim
