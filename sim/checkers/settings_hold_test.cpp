// S5.

#include "sim/checkers/test_story.h"
#include "sim/clock/node_clock.h"

namespace ksim::sim {
namespace {

constexpr int64_t kWallEpochMs = kWallEpochNs / 1'000'000;

class SettingsHold : public Story {
 protected:
  void SetUp() override {
    Story::SetUp();
    view.retention_check_interval = seconds(1);
    view.initial_task_delay = seconds(1);
    for (const int32_t node : {1, 2, 3}) emit(node, BrokerStateChanged{"RUNNING"});
    lead(1, 0);
  }
  void promise(auto change) {
    TopicPromise promise{3, 2, false};
    change(promise);
    view.promise("orders", promise);
  }
  // One record of that many bytes and of that time, in a segment that begins at `segment`.
  ByteBuffer record(int64_t offset, size_t size_bytes, int64_t timestamp_ms) {
    BatchOptions options;
    options.base_offset = offset;
    options.leader_epoch = 0;
    BatchBuilder builder(options);
    const ByteBuffer value(size_bytes);
    builder.append({timestamp_ms, std::nullopt, Bytes(value), {}});
    return builder.build();
  }
  void put(int32_t node, int64_t segment, const ByteBuffer& bytes) {
    auto& file = disks.files[{node, fmt::format("data/{}/{:020}.log", kLog, segment)}];
    if (file.bytes.empty()) emit(node, SegmentRolled{kLog, kTopic, 0, segment});
    file.bytes.insert(file.bytes.end(), bytes.begin(), bytes.end());
    file.durable = file.bytes.size();
  }
  void append(int32_t node, int64_t segment, int64_t offset, size_t size_bytes, int64_t timestamp_ms = 1000) {
    put(node, segment, record(offset, size_bytes, timestamp_ms));
    emit(node, LogAppended{kLog, kTopic, 0, offset, offset + 1, 0, node == 1 ? -1 : 0});
  }
  // One that stays in the page cache.
  void append_unflushed(int64_t segment, int64_t offset) {
    auto& file = disks.files[{1, fmt::format("data/{}/{:020}.log", kLog, segment)}];
    const uint64_t durable = file.durable;
    put(1, segment, record(offset, 100, 1000));
    file.durable = durable;
    emit(1, LogAppended{kLog, kTopic, 0, offset, offset + 1, 0, -1});
  }
  // Two records of now, each in a segment of its own, and committed. The log begins at 0.
  void fill() {
    const int64_t now_ms = kWallEpochMs + now.ms();
    put(1, 0, record(0, 100, now_ms));
    loaded(1, log_of(0, 1, 0, {{0, 0}}));
    emit(1, LogAppended{kLog, kTopic, 0, 0, 1, 0, -1});
    append(1, 1, 1, 100, now_ms);
    high_watermark(1, 2);
  }
  // The leader goes on to do something now and then.
  void pass(Duration time) {
    for (const Instant end = now + time; now < end; now = now + milliseconds(100)) high_watermark(1, 2);
  }
};

TEST_F(SettingsHold, ForTheLengthOfABatch) {
  promise([](TopicPromise& of) { of.max_message_bytes = 1000; });
  append(1, 0, 0, 900);
  EXPECT_FALSE(cried("S5"));
  append(1, 0, 1, 1000);
  EXPECT_TRUE(cried("S5")) << "with its header it is longer";
}

TEST_F(SettingsHold, AndAFollowerTakesWhatItsLeaderHas) {
  promise([](TopicPromise& of) { of.max_message_bytes = 1000; });
  append(2, 0, 0, 5000);
  EXPECT_FALSE(cried("S5"));
}

TEST_F(SettingsHold, ForTheLengthOfASegment) {
  promise([](TopicPromise& of) { of.segment_bytes = 2000; });
  append(1, 0, 0, 900);
  append(1, 0, 1, 900);
  append(1, 2, 2, 900);
  EXPECT_FALSE(cried("S5"));
  append(1, 2, 3, 1000);
  EXPECT_TRUE(cried("S5"));
}

TEST_F(SettingsHold, ButForOneBatchThatIsLonger) {
  promise([](TopicPromise& of) { of.segment_bytes = 2000; });
  append(2, 0, 0, 3000);
  append(2, 1, 1, 3000);
  EXPECT_FALSE(cried("S5"));
  append(2, 1, 2, 10);
  EXPECT_TRUE(cried("S5")) << "it has its segment for itself";
}

TEST_F(SettingsHold, ForTheTimeOfASegment) {
  promise([](TopicPromise& of) { of.segment_ms = 500; });
  append(1, 0, 0, 10, 1000);
  append(1, 0, 1, 10, 1500);
  append(1, 0, 2, 10, 200);
  append(1, 3, 3, 10, 3000);
  EXPECT_FALSE(cried("S5"));
  append(1, 3, 4, 10, 3501);
  EXPECT_TRUE(cried("S5"));
}

TEST_F(SettingsHold, ButWhatOneAppendBringsStandsInOneSegment) {
  promise([](TopicPromise& of) { of.segment_ms = 500; });
  put(2, 0, record(0, 10, 1000));
  put(2, 0, record(1, 10, 9000));
  emit(2, LogAppended{kLog, kTopic, 0, 0, 2, 0, 0});
  EXPECT_FALSE(cried("S5"));
}

TEST_F(SettingsHold, AndWhatIsNotFlushedIsFlushedInTime) {
  promise([](TopicPromise& of) { of.flush_ms = 500; });
  view.flush_check_interval = milliseconds(250);
  fill();
  pass(seconds(20));
  EXPECT_FALSE(cried("S5"));
  append_unflushed(1, 2);
  pass(seconds(5));
  EXPECT_FALSE(cried("S5")) << "the disk may be slow";
  pass(seconds(3));
  EXPECT_TRUE(cried("S5"));
}

TEST_F(SettingsHold, OrWhenThereIsEnoughOfIt) {
  promise([](TopicPromise& of) { of.flush_messages = 3; });
  fill();
  append_unflushed(1, 2);
  append_unflushed(1, 3);
  pass(seconds(6));
  EXPECT_FALSE(cried("S5")) << "two of three";
  append_unflushed(1, 4);
  pass(seconds(6));
  EXPECT_TRUE(cried("S5"));
}

TEST_F(SettingsHold, AndWhatIsTooOldGoesInTime) {
  promise([](TopicPromise& of) { of.retention_ms = 5000; });
  fill();
  pass(seconds(11));
  EXPECT_FALSE(cried("S5")) << "it is too old since 6 s";
  pass(seconds(3));
  EXPECT_TRUE(cried("S5"));
}

TEST_F(SettingsHold, AndWhatIsTooMuch) {
  promise([](TopicPromise& of) { of.retention_bytes = 100; });
  fill();
  pass(seconds(9));
  EXPECT_TRUE(cried("S5"));
}

TEST_F(SettingsHold, WhatHasGoneIsNotMissed) {
  promise([](TopicPromise& of) { of.retention_ms = 5000; });
  fill();
  pass(seconds(9));
  emit(1, LogStartMoved{kLog, kTopic, 0, 2, "segment deletion"});
  pass(seconds(20));
  EXPECT_FALSE(cried("S5"));
}

TEST_F(SettingsHold, WhatIsNotCommittedStays) {
  promise([](TopicPromise& of) { of.retention_ms = 5000; });
  fill();
  emit(1, LogTruncated{kLog, kTopic, 0, 2, 0});
  put(1, 0, record(0, 100, kWallEpochMs));
  emit(1, LogAppended{kLog, kTopic, 0, 0, 1, 0, -1});
  for (int i = 0; i < 200; ++i) {
    now = now + milliseconds(100);
    high_watermark(1, 0);
  }
  EXPECT_FALSE(cried("S5"));
}

TEST_F(SettingsHold, WhoIsHeldUpHasItsTimeAnew) {
  promise([](TopicPromise& of) { of.retention_ms = 5000; });
  fill();
  pass(seconds(10));
  view.on_trouble_began();
  pass(seconds(20));
  view.on_trouble_ended(now);
  pass(seconds(6));
  emit(1, BrokerStateChanged{"PENDING_CONTROLLED_SHUTDOWN"});
  pass(seconds(20));
  emit(1, BrokerStateChanged{"RUNNING"});
  pass(seconds(6));
  EXPECT_FALSE(cried("S5"));
  pass(seconds(3));
  EXPECT_TRUE(cried("S5"));
}

TEST_F(SettingsHold, WhoHasNoDiskIsNotAsked) {
  promise([](TopicPromise& of) { of.retention_ms = 5000; });
  fill();
  emit(1, LogDirFailed{"data", "it is full"});
  pass(seconds(20));
  EXPECT_FALSE(cried("S5"));
}

}  // namespace
}  // namespace ksim::sim
