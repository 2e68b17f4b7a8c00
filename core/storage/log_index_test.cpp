// A log and its indexes: what is found by them, what becomes of them, and what if they are damaged.

#include "core/storage/test_fixture.h"

namespace ksim::storage {
namespace {

// After each operation of the roll, which has found that nothing of the segment counts as flushed.
TEST(Log, AFlushThatEndsDuringARollSyncsTheIndexesToo) {
  int flushes = 0;
  for (uint64_t operation = 1; operation <= 30; ++operation) {
    sim::TestWorld world(34);
    ASSERT_TRUE(world.run("node", [&](Env& env) {
      Log* rolled = nullptr;
      CrashDisk disk(env.disk, operation, [&] {
        if (rolled == nullptr) return;
        ++flushes;
        EXPECT_TRUE(rolled->flush_all().ok());
      });
      Env own{env.clock,  env.scheduler, env.group,  disk,     env.network,
              env.random, env.mailboxes, env.events, env.hooks};
      LogFixture f(own);
      ASSERT_TRUE(env.disk.sync_dir("").ok());
      ASSERT_TRUE(env.disk.sync_dir("d").ok());
      f.open();
      f.fill(1);
      rolled = f.log.get();
      ASSERT_TRUE(f.log->roll().ok());
      rolled = nullptr;
      if (f.log->recovery_point() == 0) return;
      for (const auto suffix : {kIndexSuffix, kTimeIndexSuffix}) {
        const auto path = "d/orders-0/" + segment_file_name(0, suffix);
        EXPECT_NE(world.node("node").device().image().find_durable(path), nullptr) << operation << suffix;
      }
    }));
  }
  EXPECT_GT(flushes, 0);
}

// What was not used lately is given back while the disk takes its time.
TEST(Log, ALookupGoesOnWhenItsIndexesAreGivenUpMeanwhile) {
  sim::TestWorld world(35);
  sim::NodeSetup setup;
  setup.name = "node";
  setup.disk = sim::DiskProfile::ssd();
  setup.disk.cold_read_per_mille = 1000;
  world.world().add_node(setup);
  ASSERT_TRUE(world.run("node", [&](Env& env) {
    LogFixture f(env);
    f.config.index_interval_bytes = 100;
    f.config.segment_bytes = 1000;
    f.open();
    f.fill(12);
    ASSERT_TRUE(f.log->close().ok());
    f.open(true);
    bool found = false;
    Scope scope(env);
    scope.spawn("gives up", [&] {
      while (!found) {
        EXPECT_TRUE(f.log->delete_old_segments().ok());
        env.sleep(microseconds(40));
      }
    });
    for (int64_t offset = 0; offset < 12; ++offset) {
      const auto answer = f.log->offset_for_timestamp(1000 + offset);
      ASSERT_TRUE(answer.ok() && answer->has_value());
      EXPECT_EQ((*answer)->offset, offset);
      env.sleep(milliseconds(1));
    }
    found = true;
    scope.close();
  }));
  EXPECT_TRUE(world.failures().empty());
}

// Bit rot in an index of a log that was closed in order: what it says of things to come is no obstacle to
// them.
TEST(Log, GoesOnBehindDamagedIndexes) {
  on_node(1, [](Env& env) {
    LogFixture f(env);
    f.config.index_interval_bytes = 100;
    f.open();
    f.fill(10);
    ASSERT_TRUE(f.log->close().ok());
    for (const char* name : {"00000000000000000000.index", "00000000000000000000.timeindex"}) {
      const std::string path = std::string("d/orders-0/") + name;
      ByteBuffer bytes = read_file(env.disk, path).value();
      bytes[bytes.size() - (path.ends_with(".timeindex") ? 4 : 8)] = 0x7f;  // the relative offset
      ASSERT_TRUE(write_file_atomically(env.disk, path, bytes).ok());
    }
    f.open(true);
    EXPECT_EQ(f.log->log_end_offset(), 10);
    f.fill(10);
    EXPECT_EQ(f.log->log_end_offset(), 20);
    for (int64_t offset = 0; offset < 20; ++offset) {
      const auto read = f.log->read(offset, 1, FetchIsolation::log_end, true);
      ASSERT_TRUE(read.ok());
      const ByteBuffer batch = bytes_of(*read);
      EXPECT_EQ(BatchView(batch).base_offset(), offset);
    }
  });
}

// What a damaged one leaves out would be handed to readers.
TEST(Log, MakesADamagedIndexOfAbortedTransactionsAnew) {
  on_node(6, [](Env& env) {
    LogFixture f(env);
    f.open();
    ASSERT_TRUE(
        f.append({.producer_id = 1, .producer_epoch = 0, .base_sequence = 0, .transactional = true}).ok());
    ASSERT_TRUE(f.append_marker(1, 0, false).ok());
    f.log->update_high_watermark(2);
    const std::vector<AbortedTransaction> aborted{{1, 0}};
    const std::string index = "d/orders-0/00000000000000000000.txnindex";
    for (const bool cut : {true, false}) {
      ASSERT_TRUE(f.log->close().ok());
      ByteBuffer bytes = *read_file(env.disk, index);
      ASSERT_EQ(bytes.size(), AbortedTxnEntry::kBytes);
      bytes[18] = 0xff;  // the offset of the marker
      if (cut) bytes.pop_back();
      ASSERT_TRUE(write_file_atomically(env.disk, index, bytes).ok());
      f.open(true);
      EXPECT_EQ(*f.log->aborted_transactions(0, 2), aborted) << cut;
    }
  });
}

TEST(Log, FindsOffsetsByTimestamp) {
  on_node(7, [](Env& env) {
    LogFixture f(env);
    f.config.segment_bytes = 1000;
    f.config.index_interval_bytes = 150;
    f.open();
    f.fill(30);
    const auto check = [&] {
      for (int64_t i = 0; i < 30; ++i) {
        const auto found = f.log->offset_for_timestamp(1000 + i);
        ASSERT_TRUE(found.ok());
        ASSERT_TRUE(found->has_value());
        EXPECT_EQ((*found)->offset, i);
        EXPECT_EQ((*found)->timestamp_ms, 1000 + i);
      }
      EXPECT_EQ((*f.log->offset_for_timestamp(0))->offset, 0);
      EXPECT_FALSE(f.log->offset_for_timestamp(2000)->has_value());
      EXPECT_EQ((*f.log->offset_for_timestamp(-3))->offset, 29);
      EXPECT_EQ((*f.log->offset_for_timestamp(-2))->offset, 0);
    };
    check();
    ASSERT_TRUE(f.log->close().ok());
    f.open(true);
    check();
    ASSERT_TRUE(*f.log->truncate_to(24));
    EXPECT_EQ((*f.log->offset_for_timestamp(-3))->offset, 23);
    EXPECT_EQ((*f.log->offset_for_timestamp(1023))->offset, 23);
    EXPECT_FALSE(f.log->offset_for_timestamp(1024)->has_value());
  });
}

// The times of a damaged batch are none.
TEST(Log, LooksUpNoTimeInADamagedBatch) {
  on_node(7, [](Env& env) {
    LogFixture f(env);
    f.open();
    f.fill(3);
    const size_t one = make_batch({.value = std::string(100, 'x')}).size();
    const auto file = env.disk.open("d/orders-0/00000000000000000000.log", Open::write);
    ASSERT_TRUE(file.ok());
    const uint8_t flipped[] = {'y'};
    ASSERT_TRUE(write_fully(**file, 2 * one - 20, flipped).ok());
    EXPECT_EQ((*f.log->offset_for_timestamp(1000))->offset, 0);
    EXPECT_EQ(f.log->offset_for_timestamp(1001).error().code, ErrorCode::CORRUPT_MESSAGE);
    EXPECT_EQ((*f.log->offset_for_timestamp(1002))->offset, 2);
  });
}

}  // namespace
}  // namespace ksim::storage
