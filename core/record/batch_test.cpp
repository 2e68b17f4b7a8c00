#include "core/record/batch.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "core/record/builder.h"
#include "core/record/control.h"

namespace ksim {
namespace {

RecordInput record(int64_t timestamp_ms, std::optional<std::string_view> key,
                   std::optional<std::string_view> value) {
  RecordInput input;
  input.timestamp_ms = timestamp_ms;
  if (key) input.key = as_bytes(*key);
  if (value) input.value = as_bytes(*value);
  return input;
}

ByteBuffer two_records() {
  BatchOptions options;
  options.base_offset = 100;
  options.leader_epoch = 7;
  BatchBuilder builder(options);
  const RecordHeader header{"h", as_bytes("x")};
  RecordInput first = record(1000, "k", "v");
  first.headers = {&header, 1};
  builder.append(first);
  builder.append(record(998, std::nullopt, std::nullopt));
  return builder.build();
}

// Every byte of a small batch, spelled out (rule A1, A7).
TEST(Batch, bytes_of_a_batch) {
  const ByteBuffer batch = two_records();
  const std::string hex = to_hex(batch);
  EXPECT_EQ(hex.substr(0, 34),
            "0000000000000064"
            "00000045"
            "00000007"
            "02");
  EXPECT_EQ(hex.substr(42),
            "0000"
            "00000001"
            "00000000000003e8"
            "00000000000003e8"
            "ffffffffffffffff"
            "ffff"
            "ffffffff"
            "00000002"
            "18"
            "00"
            "00"
            "00"
            "02"
            "6b"
            "02"
            "76"
            "02"
            "02"
            "68"
            "02"
            "78"
            "0c"
            "00"
            "03"
            "02"
            "01"
            "01"
            "00");
  EXPECT_TRUE(BatchView(batch).check().ok());
}

TEST(Batch, reads_back_what_was_built) {
  const ByteBuffer bytes = two_records();
  BatchCursor cursor{Bytes(bytes)};
  BatchView batch;
  ASSERT_TRUE(*cursor.next(batch));
  EXPECT_EQ(batch.base_offset(), 100);
  EXPECT_EQ(batch.last_offset(), 101);
  EXPECT_EQ(batch.leader_epoch(), 7);
  EXPECT_EQ(batch.max_timestamp_ms(), 1000);
  EXPECT_FALSE(batch.has_producer_id());
  RecordCursor records(batch);
  RecordView r;
  ASSERT_TRUE(*records.next(r));
  EXPECT_EQ(r.offset, 100);
  EXPECT_EQ(r.timestamp_ms, 1000);
  EXPECT_EQ(as_text(*r.key), "k");
  ASSERT_EQ(r.headers.size(), 1);
  for (const RecordHeader& header : r.headers) {
    EXPECT_EQ(header.key, "h");
    EXPECT_EQ(as_text(*header.value), "x");
  }
  ASSERT_TRUE(*records.next(r));
  EXPECT_EQ(r.timestamp_ms, 998);
  EXPECT_FALSE(r.key || r.value);
  EXPECT_FALSE(*records.next(r));
  EXPECT_FALSE(*cursor.next(batch));
  EXPECT_EQ(cursor.position(), bytes.size());
}

// Rule A10.
TEST(Batch, incomplete_tail_is_silent_and_nonsense_is_not) {
  const ByteBuffer bytes = two_records();
  for (size_t length = 0; length < bytes.size(); ++length) {
    BatchCursor cursor(Bytes(bytes).first(length));
    BatchView batch;
    const auto next = cursor.next(batch);
    ASSERT_TRUE(next.ok());
    EXPECT_FALSE(*next);
    EXPECT_EQ(cursor.tail_bytes(), length);
  }
  ByteBuffer bad = bytes;
  store_be<int32_t>(bad.data() + 8, 13);
  EXPECT_EQ(peek_batch_size(Bytes(bad).first(12)).error().code, ErrorCode::CORRUPT_MESSAGE);
  store_be<int32_t>(bad.data() + 8, 48);
  EXPECT_EQ(peek_batch_size(bad).error().code, ErrorCode::CORRUPT_MESSAGE);
  bad = bytes;
  bad[16] = 3;
  EXPECT_EQ(peek_batch_size(bad).error().code, ErrorCode::CORRUPT_MESSAGE);
  bad[16] = 1;
  EXPECT_EQ(peek_batch_size(bad).error().code, ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT);
  bad = bytes;
  for (const int64_t impossible : {int64_t{-1}, std::numeric_limits<int64_t>::max() - 5}) {
    store_be(bad.data(), impossible);
    EXPECT_EQ(peek_batch_size(bad).error().code, ErrorCode::CORRUPT_MESSAGE);
  }
}

TEST(Batch, timestamps_as_far_apart_as_can_be_come_back) {
  BatchBuilder builder({});
  const int64_t timestamps[] = {std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min(), 0};
  for (const int64_t timestamp_ms : timestamps) {
    RecordInput record;
    record.timestamp_ms = timestamp_ms;
    builder.append(record);
  }
  const ByteBuffer bytes = builder.build();
  RecordCursor records{BatchView(bytes)};
  RecordView record;
  for (const int64_t timestamp_ms : timestamps) {
    ASSERT_TRUE(*records.next(record));
    EXPECT_EQ(record.timestamp_ms, timestamp_ms);
  }
}

// Rule A2.
TEST(Batch, base_offset_and_epoch_are_outside_the_checksum) {
  ByteBuffer bytes = two_records();
  BatchEditor editor(bytes);
  editor.set_last_offset(501);
  editor.set_leader_epoch(9);
  EXPECT_EQ(editor.view().base_offset(), 500);
  EXPECT_TRUE(editor.view().check().ok());
  editor.set_max_timestamp(TimestampType::log_append_time, 5555);
  EXPECT_TRUE(editor.view().check().ok());
  RecordCursor records(editor.view());
  RecordView r;
  ASSERT_TRUE(*records.next(r));
  EXPECT_EQ(r.timestamp_ms, 5555);
  editor.set_producer(77, 3, 2147483647);
  EXPECT_TRUE(editor.view().check().ok());
  EXPECT_EQ(editor.view().last_sequence(), 0);
  bytes.back() ^= 1;
  EXPECT_EQ(BatchView(bytes).check().error().code, ErrorCode::CORRUPT_MESSAGE);
}

TEST(Control, end_txn_marker) {
  EndTxnMarkerBatch marker;
  marker.producer_id = 5;
  marker.producer_epoch = 2;
  marker.marker = {ControlType::commit, 12};
  marker.timestamp_ms = 1;
  const ByteBuffer bytes = build_end_txn_marker(marker);
  const BatchView batch(bytes);
  EXPECT_TRUE(batch.is_control() && batch.is_transactional());
  EXPECT_EQ(batch.base_sequence(), kNoSequence);
  EXPECT_EQ(*control_type_of(batch), ControlType::commit);
  RecordCursor records(batch);
  RecordView r;
  ASSERT_TRUE(*records.next(r));
  EXPECT_EQ(to_hex(*r.key), "00000001");
  EXPECT_EQ(to_hex(*r.value), "00000000000c");
  EXPECT_EQ(parse_end_txn_marker(r)->coordinator_epoch, 12);
}

TEST(Control, unknown_types_are_skipped_and_negative_versions_are_corrupt) {
  const uint8_t later[] = {0, 0, 0, 99};
  EXPECT_EQ(*parse_control_key(Bytes(later)), ControlType::unknown);
  const uint8_t negative[] = {0xff, 0xff, 0, 1};
  EXPECT_EQ(parse_control_key(Bytes(negative)).error().code, ErrorCode::CORRUPT_MESSAGE);
  EXPECT_FALSE(parse_control_key(std::nullopt).ok());
}

// Rule G15.
TEST(Builder, split_keeps_records_and_continues_sequences) {
  BatchOptions options;
  options.producer_id = 1;
  options.producer_epoch = 0;
  options.base_sequence = 2147483646;
  BatchBuilder builder(options);
  for (int i = 0; i < 5; ++i) builder.append(record(i, std::nullopt, "0123456789"));
  const auto parts = split_batch(BatchView(builder.build()), 61 + 40);
  ASSERT_TRUE(parts.ok());
  ASSERT_EQ(parts->size(), 3U);
  EXPECT_EQ(BatchView((*parts)[0]).base_sequence(), 2147483646);
  EXPECT_EQ(BatchView((*parts)[1]).base_sequence(), 0);
  EXPECT_EQ(BatchView((*parts)[2]).base_sequence(), 2);
  EXPECT_EQ(BatchView((*parts)[2]).record_count(), 1);
}

}  // namespace
}  // namespace ksim
