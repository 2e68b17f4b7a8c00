#include <limits>

#include <gtest/gtest.h>

#include "core/base/bytes.h"
#include "core/base/crc32c.h"
#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/hooks.h"
#include "core/base/result.h"
#include "core/base/units.h"
#include "core/base/uuid.h"
#include "core/base/varint.h"

namespace ksim {
namespace {

TEST(Crc32c, KnownValues) {
  EXPECT_EQ(crc32c(as_bytes("123456789")), 0xe3069283U);  // the check value of the CRC catalogue
  EXPECT_EQ(crc32c(ByteBuffer(32, 0)), 0x8a9136aaU);      // RFC 3720, B.4
  EXPECT_EQ(crc32c(as_bytes("6789"), crc32c(as_bytes("12345"))), 0xe3069283U);
}

// Long inputs go in several lanes, single bytes do not.
TEST(Crc32c, IsTheSameInOnePieceAndByteByByte) {
  ByteBuffer bytes(5000);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(mix64(i, 7));
  for (const size_t size : {1U, 8U, 511U, 1535U, 1536U, 1537U, 1544U, 3071U, 3072U, 3080U, 4995U}) {
    const Bytes part = Bytes(bytes).subspan(3, size);
    uint32_t one_by_one = 0;
    for (const uint8_t& byte : part) one_by_one = crc32c(Bytes(&byte, 1), one_by_one);
    EXPECT_EQ(crc32c(part), one_by_one) << size;
  }
}

TEST(Varint, RoundTripsAndRefusesOverlong) {
  for (int32_t v : {0, -1, 1, 63, -64, 64, 300, std::numeric_limits<int32_t>::max(),
                    std::numeric_limits<int32_t>::min()}) {
    uint8_t bytes[kVarintMax];
    uint8_t* end = put_varint(bytes, v);
    EXPECT_EQ(static_cast<size_t>(end - bytes), varint_size(v));
    int32_t back = 0;
    EXPECT_EQ(get_varint(bytes, end, back), end);
    EXPECT_EQ(back, v);
    EXPECT_EQ(get_varint(bytes, end - 1, back), nullptr);
  }
  const uint8_t overlong[] = {0x80, 0x80, 0x80, 0x80, 0x10};
  uint32_t u = 0;
  EXPECT_EQ(get_uvarint32(overlong, overlong + 5, u), nullptr);
  const uint8_t max64[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
  uint64_t w = 0;
  EXPECT_NE(get_uvarint64(max64, max64 + 10, w), nullptr);
  EXPECT_EQ(w, std::numeric_limits<uint64_t>::max());
}

TEST(UuidText, MatchesKafka) {
  EXPECT_EQ(kMetadataTopicId.to_string(), "AAAAAAAAAAAAAAAAAAAAAQ");
  EXPECT_EQ(Uuid::parse("AAAAAAAAAAAAAAAAAAAAAQ"), kMetadataTopicId);
  const Uuid id = Uuid::from_draws(0x0123456789abcdefULL, 0xfedcba9876543210ULL);
  EXPECT_EQ(Uuid::parse(id.to_string()), id);
  EXPECT_FALSE(Uuid::parse("too short").has_value());
  EXPECT_FALSE(Uuid::parse("AAAAAAAAAAAAAAAAAAAAAR").has_value());  // bits beyond the 128th
}

TEST(Bytes, BigEndian) {
  uint8_t place[8];
  store_be<int64_t>(place, -2);
  EXPECT_EQ(load_be<int64_t>(place), -2);
  store_be<int16_t>(place, 0x1234);
  EXPECT_EQ(place[0], 0x12);
}

TEST(Error, TableIsComplete) {
  EXPECT_EQ(to_string(ErrorCode::NOT_LEADER_OR_FOLLOWER), "NOT_LEADER_OR_FOLLOWER");
  EXPECT_EQ(static_cast<int>(ErrorCode::NOT_LEADER_OR_FOLLOWER), 6);
  EXPECT_TRUE(is_retriable(ErrorCode::NOT_LEADER_OR_FOLLOWER));
  EXPECT_TRUE(is_invalid_metadata(ErrorCode::NOT_LEADER_OR_FOLLOWER));
  EXPECT_FALSE(is_retriable(ErrorCode::INVALID_RECORD));
  EXPECT_EQ(error_code_of(12345), ErrorCode::UNKNOWN_SERVER_ERROR);
}

Result<int> half(int n) {
  if (n % 2 != 0) return fail(ErrorCode::INVALID_REQUEST, "odd");
  return n / 2;
}
Result<int> quarter(int n) {
  TRY_ASSIGN(const int h, half(n));
  return half(h);
}
TEST(Result, CarriesValueOrError) {
  EXPECT_EQ(*quarter(8), 2);
  EXPECT_EQ(quarter(6).error().message, "odd");
  EXPECT_THROW(static_cast<void>(quarter(6).value()), AssertionFailed);
}

TEST(Units, Saturate) {
  EXPECT_TRUE((Instant{5} + Duration::max()).is_never());
  EXPECT_EQ(milliseconds(std::numeric_limits<int64_t>::max()), Duration::max());
}

TEST(Hooks, NamesAreUnique) {
  for (size_t i = 0; i < kMarkCount; ++i) {
    for (size_t k = i + 1; k < kMarkCount; ++k) EXPECT_NE(mark_name(Mark(i)), mark_name(Mark(k)));
  }
}

}  // namespace
}  // namespace ksim
