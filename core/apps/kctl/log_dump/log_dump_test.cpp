// Dumps of logs that core/storage has written, whole and damaged, and of files made by hand.

#include "core/apps/kctl/log_dump/log_dump.h"

#include <gtest/gtest.h>

#include "core/apps/kctl/log_dump/partition_dump.h"
#include "core/apps/kctl/log_dump/record_text.h"
#include "core/metadata/records.h"
#include "core/raft/driver/snapshot_file.h"
#include "core/storage/checkpoint.h"
#include "core/storage/meta_properties.h"
#include "core/storage/test_log.h"

namespace ksim::kctl {
namespace {

using storage::Log;
using storage::LogOpen;
using storage::make_batch;
using storage::make_marker;
using storage::on_node;
using storage::TestBatch;

class Collected final : public DumpSink {
 public:
  void show(const Json& json, const std::string&) override { lines.push_back(json); }
  void problem(const std::string& file, const std::string& what) override {
    problems.push_back(file + ": " + what);
  }
  std::vector<Json> of_kind(std::string_view kind) const {
    std::vector<Json> found;
    for (const Json& line : lines)
      if (line["kind"] == kind) found.push_back(line);
    return found;
  }
  bool has_problem(std::string_view part) const {
    for (const std::string& problem : problems)
      if (problem.find(part) != std::string::npos) return true;
    return false;
  }
  std::string all_problems() const {
    std::string text;
    for (const std::string& problem : problems) text += problem + "\n";
    return text;
  }
  std::vector<Json> lines;
  std::vector<std::string> problems;
};

Collected dump(Env& env, const std::string& path, Detail detail = Detail::summary, bool deep = true) {
  Collected sink;
  DumpOptions options;
  options.detail = detail;
  options.deep = deep;
  const auto dumped = dump_path(env.disk, path, options, sink);
  EXPECT_TRUE(dumped.ok()) << path;
  return sink;
}

// Two segments and more, several epochs, an idempotent producer, an aborted transaction, every file closed.
void write_log(Env& env) {
  ASSERT_TRUE(env.disk.make_dir("d").ok());
  ASSERT_TRUE(env.disk.make_dir("d/orders-0").ok());
  LogOpen options;
  options.path = "d/orders-0";
  options.topic_partition = {"orders", 0};
  options.topic_id = Uuid{5, 6};
  options.config.segment_bytes = 2000;
  options.config.index_interval_bytes = 100;
  options.config.verify_transactions = false;
  auto log = Log::open(env, options);
  ASSERT_TRUE(log.ok());
  const auto append = [&](ByteBuffer batch, int32_t epoch,
                          storage::AppendOrigin origin = storage::AppendOrigin::client) {
    const auto appended = (*log)->append_as_leader(batch, epoch, origin);
    ASSERT_TRUE(appended.ok()) << to_string(appended.error());
  };
  for (int32_t i = 0; i < 30; ++i) {
    TestBatch batch;
    batch.records = 3;
    batch.timestamp_ms = 1000 + i * 10;
    batch.value = std::string(20, 'v');
    batch.producer_id = 7;
    batch.producer_epoch = 0;
    batch.base_sequence = i * 3;
    append(make_batch(batch), i / 10);
  }
  TestBatch in_transaction;
  in_transaction.producer_id = 8;
  in_transaction.producer_epoch = 1;
  in_transaction.base_sequence = 0;
  in_transaction.transactional = true;
  in_transaction.timestamp_ms = 5000;
  append(make_batch(in_transaction), 3);
  append(make_marker(8, 1, false, 5001), 3, storage::AppendOrigin::coordinator);
  (*log)->update_high_watermark((*log)->log_end_offset());
  ASSERT_TRUE((*log)->close().ok());
  ASSERT_TRUE(
      storage::write_offset_map(env.disk, "d/replication-offset-checkpoint", {{{"orders", 0}, 92}}).ok());
  storage::MetaProperties properties;
  properties.cluster_id = "c";
  properties.node_id = 1;
  ASSERT_TRUE(storage::write_meta_properties(env.disk, "d", properties, WallTime{}).ok());
}

std::vector<std::string> files_with(Env& env, std::string_view suffix) {
  std::vector<std::string> found;
  const auto names = env.disk.list("d/orders-0");
  for (const std::string& name : *names)
    if (name.size() > suffix.size() && name.substr(name.size() - suffix.size()) == suffix)
      found.push_back("d/orders-0/" + name);
  return found;
}

void overwrite(Env& env, const std::string& path, uint64_t at, const ByteBuffer& bytes) {
  const auto file = env.disk.open(path, Open::write);
  ASSERT_TRUE(file.ok()) << path;
  ASSERT_TRUE(write_fully(**file, at, Bytes(bytes)).ok());
}

TEST(LogDump, AWholeLogHasNoProblem) {
  on_node(1, [](Env& env) {
    write_log(env);
    const Collected sink = dump(env, "d");
    EXPECT_TRUE(sink.problems.empty()) << sink.all_problems();
    EXPECT_GT(sink.of_kind("segment").size(), 1U);
    EXPECT_EQ(sink.of_kind("segment").size(), sink.of_kind("offset_index").size());
    EXPECT_EQ(sink.of_kind("leader_epochs").at(0)["epochs"].size(), 4U);
    EXPECT_EQ(sink.of_kind("partition_metadata").size(), 1U);
    EXPECT_EQ(sink.of_kind("meta_properties").at(0)["properties"]["node.id"], "1");
    int64_t records = 0;
    for (const Json& segment : sink.of_kind("segment")) records += segment["records"].get<int64_t>();
    EXPECT_EQ(records, 92);
    EXPECT_TRUE(sink.of_kind("unknown").empty());
  });
}

TEST(LogDump, ShowsBatchesRecordsIndexesAndProducers) {
  on_node(2, [](Env& env) {
    write_log(env);
    const std::string first = files_with(env, ".log").front();
    const Collected batches = dump(env, first, Detail::batches, false);
    ASSERT_GT(batches.of_kind("batch").size(), 1U);
    const Json batch = batches.of_kind("batch")[1];
    EXPECT_EQ(batch["base_offset"], 3);
    EXPECT_EQ(batch["last_offset"], 5);
    EXPECT_EQ(batch["producer_id"], 7);
    EXPECT_EQ(batch["base_sequence"], 3);
    EXPECT_EQ(batch["crc_ok"], true);
    EXPECT_TRUE(batches.of_kind("record").empty());
    const Collected records = dump(env, files_with(env, ".log").back(), Detail::records, false);
    const Json last = records.of_kind("record").back();
    EXPECT_EQ(last["control"], "abort");
    EXPECT_EQ(last["offset"], 91);
    const Collected index = dump(env, files_with(env, ".index").front(), Detail::batches);
    EXPECT_FALSE(index.of_kind("offset_index_entry").empty());
    EXPECT_TRUE(index.problems.empty()) << index.all_problems();
    const Collected aborted = dump(env, files_with(env, ".txnindex").back(), Detail::batches);
    EXPECT_EQ(aborted.of_kind("aborted_transaction").at(0)["first_offset"], 90);
    const Collected producers = dump(env, files_with(env, ".snapshot").back(), Detail::batches);
    ASSERT_EQ(producers.of_kind("producer").size(), 2U);
    EXPECT_EQ(producers.of_kind("producer")[0]["last_sequence"], 89);
  });
}

TEST(LogDump, FindsAFlippedBitInARecord) {
  on_node(3, [](Env& env) {
    write_log(env);
    overwrite(env, files_with(env, ".log").front(), 80, {0xff});
    const Collected sink = dump(env, "d/orders-0");
    EXPECT_TRUE(sink.has_problem("00000000000000000000.log: at position 0: the checksum does not match"))
        << sink.all_problems();
    EXPECT_EQ(
        dump(env, files_with(env, ".log").front(), Detail::batches, false).of_kind("batch")[0]["crc_ok"],
        false);
  });
}

TEST(LogDump, FindsATornTailAndWhatItTakesWithIt) {
  on_node(4, [](Env& env) {
    write_log(env);
    const std::string last = files_with(env, ".log").back();
    const auto file = env.disk.open(last, Open::write);
    ASSERT_TRUE((*file)->truncate(*(*file)->size() - 1).ok());
    const Collected sink = dump(env, "d");
    EXPECT_TRUE(sink.has_problem("are no whole batch")) << sink.all_problems();
    EXPECT_TRUE(sink.has_problem("there is no marker at 91")) << sink.all_problems();
    EXPECT_TRUE(sink.has_problem("orders-0 is at 92, behind the end of the log at 91"))
        << sink.all_problems();
  });
}

TEST(LogDump, FindsIndexesThatDoNotFitTheLog) {
  on_node(5, [](Env& env) {
    write_log(env);
    const std::string index = files_with(env, ".index").front();
    overwrite(env, index, 4, {0, 0, 0, 1});
    EXPECT_TRUE(dump(env, index).has_problem("where no batch begins")) << "alone";
    EXPECT_TRUE(dump(env, "d").has_problem("where no batch begins")) << "and in its directory";
    overwrite(env, index, 4, {0x7f, 0, 0, 1});
    EXPECT_TRUE(dump(env, index).has_problem("behind the end of the log"));
    const std::string times = files_with(env, ".timeindex").front();
    overwrite(env, times, 0, {0, 0, 0, 0, 0, 0, 0, 1});
    EXPECT_TRUE(dump(env, times).has_problem("timestamp 1 at offset")) << dump(env, times).all_problems();
    ASSERT_TRUE(env.disk.remove(files_with(env, ".log").front()).ok());
    EXPECT_TRUE(dump(env, "d").has_problem("an index without its segment"));
  });
}

// A running Apache Kafka has its active indexes at their full size.
TEST(LogDump, ZerosBehindAnIndexAreRoomForMore) {
  on_node(6, [](Env& env) {
    write_log(env);
    const std::string index = files_with(env, ".index").front();
    const auto size = env.disk.stat(index)->size_bytes;
    overwrite(env, index, size, ByteBuffer(80));
    const Collected sink = dump(env, index);
    EXPECT_TRUE(sink.problems.empty()) << sink.all_problems();
    EXPECT_EQ(sink.of_kind("offset_index").at(0)["entries"], size / 8);
    EXPECT_EQ(sink.of_kind("offset_index").at(0)["unused"], 10);
    overwrite(env, index, size, ByteBuffer(83));
    EXPECT_TRUE(dump(env, index).has_problem("no whole entry"));
  });
}

TEST(LogDump, FindsEpochsAndProducersThatDisagree) {
  on_node(7, [](Env& env) {
    write_log(env);
    const std::string epochs = "d/orders-0/leader-epoch-checkpoint";
    const auto write = [&](std::string_view text) {
      ASSERT_TRUE(write_file_atomically(env.disk, epochs, as_bytes(text)).ok());
    };
    write("0\n2\n0 0\n3 30\n");
    EXPECT_TRUE(dump(env, "d").has_problem("offset 30 is of epoch 3; the batch there says 1"));
    write("0\n2\n3 30\n2 20\n");
    EXPECT_TRUE(dump(env, epochs).has_problem("epoch 2 from 20 follows epoch 3 from 30"));
    write("0\n1\nx y\n");
    EXPECT_TRUE(dump(env, epochs).has_problem("'x y' is no epoch and offset"));
    write("1\n0\n");
    EXPECT_EQ(dump(env, epochs).problems.size(), 1U);
    const std::string snapshot = files_with(env, ".snapshot").back();
    auto bytes = *read_file(env.disk, snapshot);
    overwrite(env, snapshot, 20, {9});
    EXPECT_TRUE(dump(env, snapshot).has_problem("checksum"));
    // The same with a checksum that is right: another sequence than the log's.
    storage::ProducerState state;
    ASSERT_TRUE(state.load_snapshot(bytes, 92, 0, INT64_MAX).ok());
    state.set_batches(7, {{89, 1292, 88, 2}});
    ASSERT_TRUE(write_file_atomically(env.disk, snapshot, state.encode_snapshot()).ok());
    EXPECT_TRUE(dump(env, "d").has_problem(
        "producer 7: epoch 0, sequence 88 at 89; the log has epoch 0, sequence 89"));
  });
}

// DeleteRecords takes epochs away at once, records with their segment.
TEST(LogDump, WhatLiesBelowTheLogStartNeedsNoEpoch) {
  on_node(11, [](Env& env) {
    write_log(env);
    ASSERT_TRUE(write_file_atomically(env.disk, "d/orders-0/leader-epoch-checkpoint",
                                      as_bytes("0\n3\n1 40\n2 60\n3 90\n"))
                    .ok());
    EXPECT_TRUE(dump(env, "d").has_problem("offset 0 is of epoch none; the batch there says 0"));
    ASSERT_TRUE(
        storage::write_offset_map(env.disk, "d/log-start-offset-checkpoint", {{{"orders", 0}, 40}}).ok());
    for (const char* path : {"d", "d/orders-0"}) {
      const Collected sink = dump(env, path);
      EXPECT_TRUE(sink.problems.empty()) << sink.all_problems();
    }
  });
}

TEST(LogDump, FindsOffsetsThatDoNotIncrease) {
  on_node(8, [](Env& env) {
    ByteBuffer bytes;
    for (const int64_t base : {10, 5, 20}) {
      TestBatch batch;
      batch.base_offset = base;
      batch.leader_epoch = base == 20 ? 1 : 2;
      const ByteBuffer one = make_batch(batch);
      bytes.insert(bytes.end(), one.begin(), one.end());
    }
    ASSERT_TRUE(write_file_atomically(env.disk, "00000000000000000007.log", bytes).ok());
    const Collected sink = dump(env, "00000000000000000007.log");
    EXPECT_TRUE(sink.has_problem("offset 5 follows 10")) << sink.all_problems();
    EXPECT_TRUE(sink.has_problem("offset 5 is below the file's own 7"));
    EXPECT_TRUE(sink.has_problem("leader epoch 1 follows 2"));
    ASSERT_TRUE(
        write_file_atomically(env.disk, "00000000000000000009.log", as_bytes("this is no segment at all"))
            .ok());
    EXPECT_FALSE(dump(env, "00000000000000000009.log").problems.empty());
    ASSERT_TRUE(write_file_atomically(env.disk, "00000000000000000011.log", Bytes{}).ok());
    EXPECT_TRUE(dump(env, "00000000000000000011.log").problems.empty());
  });
}

TEST(LogDump, DecodesMetadataSnapshots) {
  on_node(9, [](Env& env) {
    RecordList list;
    wire::TopicRecord topic;
    topic.name = "orders";
    topic.topic_id = Uuid{1, 2};
    list.add(topic, 0);
    auto raw = raft::RawSnapshotWriter::create(env.disk, "", {42, 3}, 1);
    ASSERT_TRUE(raw.ok());
    auto writer = raft::SnapshotWriter::create(std::move(*raw), 1000, 2000);
    ASSERT_TRUE(writer.ok());
    ASSERT_TRUE((*writer)->append(list.values()).ok());
    ASSERT_TRUE((*writer)->freeze().ok());
    const std::string path = raft::snapshot_name({42, 3});
    const Collected sink = dump(env, path, Detail::records);
    EXPECT_TRUE(sink.problems.empty()) << sink.all_problems();
    const auto records = sink.of_kind("record");
    ASSERT_EQ(records.size(), 3U);
    EXPECT_EQ(records[0]["control"], "snapshot_header");
    EXPECT_EQ(records[0]["data"]["lastContainedLogTimestamp"], 1000);
    EXPECT_EQ(records[1]["type"], "TopicRecord");
    EXPECT_EQ(records[1]["data"]["name"], "orders");
    EXPECT_EQ(records[2]["control"], "snapshot_footer");
    const auto file = env.disk.open(path, Open::write);
    const auto cut = dump(env, path, Detail::batches).of_kind("batch").back()["position"].get<uint64_t>();
    ASSERT_TRUE((*file)->truncate(cut).ok());
    EXPECT_TRUE(dump(env, path).has_problem("without a footer"));
  });
}

TEST(LogDump, MetadataRecordsOfNobodyKnowsWhat) {
  const uint8_t unknown[] = {1, 0xe7, 0x07, 4, 'a', 'b'};
  const auto json = metadata_json(unknown);
  ASSERT_TRUE(json.ok());
  EXPECT_EQ((*json)["type"], 999);
  EXPECT_EQ((*json)["version"], 4);
  EXPECT_EQ((*json)["data_base64"], "YWI=");
  const uint8_t frame[] = {2, 2, 0};
  const uint8_t cut[] = {1, 2, 0, 5};
  EXPECT_FALSE(metadata_json(frame).ok());
  EXPECT_FALSE(metadata_json(cut).ok());
  EXPECT_FALSE(metadata_json({}).ok());
}

TEST(LogDump, RefusesWhatIsNoFileOfKafkas) {
  on_node(10, [](Env& env) {
    ASSERT_TRUE(write_file_atomically(env.disk, "notes.txt", as_bytes("x")).ok());
    Collected sink;
    EXPECT_EQ(dump_path(env.disk, "notes.txt", {}, sink).error().code, ErrorCode::INVALID_REQUEST);
    EXPECT_EQ(dump_path(env.disk, "missing.log", {}, sink).error().code, ErrorCode::INVALID_REQUEST);
  });
}

TEST(LogDump, KindsByName) {
  EXPECT_EQ(kind_of("00000000000000000042.log").type, FileKind::segment);
  EXPECT_EQ(kind_of("00000000000000000042.log").offset, 42);
  EXPECT_FALSE(kind_of("00000000000000000042.log.deleted").is_live);
  EXPECT_EQ(kind_of("00000000000000000042.timeindex.swap").type, FileKind::time_index);
  EXPECT_EQ(kind_of("00000000000000000042-0000000003.checkpoint").type, FileKind::metadata_snapshot);
  EXPECT_EQ(kind_of("bootstrap.checkpoint").type, FileKind::metadata_snapshot);
  EXPECT_EQ(kind_of("00000000000000000042.snapshot").type, FileKind::producer_snapshot);
  EXPECT_EQ(kind_of("42").type, FileKind::other);
  EXPECT_EQ(kind_of("leader-epoch-checkpoint").type, FileKind::other);
  EXPECT_EQ(kind_of("").type, FileKind::other);
}

}  // namespace
}  // namespace ksim::kctl
