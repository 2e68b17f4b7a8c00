#include "core/record/compression.h"

#include <string>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "core/record/builder.h"
#include "core/record/xxh32.h"

namespace ksim {
namespace {

constexpr Compression kAll[] = {Compression::none, Compression::gzip, Compression::snappy, Compression::lz4,
                                Compression::zstd};

ByteBuffer compressed(Compression codec, Bytes input) {
  ByteBuffer out;
  compress(codec, default_level(codec), input, out);
  return out;
}

ByteBuffer some_text(size_t size) {
  ByteBuffer text(size);
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<uint8_t>("abcdefgh"[(i * i / 7) % 8]);
  return text;
}

// Sizes around the block sizes of snappy (32 KiB), lz4 (64 KiB) and of our chunks (64, 128 KiB).
TEST(Compression, round_trips_at_block_boundaries) {
  for (const Compression codec : kAll) {
    for (const size_t size : {0U, 1U, 32767U, 32768U, 32769U, 65536U, 65537U, 131072U, 200001U}) {
      const ByteBuffer input = some_text(size);
      const auto output = decompress(codec, compressed(codec, input), size);
      ASSERT_TRUE(output.ok()) << to_string(codec) << " " << size << ": " << output.error().message;
      EXPECT_TRUE(equal(*output, input));
    }
  }
}

RC_GTEST_PROP(Compression, round_trips_at_every_level, (const std::vector<uint8_t>& seed)) {
  ByteBuffer input;
  const auto repeats = *rc::gen::inRange(1, 300);
  for (int i = 0; i < repeats; ++i) input.insert(input.end(), seed.begin(), seed.end());
  const auto codec = kAll[*rc::gen::inRange(0, 5)];
  int32_t level = default_level(codec);
  if (codec == Compression::gzip) level = *rc::gen::inRange(1, 10);
  if (codec == Compression::lz4) level = *rc::gen::inRange(1, 18);
  if (codec == Compression::zstd) level = *rc::gen::inRange(-5, 10);
  ByteBuffer stream;
  compress(codec, level, input, stream);
  const auto output = decompress(codec, stream, input.size());
  RC_ASSERT(output.ok());
  RC_ASSERT(equal(*output, input));
}

// Damaged streams give an error or other bytes, within the bound; never anything else.
RC_GTEST_PROP(Compression, damaged_streams_stay_within_the_bound, ()) {
  const auto codec = kAll[*rc::gen::inRange(1, 5)];
  ByteBuffer stream = compressed(codec, some_text(*rc::gen::inRange<size_t>(1, 5000)));
  const auto flips = *rc::gen::inRange(0, 6);
  for (int i = 0; i < flips; ++i)
    stream[*rc::gen::inRange<size_t>(0, stream.size())] = *rc::gen::arbitrary<uint8_t>();
  stream.resize(*rc::gen::inRange<size_t>(0, stream.size() + 1));
  const size_t limit = *rc::gen::inRange<size_t>(0, 10000);
  const auto output = decompress(codec, stream, limit);
  if (output.ok()) RC_ASSERT(output->size() <= limit);
}

TEST(Compression, bombs_are_refused) {
  const ByteBuffer zeros(8 << 20);
  for (const Compression codec : kAll) {
    const ByteBuffer stream = compressed(codec, zeros);
    const auto output = decompress(codec, stream, zeros.size() - 1);
    ASSERT_FALSE(output.ok()) << to_string(codec);
    EXPECT_EQ(output.error().code, ErrorCode::RECORD_LIST_TOO_LARGE) << to_string(codec);
    EXPECT_TRUE(decompress(codec, stream, zeros.size()).ok()) << to_string(codec);
  }
}

TEST(Compression, a_short_stream_is_damaged) {
  for (const Compression codec :
       {Compression::gzip, Compression::snappy, Compression::lz4, Compression::zstd}) {
    const ByteBuffer stream = compressed(codec, some_text(1000));
    const auto output = decompress(codec, Bytes(stream).first(stream.size() - 5), 1000);
    ASSERT_FALSE(output.ok()) << to_string(codec);
    EXPECT_EQ(output.error().code, ErrorCode::CORRUPT_MESSAGE) << to_string(codec);
  }
}

// xxHash's published test values for the seed 0.
TEST(Compression, xxh32_known_values) {
  EXPECT_EQ(xxh32({}), 0x02cc5d05U);
  EXPECT_EQ(xxh32(as_bytes("a")), 0x550d7456U);
  EXPECT_EQ(xxh32(as_bytes("abc")), 0x32d153ffU);
  EXPECT_EQ(xxh32(as_bytes("Nobody inspects the spammish repetition")), 0xe2293b2fU);
}

// Rule A13: header and end mark; this short input does not shrink, so its block is stored.
TEST(Compression, bytes_of_an_lz4_frame) {
  EXPECT_EQ(to_hex(compressed(Compression::lz4, as_bytes("abc"))),
            "04224d18"
            "60"
            "40"
            "82"
            "03000080"
            "616263"
            "00000000");
}

// Rule A14.
TEST(Compression, lz4_frames_of_others) {
  const auto frame = [](uint8_t flags, const std::string& after_descriptor) {
    ByteBuffer bytes = {0x04, 0x22, 0x4d, 0x18, flags, 0x40};
    if ((flags & 8) != 0) bytes.resize(bytes.size() + 8);
    bytes.push_back(static_cast<uint8_t>(xxh32(Bytes(bytes).subspan(4)) >> 8));
    bytes.insert(bytes.end(), after_descriptor.begin(), after_descriptor.end());
    return bytes;
  };
  const std::string stored = std::string("\x03\x00\x00\x80", 4) + "abc";
  const std::string end(4, '\0');
  const std::string checksum = "\xff\x53\xd1\x32";
  const auto read = [](const ByteBuffer& bytes) { return decompress(Compression::lz4, bytes, 100); };
  EXPECT_TRUE(read(frame(0x60, stored + end)).ok());
  EXPECT_TRUE(read(frame(0x68, stored + end)).ok());             // content size, not used
  EXPECT_TRUE(read(frame(0x64, stored + end + "????")).ok());    // content checksum, not verified
  EXPECT_TRUE(read(frame(0x70, stored + checksum + end)).ok());  // block checksum
  EXPECT_FALSE(read(frame(0x70, stored + "????" + end)).ok());
  EXPECT_FALSE(read(frame(0x40, stored + end)).ok());  // dependent blocks
  EXPECT_FALSE(read(frame(0x61, stored + end)).ok());  // dictionary
  ByteBuffer wrong = frame(0x60, stored + end);
  wrong[6] ^= 1;
  EXPECT_FALSE(read(wrong).ok());
}

// Rule A12.
TEST(Compression, snappy_framing) {
  const ByteBuffer framed = compressed(Compression::snappy, as_bytes("abc"));
  EXPECT_EQ(to_hex(framed),
            "82534e4150505900"
            "00000001"
            "00000001"
            "00000005"
            "0308616263");
  const auto bare = decompress(Compression::snappy, Bytes(framed).subspan(20), 100);
  ASSERT_TRUE(bare.ok());
  EXPECT_EQ(as_text(*bare), "abc");
}

RC_GTEST_PROP(Compression, batches_stream_record_by_record, ()) {
  BatchOptions options;
  options.compression = kAll[*rc::gen::inRange(0, 5)];
  BatchBuilder builder(options);
  const auto values = *rc::gen::nonEmpty<std::vector<std::string>>();
  const auto repeat = *rc::gen::inRange<size_t>(1, 3000);
  std::vector<std::string> long_values;
  for (const std::string& value : values) {
    std::string& text = long_values.emplace_back();
    for (size_t i = 0; i < repeat; ++i) text += value;
    RecordInput record;
    record.timestamp_ms = static_cast<int64_t>(text.size());
    record.value = as_bytes(text);
    builder.append(record);
  }
  const ByteBuffer bytes = builder.build();
  const BatchView batch(bytes);
  RC_ASSERT(batch.check().ok());
  RecordCursor records(batch);
  for (size_t i = 0; i < long_values.size(); ++i) {
    RecordView record;
    const auto more = records.next(record);
    RC_ASSERT(more.ok() && *more);
    RC_ASSERT(record.offset == static_cast<int64_t>(i));
    RC_ASSERT(as_text(*record.value) == long_values[i]);
    RC_ASSERT(record.timestamp_ms == static_cast<int64_t>(long_values[i].size()));
  }
  RecordView record;
  const auto end = records.next(record);
  RC_ASSERT(end.ok() && !*end);
}

}  // namespace
}  // namespace ksim
