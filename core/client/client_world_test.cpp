// Producer and consumer in the simulated world: links that block, connections that break, client nodes that
// crash. The brokers are FakeCluster on a node of their own.

#include <gtest/gtest.h>

#include "core/client/consumer.h"
#include "core/client/fake_cluster.h"
#include "core/client/producer.h"
#include "sim/test_world.h"

namespace ksim::client {
namespace {

using testing::FakeCluster;

struct ClientWorld {
  explicit ClientWorld(uint64_t seed)
      : world(seed), brokers(world.node("brokers")), client(world.node("client")) {
    brokers.start(sim::FunctionProcess::factory([this](Env& env) {
      cluster = std::make_unique<FakeCluster>(env, 2);
      cluster->partitions.resize(2);
      cluster->partitions[1].leader = 1;
      env.sleep(seconds(600));
      cluster->stop();
    }));
  }
  std::pair<uint64_t, uint64_t> cuts;
  // Between the two nodes, both ways.
  void block(bool blocked) {
    sim::Fabric& fabric = world.world().fabric();
    sim::LinkTrouble trouble;
    trouble.blocked = true;
    if (blocked) {
      cuts = {fabric.add_trouble(client.host(), brokers.host(), trouble),
              fabric.add_trouble(brokers.host(), client.host(), trouble)};
    } else {
      fabric.remove_trouble(client.host(), brokers.host(), cuts.first);
      fabric.remove_trouble(brokers.host(), client.host(), cuts.second);
    }
  }
  void at(Duration when, std::function<void()> what) {
    world.world().at(world.world().now() + when, static_cast<uint64_t>(when.ns), std::move(what));
  }
  template <class Config>
  static Config config(std::string id) {
    Config c;
    c.bootstrap_servers = {{"brokers", 9092}};
    c.client_id = std::move(id);
    return c;
  }
  static void send(Producer& producer, int number, std::vector<SendHandle>& handles) {
    const std::string value = std::to_string(number);
    ProducerRecord record;
    record.topic = "t";
    record.partition = 0;
    record.value = as_bytes(value);
    handles.push_back(producer.send(record));
  }

  sim::TestWorld world;
  sim::SimNode& brokers;
  sim::SimNode& client;
  std::unique_ptr<FakeCluster> cluster;
};

class ClientWorldTest : public ::testing::TestWithParam<uint64_t> {};

TEST_P(ClientWorldTest, records_arrive_once_and_in_order_through_a_broken_network) {
  ClientWorld w(GetParam());
  std::vector<SendHandle> handles;
  bool finished = false;
  w.client.start(sim::FunctionProcess::factory([&](Env& env) {
    env.sleep(seconds(1));
    auto producer = Producer::create(env, ClientWorld::config<ProducerConfig>("writer")).value();
    for (int i = 0; i < 300; ++i) {
      ClientWorld::send(*producer, i, handles);
      env.sleep(milliseconds(100));
    }
    producer->close(env.after(seconds(200)));
    finished = true;
  }));
  for (int i = 0; i < 4; ++i) {
    w.at(seconds(3 + 7 * i), [&] { w.block(true); });
    w.at(seconds(3 + 7 * i) + milliseconds(100 + 1'500 * i), [&] { w.block(false); });
  }
  int losses = 0;
  w.at(milliseconds(1'001),
       [&] { w.cluster->lose_produce_answer = [&](int32_t) { return ++losses % 7 == 0; }; });
  EXPECT_TRUE(w.world.run());
  EXPECT_TRUE(finished);
  EXPECT_EQ(w.world.failures(), std::vector<std::string>{});
  const std::vector<std::string> values = w.cluster->partitions[0].values();
  size_t at = 0;
  for (size_t i = 0; i < handles.size(); ++i) {
    ASSERT_TRUE(handles[i].done());
    EXPECT_EQ(handles[i].wait().outcome, Outcome::written) << i;
    ASSERT_LT(at, values.size());
    EXPECT_EQ(values[at++], std::to_string(i));
  }
  EXPECT_EQ(at, values.size());
}

TEST_P(ClientWorldTest, a_crash_of_the_client_breaks_nothing) {
  ClientWorld w(GetParam());
  std::vector<std::string> read;
  const auto body = [&](Env& env) {
    env.sleep(seconds(1));
    auto producer = Producer::create(env, ClientWorld::config<ProducerConfig>("writer")).value();
    ConsumerConfig reading = ClientWorld::config<ConsumerConfig>("reader");
    reading.auto_offset_reset = AutoOffsetReset::earliest;
    auto consumer = Consumer::create(env, reading).value();
    consumer->assign({{"t", 0}});
    std::vector<SendHandle> handles;
    for (int i = 0; i < 50; ++i) {
      ClientWorld::send(*producer, i, handles);
      static_cast<void>(consumer->poll(milliseconds(20)));
    }
    consumer->close();
    producer->close(env.after(seconds(60)));
  };
  for (int i = 0; i < 8; ++i) {
    w.at(seconds(10 * i), [&w, body] { w.client.start(sim::FunctionProcess::factory(body)); });
    const int64_t die_at_ms =
        900 + static_cast<int64_t>((GetParam() * 131 + static_cast<uint64_t>(i) * 173) % 900);
    if (i < 7) {
      w.at(seconds(10 * i) + milliseconds(die_at_ms), [&w] {
        if (w.client.running()) w.client.crash();
      });
    }
  }
  EXPECT_TRUE(w.world.run());
  EXPECT_EQ(w.world.failures(), std::vector<std::string>{});
}

TEST_P(ClientWorldTest, a_reader_misses_nothing_and_repeats_nothing) {  // K1
  ClientWorld w(GetParam());
  std::vector<int64_t> offsets;
  w.client.start(sim::FunctionProcess::factory([&](Env& env) {
    env.sleep(seconds(1));
    auto producer = Producer::create(env, ClientWorld::config<ProducerConfig>("writer")).value();
    ConsumerConfig reading = ClientWorld::config<ConsumerConfig>("reader");
    reading.auto_offset_reset = AutoOffsetReset::earliest;
    auto consumer = Consumer::create(env, reading).value();
    consumer->assign({{"t", 0}, {"t", 1}});
    std::vector<SendHandle> handles;
    const Deadline end = env.after(seconds(120));
    for (int i = 0; offsets.size() < 200 && env.now() < end; ++i) {
      if (i < 200) ClientWorld::send(*producer, i, handles);
      auto records = consumer->poll(milliseconds(100));
      ASSERT_TRUE(records.ok()) << records.error().message;
      for (const ConsumerRecord& record : *records) offsets.push_back(record.offset);
    }
    consumer->close();
    producer->close(env.after(seconds(60)));
  }));
  for (int i = 0; i < 4; ++i) {
    w.at(seconds(4 + 6 * i), [&] { w.block(true); });
    w.at(seconds(4 + 6 * i) + milliseconds(200 + 1'000 * i), [&] { w.block(false); });
    w.at(seconds(2 + 6 * i), [&w, i] {  // leaders move, as their log goes on
      w.cluster->partitions[0].leader = i % 2;
      ++w.cluster->partitions[0].epoch;
    });
  }
  EXPECT_TRUE(w.world.run());
  EXPECT_EQ(w.world.failures(), std::vector<std::string>{});
  ASSERT_EQ(offsets.size(), 200U);
  for (size_t i = 0; i < offsets.size(); ++i) EXPECT_EQ(offsets[i], static_cast<int64_t>(i));
}

INSTANTIATE_TEST_SUITE_P(Seeds, ClientWorldTest, ::testing::Range<uint64_t>(1, 9));

}  // namespace
}  // namespace ksim::client
