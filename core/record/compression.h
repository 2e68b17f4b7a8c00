#pragma once
// The codecs of record batches (rules A11-A15): one stream behind the batch's header.
//
// The output of a codec may differ between versions of its library, and of zlib's between builds for
// different processors; what is read back never does. Simulated clients therefore compress only with codecs
// whose output is a function of input and library version (deterministic_output()).

#include <cstddef>
#include <memory>
#include <optional>

#include "core/base/bytes.h"
#include "core/base/result.h"
#include "core/record/batch.h"

namespace ksim {

// Levels (rule A15): gzip -1 or 1..9, lz4 1..17, zstd -131072..22; none and snappy have none.
constexpr int32_t kDefaultGzipLevel = -1;
constexpr int32_t kDefaultLz4Level = 9;
constexpr int32_t kDefaultZstdLevel = 3;
int32_t default_level(Compression compression);
bool is_valid_level(Compression compression, int32_t level);

// Appends the compressed stream to `output`.
void compress(Compression compression, int32_t level, Bytes input, ByteBuffer& output);

// The whole stream; CORRUPT_MESSAGE if it is damaged, RECORD_LIST_TOO_LARGE as soon as it gives more than
// `max_output_bytes`: memory stays within that bound whatever the stream declares.
Result<ByteBuffer> decompress(Compression compression, Bytes input, size_t max_output_bytes);

// Decompresses step by step, holding as much output as the caller looks at.
class Decompressor {
 public:
  virtual ~Decompressor() = default;

  // At least `want` unconsumed bytes, fewer only at the end of the stream. Valid until the next peek().
  Result<Bytes> peek(size_t want);
  void consume(size_t size_bytes);

 protected:
  // Appends some bytes of output to `window`; false: the stream has ended, nothing was appended.
  virtual Result<bool> produce(ByteBuffer& window) = 0;

 private:
  ByteBuffer window_;
  size_t consumed_ = 0;
  bool ended_ = false;
};

// `input` must outlive the decompressor.
std::unique_ptr<Decompressor> make_decompressor(Compression compression, Bytes input);

}  // namespace ksim
