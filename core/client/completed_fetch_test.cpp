#include "core/client/completed_fetch.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "core/record/builder.h"
#include "core/record/control.h"

namespace ksim::client {
namespace {

// A log written batch by batch, and what a reader may see of it.
struct Log {
  ByteBuffer bytes;
  int64_t end = 0;

  void append(std::vector<std::string> values, int64_t producer = -1, bool transactional = false,
              Compression compression = Compression::none) {
    BatchOptions options;
    options.base_offset = end;
    options.leader_epoch = 4;
    options.producer_id = producer;
    options.producer_epoch = producer < 0 ? kNoProducerEpoch : int16_t{0};
    options.base_sequence = producer < 0 ? kNoSequence : 0;
    options.transactional = transactional;
    options.compression = compression;
    BatchBuilder builder(options);
    for (const std::string& value : values) {
      RecordInput record;
      record.timestamp_ms = 1;
      record.value = as_bytes(value);
      builder.append(record);
    }
    add(builder.build());
  }
  void mark(int64_t producer, ControlType type) {
    EndTxnMarkerBatch marker;
    marker.producer_id = producer;
    marker.producer_epoch = 0;
    marker.marker = {type, 0};
    marker.base_offset = end;
    marker.leader_epoch = 4;
    add(build_end_txn_marker(marker));
  }
  void add(const ByteBuffer& batch) {
    bytes.insert(bytes.end(), batch.begin(), batch.end());
    end = BatchView(batch).next_offset();
  }
};

CompletedFetch fetch(const Log& log, IsolationLevel isolation, std::vector<AbortedRange> aborted = {},
                     int64_t from = 0) {
  CompletedFetch::Source source;
  source.partition = {"t", 0};
  source.fetch_offset = from;
  source.records = log.bytes;
  source.aborted = std::move(aborted);
  return CompletedFetch(std::move(source), isolation, true);
}

std::vector<std::string> read_all(CompletedFetch& fetch, int32_t step = 100) {
  std::vector<std::string> values;
  while (!fetch.consumed()) {
    ConsumerRecords records;
    const auto taken = fetch.take(records, step);
    EXPECT_TRUE(taken.ok());
    if (!taken.ok()) break;
    for (const ConsumerRecord& record : records) values.emplace_back(as_text(*record.value));
  }
  return values;
}

TEST(CompletedFetch, gives_out_in_steps_from_the_middle_of_a_batch) {
  Log log;
  log.append({"a", "b", "c"}, -1, false, Compression::gzip);
  log.append({"d"});
  CompletedFetch f = fetch(log, IsolationLevel::read_uncommitted, {}, 1);
  ConsumerRecords records;
  ASSERT_EQ(*f.take(records, 1), 1);
  EXPECT_EQ(records[0].offset, 1);
  EXPECT_EQ(records[0].topic, "t");
  EXPECT_EQ(records[0].leader_epoch, 4);
  EXPECT_EQ(f.next_offset(), 2);
  EXPECT_EQ(f.last_epoch(), 4);
  EXPECT_EQ(read_all(f, 1), (std::vector<std::string>{"c", "d"}));
  EXPECT_EQ(f.next_offset(), 4);
}

// Rule G47.
TEST(CompletedFetch, read_committed_leaves_out_aborted_transactions) {
  Log log;
  log.append({"plain"});             // 0
  log.append({"a1"}, 1, true);       // 1, aborted at 4
  log.append({"b1"}, 2, true);       // 2, committed
  log.append({"a2"}, 1, true);       // 3
  log.mark(1, ControlType::abort);   // 4
  log.append({"a3"}, 1, true);       // 5, committed
  log.mark(2, ControlType::commit);  // 6
  log.mark(1, ControlType::commit);  // 7
  log.append({"own"}, 1, false);     // 8, idempotent only
  CompletedFetch committed = fetch(log, IsolationLevel::read_committed, {{1, 1}});
  EXPECT_EQ(read_all(committed), (std::vector<std::string>{"plain", "b1", "a3", "own"}));
  EXPECT_EQ(committed.next_offset(), 9);
  CompletedFetch uncommitted = fetch(log, IsolationLevel::read_uncommitted, {{1, 1}});
  EXPECT_EQ(read_all(uncommitted), (std::vector<std::string>{"plain", "a1", "b1", "a2", "a3", "own"}));
}

// Rule G40: positions pass what is not returned.
TEST(CompletedFetch, control_batches_and_gaps_advance_the_position) {
  Log log;
  log.append({"a1"}, 1, true);
  log.mark(1, ControlType::abort);
  CompletedFetch f = fetch(log, IsolationLevel::read_committed, {{1, 0}});
  ConsumerRecords records;
  EXPECT_EQ(*f.take(records, 10), 0);
  EXPECT_TRUE(f.consumed());
  EXPECT_EQ(f.next_offset(), 2);

  Log cleaned;
  BatchBuilder builder({});
  RecordInput record;
  record.value = as_bytes("x");
  builder.append_at(1, record);
  builder.set_last_offset(9);
  cleaned.add(builder.build());
  CompletedFetch gap = fetch(cleaned, IsolationLevel::read_uncommitted);
  EXPECT_EQ(read_all(gap), std::vector<std::string>{"x"});
  EXPECT_EQ(gap.next_offset(), 10);
}

// Rule G48.
TEST(CompletedFetch, damage_is_told_after_what_came_before_and_stays) {
  Log log;
  log.append({"a"});
  const size_t good = log.bytes.size();
  log.append({"b"});
  log.bytes[good + 65] ^= 1;
  CompletedFetch f = fetch(log, IsolationLevel::read_uncommitted);
  ConsumerRecords records;
  EXPECT_EQ(*f.take(records, 10), 1);
  EXPECT_EQ(f.take(records, 10).error().code, ErrorCode::CORRUPT_MESSAGE);
  EXPECT_FALSE(f.take(records, 10).ok());
  EXPECT_EQ(f.next_offset(), 1);
}

TEST(CompletedFetch, an_incomplete_tail_is_left_for_the_next_fetch) {
  Log log;
  log.append({"a"});
  log.append({"b"});
  log.bytes.pop_back();
  CompletedFetch f = fetch(log, IsolationLevel::read_uncommitted);
  EXPECT_FALSE(f.has_only_a_fragment());
  EXPECT_EQ(read_all(f), std::vector<std::string>{"a"});
  EXPECT_EQ(f.next_offset(), 1);
  log.bytes.resize(30);
  EXPECT_TRUE(fetch(log, IsolationLevel::read_uncommitted).has_only_a_fragment());
}

// Against a plain model: a transaction's records are seen if it committed, whatever the interleaving, and
// wherever the reader begins.
RC_GTEST_PROP(CompletedFetch, read_committed_sees_exactly_the_committed, ()) {
  Log log;
  std::map<int64_t, std::vector<std::pair<int64_t, std::string>>> open;  // producer -> its records
  std::map<int64_t, int64_t> first;
  std::vector<AbortedRange> aborted;
  std::map<int64_t, std::string> visible;
  const auto steps = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 12));
  const auto end = [&](int64_t producer, bool commit) {
    if (first.count(producer) == 0) return;
    if (!commit) aborted.push_back({producer, first[producer]});
    if (commit)
      for (const auto& [offset, value] : open[producer]) visible[offset] = value;
    log.mark(producer, commit ? ControlType::commit : ControlType::abort);
    open.erase(producer);
    first.erase(producer);
  };
  for (const int step : steps) {
    const int64_t producer = step % 3;
    const std::string value = std::to_string(log.end);
    if (step < 6) {
      first.try_emplace(producer, log.end);
      open[producer].push_back({log.end, value});
      log.append({value}, producer, true);
    } else if (step < 9) {
      end(producer, step % 2 == 0);
    } else {
      visible[log.end] = value;
      log.append({value});
    }
  }
  for (int64_t producer = 0; producer < 3; ++producer) end(producer, producer == 0);
  const int64_t from = log.end == 0 ? 0 : *rc::gen::inRange<int64_t>(0, log.end);
  // As a broker answers: from the batch that holds the offset on, with the transactions that end behind it.
  Log part = log;
  BatchCursor cursor{Bytes(log.bytes)};
  BatchView batch;
  size_t start = 0;
  while (*cursor.next(batch) && batch.last_offset() < from) start = cursor.position();
  part.bytes.erase(part.bytes.begin(), part.bytes.begin() + static_cast<ptrdiff_t>(start));
  // A broker names only transactions that end behind the offset.
  std::vector<AbortedRange> named;
  for (const AbortedRange& range : aborted) {
    int64_t marker = -1;
    BatchCursor markers{Bytes(log.bytes)};
    BatchView candidate;
    while (*markers.next(candidate))
      if (marker < 0 && candidate.is_control() && candidate.producer_id() == range.producer_id &&
          candidate.base_offset() > range.first_offset)
        marker = candidate.base_offset();
    if (marker >= from) named.push_back(range);
  }
  CompletedFetch f = fetch(part, IsolationLevel::read_committed, named, from);
  std::vector<std::string> expected;
  for (const auto& [offset, value] : visible)
    if (offset >= from) expected.push_back(value);
  RC_ASSERT(read_all(f, 2) == expected);
  RC_ASSERT(f.next_offset() == log.end);
}

}  // namespace
}  // namespace ksim::client
