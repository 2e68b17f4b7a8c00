#include "core/client/producer.h"

#include "core/client/fake_cluster.h"
#include "core/rpc/test_world.h"

namespace ksim::client {
namespace {

using testing::FakeCluster;

class ProducerTest : public rpc::test::RpcWorld {
 protected:
  ProducerConfig config() {
    ProducerConfig c;
    c.bootstrap_servers = cluster->bootstrap();
    c.client_id = "tester";
    return c;
  }
  // Runs `body` with a cluster of two brokers and two partitions, one led by each.
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
  std::unique_ptr<Producer> producer(ProducerConfig c) {
    auto created = Producer::create(env, std::move(c));
    EXPECT_TRUE(created.ok());
    return std::move(created).value();
  }
  ProducerRecord record(int32_t partition, std::string_view value) {
    ProducerRecord r;
    r.topic = "t";
    r.partition = partition;
    r.value = as_bytes(value);
    return r;
  }
  Deadline soon() { return env.after(seconds(300)); }

  std::unique_ptr<FakeCluster> cluster;
};

TEST_F(ProducerTest, sends_and_tells_offsets) {
  with_cluster([&] {
    auto p = producer(config());
    const SendHandle a = p->send(record(0, "a"));
    const SendHandle b = p->send(record(0, "b"));
    const SendHandle c = p->send(record(1, "c"));
    int called = 0;
    const SendHandle d = p->send(record(1, "d"), [&](const SendResult& result) {
      ++called;
      EXPECT_EQ(result.offset, 1);
    });
    EXPECT_EQ(a.wait().offset, 0);
    EXPECT_EQ(b.wait().offset, 1);
    EXPECT_EQ(c.wait().outcome, Outcome::written);
    EXPECT_EQ(d.wait().partition, 1);
    EXPECT_EQ(called, 1);
    EXPECT_EQ(cluster->partitions[0].values(), (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(cluster->produces, 2);  // lingering made one batch of each two
    EXPECT_EQ(BatchView(cluster->partitions[0].batches[0]).producer_id(), 1000);
    p->close(soon());
  });
}

TEST_F(ProducerTest, flush_sends_at_once) {
  with_cluster([&] {
    ProducerConfig c = config();
    c.linger_ms = 60'000;
    auto p = producer(c);
    const SendHandle a = p->send(record(0, "a"));
    const Instant before = env.now();
    EXPECT_TRUE(p->flush(soon()));
    EXPECT_TRUE(a.done());
    EXPECT_LT(env.now() - before, seconds(1));
    p->close(soon());
  });
}

TEST_F(ProducerTest, a_lost_answer_is_retried_without_a_duplicate) {
  with_cluster([&] {
    int losses = 2;
    cluster->lose_produce_answer = [&](int32_t) { return losses-- > 0; };
    auto p = producer(config());
    EXPECT_EQ(p->send(record(0, "a")).wait().offset, 0);
    EXPECT_EQ(p->send(record(0, "b")).wait().offset, 1);
    EXPECT_EQ(cluster->partitions[0].values(), (std::vector<std::string>{"a", "b"}));
    p->close(soon());
  });
}

TEST_F(ProducerTest, follows_a_leader_that_moves) {
  with_cluster([&] {
    auto p = producer(config());
    p->send(record(0, "a")).wait();
    cluster->partitions[0].leader = 1;
    cluster->partitions[0].epoch = 4;
    const Instant before = env.now();
    EXPECT_EQ(p->send(record(0, "b")).wait().offset, 1);
    EXPECT_LT(env.now() - before, milliseconds(100));  // the answer named the new leader: no back-off
    EXPECT_EQ(p->metadata().leader({"t", 0}), (LeaderAndEpoch{1, 4}));
    p->close(soon());
  });
}

// It was started again without its log, which the metadata does not tell.
TEST_F(ProducerTest, a_leader_that_is_connected_again_gets_one_batch_alone) {
  with_cluster([&] {
    ProducerConfig c = config();
    c.linger_ms = 0;
    c.connections_max_idle_ms = 1'000;
    auto p = producer(c);
    p->send(record(0, "a")).wait();
    env.sleep(seconds(10));
    cluster->partitions[0].batches.clear();
    cluster->partitions[0].sequences = {};
    int refusals = 1;
    cluster->refuse_produce = [&](int32_t) {
      return refusals-- > 0 ? ErrorCode::NOT_ENOUGH_REPLICAS : ErrorCode::NONE;
    };
    // Each fills a batch.
    const std::string first(10'000, 'b');
    const std::string second(10'000, 'c');
    const SendHandle sent = p->send(record(0, first));
    const SendHandle behind = p->send(record(0, second));
    EXPECT_EQ(sent.wait().outcome, Outcome::written);
    EXPECT_EQ(behind.wait().outcome, Outcome::written);
    EXPECT_TRUE(cluster->partitions[0].values() == (std::vector<std::string>{first, second}));
    p->close(soon());
  });
}

TEST_F(ProducerTest, unknown_topics_fail_after_max_block) {
  with_cluster([&] {
    ProducerConfig c = config();
    c.max_block_ms = 2'000;
    auto p = producer(c);
    ProducerRecord r = record(0, "a");
    r.topic = "nowhere";
    const Instant before = env.now();
    const SendResult result = p->send(r).wait();
    EXPECT_EQ(result.outcome, Outcome::not_written);
    EXPECT_EQ(result.error, ErrorCode::REQUEST_TIMED_OUT);
    EXPECT_EQ(env.now() - before, milliseconds(2'000));
    EXPECT_GT(cluster->metadata_requests, 2);
    EXPECT_LT(cluster->metadata_requests, 30);
    p->close(soon());
  });
}

TEST_F(ProducerTest, records_that_cannot_fit_are_refused) {
  with_cluster([&] {
    ProducerConfig c = config();
    c.max_request_size = 1'000;
    auto p = producer(c);
    const std::string large(1'000, 'x');
    const SendHandle handle = p->send(record(0, large));
    ASSERT_TRUE(handle.done());
    EXPECT_EQ(handle.wait().error, ErrorCode::MESSAGE_TOO_LARGE);
    EXPECT_EQ(handle.wait().outcome, Outcome::not_written);
    EXPECT_EQ(cluster->produces, 0);
    p->close(soon());
  });
}

TEST_F(ProducerTest, waits_for_memory) {
  with_cluster([&] {
    ProducerConfig c = config();
    c.buffer_memory = 2 * 16'384;
    c.linger_ms = 1'000;
    auto p = producer(c);
    const std::string value(12'000, 'x');
    std::vector<SendHandle> handles;
    for (int i = 0; i < 20; ++i) handles.push_back(p->send(record(i % 2, value)));
    for (const SendHandle& handle : handles) EXPECT_EQ(handle.wait().outcome, Outcome::written);
    EXPECT_EQ(cluster->partitions[0].values().size(), 10U);
    p->close(soon());
  });
}

TEST_F(ProducerTest, acks_zero_awaits_nothing) {
  with_cluster([&] {
    ProducerConfig c = config();
    c.acks = 0;
    c.enable_idempotence = false;
    auto p = producer(c);
    const SendResult result = p->send(record(0, "a")).wait();
    EXPECT_EQ(result.outcome, Outcome::written);
    EXPECT_EQ(result.offset, -1);
    p->close(soon());
    env.sleep(seconds(1));
    EXPECT_EQ(cluster->partitions[0].values(), std::vector<std::string>{"a"});
    EXPECT_EQ(cluster->produce_acks, std::vector<int16_t>{0});
  });
}

TEST_F(ProducerTest, delivery_times_out_while_nobody_leads) {
  with_cluster([&] {
    cluster->partitions[0].leader = -1;
    auto p = producer(config());
    const SendResult result = p->send(record(0, "a")).wait();
    EXPECT_EQ(result.error, ErrorCode::REQUEST_TIMED_OUT);
    EXPECT_EQ(result.outcome, Outcome::not_written);
    p->close(soon());
  });
}

TEST_F(ProducerTest, closing_with_records_on_the_way_leaves_them_unknown) {
  with_cluster([&] {
    cluster->refuse_produce = [&](int32_t) {
      env.sleep(seconds(20));
      return ErrorCode::NONE;
    };
    auto p = producer(config());
    const SendHandle sent = p->send(record(0, "a"));
    env.sleep(seconds(1));
    ProducerRecord later = record(0, "b");
    const SendHandle queued = p->send(later);
    p->close(env.now());
    EXPECT_EQ(sent.wait().outcome, Outcome::unknown);
    EXPECT_EQ(queued.wait().outcome, Outcome::not_written);
    const SendHandle after = p->send(record(0, "c"));
    EXPECT_EQ(after.wait().outcome, Outcome::not_written);
  });
}

TEST_F(ProducerTest, compressed_batches_of_keyless_records_stay_together) {
  with_cluster([&] {
    ProducerConfig c = config();
    c.compression_type = Compression::lz4;
    auto p = producer(c);
    const std::string value(100, 'y');
    for (int i = 0; i < 1'000; ++i) {
      ProducerRecord r = record(0, value);
      r.partition.reset();
      p->send(r);
    }
    EXPECT_TRUE(p->flush(soon()));
    const size_t all = cluster->partitions[0].values().size() + cluster->partitions[1].values().size();
    EXPECT_EQ(all, 1'000U);
    EXPECT_LT(cluster->produces, 40);
    p->close(soon());
  });
}

TEST_F(ProducerTest, contradictions_in_the_configuration_are_named) {
  ProducerConfig c;
  EXPECT_EQ(c.validate().error().code, ErrorCode::INVALID_CONFIG);
  c.bootstrap_servers = {{"a", 1}};
  EXPECT_TRUE(c.validate().ok());
  c.acks = 1;
  EXPECT_FALSE(c.validate().ok());
  c.enable_idempotence = false;
  EXPECT_TRUE(c.validate().ok());
  c.delivery_timeout_ms = 10;
  EXPECT_FALSE(c.validate().ok());
}

}  // namespace
}  // namespace ksim::client
