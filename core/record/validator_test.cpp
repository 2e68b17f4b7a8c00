#include "core/record/validator.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "core/base/crc32c.h"
#include "core/record/builder.h"

namespace ksim {
namespace {

constexpr int64_t kNow = 1'700'000'000'000;

RecordInput record(int64_t timestamp_ms, bool with_key = true) {
  RecordInput input;
  input.timestamp_ms = timestamp_ms;
  if (with_key) input.key = as_bytes("key");
  input.value = as_bytes("value value value value value value");
  return input;
}

ByteBuffer batch_of(std::vector<RecordInput> records, BatchOptions options = {}) {
  return build_batch(options, records);
}

ErrorCode rejected(ByteBuffer bytes, const ValidationRules& rules = {}) {
  const auto result = validate_batch(bytes, rules, kNow);
  return result.ok() ? ErrorCode::NONE : result.error().code;
}

void reseal(ByteBuffer& bytes) {
  store_be<uint32_t>(bytes.data() + BatchLayout::crc, crc32c(Bytes(bytes).subspan(BatchLayout::attributes)));
}

TEST(Validator, leaves_a_good_batch_alone_and_assigns_in_place) {
  ByteBuffer bytes = batch_of({record(kNow - 5), record(kNow - 7)});
  const ByteBuffer before = bytes;
  auto result = validate_batch(bytes, {}, kNow);
  ASSERT_TRUE(result.ok());
  EXPECT_FALSE(result->was_rebuilt());
  EXPECT_EQ(bytes, before);
  EXPECT_EQ(result->log_append_time_ms(), -1);
  result->assign(1234, 8);
  EXPECT_EQ(result->bytes().data(), bytes.data());
  EXPECT_EQ(result->view().base_offset(), 1234);
  EXPECT_EQ(result->view().leader_epoch(), 8);
  EXPECT_TRUE(result->view().check().ok());
}

// Rule D11, in its order.
TEST(Validator, header_errors) {
  BatchOptions off_zero;
  off_zero.base_offset = 1;
  EXPECT_EQ(rejected(batch_of({record(kNow)}, off_zero)), ErrorCode::INVALID_RECORD);
  ValidationRules rules;
  rules.max_message_bytes = 80;
  EXPECT_EQ(rejected(batch_of({record(kNow)}), rules), ErrorCode::MESSAGE_TOO_LARGE);
  ByteBuffer bytes = batch_of({record(kNow)});
  bytes.back() ^= 1;
  EXPECT_EQ(rejected(bytes), ErrorCode::CORRUPT_MESSAGE);
  bytes = batch_of({record(kNow)});
  bytes[BatchLayout::attributes + 1] = 5;
  reseal(bytes);
  EXPECT_EQ(rejected(bytes), ErrorCode::UNSUPPORTED_COMPRESSION_TYPE);
}

// Rule D12.
TEST(Validator, batch_errors) {
  ByteBuffer bytes = batch_of({record(kNow), record(kNow)});
  store_be<int32_t>(bytes.data() + BatchLayout::last_offset_delta, 2);
  reseal(bytes);
  EXPECT_EQ(rejected(bytes), ErrorCode::INVALID_RECORD);
  bytes = batch_of({record(kNow)});
  store_be<int32_t>(bytes.data() + BatchLayout::record_count, 0);
  reseal(bytes);
  EXPECT_EQ(rejected(bytes), ErrorCode::INVALID_RECORD);
  bytes = batch_of({record(kNow), record(kNow)});
  store_be<int32_t>(bytes.data() + BatchLayout::record_count, 1);
  store_be<int32_t>(bytes.data() + BatchLayout::last_offset_delta, 0);
  reseal(bytes);
  EXPECT_EQ(rejected(bytes), ErrorCode::INVALID_RECORD);  // a record more than counted
  BatchOptions control;
  control.control = true;
  EXPECT_EQ(rejected(batch_of({record(kNow)}, control)), ErrorCode::INVALID_RECORD);
  ValidationRules coordinator;
  coordinator.origin = AppendOrigin::coordinator;
  EXPECT_EQ(rejected(batch_of({record(kNow)}, control), coordinator), ErrorCode::NONE);
  BatchOptions no_sequence;
  no_sequence.producer_id = 5;
  no_sequence.producer_epoch = 0;
  EXPECT_EQ(rejected(batch_of({record(kNow)}, no_sequence)), ErrorCode::INVALID_RECORD);
}

TEST(Validator, names_every_failing_record_and_timestamps_win) {
  ValidationRules rules;
  rules.compacted = true;
  rules.timestamp_before_max_ms = 1000;
  ByteBuffer bytes =
      batch_of({record(kNow), record(kNow, false), record(kNow - 1001), record(kNow + 3'600'001)});
  const auto result = validate_batch(bytes, rules, kNow);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::INVALID_TIMESTAMP);
  ASSERT_EQ(result.error().record_errors.size(), 3U);
  EXPECT_EQ(result.error().record_errors[0].index, 1);
  EXPECT_EQ(result.error().record_errors[1].index, 2);
  EXPECT_EQ(result.error().record_errors[2].index, 3);
  EXPECT_EQ(rejected(batch_of({record(kNow), record(kNow, false)}), rules), ErrorCode::INVALID_RECORD);
  EXPECT_EQ(rejected(batch_of({record(kNow - 1000), record(kNow + 3'600'000)}), rules), ErrorCode::NONE);
}

TEST(Validator, timestamps_at_the_ends_of_the_range_do_not_overflow) {
  ValidationRules rules;
  rules.timestamp_before_max_ms = 1000;
  rules.timestamp_after_max_ms = 1000;
  EXPECT_EQ(rejected(batch_of({record(std::numeric_limits<int64_t>::min())}), rules),
            ErrorCode::INVALID_TIMESTAMP);
  EXPECT_EQ(rejected(batch_of({record(std::numeric_limits<int64_t>::max())}), rules),
            ErrorCode::INVALID_TIMESTAMP);
  EXPECT_EQ(rejected(batch_of({record(kNoTimestamp)}), rules), ErrorCode::NONE);
}

// Rules D13, D14.
TEST(Validator, log_append_time_is_set_in_place) {
  ValidationRules rules;
  rules.timestamp_type = TimestampType::log_append_time;
  ByteBuffer bytes = batch_of({record(5), record(9)});
  const ByteBuffer before = bytes;
  auto result = validate_batch(bytes, rules, kNow);
  ASSERT_TRUE(result.ok());
  EXPECT_FALSE(result->was_rebuilt());
  EXPECT_EQ(result->log_append_time_ms(), kNow);
  EXPECT_EQ(result->view().timestamp_type(), TimestampType::log_append_time);
  EXPECT_EQ(result->view().max_timestamp_ms(), kNow);
  EXPECT_TRUE(result->view().check().ok());
  EXPECT_TRUE(equal(result->view().records(), BatchView(before).records()));
  BatchOptions sets_it;
  sets_it.timestamp_type = TimestampType::log_append_time;
  sets_it.log_append_time_ms = kNow;
  EXPECT_EQ(rejected(batch_of({record(kNow)}, sets_it), rules), ErrorCode::INVALID_TIMESTAMP);
  // Where records have times of their own, the batch's time is that of its records, and its type is put
  // right.
  ByteBuffer in_create_time = batch_of({record(kNow)}, sets_it);
  auto taken = validate_batch(in_create_time, {}, kNow);
  ASSERT_TRUE(taken.ok());
  EXPECT_EQ(taken->view().timestamp_type(), TimestampType::create_time);
  EXPECT_EQ(taken->view().max_timestamp_ms(), kNow);
  ValidationRules narrow;
  narrow.timestamp_before_max_ms = 1000;
  EXPECT_EQ(rejected(batch_of({record(kNow)}, sets_it), narrow), ErrorCode::NONE);
  sets_it.log_append_time_ms = kNow - 2000;
  EXPECT_EQ(rejected(batch_of({record(kNow)}, sets_it), narrow), ErrorCode::INVALID_TIMESTAMP);
}

TEST(Validator, a_wrong_max_timestamp_is_put_right) {
  ByteBuffer bytes = batch_of({record(kNow - 3), record(kNow - 9)});
  store_be<int64_t>(bytes.data() + BatchLayout::max_timestamp, 77);
  reseal(bytes);
  auto result = validate_batch(bytes, {}, kNow);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->view().max_timestamp_ms(), kNow - 3);
  EXPECT_TRUE(result->view().check().ok());
}

TEST(Validator, rebuilds_for_another_codec_and_checks_the_size_again) {
  ValidationRules rules;
  rules.compression = Compression::gzip;
  BatchOptions options;
  options.producer_id = 9;
  options.producer_epoch = 1;
  options.base_sequence = 40;
  options.transactional = true;
  ByteBuffer bytes = batch_of({record(kNow), record(kNow - 1)}, options);
  auto result = validate_batch(bytes, rules, kNow);
  ASSERT_TRUE(result.ok());
  ASSERT_TRUE(result->was_rebuilt());
  result->assign(70, 2);
  const BatchView view = result->view();
  EXPECT_TRUE(view.check().ok());
  EXPECT_EQ(view.compression(), Compression::gzip);
  EXPECT_EQ(view.last_sequence(), 41);
  EXPECT_TRUE(view.is_transactional());
  EXPECT_EQ(view.last_offset(), 71);
  rules.compression = Compression::none;
  rules.max_message_bytes = view.size_bytes();
  BatchEditor(result->bytes()).set_base_offset(0);
  EXPECT_EQ(rejected(to_buffer(result->bytes()), rules), ErrorCode::MESSAGE_TOO_LARGE);
}

TEST(Validator, rebuilds_offset_deltas_that_are_not_consecutive) {
  BatchBuilder builder({});
  builder.append_at(0, record(kNow));
  builder.append_at(2, record(kNow));
  ByteBuffer bytes = builder.build();
  store_be<int32_t>(bytes.data() + BatchLayout::last_offset_delta, 1);
  reseal(bytes);
  auto result = validate_batch(bytes, {}, kNow);
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(result->was_rebuilt());
  RecordCursor records(result->view());
  RecordView r;
  ASSERT_TRUE(*records.next(r));
  ASSERT_TRUE(*records.next(r));
  EXPECT_EQ(r.offset_delta, 1);
}

// Rule D7.
TEST(Validator, one_batch_a_partition) {
  const ByteBuffer one = batch_of({record(kNow)});
  EXPECT_TRUE(single_batch(one).ok());
  EXPECT_EQ(single_batch({}).error().code, ErrorCode::INVALID_RECORD);
  ByteBuffer two = one;
  two.insert(two.end(), one.begin(), one.end());
  EXPECT_EQ(single_batch(two).error().code, ErrorCode::INVALID_RECORD);
  ByteBuffer old = one;
  old[BatchLayout::magic] = 1;
  EXPECT_EQ(single_batch(old).error().code, ErrorCode::INVALID_RECORD);
  ByteBuffer nowhere = one;
  nowhere[BatchLayout::base_offset] = 0xff;
  EXPECT_EQ(single_batch(nowhere).error().code, ErrorCode::INVALID_RECORD) << "a negative base offset";
  nowhere[BatchLayout::magic] = 9;
  EXPECT_EQ(single_batch(nowhere).error().code, ErrorCode::CORRUPT_MESSAGE);
}

// Damage with a checksum made right again reaches all parsers behind it.
RC_GTEST_PROP(Validator, damaged_batches_never_crash, ()) {
  BatchOptions options;
  options.compression = static_cast<Compression>(*rc::gen::inRange(0, 5));
  const RecordHeader header{"name", as_bytes("x")};
  RecordInput with_header = record(kNow);
  with_header.headers = {&header, 1};
  ByteBuffer bytes = batch_of({record(kNow), with_header, record(kNow)}, options);
  const auto flips = *rc::gen::inRange(1, 5);
  for (int i = 0; i < flips; ++i)
    bytes[*rc::gen::inRange<size_t>(BatchLayout::attributes, bytes.size())] = *rc::gen::arbitrary<uint8_t>();
  bytes.resize(*rc::gen::inRange<size_t>(bytes.size() - 10, bytes.size() + 1));
  store_be<int32_t>(bytes.data() + BatchLayout::length,
                    static_cast<int32_t>(bytes.size() - kBatchPrefixBytes));
  reseal(bytes);
  ValidationRules rules;
  rules.compression = Compression::lz4;
  auto result = validate_batch(bytes, rules, kNow);
  if (result.ok()) RC_ASSERT(result->view().check().ok());
}

}  // namespace
}  // namespace ksim
