#include "core/apps/kctl/format.h"

#include <gtest/gtest.h>

#include "core/apps/kctl/record_json.h"

namespace ksim::kctl {
namespace {

using client::ConsumerRecord;

struct Sample {
  Sample() {
    record.topic = "orders";
    record.partition = 3;
    record.offset = 17;
    record.timestamp_ms = 1000;
    record.leader_epoch = 5;
    record.key = as_bytes("k");
    record.value = as_bytes("value");
    record.headers = headers;
  }
  RecordHeader headers[2] = {{"a", as_bytes("1")}, {"b", std::nullopt}};
  ConsumerRecord record;
};

std::string formatted(const ConsumerRecord& record, std::string_view format, std::string null_text = "") {
  const auto parsed = RecordFormat::parse(format, std::move(null_text));
  EXPECT_TRUE(parsed.ok()) << format;
  std::string out;
  if (parsed.ok()) parsed->append(record, out);
  return out;
}

TEST(RecordFormat, EveryField) {
  const Sample sample;
  EXPECT_EQ(formatted(sample.record, "%t-%p@%o e%e %T %D\\n"),
            "orders-3@17 e5 1000 1970-01-01T00:00:01.000Z\n");
  EXPECT_EQ(formatted(sample.record, "%k/%K %s/%S 100%%"), "k/1 value/5 100%");
  EXPECT_EQ(formatted(sample.record, "%R%s"), std::string("\0\0\0\5value", 9));
  EXPECT_EQ(formatted(sample.record, "%h", "nil"), "a=1,b=nil");
  EXPECT_EQ(formatted(sample.record, "\\x41\\t\\\\\\0"), std::string("A\t\\\0", 4));
  EXPECT_EQ(formatted(sample.record, ""), "");
}

TEST(RecordFormat, NullsAreLengthMinusOne) {
  Sample sample;
  sample.record.key.reset();
  sample.record.value.reset();
  EXPECT_EQ(formatted(sample.record, "[%k]%K[%s]%S", "NULL"), "[NULL]-1[NULL]-1");
  EXPECT_EQ(formatted(sample.record, "%R"), "\xff\xff\xff\xff");
}

TEST(RecordFormat, RefusesWhatItDoesNotKnow) {
  for (const char* bad : {"%x", "%", "abc%", "\\q", "\\", "\\x4", "\\xg0", "%s\\"})
    EXPECT_FALSE(RecordFormat::parse(bad, "").ok()) << bad;
}

TEST(RecordJson, WhatIsConsumedCanBeProduced) {
  Sample sample;
  sample.record.value = as_bytes("\xff\x01");
  const std::string line = to_line(record_json(sample.record));
  EXPECT_EQ(line,
            R"({"topic":"orders","partition":3,"offset":17,"timestamp":1000,"timestamp_type":"create_time",)"
            R"("leader_epoch":5,"key":"k","value_base64":"/wE=","headers":[{"key":"a","value":"1"},)"
            R"({"key":"b","value":null}]})");
  const auto record = parse_record_json(line);
  ASSERT_TRUE(record.ok());
  EXPECT_EQ(record->key, "k");
  EXPECT_EQ(record->value, "\xff\x01");
  EXPECT_EQ(record->timestamp_ms, 1000);
  EXPECT_EQ(record->partition, 3);
  ASSERT_EQ(record->headers.size(), 2U);
  EXPECT_EQ(record->headers[0].second, "1");
  EXPECT_FALSE(record->headers[1].second.has_value());
}

TEST(RecordJson, SaysWhatIsWrongWithALine) {
  EXPECT_FALSE(parse_record_json("{}")->value.has_value());
  EXPECT_FALSE(parse_record_json(R"({"key":null,"timestamp":-1})")->timestamp_ms.has_value());
  for (const char* bad :
       {"", "x", "[]", "\"a\"", R"({"key":5})", R"({"value_base64":"*"})", R"({"timestamp":"x"})",
        R"({"partition":2147483648})", R"({"partition":1.5})", R"({"headers":{}})",
        R"({"headers":[{"value":"x"}]})", R"({"timestamp":18446744073709551615})"})
    EXPECT_FALSE(parse_record_json(bad).ok()) << bad;
}

}  // namespace
}  // namespace ksim::kctl
