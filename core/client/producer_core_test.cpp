#include "core/client/producer_testing.h"

namespace ksim::client {
namespace {

using testing::at;
using testing::Harness;
using testing::kId;
using testing::TestMetadata;

// Rule G8: a batch leaves when it is full or has lingered.
TEST(ProducerCore, lingers_then_sends) {
  Harness h;
  const auto delivery = h.send();
  EXPECT_TRUE(h.round().empty());
  EXPECT_EQ(h.core.ready(h.now, false).next_check, at(5));
  h.pass(5);
  const auto attempts = h.round();
  ASSERT_EQ(attempts.size(), 1U);
  const BatchView batch(attempts[0].batch->bytes());
  EXPECT_TRUE(batch.check().ok());
  EXPECT_EQ(batch.producer_id(), 42);
  EXPECT_EQ(batch.base_sequence(), 0);
  h.answer(attempts[0], ErrorCode::NONE, 100);
  EXPECT_EQ(delivery->completions, 1);
  EXPECT_EQ(delivery->result.outcome, Outcome::written);
  EXPECT_EQ(delivery->result.offset, 100);
  EXPECT_EQ(h.memory, 0);
  EXPECT_TRUE(h.core.all_done());
}

TEST(ProducerCore, full_batches_do_not_linger) {
  Harness h;
  h.introduce();
  for (int i = 0; i < 3; ++i) h.send(9000);
  EXPECT_EQ(h.round().size(), 1U);
  EXPECT_EQ(h.round().size(), 1U);
  EXPECT_TRUE(h.round().empty());                                           // the last one is not full
  EXPECT_TRUE(h.core.ready(h.now, true).nodes == std::vector<int32_t>{0});  // memory is exhausted
}

// Rules G12, G13: retried batches keep their sequences and go one at a time, the lowest first.
TEST(ProducerCore, the_first_batch_goes_alone) {
  Harness h;
  h.config.linger_ms = 0;
  h.send();
  const auto a = h.round();
  h.send();
  EXPECT_TRUE(h.round().empty());
  h.answer(a[0], ErrorCode::NONE, 0);
  EXPECT_EQ(h.round().size(), 1U);
}

// A new leader may have lost its log, and then takes whatever sequence it gets first; so may who answers
// again after a failure.
TEST(ProducerCore, the_first_batch_to_a_new_leader_goes_alone) {
  Harness h;
  h.config.linger_ms = 0;
  h.introduce();
  h.set_leader(0, 1);
  h.send();
  const auto a = h.round();
  h.send();
  EXPECT_TRUE(h.round().empty());
  h.answer(a.at(0), ErrorCode::NOT_ENOUGH_REPLICAS);
  h.pass(200);
  const auto again = h.round();
  EXPECT_EQ(again.at(0).batch, a.at(0).batch);
  EXPECT_TRUE(h.round().empty());
  h.answer(again[0], ErrorCode::NONE, 1);
  EXPECT_EQ(h.round().size(), 1U);
  h.send();
  EXPECT_EQ(h.round().size(), 1U);
}

// Who was started again may have lost its log; the metadata may not have heard of it yet.
TEST(ProducerCore, the_first_batch_over_a_new_connection_goes_alone) {
  Harness h;
  h.config.linger_ms = 0;
  h.introduce();
  h.core.reconnected(1);
  h.send();
  h.round();
  h.send();
  const auto b = h.round();
  EXPECT_EQ(b.size(), 1U) << "that was another node";
  h.core.reconnected(0);
  h.send();
  EXPECT_TRUE(h.round().empty());
  h.answer(b.at(0), ErrorCode::NONE, 1);
  EXPECT_EQ(h.round().size(), 1U);
}

TEST(ProducerCore, a_retry_goes_alone) {
  Harness h;
  h.config.linger_ms = 0;
  h.introduce();
  h.send();
  const auto a = h.round();
  h.lose(a.at(0));
  h.pass(200);
  EXPECT_EQ(h.round().size(), 1U);
  h.send();
  EXPECT_TRUE(h.round().empty());
}

TEST(ProducerCore, retries_in_order_with_the_same_sequences) {
  Harness h;
  h.config.linger_ms = 0;
  h.introduce();
  h.send();
  const auto a = h.round();
  h.send();
  const auto b = h.round();
  h.send();
  const auto c = h.round();
  ASSERT_EQ(c.size(), 1U);
  h.lose(a[0]);
  h.lose(c[0]);
  h.lose(b[0]);
  EXPECT_TRUE(h.round().empty());  // back-off
  h.pass(200);
  auto again = h.round();
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].batch, a[0].batch);
  EXPECT_TRUE(h.round().empty());
  h.answer(again[0], ErrorCode::NONE, 0);
  again = h.round();
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(BatchView(again[0].batch->bytes()).base_sequence(), 2);
  h.answer(again[0], ErrorCode::DUPLICATE_SEQUENCE_NUMBER);  // G20
  EXPECT_EQ(h.deliveries[1]->result.outcome, Outcome::written);
  EXPECT_EQ(h.deliveries[1]->result.offset, -1);
  again = h.round();
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(BatchView(again[0].batch->bytes()).base_sequence(), 3);
}

// Rule D16: a broker tells only the last five batches from new ones.
TEST(ProducerCore, what_may_be_written_is_overtaken_by_four_at_most) {
  Harness h;
  h.config.linger_ms = 0;
  h.introduce();
  std::vector<ProduceAttempt> sent;
  for (int i = 0; i < 4; ++i) {
    h.send();
    for (ProduceAttempt& attempt : h.round()) sent.push_back(std::move(attempt));
  }
  ASSERT_EQ(sent.size(), 4U);
  h.answer(sent[0], ErrorCode::REQUEST_TIMED_OUT);
  for (size_t i = 1; i < sent.size(); ++i) h.answer(sent[i], ErrorCode::NONE, static_cast<int64_t>(i) + 1);
  h.pass(200);
  h.send();
  const auto again = h.round();
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].batch, sent[0].batch);
  EXPECT_EQ(h.round().size(), 1U);
  h.send();
  EXPECT_TRUE(h.round().empty());
  h.answer(again[0], ErrorCode::NONE, 1);
  EXPECT_EQ(h.round().size(), 1U);
}

TEST(ProducerCore, a_new_leader_ends_the_back_off) {
  Harness h;
  h.config.linger_ms = 0;
  h.send();
  const auto a = h.round();
  h.answer(a[0], ErrorCode::NOT_LEADER_OR_FOLLOWER);
  EXPECT_TRUE(h.core.take_metadata_wish());
  EXPECT_TRUE(h.round().empty());
  h.set_leader(1, 1);
  EXPECT_EQ(h.round().size(), 1U);
}

// Rules G25, G26.
TEST(ProducerCore, outcomes) {
  const auto outcome = [](std::vector<ErrorCode> errors, int16_t acks = -1) {
    ProducerConfig config;
    config.linger_ms = 0;
    config.acks = acks;
    config.enable_idempotence = acks == -1;
    config.retries = static_cast<int32_t>(errors.size()) - 1;
    Harness h(config);
    const auto delivery = h.send();
    for (const ErrorCode error : errors) {
      h.pass(2000);
      const auto attempts = h.round();
      if (attempts.empty()) break;
      if (error == ErrorCode::NETWORK_EXCEPTION || error == ErrorCode::REQUEST_TIMED_OUT)
        h.lose(attempts[0], error);
      else
        h.answer(attempts[0], error);
    }
    EXPECT_EQ(delivery->completions, 1);
    return delivery->result.outcome;
  };
  EXPECT_EQ(outcome({ErrorCode::INVALID_RECORD}), Outcome::not_written);
  EXPECT_EQ(outcome({ErrorCode::TOPIC_AUTHORIZATION_FAILED}), Outcome::not_written);
  EXPECT_EQ(outcome({ErrorCode::NETWORK_EXCEPTION}), Outcome::unknown);
  EXPECT_EQ(outcome({ErrorCode::REQUEST_TIMED_OUT}), Outcome::unknown);
  EXPECT_EQ(outcome({ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND}), Outcome::unknown);
  EXPECT_EQ(outcome({ErrorCode::NOT_LEADER_OR_FOLLOWER}), Outcome::unknown);
  EXPECT_EQ(outcome({ErrorCode::NOT_LEADER_OR_FOLLOWER}, 1), Outcome::not_written);
  EXPECT_EQ(outcome({ErrorCode::NOT_ENOUGH_REPLICAS, ErrorCode::NOT_ENOUGH_REPLICAS}), Outcome::not_written);
  EXPECT_EQ(outcome({ErrorCode::NETWORK_EXCEPTION, ErrorCode::NOT_ENOUGH_REPLICAS}), Outcome::unknown);
  EXPECT_EQ(outcome({ErrorCode::NETWORK_EXCEPTION, ErrorCode::INVALID_RECORD}), Outcome::unknown);
  EXPECT_EQ(outcome({ErrorCode::UNKNOWN_SERVER_ERROR}), Outcome::unknown);
}

TEST(ProducerCore, delivery_timeout) {
  Harness h;
  h.config.linger_ms = 0;
  h.metadata.update(TestMetadata("t", kId, {{-1, 1}}).response, 12, h.now, 0);
  const auto unsent = h.send();
  EXPECT_TRUE(h.round().empty());
  h.pass(119'999);
  h.round();
  EXPECT_EQ(unsent->completions, 0);
  h.pass(1);
  h.round();
  EXPECT_EQ(unsent->result.outcome, Outcome::not_written);
  h.set_leader(0, 2);
  const auto sent = h.send();
  const auto attempts = h.round();
  ASSERT_EQ(attempts.size(), 1U);
  h.pass(120'000);
  h.round();
  EXPECT_EQ(sent->result.outcome, Outcome::unknown);
  h.lose(attempts[0]);
  EXPECT_EQ(sent->completions, 1);
  EXPECT_EQ(h.memory, 0);
}

// Without sequences the one that failed last is repeated first.
TEST(ProducerCore, an_old_batch_does_not_wait_for_younger_ones_to_expire) {
  ProducerConfig config;
  config.enable_idempotence = false;
  config.linger_ms = 0;
  Harness h(config);
  const auto older = h.send();
  const auto a = h.round();
  h.pass(1'000);
  const auto younger = h.send();
  const auto b = h.round();
  h.lose(a.at(0));
  h.lose(b.at(0));
  h.set_leader(-1, 1);
  EXPECT_EQ(h.core.next_expiry(), at(120'000));
  h.pass(119'000);
  h.round();
  EXPECT_EQ(older->completions, 1);
  EXPECT_EQ(younger->completions, 0);
  EXPECT_EQ(h.core.next_expiry(), at(121'000));
  h.pass(1'000);
  h.round();
  EXPECT_EQ(younger->completions, 1);
}

// Rule G15.
TEST(ProducerCore, too_large_batches_are_split) {
  Harness h;
  for (int i = 0; i < 4; ++i) h.send(3000);
  h.pass(5);
  auto attempts = h.round();
  ASSERT_EQ(attempts.size(), 1U);
  h.answer(attempts[0], ErrorCode::MESSAGE_TOO_LARGE);
  int32_t next = 0;
  for (int i = 0; i < 4; ++i) {
    attempts = h.round();
    if (attempts.empty()) break;
    const BatchView view(attempts[0].batch->bytes());
    EXPECT_EQ(view.base_sequence(), next);
    next += view.record_count();
    h.answer(attempts[0], ErrorCode::NONE, view.base_sequence());
  }
  EXPECT_EQ(next, 4);
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(h.deliveries[i]->result.offset, static_cast<int64_t>(i));
  EXPECT_EQ(h.memory, 0);
}

TEST(ProducerCore, one_record_that_is_too_large_fails) {
  Harness h;
  const auto delivery = h.send();
  h.pass(5);
  h.answer(h.round()[0], ErrorCode::MESSAGE_TOO_LARGE);
  EXPECT_EQ(delivery->result.error, ErrorCode::MESSAGE_TOO_LARGE);
  EXPECT_EQ(delivery->result.outcome, Outcome::not_written);
}

// Rules G17, G19, G22: what follows a batch that failed for good starts over under a new epoch.
TEST(ProducerCore, a_definite_failure_bumps_the_epoch) {
  Harness h;
  h.config.linger_ms = 0;
  h.introduce();
  h.send();
  const auto a = h.round();
  h.send();
  const auto b = h.round();
  h.answer(a[0], ErrorCode::INVALID_RECORD);
  h.answer(b[0], ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
  h.pass(200);
  const auto again = h.round();
  ASSERT_EQ(again.size(), 1U);
  const BatchView view(again[0].batch->bytes());
  EXPECT_EQ(view.producer_epoch(), 1);
  EXPECT_EQ(view.base_sequence(), 0);
  EXPECT_TRUE(view.check().ok());
}

TEST(ProducerCore, each_of_two_gaps_bumps_the_epoch) {
  Harness h;
  h.config.linger_ms = 0;
  h.introduce();
  std::vector<ProduceAttempt> attempts;
  for (int i = 0; i < 5; ++i) {
    h.send();
    attempts.push_back(h.round().at(0));
  }
  h.answer(attempts[1], ErrorCode::MESSAGE_TOO_LARGE);
  h.answer(attempts[3], ErrorCode::MESSAGE_TOO_LARGE);
  h.answer(attempts[2], ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
  h.answer(attempts[4], ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
  h.answer(attempts[0], ErrorCode::NONE, 0);
  h.pass(1000);
  const auto refused = h.round();
  ASSERT_EQ(refused.size(), 1U);
  h.answer(refused[0], ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
  h.pass(1000);
  const auto again = h.round();
  ASSERT_FALSE(again.empty());
  EXPECT_EQ(again[0].batch, attempts[2].batch);
  EXPECT_EQ(BatchView(again[0].batch->bytes()).producer_epoch(), 1);
}

// Rule G19's second half.
TEST(ProducerCore, a_bump_without_proof_fails_what_is_behind_as_unknown) {
  Harness h;
  h.config.linger_ms = 0;
  h.introduce();
  h.send();
  const auto a = h.round();
  h.send();
  const auto b = h.round();
  h.lose(a[0]);
  h.lose(b[0]);
  h.pass(200);
  auto again = h.round();
  ASSERT_EQ(again.size(), 1U);
  h.answer(again[0], ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
  h.round();
  EXPECT_EQ(h.deliveries[0]->result.outcome, Outcome::unknown);
  EXPECT_EQ(h.deliveries[1]->result.outcome, Outcome::unknown);
  h.send();
  again = h.round();
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(BatchView(again[0].batch->bytes()).producer_epoch(), 1);
}

// A broker that lost its log has taken what stood behind: the ones in front cannot follow any more.
TEST(ProducerCore, what_is_overtaken_and_refused_fails_at_once) {
  Harness h;
  h.config.linger_ms = 0;
  h.introduce();
  std::vector<ProduceAttempt> sent;
  for (int i = 0; i < 3; ++i) {
    h.send();
    sent.push_back(h.round().at(0));
  }
  h.answer(sent[0], ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND);
  h.answer(sent[1], ErrorCode::NOT_ENOUGH_REPLICAS);
  h.answer(sent[2], ErrorCode::NONE, 0);
  for (int i = 0; i < 2; ++i) {
    h.pass(1000);
    h.answer(h.round().at(0), ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
  }
  EXPECT_EQ(h.deliveries[0]->result.outcome, Outcome::unknown);
  EXPECT_EQ(h.deliveries[1]->result.outcome, Outcome::not_written);
  h.send();
  const BatchView next(h.round().at(0).batch->bytes());
  EXPECT_EQ(next.producer_epoch(), 0);
  EXPECT_EQ(next.base_sequence(), 4);
}

TEST(ProducerCore, what_is_overtaken_gets_no_new_sequence_behind_one_that_was_given_up) {
  Harness h;
  h.config.linger_ms = 0;
  h.introduce();
  std::vector<ProduceAttempt> sent;
  for (int i = 0; i < 3; ++i) {
    h.send();
    sent.push_back(h.round().at(0));
    h.pass(50'000);
  }
  h.lose(sent[0]);
  h.round();  // gives it up
  EXPECT_EQ(h.deliveries[0]->result.outcome, Outcome::unknown);
  h.answer(sent[1], ErrorCode::NOT_ENOUGH_REPLICAS);
  h.answer(sent[2], ErrorCode::NONE, 0);
  h.pass(1000);
  h.answer(h.round().at(0), ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
  EXPECT_EQ(h.deliveries[1]->result.outcome, Outcome::not_written);
}

TEST(ProducerCore, a_gap_proves_nothing_where_one_behind_it_may_be_written) {
  Harness h;
  h.config.linger_ms = 0;
  h.introduce();
  h.send();
  const auto a = h.round();
  h.send();
  const auto b = h.round();
  h.answer(a.at(0), ErrorCode::NOT_ENOUGH_REPLICAS);
  h.lose(b.at(0));
  h.pass(1000);
  h.answer(h.round().at(0), ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
  h.round();
  EXPECT_EQ(h.deliveries[0]->result.outcome, Outcome::unknown);
  EXPECT_EQ(h.deliveries[1]->result.outcome, Outcome::unknown);
}

TEST(ProducerCore, without_idempotence_one_in_flight_keeps_the_order) {
  ProducerConfig config;
  config.max_in_flight_requests_per_connection = 1;
  config.enable_idempotence = false;
  config.linger_ms = 0;
  Harness h(config);
  h.send();
  ASSERT_EQ(h.round().size(), 1U);
  h.send();
  EXPECT_TRUE(h.round().empty());  // muted while one is in flight (rule G14)
}

TEST(ProducerCore, fatal_errors_fail_everything) {
  Harness h;
  h.config.linger_ms = 0;
  h.send();
  const auto a = h.round();
  h.send();
  h.answer(a[0], ErrorCode::CLUSTER_AUTHORIZATION_FAILED);
  EXPECT_EQ(h.deliveries[1]->result.outcome, Outcome::not_written);
  EXPECT_TRUE(h.core.fatal_error());
}

}  // namespace
}  // namespace ksim::client
