// The small files of a log directory: byte for byte, and what damaged ones give.

#include <gtest/gtest.h>

#include "core/storage/checkpoint.h"
#include "core/storage/clean_shutdown.h"
#include "core/storage/epoch_cache.h"
#include "core/storage/index.h"
#include "core/storage/meta_properties.h"
#include "core/storage/partition_metadata.h"
#include "core/storage/segment.h"
#include "core/storage/test_log.h"
#include "core/storage/text.h"
#include "core/storage/txn_index.h"

namespace ksim::storage {
namespace {

std::string text_of(Env& env, std::string_view path) {
  const auto bytes = read_file(env.disk, path);
  return bytes.ok() ? std::string(as_text(*bytes)) : "?";
}

TEST(Checkpoint, FormatAndParse) {
  const OffsetMap offsets{{{"a", 0}, 5}, {{"a", 10}, 7}, {{"b-c", 2}, 0}};
  const std::string text = "0\n3\na 0 5\na 10 7\nb-c 2 0\n";
  EXPECT_EQ(format_offset_map(offsets), text);
  EXPECT_EQ(*parse_offset_map(text), offsets);
  EXPECT_EQ(format_offset_map({}), "0\n0\n");
  EXPECT_TRUE(parse_offset_map("")->empty());
  EXPECT_TRUE(parse_offset_map("0\n")->empty());
  for (const char* bad :
       {"1\n0\n", "x\n0\n", "0\n1\n", "0\n1\na 0 5\nb 0 5\n", "0\n1\na 0\n", "0\n1\na 0 5 6\n",
        "0\n1\na x 5\n", "0\n2\na 0 5\n\n", "0\n-1\n", "0\n1\na 0 -5\n", "0\n1\na -1 5\n"}) {
    EXPECT_EQ(parse_offset_map(bad).error().code, ErrorCode::CORRUPT_MESSAGE) << bad;
  }
}

TEST(EpochCache, AssignsAndAnswers) {
  EpochCache cache;
  EXPECT_EQ(cache.end_offset_for(0, 9), (EpochEndOffset{-1, -1}));
  EXPECT_TRUE(cache.assign(2, 10));
  EXPECT_FALSE(cache.assign(2, 15));
  EXPECT_TRUE(cache.assign(5, 20));
  EXPECT_TRUE(cache.assign(7, 30));
  EXPECT_EQ(cache.end_offset_for(-1, 40), (EpochEndOffset{-1, -1}));
  EXPECT_EQ(cache.end_offset_for(1, 40), (EpochEndOffset{1, 10}));
  EXPECT_EQ(cache.end_offset_for(2, 40), (EpochEndOffset{2, 20}));
  EXPECT_EQ(cache.end_offset_for(4, 40), (EpochEndOffset{2, 20}));
  EXPECT_EQ(cache.end_offset_for(7, 40), (EpochEndOffset{7, 40}));
  EXPECT_EQ(cache.end_offset_for(8, 40), (EpochEndOffset{-1, -1}));
  EXPECT_EQ(cache.epoch_for_offset(9), std::nullopt);
  EXPECT_EQ(cache.epoch_for_offset(10), 2);
  EXPECT_EQ(cache.epoch_for_offset(29), 5);
  EXPECT_EQ(cache.epoch_for_offset(99), 7);
  EXPECT_TRUE(cache.assign(6, 25)) << "what conflicts goes";
  EXPECT_EQ(cache.entries(), (std::vector<EpochEntry>{{2, 10}, {5, 20}, {6, 25}}));
  EXPECT_TRUE(cache.assign(8, 20));
  EXPECT_EQ(cache.entries(), (std::vector<EpochEntry>{{2, 10}, {8, 20}}));
  EXPECT_FALSE(cache.truncate_from_start(5));
  EXPECT_FALSE(cache.truncate_from_start(10));
  EXPECT_TRUE(cache.truncate_from_start(12));
  EXPECT_EQ(cache.entries(), (std::vector<EpochEntry>{{2, 12}, {8, 20}}));
  EXPECT_TRUE(cache.truncate_from_start(25));
  EXPECT_EQ(cache.entries(), (std::vector<EpochEntry>{{8, 25}}));
  EXPECT_FALSE(cache.truncate_from_end(26));
  EXPECT_TRUE(cache.truncate_from_end(25));
  EXPECT_TRUE(cache.entries().empty());
}

TEST(EpochCache, File) {
  on_node(1, [](Env& env) {
    EXPECT_TRUE(read_epoch_file(env.disk, "")->entries().empty());
    const EpochCache cache({{0, 0}, {3, 17}});
    ASSERT_TRUE(write_epoch_file(env.disk, "", cache).ok());
    EXPECT_EQ(text_of(env, "leader-epoch-checkpoint"), "0\n2\n0 0\n3 17\n");
    EXPECT_EQ(read_epoch_file(env.disk, "")->entries(), cache.entries());
    ASSERT_TRUE(write_file_atomically(env.disk, "leader-epoch-checkpoint", as_bytes("0\n1\n0 x\n")).ok());
    EXPECT_EQ(read_epoch_file(env.disk, "").error().code, ErrorCode::CORRUPT_MESSAGE);
  });
}

TEST(PartitionMetadata, File) {
  const Uuid id{0x0123456789abcdefULL, 0xfedcba9876543210ULL};
  EXPECT_EQ(format_partition_metadata(id), "version: 0\ntopic_id: " + id.to_string());
  EXPECT_EQ(*parse_partition_metadata("version: 0\ntopic_id: " + id.to_string() + "\n"), id);
  EXPECT_EQ(*parse_partition_metadata("version: 3\ntopic_id: " + id.to_string()), id) << "a later version";
  for (const std::string bad : {"", "version: 0", "version: 0\ntopic_id:", "version: -1\ntopic_id: AAAA",
                                "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA", "nonsense\nmore nonsense"}) {
    EXPECT_EQ(parse_partition_metadata(bad).error().code, ErrorCode::CORRUPT_MESSAGE) << bad;
  }
}

TEST(MetaProperties, File) {
  MetaProperties properties;
  properties.cluster_id = "abc=def";
  properties.node_id = 4;
  properties.directory_id = Uuid{0x1111222233334444ULL, 0x9999aaaabbbbccccULL};
  const std::string text = format_meta_properties(properties, WallTime::from_ms(1'732'356'672'000));
  EXPECT_EQ(text, "#\n#Sat Nov 23 10:11:12 UTC 2024\ncluster.id=abc\\=def\ndirectory.id=" +
                      properties.directory_id->to_string() + "\nnode.id=4\nversion=1\n");
  const auto parsed = parse_meta_properties(text);
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed->cluster_id, "abc=def");
  EXPECT_EQ(parsed->node_id, 4);
  EXPECT_EQ(parsed->directory_id, properties.directory_id);
  EXPECT_NE(format_meta_properties(properties, WallTime::from_ms(951'782'400'000))
                .find("Tue Feb 29 00:00:00 UTC 2000"),
            std::string::npos);

  // Nobody names a cluster so; what was read is written again all the same.
  properties.cluster_id = " a\nversion=7\t\x01\\";
  EXPECT_EQ(parse_meta_properties(format_meta_properties(properties, {}))->cluster_id, properties.cluster_id);

  const auto old = parse_meta_properties("broker.id=3\ncluster.id=x\n");
  ASSERT_TRUE(old.ok());
  EXPECT_EQ(old->version, 0);
  EXPECT_EQ(old->node_id, 3);
  EXPECT_FALSE(old->directory_id);
  for (const char* bad : {"version=2\n", "version=1\nnode.id=1\n", "version=1\ncluster.id=x\n",
                          "version=1\ncluster.id=x\nnode.id=y\n",
                          "version=1\ncluster.id=x\nnode.id=1\ndirectory.id=AAAAAAAAAAAAAAAAAAAAAQ\n"}) {
    EXPECT_EQ(parse_meta_properties(bad).error().code, ErrorCode::INVALID_CONFIG) << bad;
  }
}

TEST(CleanShutdown, File) {
  on_node(2, [](Env& env) {
    ASSERT_TRUE(env.disk.make_dir("d").ok());
    EXPECT_FALSE(read_clean_shutdown(env.disk, "d")->has_value());
    ASSERT_TRUE(write_clean_shutdown(env.disk, "d", 42).ok());
    EXPECT_EQ(text_of(env, "d/.kafka_cleanshutdown"), R"({"version":0,"brokerEpoch":42})");
    EXPECT_EQ((*read_clean_shutdown(env.disk, "d"))->broker_epoch, 42);
    ASSERT_TRUE(remove_clean_shutdown(env.disk, "d").ok());
    EXPECT_FALSE(read_clean_shutdown(env.disk, "d")->has_value());
    ASSERT_TRUE(write_file_atomically(env.disk, "d/.kafka_cleanshutdown", {}).ok());
    EXPECT_EQ((*read_clean_shutdown(env.disk, "d"))->broker_epoch, std::nullopt) << "clean, epoch unknown";
  });
  EXPECT_EQ(parse_clean_shutdown(R"({"brokerEpoch":-1,"later":[1]})"), -1);
  EXPECT_EQ(parse_clean_shutdown("{"), std::nullopt);
}

TEST(OffsetIndex, EntriesAndLookups) {
  on_node(3, [](Env& env) {
    OffsetIndex index(env.disk, "00000000000000000100.index", 100);
    index.file().reset(false);
    EXPECT_EQ(index.lookup(150).position, 0U);
    index.append(110, 4096);
    index.append(120, 9000);
    index.append(130, 14000);
    EXPECT_EQ(index.lookup(109).offset, 100);
    EXPECT_EQ(index.lookup(110).position, 4096U);
    EXPECT_EQ(index.lookup(129).offset, 120);
    EXPECT_EQ(index.lookup(999).offset, 130);
    EXPECT_EQ(index.first_at_or_after(9000)->offset, 120);
    EXPECT_EQ(index.first_at_or_after(9001)->offset, 130);
    EXPECT_FALSE(index.first_at_or_after(14001));
    EXPECT_TRUE(index.full(24));
    EXPECT_FALSE(index.full(32));
    ASSERT_TRUE(index.file().sync(true).ok());
    EXPECT_EQ(to_hex(*read_file(env.disk, index.file().path())),
              "0000000a00001000"
              "0000001400002328"
              "0000001e000036b0");
    index.truncate_to(125, 9000);
    ASSERT_TRUE(index.file().save(true).ok());
    EXPECT_EQ(env.disk.stat(index.file().path())->size_bytes, 8U);

    OffsetIndex again(env.disk, "00000000000000000100.index", 100);
    again.file().attach(8);
    EXPECT_EQ((*again.file().last())->relative_offset, 10);
    ASSERT_TRUE(again.file().load().ok());
    EXPECT_EQ(again.last().offset, 110);
    again.append(140, 5000);
    ASSERT_TRUE(again.file().save(true).ok());
    again.file().unload();
    EXPECT_FALSE(again.file().loaded());
    EXPECT_EQ(again.file().count(), 2U);
    EXPECT_EQ((*again.file().last())->relative_offset, 40);
  });
}

TEST(OffsetIndex, FromTheFirstDamagedEntryOnItIsLeftOut) {
  on_node(3, [](Env& env) {
    ByteBuffer bytes(3 * OffsetIndexEntry::kBytes);
    const auto load = [&](const std::vector<OffsetIndexEntry>& entries) {
      for (size_t i = 0; i < 3; ++i) entries[i].store(bytes.data() + i * OffsetIndexEntry::kBytes);
      EXPECT_TRUE(write_file_atomically(env.disk, "x.index", bytes).ok());
      OffsetIndex index(env.disk, "x.index", 100);
      index.file().attach(bytes.size());
      EXPECT_TRUE(index.file().load().ok());
      const size_t sound = index.file().count();
      EXPECT_TRUE(index.file().save(true).ok());
      EXPECT_EQ(env.disk.stat("x.index")->size_bytes, sound * OffsetIndexEntry::kBytes);
      return sound;
    };
    EXPECT_EQ(load({{1, 10}, {2, 20}, {3, 30}}), 3U);
    EXPECT_EQ(load({{1, 10}, {2, 20}, {2, 30}}), 2U);
    EXPECT_EQ(load({{1, 10}, {2, 5}, {3, 30}}), 1U);
    EXPECT_EQ(load({{-1, 10}, {2, 20}, {3, 30}}), 0U);
  });
}

TEST(TimeIndex, EntriesAndLookups) {
  on_node(4, [](Env& env) {
    TimeIndex index(env.disk, "00000000000000000100.timeindex", 100);
    index.file().reset(false);
    index.maybe_append(1000, 105);
    index.maybe_append(1000, 110);  // not larger: nothing
    index.maybe_append(900, 115);
    index.maybe_append(2000, 120);
    ASSERT_EQ(index.file().count(), 2U);
    EXPECT_EQ(index.lookup(999).offset, 100);
    EXPECT_EQ(index.lookup(1000).offset, 105);
    EXPECT_EQ(index.lookup(1999).offset, 105);
    EXPECT_EQ(index.lookup(5000).offset, 120);
    EXPECT_TRUE(index.full(36)) << "the last slot stays free";
    EXPECT_FALSE(index.full(48));
    ASSERT_TRUE(index.file().sync(true).ok());
    EXPECT_EQ(to_hex(*read_file(env.disk, index.file().path())),
              "00000000000003e800000005"
              "00000000000007d000000014");
    index.truncate_to(120);
    EXPECT_EQ(index.last().timestamp_ms, 1000);
  });
}

TEST(TxnIndex, EntriesAndRanges) {
  on_node(5, [](Env& env) {
    TxnIndex index(env.disk, "00000000000000000000.txnindex");
    index.file().reset(false);
    ASSERT_TRUE(index.file().sync(false).ok());
    EXPECT_FALSE(env.disk.stat(index.file().path()).ok()) << "no file without an entry";
    index.append({7, 10, 20, 15});
    index.append({8, 15, 30, 31});
    ASSERT_TRUE(index.file().sync(false).ok());
    EXPECT_EQ(to_hex(Bytes(*read_file(env.disk, index.file().path())).first(34)),
              "0000"
              "0000000000000007"
              "000000000000000a"
              "0000000000000014"
              "000000000000000f");
    std::vector<AbortedTransaction> found;
    EXPECT_TRUE(index.collect(0, 12, found)) << "the stable offset 15 is beyond the range";
    EXPECT_EQ(found, (std::vector<AbortedTransaction>{{7, 10}}));
    found.clear();
    EXPECT_FALSE(index.collect(21, 40, found));
    EXPECT_EQ(found, (std::vector<AbortedTransaction>{{8, 15}}));
    index.truncate_to(30);
    EXPECT_EQ(index.file().count(), 1U);
    index.truncate_to(0);
    ASSERT_TRUE(index.file().sync(false).ok());
    EXPECT_FALSE(env.disk.stat(index.file().path()).ok());
  });
}

TEST(SegmentNames, DigitsAndSuffixes) {
  EXPECT_EQ(segment_file_name(42, kTimeIndexSuffix), "00000000000000000042.timeindex");
  EXPECT_EQ(offset_of_file_name("00000000000000000042.log.deleted"), 42);
  EXPECT_EQ(offset_of_file_name("leader-epoch-checkpoint"), std::nullopt);
  EXPECT_EQ(offset_of_file_name("-1.log"), std::nullopt);
  for (const char* misspelt :
       {"42.log", "0000000000000000042.log", "00000000000000000042.index0.index", "00000000000000000042.logs",
        "0000000000000000004x.log", "00000000000000000042.deleted"})
    EXPECT_EQ(offset_of_file_name(misspelt), std::nullopt) << misspelt;
}

TEST(ProducerSnapshot, BytesAndDamage) {
  ProducerState state;
  const auto apply = [&](const ByteBuffer& batch) { ASSERT_TRUE(state.apply(BatchView(batch), 0, 0).ok()); };
  apply(make_batch({.records = 3,
                    .timestamp_ms = 500,
                    .producer_id = 9,
                    .producer_epoch = 2,
                    .base_sequence = 5,
                    .transactional = true,
                    .base_offset = 100}));
  apply(make_marker(4, 1, true, 700, 3));
  const ByteBuffer bytes = state.encode_snapshot();
  ASSERT_EQ(bytes.size(), 10U + 2 * 46);
  EXPECT_EQ(to_hex(Bytes(bytes).first(2)), "0001");
  EXPECT_EQ(to_hex(Bytes(bytes).subspan(6)),
            "00000002"
            "0000000000000004"
            "0001"
            "ffffffff"
            "ffffffffffffffff"
            "00000000"
            "00000000000002bc"
            "00000003"
            "ffffffffffffffff"
            "0000000000000009"
            "0002"
            "00000007"
            "0000000000000066"
            "00000002"
            "00000000000001f6"
            "ffffffff"
            "0000000000000064");
  ProducerState loaded;
  ASSERT_TRUE(loaded.load_snapshot(bytes, 103, 1000, 1'000'000).ok());
  EXPECT_EQ(loaded.encode_snapshot(), bytes);
  EXPECT_EQ(loaded.end_offset(), 103);
  EXPECT_EQ(loaded.first_unstable()->offset, 100);
  ASSERT_TRUE(loaded.load_snapshot(bytes, 103, 1'000'000, 100).ok());
  EXPECT_EQ(loaded.producers().size(), 1U) << "one is expired, the other has an open transaction";
  for (size_t i = 0; i < bytes.size(); ++i) {
    ByteBuffer damaged = bytes;
    damaged[i] ^= 0x10;
    EXPECT_FALSE(loaded.load_snapshot(damaged, 1, 0, 1).ok()) << i;
    EXPECT_FALSE(loaded.load_snapshot(Bytes(bytes).first(i), 1, 0, 1).ok()) << i;
  }
}

TEST(ProducerState, SequencesWrapAndMarkersFence) {
  ProducerState state;
  constexpr int32_t kMax = std::numeric_limits<int32_t>::max();
  const auto batch_at = [](int32_t sequence, int32_t records, int16_t epoch = 0) {
    return make_batch(
        {.records = records, .producer_id = 1, .producer_epoch = epoch, .base_sequence = sequence});
  };
  const auto check = [&](const ByteBuffer& bytes, AppendOrigin origin = AppendOrigin::client) {
    const auto checked = state.check(BatchView(bytes), origin, 0, false);
    return checked.ok() ? (checked->duplicate ? ErrorCode::DUPLICATE_SEQUENCE_NUMBER : ErrorCode::NONE)
                        : checked.error().code;
  };
  EXPECT_EQ(check(batch_at(77, 1)), ErrorCode::NONE) << "an unknown producer may begin anywhere";
  ASSERT_TRUE(state.apply(BatchView(batch_at(kMax - 1, 3)), 0, 0).ok());
  EXPECT_EQ(state.find(1)->last_sequence(), 0) << "2^31-2, 2^31-1, 0";
  EXPECT_EQ(check(batch_at(kMax - 1, 3)), ErrorCode::DUPLICATE_SEQUENCE_NUMBER);
  EXPECT_EQ(check(batch_at(1, 1)), ErrorCode::NONE);
  EXPECT_EQ(check(batch_at(2, 1)), ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
  EXPECT_EQ(check(batch_at(0, 1, 1)), ErrorCode::NONE);
  EXPECT_EQ(check(batch_at(5, 1, 1)), ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
  ASSERT_TRUE(state.apply(BatchView(make_marker(1, 3, false, 10, 4)), 0, 0).ok());
  EXPECT_EQ(check(batch_at(1, 1)), ErrorCode::INVALID_PRODUCER_EPOCH);
  EXPECT_EQ(check(batch_at(0, 1, 3)), ErrorCode::NONE) << "a marker of a higher epoch clears the sequences";
  EXPECT_EQ(check(make_marker(1, 2, true, 10, 9), AppendOrigin::coordinator),
            ErrorCode::INVALID_PRODUCER_EPOCH);
  EXPECT_EQ(check(make_marker(1, 3, true, 10, 3), AppendOrigin::coordinator),
            ErrorCode::TRANSACTION_COORDINATOR_FENCED);
  EXPECT_EQ(check(make_marker(1, 3, true, 10, 4), AppendOrigin::coordinator), ErrorCode::NONE);
  EXPECT_EQ(check(make_marker(1, 2, true, 10, 3), AppendOrigin::replication), ErrorCode::NONE);
}

}  // namespace
}  // namespace ksim::storage
