// What a producer promises, whatever the network and the broker do to it.

#include <deque>
#include <map>

#include <rapidcheck/gtest.h>

#include "core/client/producer_testing.h"

namespace ksim::client {
namespace {

using testing::Harness;
using testing::TestDelivery;

// ---- a broker with Kafka's rules for sequences (D15), and a network that loses and delays ----

struct ModelBroker {
  std::vector<std::string> log;
  testing::SequenceModel sequences;
  int alone = 0;  // so many requests come before it has followers enough

  ProduceAnswer append(const ByteBuffer& bytes) {
    const BatchView batch(bytes);
    ProduceAnswer answer;
    if (alone > 0) {
      --alone;
      answer.error = ErrorCode::NOT_ENOUGH_REPLICAS;
      return answer;
    }
    const auto verdict = sequences.judge(batch, static_cast<int64_t>(log.size()));
    answer.error = verdict.error;
    answer.base_offset = verdict.duplicate_of;
    if (verdict.error != ErrorCode::NONE || verdict.duplicate_of >= 0) return answer;
    answer.base_offset = static_cast<int64_t>(log.size());
    RecordCursor records(batch);
    for (RecordView record; *records.next(record);) {
      const std::string value(as_text(*record.value));
      log.push_back(value.substr(0, value.find(':')));
    }
    return answer;
  }
};

struct Sent {
  ProduceAttempt attempt;
  ByteBuffer bytes;
  bool processed = false;
  ProduceAnswer answer;
};
using Wire = std::deque<Sent>;

void check(uint64_t seed, bool logs_are_lost) {
  ProducerConfig config;
  config.linger_ms = 0;
  config.batch_size = 60 + static_cast<int64_t>(seed % 3) * 60;
  config.delivery_timeout_ms = 40'000;
  config.retries = *rc::gen::element(std::numeric_limits<int32_t>::max(), 3);
  Harness h(config, seed);
  ModelBroker broker;
  Wire connection;
  std::vector<Wire> abandoned;
  const auto process = [&](Wire& wire) {
    for (Sent& sent : wire) {
      if (sent.processed) continue;
      sent.processed = true;
      sent.answer = broker.append(sent.bytes);
      return;
    }
  };
  int32_t leader_epoch = 0;
  bool lost_any = false;
  const auto steps = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 100));
  for (const int step : steps) {
    h.pass(step % 7 == 0 ? 1500 : 30);
    if (step < 25) {
      h.send(static_cast<size_t>(step));
    } else if (step < 50) {
      if (connection.size() < 5)
        for (ProduceAttempt& attempt : h.round())
          connection.push_back({attempt, to_buffer(attempt.batch->bytes()), false, {}});
    } else if (step < 68) {
      process(connection);
    } else if (step < 83) {
      if (!connection.empty() && connection.front().processed) {
        const Sent sent = std::move(connection.front());
        connection.pop_front();
        h.core.handle(sent.attempt, sent.answer, h.now);
        h.complete();
      }
    } else if (step < 87) {
      Wire lost = std::exchange(connection, {});
      for (const Sent& sent : lost) h.lose(sent.attempt);
      abandoned.push_back(std::move(lost));
    } else if (step < 91) {
      if (!abandoned.empty()) process(abandoned[static_cast<size_t>(step) % abandoned.size()]);
    } else if (step < 95) {  // the broker refuses the next one, with or without having written it
      if (!connection.empty() && !connection.front().processed) {
        Sent& sent = connection.front();
        sent.processed = true;
        if (step == 91) static_cast<void>(broker.append(sent.bytes));
        sent.answer.error = step == 91   ? ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND
                            : step == 92 ? ErrorCode::NOT_ENOUGH_REPLICAS
                            : step == 93 ? ErrorCode::MESSAGE_TOO_LARGE
                                         : ErrorCode::INVALID_RECORD;
      }
    } else if (step < 97) {
      h.pass(15'000);
    } else if (step < 99 && logs_are_lost) {
      // All that held the log lost power. Whoever has nothing under way hears of the new leader before it
      // sends; the others may hear of it late.
      const bool heard = connection.empty() || step == 97;
      broker = {};
      broker.alone = 1 + static_cast<int>(seed % 2);
      lost_any = true;
      for (const Sent& sent : std::exchange(connection, {})) h.lose(sent.attempt);
      abandoned.clear();
      ++leader_epoch;
      if (heard) h.set_leader(0, leader_epoch);
    } else {
      h.core.begin_round(h.now);
      h.complete();
    }
  }
  for (Wire& wire : abandoned)
    for (size_t i = 0; i < wire.size(); ++i) process(wire);
  // The rest goes well.
  for (int i = 0; i < 1000 && !h.core.all_done(); ++i) {
    h.pass(500);
    for (ProduceAttempt& attempt : h.round())
      connection.push_back({attempt, to_buffer(attempt.batch->bytes()), false, {}});
    while (!connection.empty()) {
      process(connection);
      const Sent sent = std::move(connection.front());
      connection.pop_front();
      h.core.handle(sent.attempt, sent.answer, h.now);
      h.complete();
    }
  }
  RC_ASSERT(h.core.all_done());
  RC_ASSERT(h.memory == 0);
  std::map<std::string, size_t> position;
  for (size_t i = 0; i < broker.log.size(); ++i) RC_ASSERT(position.emplace(broker.log[i], i).second);
  size_t last = 0;
  for (size_t i = 0; i < h.deliveries.size(); ++i) {
    const TestDelivery& delivery = *h.deliveries[i];
    RC_ASSERT(delivery.completions == 1);
    const auto found = position.find(std::to_string(i));
    if (delivery.result.outcome == Outcome::written) {
      if (lost_any && found == position.end()) continue;
      RC_ASSERT(found != position.end());
      RC_ASSERT(lost_any || delivery.result.offset == -1 ||
                delivery.result.offset == static_cast<int64_t>(found->second));
    }
    if (delivery.result.outcome == Outcome::not_written) RC_ASSERT(found == position.end());
    if (found == position.end()) continue;
    RC_ASSERT(found->second >= last);
    last = found->second;
  }
}

// P1, P2 and the honesty of outcomes under lost answers, requests that arrive after their connection was
// given up, refusals, and time-outs.
RC_GTEST_PROP(ProducerOrder, never_twice_never_out_of_order_never_a_wrong_outcome, (uint64_t seed)) {
  check(seed, false);
}

// What is lost is lost, but what comes then is in order, and once.
RC_GTEST_PROP(ProducerOrder, a_log_that_is_lost_turns_nothing_round, (uint64_t seed)) { check(seed, true); }

}  // namespace
}  // namespace ksim::client
