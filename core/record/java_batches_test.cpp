// Batches written by the Java client (testdata/JavaBatches.java) against ours.

#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/record/builder.h"
#include "core/record/control.h"

namespace ksim {
namespace {

ByteBuffer from_hex(const std::string& hex) {
  ByteBuffer bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(static_cast<uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return bytes;
}

std::map<std::string, ByteBuffer> java_batches() {
  std::ifstream file(std::string(KSIM_SOURCE_DIR) + "/core/record/testdata/java_batches.txt");
  std::map<std::string, ByteBuffer> batches;
  for (std::string name, hex; file >> name >> hex;) batches[name] = from_hex(hex);
  return batches;
}

struct Expected {
  std::string long_value = std::string(100, 'a');
  std::vector<RecordHeader> headers = {{"h\xc3\xa9", as_bytes("x")}, {"none", std::nullopt}};
  std::vector<RecordInput> records;

  Expected() {
    records.push_back({1700000000000, as_bytes("key-1"), as_bytes("value-1"), headers});
    records.push_back({1699999999000, std::nullopt, as_bytes(long_value), {}});
    records.push_back({1700000005000, as_bytes(""), std::nullopt, {}});
  }
};

BatchOptions options(Compression compression) {
  BatchOptions options;
  options.base_offset = 40;
  options.leader_epoch = 9;
  options.compression = compression;
  options.producer_id = 12345;
  options.producer_epoch = 6;
  options.base_sequence = 2147483646;
  options.transactional = true;
  return options;
}

TEST(JavaBatches, are_read) {
  const Expected expected;
  const auto batches = java_batches();
  ASSERT_EQ(batches.size(), 6U);
  for (const auto& [name, bytes] : batches) {
    if (name == "marker") continue;
    const BatchView batch(bytes);
    ASSERT_TRUE(batch.check().ok()) << name;
    EXPECT_EQ(to_string(*batch.compression()), name);
    EXPECT_EQ(batch.last_offset(), 42);
    EXPECT_EQ(batch.last_sequence(), 0);
    EXPECT_EQ(batch.max_timestamp_ms(), 1700000005000);
    RecordCursor records(batch);
    RecordView record;
    for (const RecordInput& input : expected.records) {
      const auto more = records.next(record);
      ASSERT_TRUE(more.ok() && *more) << name;
      EXPECT_EQ(record.timestamp_ms, input.timestamp_ms);
      EXPECT_TRUE(record.key.has_value() == input.key.has_value() &&
                  (!record.key || equal(*record.key, *input.key)));
      EXPECT_TRUE(record.value.has_value() == input.value.has_value() &&
                  (!record.value || equal(*record.value, *input.value)));
      ASSERT_EQ(static_cast<size_t>(record.headers.size()), input.headers.size());
      size_t i = 0;
      for (const RecordHeader& header : record.headers) {
        EXPECT_EQ(header.key, input.headers[i].key);
        EXPECT_EQ(header.value.has_value(), input.headers[i].value.has_value());
        ++i;
      }
    }
    EXPECT_FALSE(*records.next(record));
  }
}

TEST(JavaBatches, ours_without_codec_are_the_same_bytes) {
  EXPECT_EQ(to_hex(build_batch(options(Compression::none), Expected().records)),
            to_hex(java_batches()["none"]));
}

// The frame around the one block is the same in both; compressors themselves may differ.
TEST(JavaBatches, our_lz4_and_snappy_framing_is_theirs) {
  const auto head = [](const ByteBuffer& batch, size_t size) {
    return to_hex(Bytes(batch).subspan(61, size));
  };
  auto batches = java_batches();
  const ByteBuffer lz4 = build_batch(options(Compression::lz4), Expected().records);
  EXPECT_EQ(head(lz4, 7), head(batches["lz4"], 7));
  EXPECT_EQ(to_hex(Bytes(lz4).last(4)), to_hex(Bytes(batches["lz4"]).last(4)));
  const ByteBuffer snappy = build_batch(options(Compression::snappy), Expected().records);
  EXPECT_EQ(head(snappy, 16), head(batches["snappy"], 16));
}

TEST(JavaBatches, transaction_markers_are_the_same_bytes) {
  EndTxnMarkerBatch marker;
  marker.producer_id = 12345;
  marker.producer_epoch = 6;
  marker.marker = {ControlType::commit, 21};
  marker.timestamp_ms = 1700000000000;
  marker.base_offset = 7;
  marker.leader_epoch = 3;
  EXPECT_EQ(to_hex(build_end_txn_marker(marker)), to_hex(java_batches()["marker"]));
}

}  // namespace
}  // namespace ksim
