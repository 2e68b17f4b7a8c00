// quorum-state and snapshot files.

#include <gtest/gtest.h>

#include "core/raft/driver/quorum_state_file.h"
#include "core/raft/driver/snapshot_file.h"
#include "core/record/control.h"
#include "sim/test_world.h"

namespace ksim::raft {
namespace {

TEST(QuorumStateFile, IsKafkasLine) {
  const VoterSet voters({{3, kZeroUuid}, {1, kZeroUuid}, {2, kZeroUuid}});
  const ElectionRecord record{7, 2, ReplicaKey{2, kZeroUuid}};
  const std::string text = format_quorum_state(record, voters);
  EXPECT_EQ(text,
            "{\"clusterId\":\"\",\"leaderId\":2,\"leaderEpoch\":7,\"votedId\":2,\"appliedOffset\":0,"
            "\"currentVoters\":[{\"voterId\":1},{\"voterId\":2},{\"voterId\":3}],\"data_version\":0}");
  const auto parsed = parse_quorum_state(text);
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(*parsed, record);
}

TEST(QuorumStateFile, ReadsVersionOne) {
  const auto parsed = parse_quorum_state(
      "{\"leaderId\":-1,\"leaderEpoch\":4,\"votedId\":3,\"votedDirectoryId\":\"AAAAAAAAAAcAAAAAAAAACA\","
      "\"data_version\":1}");
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed->epoch, 4);
  EXPECT_EQ(parsed->leader_id, kNoNode);
  EXPECT_EQ(parsed->voted, (ReplicaKey{3, Uuid{7, 8}}));
}

TEST(QuorumStateFile, RefusesWhatItIsNot) {
  for (const char* text :
       {"", "{", "[]", "{}", "{\"data_version\":2,\"leaderId\":1,\"leaderEpoch\":1,\"votedId\":1}",
        "{\"data_version\":0,\"leaderId\":1,\"votedId\":1}",
        "{\"data_version\":0,\"leaderId\":\"1\",\"leaderEpoch\":1,\"votedId\":1}",
        "{\"data_version\":0,\"leaderId\":1,\"leaderEpoch\":-5,\"votedId\":1}"}) {
    EXPECT_FALSE(parse_quorum_state(text).ok()) << text;
  }
}

TEST(SnapshotFile, Names) {
  EXPECT_EQ(snapshot_name({42, 3}), "00000000000000000042-0000000003.checkpoint");
  EXPECT_EQ(parse_snapshot_name("00000000000000000042-0000000003.checkpoint"), (OffsetAndEpoch{42, 3}));
  EXPECT_EQ(partial_snapshot_name({42, 3}, 9), "00000000000000000042-0000000003-9.checkpoint.part");
  EXPECT_TRUE(is_snapshot_leftover(partial_snapshot_name({42, 3}, 9)));
  EXPECT_TRUE(is_snapshot_leftover("00000000000000000042-0000000003.checkpoint.deleted"));
  for (const char* name :
       {"quorum-state", "00000000000000000042.log", "00000000000000000042-0000000003.checkpoint.part",
        "-0000000000000000042-0000000003.checkpoint", "0000000000000000004x-0000000003.checkpoint"}) {
    EXPECT_FALSE(parse_snapshot_name(name).has_value()) << name;
  }
}

TEST(SnapshotFile, WritesAndReads) {
  sim::TestWorld world;
  world.run("a", [](Env& env) {
    ASSERT_TRUE(env.disk.make_dir("d").ok());
    auto raw = RawSnapshotWriter::create(env.disk, "d", {100, 5}, 1);
    ASSERT_TRUE(raw.ok());
    auto writer = SnapshotWriter::create(std::move(raw).value(), 1234, 9999, 200);
    ASSERT_TRUE(writer.ok());
    std::vector<std::string> texts;
    for (int i = 0; i < 50; ++i) texts.push_back("record-" + std::to_string(i));
    for (const std::string& text : texts) {
      const Bytes bytes = as_bytes(text);
      ASSERT_TRUE((*writer)->append(std::span(&bytes, 1)).ok());
    }
    const auto size = (*writer)->freeze();
    ASSERT_TRUE(size.ok());

    const auto found = load_snapshots(env.disk, "d");
    ASSERT_TRUE(found.ok());
    ASSERT_EQ(found->size(), 1U);
    EXPECT_EQ((*found)[0].id, (OffsetAndEpoch{100, 5}));
    EXPECT_EQ((*found)[0].size_bytes, static_cast<int64_t>(*size));

    auto reader = SnapshotReader::open(env.disk, "d", {100, 5});
    ASSERT_TRUE(reader.ok());
    std::vector<std::string> read;
    std::vector<Bytes> values;
    size_t batches = 0;
    for (;;) {
      const auto more = (*reader)->next(values);
      ASSERT_TRUE(more.ok());
      if (!*more) break;
      ++batches;
      for (const Bytes value : values) read.emplace_back(as_text(value));
    }
    EXPECT_EQ(read, texts);
    EXPECT_GT(batches, 5U);
    EXPECT_EQ((*reader)->last_contained_timestamp_ms(), 1234);

    // Rule A52: control batches around, offsets from 0, the snapshot's epoch, no compression.
    const auto bytes = read_file(env.disk, "d/" + snapshot_name({100, 5}));
    ASSERT_TRUE(bytes.ok());
    BatchCursor cursor(*bytes);
    BatchView batch;
    int64_t next = 0;
    std::vector<bool> control;
    while (*cursor.next(batch)) {
      EXPECT_EQ(batch.base_offset(), next);
      EXPECT_EQ(batch.leader_epoch(), 5);
      EXPECT_FALSE(batch.is_compressed());
      next = batch.next_offset();
      control.push_back(batch.is_control());
    }
    EXPECT_EQ(cursor.tail_bytes(), 0U);
    EXPECT_EQ(next, 52);
    EXPECT_TRUE(control.front() && control.back());
    EXPECT_EQ(std::count(control.begin(), control.end(), true), 2);
  });
  EXPECT_EQ(world.failures(), std::vector<std::string>{});
}

TEST(SnapshotFile, DamageIsSeen) {
  sim::TestWorld world;
  world.run("a", [](Env& env) {
    ASSERT_TRUE(env.disk.make_dir("d").ok());
    auto raw = RawSnapshotWriter::create(env.disk, "d", {100, 5}, 1);
    auto writer = SnapshotWriter::create(std::move(raw).value(), 1234, 9999);
    const Bytes value = as_bytes("value");
    ASSERT_TRUE((*writer)->append(std::span(&value, 1)).ok());
    ASSERT_TRUE((*writer)->freeze().ok());
    const auto whole = read_file(env.disk, "d/" + snapshot_name({100, 5}));
    ASSERT_TRUE(whole.ok());
    const auto readable = [&](const ByteBuffer& bytes) {
      EXPECT_TRUE(write_file_atomically(env.disk, "d/" + snapshot_name({100, 5}), bytes).ok());
      auto reader = SnapshotReader::open(env.disk, "d", {100, 5});
      std::vector<Bytes> values;
      for (;;) {
        const auto more = (*reader)->next(values);
        if (!more.ok()) return false;
        if (!*more) return true;
      }
    };
    EXPECT_TRUE(readable(*whole));
    for (size_t cut = 0; cut < whole->size(); cut += 7) {
      EXPECT_FALSE(readable(ByteBuffer(whole->begin(), whole->begin() + static_cast<std::ptrdiff_t>(cut))))
          << cut;
    }
    for (size_t at = 17; at < whole->size(); at += 11) {
      ByteBuffer damaged = *whole;
      damaged[at] = static_cast<uint8_t>(damaged[at] ^ 0x40);
      static_cast<void>(readable(damaged));  // must not crash; the checksum covers all but the prefixes
    }
    ByteBuffer damaged = *whole;
    damaged[whole->size() - 1] = static_cast<uint8_t>(damaged[whole->size() - 1] ^ 0x40);
    EXPECT_FALSE(readable(damaged));
  });
  EXPECT_EQ(world.failures(), std::vector<std::string>{});
}

}  // namespace
}  // namespace ksim::raft
