#include "core/storage/test_fixture.h"

namespace ksim::storage {
namespace {

constexpr int32_t kAnyEpoch = std::numeric_limits<int32_t>::max();

TEST(Log, AppendsAndReads) {
  on_node(1, [](Env& env) {
    LogFixture f(env);
    f.open();
    EXPECT_EQ(f.log->log_end_offset(), 0);
    const auto first = f.append({.records = 3, .value = "a"}, 4);
    ASSERT_TRUE(first.ok());
    EXPECT_EQ(first->first_offset, 0);
    EXPECT_EQ(first->last_offset, 2);
    const auto second = f.append({.records = 2, .value = "b"}, 4);
    ASSERT_TRUE(second.ok());
    EXPECT_EQ(second->first_offset, 3);
    EXPECT_EQ(f.log->log_end_offset(), 5);
    EXPECT_EQ(f.log->latest_epoch(), 4);

    auto read = f.log->read(1, 1 << 20, FetchIsolation::log_end, true);
    ASSERT_TRUE(read.ok());
    const auto bytes = bytes_of(*read);
    BatchCursor cursor(bytes);
    BatchView batch;
    ASSERT_TRUE(*cursor.next(batch));
    EXPECT_EQ(batch.base_offset(), 0);
    EXPECT_EQ(batch.leader_epoch(), 4);
    EXPECT_TRUE(batch.check().ok());
    ASSERT_TRUE(*cursor.next(batch));
    EXPECT_EQ(batch.base_offset(), 3);
    EXPECT_FALSE(*cursor.next(batch));

    read = f.log->read(3, 1 << 20, FetchIsolation::high_watermark, true);
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(read->size_bytes, 0U);
    EXPECT_EQ(f.log->update_high_watermark(3), 3);
    read = f.log->read(0, 1 << 20, FetchIsolation::high_watermark, true);
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(read->size_bytes, make_batch({.records = 3, .value = "a"}).size());
    EXPECT_EQ(f.log->read(6, 1, FetchIsolation::log_end, true).error().code, ErrorCode::OFFSET_OUT_OF_RANGE);
  });
}

TEST(Log, FirstBatchComesWholeOrCut) {
  on_node(1, [](Env& env) {
    LogFixture f(env);
    f.open();
    f.fill(2);
    const size_t one = make_batch({.value = std::string(100, 'x')}).size();
    auto read = f.log->read(0, 10, FetchIsolation::log_end, true);
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(read->size_bytes, one);
    EXPECT_FALSE(read->first_batch_cut);
    read = f.log->read(0, 10, FetchIsolation::log_end, false);
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(read->size_bytes, 10U);
    EXPECT_TRUE(read->first_batch_cut);
  });
}

TEST(Log, RollsBySizeAndReadsAcross) {
  on_node(2, [](Env& env) {
    LogFixture f(env);
    f.config.segment_bytes = 1000;
    f.config.index_interval_bytes = 200;
    f.open();
    f.fill(40);
    EXPECT_GT(f.log->segment_count(), 5U);
    for (int64_t offset = 0; offset < 40; ++offset) {
      const auto read = f.log->read(offset, 1, FetchIsolation::log_end, true);
      ASSERT_TRUE(read.ok());
      const auto bytes = bytes_of(*read);
      ASSERT_GE(bytes.size(), kBatchHeaderBytes);
      EXPECT_EQ(BatchView(bytes).base_offset(), offset);
    }
    EXPECT_EQ(f.log->recovery_point(), 0);
    f.keeper.run_flushes();
    EXPECT_EQ(f.log->recovery_point(), f.log->segment_bases().back());
    for (const int64_t base : f.log->segment_bases()) {
      if (base == f.log->segment_bases().back()) continue;
      EXPECT_TRUE(env.disk.stat("d/orders-0/" + segment_file_name(base, kIndexSuffix)).ok());
      EXPECT_TRUE(env.disk.stat("d/orders-0/" + segment_file_name(base, kTimeIndexSuffix)).ok());
    }
  });
}

TEST(Log, OneFlushSettlesManyAppends) {
  on_node(31, [](Env& env) {
    LogFixture f(env);
    f.config.flush_messages = 1;
    f.open();
    int told = 0;
    f.log->on_flushed([&] { ++told; });
    EXPECT_EQ(f.append()->flush_to, 1);
    EXPECT_EQ(f.append()->flush_to, 2);
    EXPECT_EQ(f.log->recovery_point(), 0) << "the keeper flushes";
    EXPECT_EQ(f.log->settled_end(), 0);
    EXPECT_EQ(f.keeper.flushes.back().second, 2);
    ASSERT_TRUE(f.log->flush(1).ok());
    EXPECT_EQ(f.log->settled_end(), 1);
    ASSERT_TRUE(f.log->flush(2).ok());
    EXPECT_EQ(f.log->settled_end(), 2);
    EXPECT_EQ(told, 2);
    EXPECT_EQ(f.append()->flush_to, 3);
    ASSERT_TRUE(f.log->truncate_to(2).ok());
    EXPECT_EQ(f.log->settled_end(), 2) << "what waited is gone";
    ByteBuffer fetched = make_batch({.base_offset = 2, .leader_epoch = 1});
    ASSERT_TRUE(f.log->append_as_follower(fetched, 1).ok());
    EXPECT_EQ(f.log->recovery_point(), 3) << "a follower flushes before it fetches again";
  });
}

// What was appended when the process died: a replica that comes back may have all there is, and no more to
// append.
TEST(Log, WhatRecoveryFindsUnflushedIsFlushedAsFlushMessagesAsks) {
  on_node(35, [](Env& env) {
    LogFixture f(env);
    f.config.flush_messages = 2;
    f.open();
    f.fill(1);
    f.open();
    EXPECT_EQ(f.log->recovery_point(), 0) << "not due yet";
    f.fill(1);
    EXPECT_EQ(f.log->recovery_point(), 0) << "the keeper flushes";
    f.open();
    EXPECT_EQ(f.log->log_end_offset(), 2);
    EXPECT_EQ(f.log->recovery_point(), 2);
  });
}

// Retention holds the log's lock meanwhile, so that nobody appends: it waits for one segment, not for the
// flush of all that it is about to delete.
TEST(Log, AFlushGivesWayToWhoDeletesAndToWhoCuts) {
  sim::TestWorld world(36);
  sim::NodeSetup setup;
  setup.name = "node";
  setup.disk = sim::DiskProfile::instant();
  setup.disk.sync.points[0] = {1'000'000, 10'000'000};
  world.world().add_node(setup);
  ASSERT_TRUE(world.run("node", [&](Env& env) {
    LogFixture f(env);
    f.config.segment_bytes = 1000;
    f.config.retention_ms = -1;
    f.config.retention_bytes = 10000;
    f.open();
    f.fill(200);
    f.log->update_high_watermark(200);
    bool flushed = false;
    const auto flush = [&] {
      EXPECT_TRUE(f.log->flush_all().ok());
      flushed = true;
    };
    Scope scope(env);
    scope.spawn("flush", flush);
    env.sleep(milliseconds(1));
    EXPECT_GT(*f.log->delete_old_segments(), 20U);
    EXPECT_FALSE(flushed);
    EXPECT_GT(f.log->recovery_point(), 0);
    EXPECT_LT(f.log->recovery_point(), f.log->log_start_offset()) << "what it had flushed by then";
    scope.join();
    EXPECT_EQ(f.log->recovery_point(), 200) << "it has gone on";

    flushed = false;
    f.fill(100);
    scope.spawn("flush", flush);
    env.sleep(milliseconds(1));
    ASSERT_TRUE(f.log->truncate_to(250).ok());
    EXPECT_FALSE(flushed);
    EXPECT_EQ(f.log->log_end_offset(), 250);
    scope.join();
    EXPECT_EQ(f.log->recovery_point(), 250);
  }));
  for (const std::string& failure : world.failures()) ADD_FAILURE() << failure;
}

TEST(Log, AFlushEveryTenRecords) {
  on_node(32, [](Env& env) {
    LogFixture f(env);
    f.config.flush_messages = 10;
    f.open();
    f.fill(9);
    EXPECT_TRUE(f.keeper.flushes.empty());
    EXPECT_EQ(f.log->settled_end(), 9);
    EXPECT_EQ(f.append()->flush_to, 10);
    EXPECT_EQ(f.append()->flush_to, -1) << "the next ten have begun";
    EXPECT_EQ(f.keeper.flushes.size(), 1U);
    EXPECT_EQ(f.log->settled_end(), 9);
    f.keeper.run_flushes();
    EXPECT_EQ(f.log->recovery_point(), 10);
    EXPECT_EQ(f.log->settled_end(), 11);
  });
}

TEST(Log, ARepeatedBatchWaitsForTheFlushOfItsFirst) {
  on_node(33, [](Env& env) {
    LogFixture f(env);
    f.config.flush_messages = 1;
    f.open();
    const TestBatch once{.producer_id = 5, .producer_epoch = 0, .base_sequence = 0};
    EXPECT_EQ(f.append(once)->flush_to, 1);
    const auto again = f.append(once);
    ASSERT_TRUE(again.ok());
    EXPECT_TRUE(again->duplicate);
    EXPECT_EQ(again->flush_to, 1);
    f.keeper.run_flushes();
    EXPECT_EQ(f.append(once)->flush_to, -1);
  });
}

TEST(Log, RecoveryCutsAMarkerThatCannotBeRead) {
  on_node(1, [](Env& env) {
    LogFixture f(env);
    f.open();
    f.fill(3);
    f.log->abandon();
    BatchOptions options;
    options.base_offset = 3;
    options.leader_epoch = 0;
    options.producer_id = 7;
    options.producer_epoch = 0;
    options.transactional = options.control = true;
    BatchBuilder builder(options);
    RecordInput record;
    record.key = as_bytes("no");
    builder.append(record);
    const ByteBuffer marker = builder.build();
    const std::string path = "d/orders-0/00000000000000000000.log";
    const auto file = env.disk.open(path, Open::write).value();
    ASSERT_TRUE(write_fully(*file, file->size().value(), marker).ok());
    ASSERT_NE(f.open(), nullptr);
    EXPECT_EQ(f.log->log_end_offset(), 3);
    f.fill(1);
    EXPECT_EQ(f.log->log_end_offset(), 4);
  });
}

TEST(Log, RecoveryCutsABatchThatBeginsWithinTheOneBeforeIt) {
  on_node(1, [](Env& env) {
    LogFixture f(env);
    f.open();
    ASSERT_TRUE(f.append({.records = 3}).ok());
    ASSERT_TRUE(f.append({.records = 3}).ok());
    f.log->abandon();
    const std::string path = "d/orders-0/00000000000000000000.log";
    ByteBuffer bytes = read_file(env.disk, path).value();
    bytes[bytes.size() / 2 + 7] = 2;  // the base offset, which no checksum covers
    ASSERT_TRUE(write_file_atomically(env.disk, path, bytes).ok());
    ASSERT_NE(f.open(), nullptr);
    EXPECT_EQ(f.log->log_end_offset(), 3);
  });
}

TEST(Log, ReopensCleanAndUnclean) {
  on_node(3, [](Env& env) {
    LogFixture f(env);
    f.config.segment_bytes = 1000;
    f.config.index_interval_bytes = 200;
    f.open();
    f.fill(10, 1);
    ASSERT_TRUE(f.append({.records = 2, .producer_id = 9, .producer_epoch = 0, .base_sequence = 0}, 2).ok());
    f.fill(10, 3);
    const std::string before = state_text(*f.log);
    ASSERT_TRUE(f.log->close().ok());
    f.open(true);
    EXPECT_EQ(state_text(*f.log), before);
    EXPECT_EQ(f.log->recovery_point(), f.log->log_end_offset());
    f.keeper.recovery_point = 0;
    f.open(false);
    EXPECT_EQ(state_text(*f.log), before);
    EXPECT_EQ(f.log->recovery_point(), 0);
    EXPECT_EQ(f.log->topic_id(), (Uuid{7, 7}));
  });
}

// A truncation compares with what the log counts as flushed, and so leaves a checkpoint above that alone.
TEST(Log, NoCheckpointClaimsMoreThanALogThatIsNotTrusted) {
  on_node(4, [](Env& env) {
    LogFixture f(env);
    f.open();
    f.fill(10, 1);
    ASSERT_TRUE(f.log->close().ok());
    f.keeper.recovery_point = f.log->recovery_point();
    EXPECT_EQ(f.keeper.recovery_point, 10);
    const ByteBuffer damage(3, 0xff);
    ASSERT_TRUE(write_file_atomically(env.disk, join_path(f.log->path(), kEpochFileName), damage).ok());
    f.open(true);
    EXPECT_EQ(f.log->log_end_offset(), 10);
    EXPECT_EQ(f.log->recovery_point(), 0);
    EXPECT_EQ(f.keeper.recovery_point, 0);
    ASSERT_TRUE(*f.log->truncate_to(5));
    EXPECT_LE(f.keeper.recovery_point, 5);
  });
}

TEST(Log, TruncatesWithinAndAcrossSegments) {
  on_node(4, [](Env& env) {
    LogFixture f(env);
    f.config.segment_bytes = 1000;
    f.open();
    f.fill(10, 1);
    f.fill(10, 2);
    f.log->update_high_watermark(20);
    EXPECT_TRUE(*f.log->truncate_to(15));
    EXPECT_EQ(f.log->log_end_offset(), 15);
    EXPECT_EQ(f.log->high_watermark(), 15);
    EXPECT_FALSE(*f.log->truncate_to(15));
    EXPECT_TRUE(*f.log->truncate_to(7));
    EXPECT_EQ(f.log->epoch_entries(), (std::vector<EpochEntry>{{1, 0}}));
    f.fill(3, 3);
    EXPECT_EQ(f.log->log_end_offset(), 10);
    EXPECT_EQ(f.log->epoch_entries(), (std::vector<EpochEntry>{{1, 0}, {3, 7}}));
    for (int64_t offset = 0; offset < 10; ++offset) {
      const auto bytes = bytes_of(*f.log->read(offset, 1, FetchIsolation::log_end, true));
      EXPECT_EQ(BatchView(bytes).base_offset(), offset);
      EXPECT_EQ(BatchView(bytes).leader_epoch(), offset < 7 ? 1 : 3);
    }
    ASSERT_TRUE(f.log->truncate_fully_and_start_at(100).ok());
    EXPECT_EQ(f.log->log_start_offset(), 100);
    EXPECT_EQ(f.log->log_end_offset(), 100);
    EXPECT_TRUE(f.log->epoch_entries().empty());
    f.fill(2, 4);
    EXPECT_EQ(f.log->log_end_offset(), 102);
  });
}

TEST(Log, DetectsDuplicatesAlsoAfterRestart) {
  on_node(5, [](Env& env) {
    LogFixture f(env);
    f.open();
    const auto batch_at = [](int32_t sequence) {
      return TestBatch{.records = 2, .producer_id = 5, .producer_epoch = 1, .base_sequence = sequence};
    };
    for (int32_t i = 0; i < 8; ++i) ASSERT_TRUE(f.append(batch_at(2 * i)).ok());
    const auto check = [&] {
      const int64_t end = f.log->log_end_offset();
      for (int32_t i = 7; i >= 3; --i) {
        const auto again = f.append(batch_at(2 * i));
        ASSERT_TRUE(again.ok()) << i << " " << to_string(again.error());
        EXPECT_TRUE(again->duplicate);
        EXPECT_EQ(again->first_offset, 2 * i);
        EXPECT_EQ(again->last_offset, 2 * i + 1);
      }
      EXPECT_EQ(f.append(batch_at(4)).error().code, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
      EXPECT_EQ(f.append(batch_at(18)).error().code, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
      TestBatch old_epoch = batch_at(16);
      old_epoch.producer_epoch = 0;
      EXPECT_EQ(f.append(old_epoch).error().code, ErrorCode::INVALID_PRODUCER_EPOCH);
      EXPECT_EQ(f.log->log_end_offset(), end);
    };
    check();
    ASSERT_TRUE(f.log->close().ok());
    f.open(true);
    check();
    f.open(false);
    check();
    ASSERT_TRUE(f.append(batch_at(16)).ok());
  });
}

TEST(Log, TransactionsHoldBackTheLastStableOffset) {
  on_node(6, [](Env& env) {
    LogFixture f(env);
    f.config.segment_bytes = 600;
    f.open();
    f.fill(2);
    const auto txn = [](int64_t id, int32_t sequence) {
      return TestBatch{
          .producer_id = id, .producer_epoch = 0, .base_sequence = sequence, .transactional = true};
    };
    ASSERT_TRUE(f.append(txn(1, 0)).ok());  // 2
    ASSERT_TRUE(f.append(txn(2, 0)).ok());  // 3
    f.fill(6);                              // 4..9
    f.log->update_high_watermark(f.log->log_end_offset());
    EXPECT_EQ(f.log->last_stable_offset(), 2);
    ASSERT_TRUE(f.append_marker(1, 0, false).ok());  // 10
    EXPECT_EQ(f.log->last_stable_offset(), 2);       // the marker is not replicated
    f.log->update_high_watermark(f.log->log_end_offset());
    EXPECT_EQ(f.log->last_stable_offset(), 3);
    ASSERT_TRUE(f.append_marker(2, 0, true).ok());  // 11
    f.log->update_high_watermark(f.log->log_end_offset());
    EXPECT_EQ(f.log->last_stable_offset(), 12);
    const std::vector<AbortedTransaction> aborted{{1, 2}};
    EXPECT_EQ(*f.log->aborted_transactions(0, 12), aborted);
    const auto read = f.log->read(2, 1 << 20, FetchIsolation::txn_committed, true);
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(read->aborted, aborted);
    ASSERT_TRUE(f.log->close().ok());
    f.open(true);
    EXPECT_EQ(*f.log->aborted_transactions(0, 12), aborted);
    f.keeper.recovery_point = 0;
    f.open(false);
    EXPECT_EQ(*f.log->aborted_transactions(0, 12), aborted);
    EXPECT_EQ(*f.log->aborted_transactions(11, 12), std::vector<AbortedTransaction>{});
  });
}

TEST(Log, RetentionBySizeTimeAndLogStart) {
  on_node(8, [](Env& env) {
    LogFixture f(env);
    f.config.segment_bytes = 1000;
    f.config.retention_ms = -1;
    f.open();
    f.fill(40);
    EXPECT_EQ(*f.log->delete_old_segments(), 0U);
    f.config.retention_bytes = 2500;
    f.log->set_config(f.config);
    EXPECT_EQ(*f.log->delete_old_segments(), 0U) << "nothing above the high watermark goes";
    f.log->update_high_watermark(40);
    EXPECT_GT(*f.log->delete_old_segments(), 0U);
    EXPECT_GE(f.log->size_bytes(), 2500U);
    EXPECT_EQ(f.log->log_start_offset(), f.log->segment_bases().front());
    EXPECT_EQ(f.keeper.log_start, f.log->log_start_offset());
    EXPECT_FALSE(f.keeper.doomed.empty());

    f.config.retention_bytes = -1;
    f.log->set_config(f.config);
    const int64_t second = f.log->segment_bases()[1];
    EXPECT_TRUE(*f.log->increment_log_start(second + 1, LogStartReason::records_deleted));
    EXPECT_FALSE(*f.log->increment_log_start(second + 1, LogStartReason::records_deleted));
    EXPECT_EQ(f.log->increment_log_start(41, LogStartReason::records_deleted).error().code,
              ErrorCode::OFFSET_OUT_OF_RANGE);
    EXPECT_EQ(*f.log->delete_old_segments(), 1U);
    EXPECT_EQ(f.log->log_start_offset(), second + 1);
    EXPECT_EQ(f.log->read(second, 1, FetchIsolation::log_end, true).error().code,
              ErrorCode::OFFSET_OUT_OF_RANGE);

    f.config.retention_ms = 10;  // the records are of the year 1970, the wall clock is later
    f.log->set_config(f.config);
    EXPECT_GT(*f.log->delete_old_segments(), 0U);
    EXPECT_EQ(f.log->log_start_offset(), 40);
    EXPECT_EQ(f.log->log_end_offset(), 40);
    EXPECT_EQ(f.log->segment_count(), 1U);
  });
}

TEST(Log, FollowerTakesWholeBatchesOfKnownEpochs) {
  on_node(9, [](Env& env) {
    LogFixture f(env);
    f.open();
    ByteBuffer bytes = make_batch({.records = 2, .leader_epoch = 1});
    const ByteBuffer second = make_batch({.records = 3, .base_offset = 2, .leader_epoch = 2});
    const ByteBuffer third = make_batch({.records = 3, .base_offset = 5, .leader_epoch = 4});
    bytes.insert(bytes.end(), second.begin(), second.end());
    bytes.insert(bytes.end(), third.begin(), third.end());
    const auto info = f.log->append_as_follower(Bytes(bytes).first(bytes.size() - 1), kAnyEpoch);
    ASSERT_TRUE(info.ok());
    EXPECT_EQ(info->last_offset, 4);
    EXPECT_EQ(f.log->append_as_follower(third, 3)->size_bytes, 0U);
    ASSERT_TRUE(f.log->append_as_follower(third, 4).ok());
    EXPECT_EQ(f.log->log_end_offset(), 8);
    EXPECT_EQ(f.log->epoch_entries(), (std::vector<EpochEntry>{{1, 0}, {2, 2}, {4, 5}}));
    EXPECT_EQ(f.log->append_as_follower(third, 4).error().code, ErrorCode::OFFSET_OUT_OF_RANGE);
    ByteBuffer damaged = make_batch({.base_offset = 8, .leader_epoch = 4});
    damaged.back() ^= 1;
    EXPECT_EQ(f.log->append_as_follower(damaged, 4).error().code, ErrorCode::CORRUPT_MESSAGE);
    ByteBuffer sound = make_batch({.base_offset = 8, .leader_epoch = 4});
    damaged = make_batch({.base_offset = 9, .leader_epoch = 4});
    damaged.back() ^= 1;
    sound.insert(sound.end(), damaged.begin(), damaged.end());
    EXPECT_EQ(f.log->append_as_follower(sound, 4)->last_offset, 8) << "what comes before a damaged one";
    EXPECT_EQ(f.log->append_as_follower(damaged, 4).error().code, ErrorCode::CORRUPT_MESSAGE);
    EXPECT_EQ(f.log->end_offset_for_epoch(3), (EpochEndOffset{2, 5}));
  });
}

TEST(Log, VerifiesTransactionsBeforeTheirFirstBatch) {
  on_node(10, [](Env& env) {
    LogFixture f(env);
    f.config.verify_transactions = true;
    f.open();
    const TestBatch batch{.producer_id = 3, .producer_epoch = 0, .base_sequence = 0, .transactional = true};
    EXPECT_EQ(f.append(batch).error().code, ErrorCode::INVALID_TXN_STATE);
    const auto guard = f.log->start_verification(3, 0, 0);
    ASSERT_TRUE(guard.ok());
    ByteBuffer bytes = make_batch(batch);
    EXPECT_EQ(f.log->append_as_leader(bytes, 0, AppendOrigin::client, *guard + 1).error().code,
              ErrorCode::INVALID_TXN_STATE);
    ASSERT_TRUE(f.log->append_as_leader(bytes, 0, AppendOrigin::client, *guard).ok());
    EXPECT_TRUE(f.log->has_ongoing_transaction(3));
    EXPECT_EQ(*f.log->start_verification(3, 1, 0), 0U);
    TestBatch plain = batch;
    plain.transactional = false;
    plain.base_sequence = 1;
    EXPECT_EQ(f.append(plain).error().code, ErrorCode::INVALID_TXN_STATE);
  });
}

}  // namespace
}  // namespace ksim::storage
