#pragma once
// The single codecs behind compression.h, one file each. Only compression.cpp includes this.

#include <algorithm>
#include <memory>
#include <string_view>

#include "core/record/compression.h"

namespace ksim {

void compress_gzip(int32_t level, Bytes input, ByteBuffer& output);
void compress_snappy(Bytes input, ByteBuffer& output);
void compress_lz4(int32_t level, Bytes input, ByteBuffer& output);
void compress_zstd(int32_t level, Bytes input, ByteBuffer& output);

std::unique_ptr<Decompressor> make_gzip_decompressor(Bytes input, size_t max_output_bytes);
std::unique_ptr<Decompressor> make_snappy_decompressor(Bytes input, size_t max_output_bytes);
std::unique_ptr<Decompressor> make_lz4_decompressor(Bytes input, size_t max_output_bytes);
std::unique_ptr<Decompressor> make_zstd_decompressor(Bytes input, size_t max_output_bytes);

// The character types of the libraries.
inline const char* chars(const uint8_t* at) { return reinterpret_cast<const char*>(at); }
inline char* chars(uint8_t* at) { return reinterpret_cast<char*>(at); }

// How much output to make room for in one step, which has to be cleared first: a small batch needs little.
// One byte more than `room` tells an end from an overrun.
inline size_t output_step(size_t input_left, size_t most, size_t room) {
  constexpr size_t kLeast = 4096;
  constexpr size_t kUsualRatio = 4;
  const size_t likely = input_left > most / kUsualRatio ? most : std::max(kLeast, input_left * kUsualRatio);
  return std::min(likely, room == SIZE_MAX ? room : room + 1);
}

inline Failure<Error> damaged(std::string_view what) {
  return fail(ErrorCode::CORRUPT_MESSAGE, std::string(what));
}
inline Failure<Error> output_too_large() {
  return fail(ErrorCode::RECORD_LIST_TOO_LARGE, "decompressed records pass the limit");
}

}  // namespace ksim
