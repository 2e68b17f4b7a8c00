#pragma once
// One log in a directory of its own, opened and filled by tests.

#include "core/storage/crash_disk.h"
#include "core/storage/log.h"
#include "core/storage/test_log.h"

namespace ksim::storage {

struct LogFixture {
  explicit LogFixture(Env& e) : env(e) {
    EXPECT_TRUE(env.disk.make_dir("d").ok());
    EXPECT_TRUE(env.disk.make_dir("d/orders-0").ok());
    config.verify_transactions = false;
    config.producer_id_expiration_ms = std::numeric_limits<int64_t>::max();
  }
  std::shared_ptr<Log> open(bool clean = false) {
    LogOpen options;
    options.path = "d/orders-0";
    options.topic_partition = {"orders", 0};
    options.topic_id = Uuid{7, 7};
    options.config = config;
    options.clean = clean;
    options.recovery_point = keeper.recovery_point;
    options.log_start_offset = keeper.log_start;
    options.keeper = &keeper;
    auto opened = Log::open(env, options);
    EXPECT_TRUE(opened.ok()) << (opened.ok() ? "" : to_string(opened.error()));
    log = opened.ok() ? *opened : nullptr;
    return log;
  }
  Result<AppendInfo> append(const TestBatch& spec = {}, int32_t epoch = 0) {
    ByteBuffer batch = make_batch(spec);
    return log->append_as_leader(batch, epoch);
  }
  Result<AppendInfo> append_marker(int64_t producer_id, int16_t epoch, bool commit) {
    ByteBuffer batch = make_marker(producer_id, epoch, commit);
    return log->append_as_leader(batch, 0, AppendOrigin::coordinator);
  }
  void fill(int32_t batches, int32_t epoch = 0) {
    for (int32_t i = 0; i < batches; ++i) {
      TestBatch spec;
      spec.timestamp_ms = 1000 + log->log_end_offset();
      spec.value = std::string(100, 'x');
      const auto done = append(spec, epoch);
      ASSERT_TRUE(done.ok()) << to_string(done.error());
    }
  }
  Env& env;
  TestKeeper keeper;
  LogConfig config;
  std::shared_ptr<Log> log;
};

}  // namespace ksim::storage
