#include "core/wire/header.h"

#include <gtest/gtest.h>

#include "core/wire/api_table.h"

namespace ksim::wire {
namespace {

RequestHeader read_header(Bytes bytes, bool expect_ok = true) {
  Arena arena;
  Reader r(bytes, arena);
  RequestHeader header;
  const Result<void> result = decode(r, header);
  EXPECT_EQ(result.ok(), expect_ok) << (result.ok() ? "" : result.error().message);
  return header;
}

TEST(Header, VersionOneHasNoTags) {
  Writer w;
  encode(w, RequestHeader{3, 8, 0x01020304, "me"}, false);
  EXPECT_EQ(to_hex(w.bytes()),
            "00030008010203040002"
            "6d65");
  const RequestHeader header = read_header(w.bytes());
  EXPECT_EQ(header.api_version, 8);
  EXPECT_EQ(header.correlation_id, 0x01020304);
  EXPECT_EQ(header.client_id, "me");
}

TEST(Header, VersionTwoKeepsTheOldFormOfTheClientId) {
  Writer w;
  encode(w, RequestHeader{3, 9, 1, std::nullopt}, true);
  EXPECT_EQ(to_hex(w.bytes()), "0003000900000001ffff00");
  EXPECT_FALSE(read_header(w.bytes()).client_id.has_value());
}

TEST(Header, UnknownApiIsAnError) {
  Writer w;
  encode(w, RequestHeader{4, 0, 1, "x"}, false);  // LeaderAndIsr of Kafka before 4.0
  read_header(w.bytes(), false);
  read_header(w.bytes().first(6), false);
}

TEST(Header, UnknownVersionOfApiVersionsCanStillBeAnswered) {
  Writer w;
  encode(w, RequestHeader{18, 99, 5, "x"}, true);
  EXPECT_EQ(read_header(w.bytes()).correlation_id, 5);
}

TEST(ApiTable, SaysWhoServesWhatInWhichVersions) {
  int16_t previous = -1;
  for (const ApiInfo& api : api_table()) {
    EXPECT_GT(static_cast<int16_t>(api.key), previous);
    previous = static_cast<int16_t>(api.key);
    EXPECT_TRUE(api.on_broker || api.on_controller) << api.name;
    EXPECT_LE(api.lowest, api.highest) << api.name;
  }
  const ApiInfo& produce = api_info(ApiKey::produce);
  EXPECT_EQ(produce.advertised_lowest, 0);
  EXPECT_EQ(produce.lowest, 3);
  EXPECT_EQ(produce.highest, 12);
  EXPECT_TRUE(produce.on_broker);
  EXPECT_FALSE(produce.on_controller);
  EXPECT_TRUE(api_info(ApiKey::fetch).on_controller);
  EXPECT_EQ(find_api(4), nullptr);
}

TEST(ApiTable, ResponsesOfApiVersionsNeverHaveTags) {
  EXPECT_FALSE(api_info(ApiKey::api_versions).flexible_response_header(4));
  EXPECT_TRUE(api_info(ApiKey::api_versions).flexible_request_header(4));
  EXPECT_TRUE(api_info(ApiKey::fetch).flexible_response_header(12));
  EXPECT_FALSE(api_info(ApiKey::fetch).flexible_response_header(11));
}

}  // namespace
}  // namespace ksim::wire
