#pragma once
// The codecs of record batches (rules A11-A15): one stream behind the batch's header.
//
// What a codec writes may differ between versions of its library and, with some, between kinds of processor;
// what is read back never does. See has_portable_output().

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

// Whether the output is a function of the input and the library's version alone, on every 64-bit
// little-endian processor: simulated clients use nothing else. It holds for zlib, snappy 1.1.9 and lz4 as
// Debian builds them; zstd picks its match finder by vector width from level 5 on, so only levels up to 3
// (fast and dfast) count.
bool has_portable_output(Compression compression, int32_t level);

// Appends the compressed stream to `output`.
void compress(Compression compression, int32_t level, Bytes input, ByteBuffer& output);

// The whole stream; CORRUPT_MESSAGE if it is damaged, RECORD_LIST_TOO_LARGE if it holds more than
// `max_output_bytes`: found before more than that is written, whatever the stream declares.
Result<ByteBuffer> decompress(Compression compression, Bytes input, size_t max_output_bytes);

// Decompresses step by step, holding as much output as the caller looks at.
class Decompressor {
 public:
  // `max_output_bytes` bounds what comes out in all.
  explicit Decompressor(size_t max_output_bytes) : room_(max_output_bytes) {}
  virtual ~Decompressor() = default;

  // At least `want` unconsumed bytes, fewer only at the end of the stream. Valid until the next peek().
  Result<Bytes> peek(size_t want);
  // Everything that is left, as a buffer of its own.
  Result<ByteBuffer> take_all();
  void consume(size_t size_bytes);

 protected:
  // Appends at least one and at most `room` bytes of output to `window`; false: the stream has ended, nothing
  // was appended. RECORD_LIST_TOO_LARGE if a block of the stream does not fit into `room`.
  virtual Result<bool> produce(ByteBuffer& window, size_t room) = 0;

 private:
  ByteBuffer window_;
  size_t consumed_ = 0;
  size_t room_;
  bool ended_ = false;
};

// `input` must outlive the decompressor.
std::unique_ptr<Decompressor> make_decompressor(Compression compression, Bytes input,
                                                size_t max_output_bytes = SIZE_MAX);

}  // namespace ksim
