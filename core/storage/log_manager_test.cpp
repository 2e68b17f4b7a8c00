#include "core/storage/log_manager.h"

#include "core/storage/clean_shutdown.h"
#include "core/storage/crash_disk.h"
#include "core/storage/partition_directory.h"
#include "core/storage/partition_metadata.h"
#include "core/storage/test_log.h"

namespace ksim::storage {
namespace {

const Uuid kOrders{7, 1};

struct Watcher final : LogDirWatcher {
  void directory_failed(size_t directory, const std::string&) override {
    failed.push_back(directory);
    if (manager != nullptr) manager->directory_failed(directory);
  }
  LogManager* manager = nullptr;
  std::vector<size_t> failed;
};

struct ManagedConfigs final : LogConfigs {
  LogConfig config_of(std::string_view) override { return config; }
  LogConfig config;
};

// A node's storage: two directories, one shard.
struct ManagedStorage {
  explicit ManagedStorage(Env& e, int32_t node_id = 1, std::string cluster = "cluster-one")
      : env(e), dirs(e, options_of(node_id, std::move(cluster)), &watcher), link(dirs) {
    configs.config.producer_id_expiration_ms = std::numeric_limits<int64_t>::max();
    configs.config.segment_bytes = 1000;
  }
  static LogDirs::Options options_of(int32_t node_id, std::string cluster) {
    LogDirs::Options options;
    options.paths = {"data/a", "data/b"};
    options.node_id = node_id;
    options.cluster_id = std::move(cluster);
    return options;
  }
  Result<void> start() {
    TRY(dirs.open());
    manager.emplace(env, link, dirs.infos());
    watcher.manager = &*manager;
    manager->start();
    TRY_ASSIGN(found, dirs.begin_load());
    manager->load(found.logs, configs, 2);
    for (const auto& [directory, path] : found.doomed) manager->remove_directory_later(directory, path, 0);
    dirs.finish_load();
    return {};
  }
  void stop(int64_t broker_epoch) {
    const std::vector<bool> in_order = manager->close();
    EXPECT_TRUE(dirs.write_clean_markers(broker_epoch, in_order).ok());
    kill();
  }
  void kill() {
    manager->stop();
    dirs.release();
  }
  std::shared_ptr<Log> open(int32_t partition, Uuid topic_id = kOrders) {
    auto log = manager->open({"orders", partition}, topic_id, kDirectoryUnassigned, configs.config);
    EXPECT_TRUE(log.ok()) << (log.ok() ? "" : to_string(log.error()));
    return log.ok() ? *log : nullptr;
  }
  static void append(Log& log, int32_t batches) {
    for (int32_t i = 0; i < batches; ++i) {
      ByteBuffer batch = make_batch({.value = std::string(100, 'v')});
      ASSERT_TRUE(log.append_as_leader(batch, 0).ok());
    }
  }
  Env& env;
  Watcher watcher;
  LogDirs dirs;
  LocalLogDirLink link;
  ManagedConfigs configs;
  std::optional<LogManager> manager;
  FoundLogs found;
};

// What stands in the way of neither is the directory of the other, which waits to be removed.
TEST(LogManager, NamesakesOfADeletedTopicAreDeletedByOtherShardsToo) {
  on_node(1, [](Env& env) {
    ManagedStorage s(env);
    ASSERT_TRUE(s.start().ok());
    LogManager other(env, s.link, s.dirs.infos());
    other.start();
    const auto create = [&](LogManager& manager, uint64_t id) {
      return *manager.open({"orders", 0}, Uuid{7, id}, s.dirs.infos()[0].id, s.configs.config);
    };
    for (uint64_t id = 1000; id < 1004; id += 2) {
      const auto first = create(*s.manager, id);
      ManagedStorage::append(*first, 2);
      ASSERT_TRUE(s.manager->remove(first).ok());
      const auto second = create(other, id + 1);
      ManagedStorage::append(*second, 2);
      const Result<void> removed = other.remove(second);
      ASSERT_TRUE(removed.ok()) << to_string(removed.error());
    }
    EXPECT_EQ(s.dirs.online_ids().size(), 2U);
    other.stop();
    s.kill();
  });
}

TEST(LogManager, FormatsClosesAndComesBackClean) {
  on_node(1, [](Env& env) {
    std::vector<Uuid> ids;
    {
      ManagedStorage s(env);
      ASSERT_TRUE(s.start().ok());
      ids = s.dirs.online_ids();
      ASSERT_EQ(ids.size(), 2U);
      EXPECT_EQ(*s.dirs.previous_broker_epoch(), -1);
      for (int32_t p = 0; p < 4; ++p) ManagedStorage::append(*s.open(p), 5 + p);
      EXPECT_NE(s.manager->directory_of(*s.open(0)), s.manager->directory_of(*s.open(1)));
      s.stop(77);
    }
    ManagedStorage s(env);
    ASSERT_TRUE(s.dirs.open().ok());
    EXPECT_EQ(*s.dirs.previous_broker_epoch(), 77);
    s.dirs.release();
    ManagedStorage again(env);
    ASSERT_TRUE(again.start().ok());
    EXPECT_EQ(again.dirs.online_ids(), ids);
    ASSERT_EQ(again.found.logs.size(), 4U);
    for (const FoundLog& log : again.found.logs) {
      EXPECT_TRUE(log.clean);
      EXPECT_EQ(log.topic_id, kOrders);
      EXPECT_EQ(log.recovery_point, 5 + log.topic_partition.partition);
    }
    for (int32_t p = 0; p < 4; ++p) EXPECT_EQ(again.open(p)->log_end_offset(), 5 + p);
    EXPECT_EQ(*again.dirs.previous_broker_epoch(), -1) << "the marker is gone once loading has begun";
    again.kill();
  });
}

TEST(LogManager, RefusesWhatIsNotItsOwn) {
  on_node(2, [](Env& env) {
    {
      ManagedStorage s(env);
      ASSERT_TRUE(s.dirs.open().ok());
      ManagedStorage second(env);
      EXPECT_EQ(second.dirs.open().error().code, ErrorCode::INVALID_CONFIG) << "the lock is taken";
      s.dirs.release();
    }
    EXPECT_EQ(ManagedStorage(env, 2).dirs.open().error().code, ErrorCode::INVALID_CONFIG);
    EXPECT_EQ(ManagedStorage(env, 1, "cluster-two").dirs.open().error().code,
              ErrorCode::INCONSISTENT_CLUSTER_ID);
    ASSERT_TRUE(env.disk.remove("data/b/meta.properties").ok());
    ASSERT_TRUE(env.disk.make_dir("data/b/orders-0").ok());
    EXPECT_EQ(ManagedStorage(env).dirs.open().error().code, ErrorCode::INVALID_CONFIG)
        << "files but no owner";
  });
}

TEST(LogManager, CheckpointsSayWhatTheLogsSay) {
  on_node(3, [](Env& env) {
    ManagedStorage s(env);
    ASSERT_TRUE(s.start().ok());
    const auto log = s.open(0);
    ManagedStorage::append(*log, 30);
    env.sleep(seconds(1));  // the directory's fiber flushes what was rolled
    EXPECT_EQ(log->recovery_point(), log->segment_bases().back());
    s.manager->checkpoint_recovery_points();
    s.manager->checkpoint_high_watermarks({{log, 12}});
    const std::string dir = log->path().substr(0, log->path().rfind('/'));
    const TopicPartition key{"orders", 0};
    EXPECT_EQ(read_offset_map(env.disk, dir + "/recovery-point-offset-checkpoint")->at(key),
              log->recovery_point());
    EXPECT_EQ(read_offset_map(env.disk, dir + "/replication-offset-checkpoint")->at(key), 12);

    log->update_high_watermark(30);
    ASSERT_TRUE(*log->increment_log_start(3, LogStartReason::records_deleted));
    EXPECT_EQ(read_offset_map(env.disk, dir + "/log-start-offset-checkpoint")->at(key), 3);
    ASSERT_TRUE(*log->truncate_to(1));
    EXPECT_EQ(read_offset_map(env.disk, dir + "/recovery-point-offset-checkpoint")->at(key), 1);
    EXPECT_EQ(read_offset_map(env.disk, dir + "/log-start-offset-checkpoint")->at(key), 1);
    s.kill();

    ManagedStorage again(env);
    ASSERT_TRUE(again.start().ok());
    EXPECT_EQ(again.manager->checkpointed_high_watermark(*again.open(0)), 12);
    EXPECT_EQ(again.open(0)->log_start_offset(), 1);
    again.kill();
  });
}

TEST(LogManager, RemovesNowAndFilesLater) {
  on_node(4, [](Env& env) {
    ManagedStorage s(env);
    ASSERT_TRUE(s.start().ok());
    const auto log = s.open(0);
    ManagedStorage::append(*log, 10);
    env.sleep(seconds(1));
    s.manager->checkpoint_recovery_points();
    EXPECT_EQ(s.manager->open({"orders", 0}, Uuid{9, 9}, kDirectoryUnassigned, {}).error().code,
              ErrorCode::INCONSISTENT_TOPIC_ID);
    ASSERT_TRUE(s.manager->remove(log).ok());
    EXPECT_EQ(s.manager->find({"orders", 0}), nullptr);
    EXPECT_NE(log->path().find("-delete"), std::string::npos);
    EXPECT_TRUE(env.disk.stat(log->path()).ok());
    const auto fresh = s.open(0, Uuid{9, 9});
    EXPECT_EQ(fresh->log_end_offset(), 0);
    EXPECT_EQ(fresh->recovery_point(), 0);
    env.sleep(seconds(61));
    EXPECT_FALSE(env.disk.stat(log->path()).ok());
    s.kill();
    ManagedStorage again(env);
    ASSERT_TRUE(again.start().ok());
    EXPECT_EQ(again.open(0, Uuid{9, 9})->log_end_offset(), 0);
    again.kill();
  });
}

TEST(LogManager, StraysAreSetAside) {
  on_node(5, [](Env& env) {
    {
      ManagedStorage s(env);
      ASSERT_TRUE(s.start().ok());
      ManagedStorage::append(*s.open(0), 1);
      s.stop(1);
    }
    ManagedStorage s(env);
    ASSERT_TRUE(s.dirs.open().ok());
    s.manager.emplace(env, s.link, s.dirs.infos());
    s.manager->start();
    const auto found = s.dirs.begin_load();
    ASSERT_TRUE(found.ok());
    ASSERT_EQ(found->logs.size(), 1U);
    ASSERT_TRUE(s.manager->make_stray(found->logs[0]).ok());
    EXPECT_FALSE(env.disk.stat(found->logs[0].path).ok());
    EXPECT_EQ(s.dirs.begin_load()->logs.size(), 0U);
    EXPECT_EQ(s.dirs.begin_load()->doomed.size(), 1U);
    s.kill();
  });
}

// A topic is deleted and made again while one directory is lost: that one comes back with the log of the old.
TEST(LogManager, ANamesakeInAnotherDirectoryIsNoOtherCopy) {
  on_node(5, [](Env& env) {
    const auto make = [&env](Uuid topic_id) {
      ManagedStorage s(env);
      ASSERT_TRUE(s.start().ok());
      ManagedStorage::append(*s.open(0, topic_id), 1);
      s.stop(1);
    };
    make(kOrders);
    const std::string home = env.disk.stat("data/a/orders-0").ok() ? "data/a" : "data/b";
    const std::string other = home == "data/a" ? "data/b" : "data/a";
    ASSERT_TRUE(env.disk.rename(home + "/orders-0", "data/old").ok());
    make(Uuid{9, 9});
    ASSERT_TRUE(env.disk.stat(home + "/orders-0").ok());
    ASSERT_TRUE(env.disk.rename("data/old", other + "/orders-0").ok());
    {
      ManagedStorage s(env);
      ASSERT_TRUE(s.dirs.open().ok());
      const auto found = s.dirs.begin_load();
      ASSERT_TRUE(found.ok()) << found.error().message;
      ASSERT_EQ(found->logs.size(), 2U);
      EXPECT_NE(found->logs[0].topic_id, found->logs[1].topic_id);
      s.dirs.release();
    }
    // Two of one topic are: nobody could say which one is good.
    ASSERT_TRUE(write_partition_metadata(env.disk, home + "/orders-0", kOrders).ok());
    ManagedStorage s(env);
    ASSERT_TRUE(s.dirs.open().ok());
    EXPECT_EQ(s.dirs.begin_load().error().code, ErrorCode::INVALID_CONFIG);
    s.dirs.release();
  });
}

TEST(LogManager, AFailedDirectoryTakesItsLogsAlong) {
  sim::TestWorld world(6);
  EXPECT_TRUE(world.run("node", [&](Env& env) {
    ManagedStorage s(env);
    ASSERT_TRUE(s.start().ok());
    const auto first = s.open(0);
    const auto second = s.open(1);
    const std::string dir = first->path().substr(0, first->path().rfind('/'));
    sim::DiskTrouble trouble;
    trouble.failing.push_back({dir, false, true, true});
    const uint64_t broken = world.node("node").device().add_trouble(trouble);
    ByteBuffer batch = make_batch({});
    EXPECT_EQ(first->append_as_leader(batch, 0).error().code, ErrorCode::KAFKA_STORAGE_ERROR);
    EXPECT_EQ(s.watcher.failed.size(), 1U);
    EXPECT_EQ(s.manager->find({"orders", 0}), nullptr);
    EXPECT_EQ(first->read(0, 1, FetchIsolation::log_end, true).error().code, ErrorCode::KAFKA_STORAGE_ERROR);
    ASSERT_TRUE(second->append_as_leader(batch, 0).ok());
    EXPECT_EQ(s.dirs.online_ids().size(), 1U);
    EXPECT_EQ(s.manager->directory_of(*s.open(2)), s.dirs.online_ids()[0]);
    s.stop(5);
    world.node("node").device().remove_trouble(broken);
    EXPECT_FALSE(read_clean_shutdown(env.disk, dir)->has_value());
    EXPECT_TRUE(read_clean_shutdown(env.disk, dir == "data/a" ? "data/b" : "data/a")->has_value());
  }));
  for (const std::string& failure : world.failures()) ADD_FAILURE() << failure;
}

// The system shows what it could not write, and counts it as synced; the next process finds it there.
TEST(LogManager, WhatAnEarlierProcessFailedToSyncIsOnTheDiskOnceItCountsAsFlushed) {
  sim::TestWorld world(7);
  sim::SimNode& node = world.node("node");
  sim::DiskTrouble failing;
  failing.failing.push_back({".log", false, false, true});
  const uint64_t trouble = node.device().add_trouble(failing);
  int64_t end = 0;
  EXPECT_TRUE(world.run("node", [&](Env& env) {
    ManagedStorage s(env);
    ASSERT_TRUE(s.start().ok());
    const auto log = s.open(0);
    s.append(*log, 5);
    EXPECT_FALSE(log->flush_all().ok());
    end = log->log_end_offset();
    s.kill();
  }));
  node.device().remove_trouble(trouble);
  EXPECT_TRUE(world.run("node", [&](Env& env) {
    ManagedStorage s(env);
    ASSERT_TRUE(s.start().ok());
    const auto log = s.open(0);
    EXPECT_EQ(log->log_end_offset(), end);
    s.append(*log, 20);
    end = log->log_end_offset();
    ASSERT_TRUE(log->flush_all().ok());
    s.manager->checkpoint_recovery_points();
    s.kill();
  }));
  node.power_loss();
  EXPECT_TRUE(world.run("node", [&](Env& env) {
    ManagedStorage s(env);
    ASSERT_TRUE(s.start().ok());
    const auto log = s.open(0);
    EXPECT_EQ(log->log_end_offset(), end);
    for (int64_t offset = 0; offset < end; ++offset) {
      const auto read = log->read(offset, 1, FetchIsolation::log_end, true);
      const std::vector<uint8_t> bytes = read.ok() ? bytes_of(*read) : std::vector<uint8_t>{};
      const bool whole = bytes.size() > kBatchHeaderBytes && BatchView(bytes).check().ok();
      EXPECT_EQ(whole ? BatchView(bytes).base_offset() : -1, offset);
    }
    s.kill();
  }));
  for (const std::string& failure : world.failures()) ADD_FAILURE() << failure;
}

// A flush that has given way goes on with the log as it is by then.
TEST(LogManager, WhatCountsAsFlushedIsOnTheDiskThoughTheLogWasCutMeanwhile) {
  int cut_while_flushed = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    sim::TestWorld world(seed);
    sim::NodeSetup setup;
    setup.name = "node";
    setup.disk = sim::DiskProfile::spinning();
    sim::SimNode& node = world.world().add_node(setup);
    int64_t flushed = 0;
    EXPECT_TRUE(world.run("node", [&](Env& env) {
      ManagedStorage s(env);
      ASSERT_TRUE(s.start().ok());
      const auto log = s.open(0);
      s.append(*log, 100);
      env.sleep(milliseconds(static_cast<int64_t>(seed) * 30));
      if (log->recovery_point() < log->segment_bases().back()) ++cut_while_flushed;
      ASSERT_TRUE(log->truncate_to(50).ok());
      for (int i = 0; i < 40; ++i) {
        ByteBuffer batch = make_batch({.value = std::string(100, 'w')});
        ASSERT_TRUE(log->append_as_leader(batch, 1).ok());
      }
      env.sleep(milliseconds(400));
      flushed = log->recovery_point();
      s.manager->checkpoint_recovery_points();
      s.kill();
    }));
    node.power_loss();
    EXPECT_TRUE(world.run("node", [&](Env& env) {
      ManagedStorage s(env);
      ASSERT_TRUE(s.start().ok());
      const auto log = s.open(0);
      for (int64_t offset = 0; offset < flushed; ++offset) {
        const auto read = log->read(offset, 1, FetchIsolation::log_end, true);
        const std::vector<uint8_t> bytes = read.ok() ? bytes_of(*read) : std::vector<uint8_t>{};
        const bool whole = bytes.size() > kBatchHeaderBytes && BatchView(bytes).check().ok();
        EXPECT_EQ(whole ? BatchView(bytes).leader_epoch() : -1, offset < 50 ? 0 : 1) << offset;
      }
      s.kill();
    }));
    for (const std::string& failure : world.failures()) ADD_FAILURE() << failure;
  }
  EXPECT_GT(cut_while_flushed, 5);
}

void damage(Env& env, const std::string& path, uint64_t at) {
  const auto file = env.disk.open(path, Open::write);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(write_fully(**file, at, ByteBuffer{0xff}).ok());
  ASSERT_TRUE((*file)->sync(SyncMode::all).ok());
}

// Damage makes recovery cut a log below its recovery point; the power goes after each operation of that.
TEST(LogManager, WhatRecoveryCutsCountsAsFlushedNoMoreHoweverSoonThePowerGoes) {
  const TopicPartition key{"orders", 0};
  int cuts = 0;
  for (uint64_t operation = 1; operation <= 30; ++operation) {
    sim::TestWorld world(operation);
    sim::SimNode& node = world.node("node");
    std::string dir, last;
    uint64_t size = 0;
    EXPECT_TRUE(world.run("node", [&](Env& env) {
      ManagedStorage s(env);
      ASSERT_TRUE(s.start().ok());
      const auto log = s.open(0);
      s.append(*log, 12);
      ASSERT_TRUE(log->flush_all().ok());
      s.manager->checkpoint_recovery_points();
      dir = log->path().substr(0, log->path().rfind('/'));
      last = log->path() + "/" + segment_file_name(log->segment_bases().back(), kLogSuffix);
      s.kill();
      size = env.disk.stat(last)->size_bytes;
      damage(env, last, size - 1);
    }));
    world.run("node", [&](Env& env) {
      CrashDisk disk(env.disk, operation, [&] { node.power_loss(); });
      Env own{env.clock,  env.scheduler, env.group,  disk,     env.network,
              env.random, env.mailboxes, env.events, env.hooks};
      ManagedStorage s(own);
      if (s.start().ok()) s.kill();
    });
    node.power_loss();
    EXPECT_TRUE(world.run("node", [&](Env& env) {
      const int64_t point = read_offset_map(env.disk, dir + "/recovery-point-offset-checkpoint")->at(key);
      if (env.disk.stat(last)->size_bytes == size) return;
      ++cuts;
      EXPECT_EQ(point, 11) << "power lost after operation " << operation;
    }));
    for (const std::string& failure : world.failures()) ADD_FAILURE() << failure;
  }
  EXPECT_GT(cuts, 0);
}

// What stands in the place of what recovery cut is what the next recovery looks at: the power goes after each
// operation of a life that begins with such a cut.
TEST(LogManager, APowerLossAfterARecoveryThatCutFindsItsLogAgain) {
  for (uint64_t operation = 1; operation <= 100; ++operation) {
    sim::TestWorld world(operation);
    sim::SimNode& node = world.node("node");
    EXPECT_TRUE(world.run("node", [&](Env& env) {
      ManagedStorage s(env);
      s.configs.config.segment_bytes = 10000;
      ASSERT_TRUE(s.start().ok());
      const auto log = s.open(0);
      s.append(*log, 40);
      ASSERT_TRUE(log->flush_all().ok());
      s.manager->checkpoint_recovery_points();
      s.kill();
      damage(env, log->path() + "/" + segment_file_name(0, kLogSuffix), 200);
    }));
    world.run("node", [&](Env& env) {
      CrashDisk disk(env.disk, operation, [&] { node.power_loss(); });
      Env own{env.clock,  env.scheduler, env.group,  disk,     env.network,
              env.random, env.mailboxes, env.events, env.hooks};
      ManagedStorage s(own);  // whose segments are smaller
      ASSERT_TRUE(s.start().ok());
      const auto log = s.open(0);
      EXPECT_LT(log->log_end_offset(), 3);
      for (int32_t i = 0; i < 60; ++i) {
        ByteBuffer batch = make_batch({.value = std::string(100, 'v')});
        ASSERT_TRUE(log->append_as_leader(batch, i / 4).ok());
      }
      s.kill();
    });
    node.power_loss();
    EXPECT_TRUE(world.run("node", [&](Env& env) {
      ManagedStorage s(env);
      ASSERT_TRUE(s.start().ok());
      EXPECT_EQ(s.dirs.online_ids().size(), 2U) << "power lost after operation " << operation;
      const auto log = s.open(0);
      for (int64_t offset = 0; offset < log->log_end_offset(); ++offset) {
        const auto read = log->read(offset, 1, FetchIsolation::log_end, true);
        const std::vector<uint8_t> bytes = read.ok() ? bytes_of(*read) : std::vector<uint8_t>{};
        const bool whole = bytes.size() > kBatchHeaderBytes && BatchView(bytes).check().ok();
        EXPECT_EQ(whole ? BatchView(bytes).base_offset() : -1, offset)
            << "power lost after operation " << operation;
      }
      s.kill();
    }));
    for (const std::string& failure : world.failures()) ADD_FAILURE() << failure;
  }
}

// Only the snapshot of producers tells of those whose records are deleted.
TEST(LogManager, WhoseRecordsAreDeletedIsOnTheDiskBeforeThat) {
  sim::TestWorld world(7);
  EXPECT_TRUE(world.run("node", [&](Env& env) {
    ManagedStorage s(env);
    s.configs.config.retention_ms = 0;
    ASSERT_TRUE(s.start().ok());
    const auto log = s.open(0);
    ByteBuffer batch = make_batch({.producer_id = 7, .producer_epoch = 0, .base_sequence = 0});
    ASSERT_TRUE(log->append_as_leader(batch, 0).ok());
    log->update_high_watermark(log->log_end_offset());
    const Result<size_t> deleted = log->delete_old_segments();
    ASSERT_EQ(deleted.ok() ? *deleted : 0, 1U);
    EXPECT_EQ(log->log_start_offset(), 1);
    s.stop(1);
  }));
  EXPECT_EQ(world.node("node").device().image().unsynced().bytes, 0U);
  EXPECT_TRUE(world.run("node", [&](Env& env) {
    ManagedStorage s(env);
    ASSERT_TRUE(s.start().ok());
    EXPECT_EQ(s.open(0)->producers().producers().count(7), 1U);
    s.kill();
  }));
  for (const std::string& failure : world.failures()) ADD_FAILURE() << failure;
}

TEST(PartitionDirectory, Names) {
  EXPECT_EQ(parse_partition_directory("a-b-12"), (TopicPartition{"a-b", 12}));
  EXPECT_FALSE(parse_partition_directory("plain"));
  EXPECT_FALSE(parse_partition_directory("a-"));
  EXPECT_FALSE(parse_partition_directory("a-x1"));
  EXPECT_FALSE(parse_partition_directory("-3"));
  EXPECT_EQ(partition_directory_with_suffix({"orders", 3}, Uuid{1, 2}, kDeleteDirSuffix),
            "orders-3.00000000000000010000000000000002-delete");
  const std::string longest =
      partition_directory_with_suffix({std::string(249, 't'), 3}, Uuid{1, 2}, kStrayDirSuffix);
  EXPECT_EQ(longest.size(), 255U);
}

}  // namespace
}  // namespace ksim::storage
