#pragma once
// For tests of the producer's core.

#include <gtest/gtest.h>

#include "core/client/producer_core.h"
#include "core/client/testing.h"

namespace ksim::client::testing {

// A core with its time and metadata; records carry their number as value.
struct Harness {
  explicit Harness(ProducerConfig c = {}, uint64_t seed = 1)
      : config(std::move(c)),
        random(seed),
        metadata(300'000, {100, 1000}),
        core(config, metadata, random, 7) {
    metadata.want_topic("t", at(0));
    set_leader(0, 0);
  }
  void set_leader(int32_t node, int32_t epoch) {
    metadata.update(TestMetadata("t", kId, {{node, epoch}}).response, 12, now, 0);
  }
  std::shared_ptr<TestDelivery> send(size_t value_bytes = 10) {
    auto delivery = std::make_shared<TestDelivery>();
    std::string value = std::to_string(deliveries.size()) + ":" + std::string(value_bytes, 'v');
    RecordInput input;
    input.timestamp_ms = 1;
    input.value = as_bytes(value);
    ProducerRecord record;
    record.topic = "t";
    record.partition = 0;
    int64_t used = 0;
    auto appended = core.append(record, input, delivery, now, 0, used);
    if (!appended.done) {
      appended = core.append(record, input, delivery, now, appended.memory_needed, used);
      memory -= used;
    }
    EXPECT_TRUE(appended.done);
    deliveries.push_back(delivery);
    return delivery;
  }
  // The brokers know the producer; until then one batch is in flight at a time.
  void introduce() {
    send();
    pass(config.linger_ms);
    answer(round().at(0), ErrorCode::NONE, 0);
    deliveries.clear();
  }
  void pass(int64_t ms) { now = now + milliseconds(ms); }
  // One round of the sender, towards the current leader.
  std::vector<ProduceAttempt> round() {
    core.begin_round(now);
    if (core.needs_producer_id()) core.set_producer_id({42 + ids++, 0});
    std::vector<ProduceAttempt> attempts;
    for (const int32_t node : core.ready(now, false).nodes)
      for (ProduceAttempt& attempt : core.drain(node, now)) attempts.push_back(std::move(attempt));
    complete();
    return attempts;
  }
  void answer(const ProduceAttempt& attempt, ErrorCode error, int64_t base_offset = -1) {
    ProduceAnswer a;
    a.error = error;
    a.base_offset = base_offset;
    core.handle(attempt, a, now);
    complete();
  }
  void lose(const ProduceAttempt& attempt, ErrorCode error = ErrorCode::NETWORK_EXCEPTION) {
    ProduceAnswer a;
    a.error = error;
    a.answered = false;
    core.handle(attempt, a, now);
    complete();
  }
  void complete() {
    for (ProducerCore::Completion& done : core.take_completions()) done.delivery->complete(done.result);
    memory += core.take_released_memory();
  }

  ProducerConfig config;
  TestRandom random;
  MetadataCache metadata;
  ProducerCore core;
  Instant now = at(0);
  int64_t memory = 0;
  int64_t ids = 0;
  std::vector<std::shared_ptr<TestDelivery>> deliveries;
};

}  // namespace ksim::client::testing
