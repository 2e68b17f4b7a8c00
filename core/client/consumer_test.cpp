#include "core/client/consumer.h"

#include "core/client/fake_cluster.h"
#include "core/client/testing.h"
#include "core/rpc/test_world.h"

namespace ksim::client {
namespace {

using testing::FakeCluster;
using testing::kFirst;
using testing::kSecond;

class ConsumerTest : public rpc::test::RpcWorld {
 protected:
  template <class Body>
  void with_cluster(Body body) {
    run([&] {
      cluster = std::make_unique<FakeCluster>(env, 2);
      cluster->partitions.resize(2);
      cluster->partitions[0].epoch = 3;
      cluster->partitions[1].leader = 1;
      cluster->partitions[1].epoch = 5;
      body();
      cluster->stop();
    });
  }
  ConsumerConfig config(AutoOffsetReset reset = AutoOffsetReset::earliest) {
    ConsumerConfig c;
    c.bootstrap_servers = cluster->bootstrap();
    c.client_id = "reader";
    c.auto_offset_reset = reset;
    return c;
  }
  std::unique_ptr<Consumer> consumer(ConsumerConfig c) {
    auto created = Consumer::create(env, std::move(c));
    EXPECT_TRUE(created.ok());
    return std::move(created).value();
  }
  void write(int32_t partition, const std::string& value, int64_t timestamp_ms = 1) {
    RecordInput record;
    record.timestamp_ms = timestamp_ms;
    record.value = as_bytes(value);
    cluster->partitions[static_cast<size_t>(partition)].append(build_batch({}, {&record, 1}));
  }
  // What polls bring within `limit`, "partition:offset=value", at most `count`.
  std::vector<std::string> read(Consumer& c, size_t count, Duration limit = seconds(20)) {
    std::vector<std::string> seen;
    const Deadline deadline = env.after(limit);
    while (seen.size() < count && env.now() < deadline) {
      auto records = c.poll(deadline);
      EXPECT_TRUE(records.ok()) << (records.ok() ? "" : records.error().message);
      if (!records.ok()) break;
      for (const ConsumerRecord& record : *records)
        seen.push_back(std::to_string(record.partition) + ":" + std::to_string(record.offset) + "=" +
                       std::string(as_text(*record.value)));
    }
    return seen;
  }
  using Values = std::vector<std::string>;

  std::unique_ptr<FakeCluster> cluster;
};

TEST_F(ConsumerTest, reads_from_the_beginning_and_what_comes_later) {
  with_cluster([&] {
    write(0, "a");
    write(0, "b");
    auto c = consumer(config());
    c->assign({kFirst});
    EXPECT_EQ(read(*c, 2), (Values{"0:0=a", "0:1=b"}));
    EXPECT_EQ(*c->position(kFirst, env.after(seconds(1))), 2);
    write(0, "c");
    EXPECT_EQ(read(*c, 1), Values{"0:2=c"});
    EXPECT_EQ(cluster->full_fetches, 1);
    c->close();
  });
}

TEST_F(ConsumerTest, latest_skips_what_is_there) {
  with_cluster([&] {
    write(0, "a");
    auto c = consumer(config(AutoOffsetReset::latest));
    c->assign({kFirst});
    EXPECT_EQ(*c->position(kFirst, env.after(seconds(5))), 1);
    write(0, "b");
    EXPECT_EQ(read(*c, 1), Values{"0:1=b"});
    c->close();
  });
}

TEST_F(ConsumerTest, without_policy_a_position_must_be_given) {
  with_cluster([&] {
    write(0, "a");
    write(0, "b");
    auto c = consumer(config(AutoOffsetReset::none));
    c->assign({kFirst});
    EXPECT_EQ(c->poll(seconds(1)).error().fault, ConsumerFault::no_offset);
    ASSERT_TRUE(c->seek(kFirst, 1).ok());
    EXPECT_EQ(read(*c, 1), Values{"0:1=b"});
    ASSERT_TRUE(c->seek(kFirst, 9).ok());
    EXPECT_EQ(c->poll(seconds(5)).error().fault, ConsumerFault::offset_out_of_range);
    EXPECT_FALSE(c->seek(kSecond, 0).ok());
    c->close();
  });
}

TEST_F(ConsumerTest, two_partitions_of_two_brokers) {
  with_cluster([&] {
    for (int i = 0; i < 10; ++i) write(i % 2, std::to_string(i));
    auto c = consumer(config());
    c->assign({kFirst, kSecond});
    EXPECT_EQ(read(*c, 10).size(), 10U);
    c->close();
  });
}

TEST_F(ConsumerTest, max_poll_records_cuts_the_answer_not_the_fetch) {
  with_cluster([&] {
    for (int i = 0; i < 7; ++i) write(0, std::to_string(i));
    ConsumerConfig small = config();
    small.max_poll_records = 3;
    auto c = consumer(small);
    c->assign({kFirst});
    std::vector<size_t> sizes;
    while (sizes.size() < 3) {
      const auto records = c->poll(seconds(5));
      if (!records->empty()) sizes.push_back(records->size());
    }
    EXPECT_EQ(sizes, (std::vector<size_t>{3, 3, 1}));
    c->close();
  });
}

TEST_F(ConsumerTest, who_polls_little_at_a_time_waits_for_no_quiet_partition) {  // G43
  with_cluster([&] {
    cluster->partitions[1].leader = 0;
    for (int i = 0; i < 9; ++i) write(0, std::to_string(i));
    ConsumerConfig small = config();
    small.max_poll_records = 1;
    small.max_partition_fetch_bytes = 1;
    small.fetch_max_wait_ms = 5000;
    auto c = consumer(small);
    c->assign({kFirst, kSecond});
    size_t seen = 0;
    for (const Deadline deadline = env.after(seconds(4)); seen < 9 && env.now() < deadline;) {
      seen += c->poll(deadline)->size();
      env.sleep(milliseconds(1));  // the application works
    }
    EXPECT_EQ(seen, 9U);
    c->close();
  });
}

TEST_F(ConsumerTest, a_seek_drops_what_was_fetched_ahead) {  // G44
  with_cluster([&] {
    for (int i = 0; i < 5; ++i) write(0, std::to_string(i));
    auto c = consumer(config());
    c->assign({kFirst});
    env.sleep(seconds(2));
    ASSERT_TRUE(c->seek(kFirst, 3).ok());
    EXPECT_EQ(read(*c, 2), (Values{"0:3=3", "0:4=4"}));
    ASSERT_TRUE(c->seek_to_beginning({kFirst}).ok());
    EXPECT_EQ(read(*c, 5).front(), "0:0=0");
    c->close();
  });
}

TEST_F(ConsumerTest, paused_partitions_keep_what_they_have) {
  with_cluster([&] {
    write(0, "a");
    write(1, "b");
    auto c = consumer(config());
    c->assign({kFirst, kSecond});
    c->pause({kFirst});
    EXPECT_EQ(read(*c, 2, seconds(3)), Values{"1:0=b"});
    c->resume({kFirst});
    EXPECT_EQ(read(*c, 1), Values{"0:0=a"});
    c->close();
  });
}

TEST_F(ConsumerTest, follows_a_leader_that_moves_after_validation) {  // G41
  with_cluster([&] {
    write(0, "a");
    auto c = consumer(config());
    c->assign({kFirst});
    EXPECT_EQ(read(*c, 1), Values{"0:0=a"});
    cluster->partitions[0].leader = 1;
    cluster->partitions[0].epoch = 4;
    write(0, "b");
    EXPECT_EQ(read(*c, 1), Values{"0:1=b"});
    EXPECT_EQ(c->metadata().leader(kFirst), (LeaderAndEpoch{1, 4}));
    c->close();
  });
}

TEST_F(ConsumerTest, truncation_moves_the_position_back_or_is_told) {  // G42
  with_cluster([&] {
    for (const AutoOffsetReset policy : {AutoOffsetReset::earliest, AutoOffsetReset::none}) {
      cluster->partitions[0] = {};
      cluster->partitions[0].epoch = policy == AutoOffsetReset::none ? 13 : 3;
      for (int i = 0; i < 4; ++i) write(0, std::to_string(i));
      auto c = consumer(config(policy));
      c->assign({kFirst});
      ASSERT_TRUE(c->seek(kFirst, 0).ok());
      EXPECT_EQ(read(*c, 4).size(), 4U);
      // An unclean election: the new leader's log ends at 2 for the old epoch, and goes on differently.
      auto& partition = cluster->partitions[0];
      partition.epoch_ends[partition.epoch] = 2;
      partition.batches.resize(2);
      partition.leader = 1;
      ++partition.epoch;
      for (int i = 0; i < 4; ++i) write(0, "new" + std::to_string(i));
      if (policy == AutoOffsetReset::earliest) {
        EXPECT_EQ(read(*c, 4).front(), "0:2=new0");
      } else {
        const auto records = c->poll(seconds(60));
        ASSERT_FALSE(records.ok());
        EXPECT_EQ(records.error().fault, ConsumerFault::log_truncation);
        EXPECT_EQ(records.error().offset, 2);
        ASSERT_TRUE(c->seek(kFirst, 2).ok());
        EXPECT_EQ(read(*c, 4).front(), "0:2=new0");
      }
      c->close();
    }
  });
}

TEST_F(ConsumerTest, damaged_batches_are_told_until_a_seek) {  // G48
  with_cluster([&] {
    write(0, "a");
    write(0, "b");
    write(0, "c");
    cluster->partitions[0].batches[1].back() ^= 1;
    auto c = consumer(config());
    c->assign({kFirst});
    EXPECT_EQ(read(*c, 1), Values{"0:0=a"});
    EXPECT_EQ(c->poll(seconds(5)).error().fault, ConsumerFault::corrupt_record);
    EXPECT_EQ(c->poll(seconds(5)).error().fault, ConsumerFault::corrupt_record);
    EXPECT_EQ(*c->position(kFirst, env.now()), 1);
    ASSERT_TRUE(c->seek(kFirst, 2).ok());
    EXPECT_EQ(read(*c, 1), Values{"0:2=c"});
    c->close();
  });
}

TEST_F(ConsumerTest, damaged_batches_are_read_when_the_leader_has_them_whole) {
  with_cluster([&] {
    write(0, "a");
    write(0, "b");
    cluster->partitions[0].batches[0].back() ^= 1;
    auto c = consumer(config());
    c->assign({kFirst});
    EXPECT_EQ(c->poll(seconds(5)).error().fault, ConsumerFault::corrupt_record);
    cluster->partitions[0].batches[0].back() ^= 1;
    EXPECT_EQ(read(*c, 2), (Values{"0:0=a", "0:1=b"}));
    c->close();
  });
}

TEST_F(ConsumerTest, refusals_are_asked_again_with_pauses) {  // G45
  with_cluster([&] {
    write(0, "a");
    int refusals = 5;
    cluster->refuse_fetch = [&](int32_t) {
      return refusals-- > 0 ? ErrorCode::KAFKA_STORAGE_ERROR : ErrorCode::NONE;
    };
    auto c = consumer(config());
    c->assign({kFirst});
    const Instant before = env.now();
    EXPECT_EQ(read(*c, 1), Values{"0:0=a"});
    EXPECT_GT(env.now() - before, milliseconds(400));
    c->close();
  });
}

TEST_F(ConsumerTest, offsets_for_times) {
  with_cluster([&] {
    write(0, "a", 100);
    write(0, "b", 200);
    write(1, "c", 300);
    auto c = consumer(config());
    const auto found = c->offsets_for_times({{kFirst, 150}, {kSecond, 400}}, env.after(seconds(10)));
    ASSERT_TRUE(found.ok());
    EXPECT_EQ(found->at(kFirst).offset, 1);
    EXPECT_EQ(found->at(kFirst).timestamp_ms, 200);
    EXPECT_EQ(found->at(kSecond).offset, -1);
    EXPECT_EQ(c->end_offsets({kFirst, kSecond}, env.after(seconds(10)))->at(kFirst), 2);
    EXPECT_EQ(c->beginning_offsets({kFirst}, env.after(seconds(10)))->at(kFirst), 0);
    EXPECT_EQ(*c->partition_count("t", env.after(seconds(10))), 2);
    c->close();
  });
}

TEST_F(ConsumerTest, wakeup_ends_one_poll) {
  with_cluster([&] {
    auto c = consumer(config());
    c->assign({kFirst});
    Scope helpers(env);
    helpers.spawn("waker", [&] {
      env.sleep(seconds(2));
      c->wakeup();
    });
    const Instant before = env.now();
    EXPECT_EQ(c->poll(seconds(60)).error().fault, ConsumerFault::wakeup);
    EXPECT_EQ(env.now() - before, seconds(2));
    EXPECT_TRUE(c->poll(milliseconds(10))->empty());
    helpers.join();
    c->close();
  });
}

}  // namespace
}  // namespace ksim::client
