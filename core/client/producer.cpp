#include "core/client/producer.h"

#include <algorithm>

#include "core/client/produce_codec.h"
#include "core/wire/messages/init_producer_id.h"

namespace ksim::client {

std::optional<SendResult> SendHandle::wait(Deadline deadline) const {
  const std::shared_ptr<State> state = state_;
  while (!state->result.has_value())
    if (!state->changed.wait(deadline, "send result") && !state->result.has_value()) return std::nullopt;
  return state->result;
}

void SendHandle::State::complete(const SendResult& r) {
  ENSURE(!result.has_value(), "a record has one result");
  result = r;
  changed.notify_all();
  if (callback) callback(r);
}

Result<std::unique_ptr<Producer>> Producer::create(const Env& env, ProducerConfig config) {
  TRY(config.validate());
  return std::unique_ptr<Producer>(new Producer(env, std::move(config)));
}

Producer::Producer(const Env& env, ProducerConfig config)
    : config_(std::move(config)),
      env_(env),
      network_(env, config_, {true, config_.metadata_max_idle_ms}),
      core_(config_, network_.metadata(), env.random, network_.entity()),
      memory_(env.scheduler, config_.buffer_memory),
      work_(env.scheduler),
      delivered_(env.scheduler),
      scope_(env) {
  network_.on_change([this] { wake(); });
  network_.start();
  scope_.spawn(
      "producer.sender", [this] { run(); }, network_.entity());
}

Producer::~Producer() = default;

void Producer::wake() {
  woken_ = true;
  work_.notify_all();
}

// ---- the caller's side ----

SendHandle Producer::send(const ProducerRecord& record, SendCallback callback) {
  SendHandle handle;
  handle.state_ = std::make_shared<SendHandle::State>(env_.scheduler);
  handle.state_->callback = std::move(callback);
  const Result<void> appended = append(record, handle.state_, env_.after(milliseconds(config_.max_block_ms)));
  if (!appended.ok()) {
    SendResult result;
    result.outcome = Outcome::not_written;
    result.error = appended.error().code;
    result.message = appended.error().message;
    handle.state_->complete(result);
  }
  return handle;
}

Result<void> Producer::append(const ProducerRecord& record, const DeliveryRef& delivery, Deadline deadline) {
  TRY(await_topic(record.topic, record.partition, deadline));
  RecordInput input;
  input.timestamp_ms = record.timestamp_ms.value_or(env_.clock.wall().ms());
  input.key = record.key;
  input.value = record.value;
  input.headers = record.headers;
  const auto size = static_cast<int64_t>(record_size_upper_bound(input));
  if (size > config_.max_request_size || size > config_.buffer_memory)
    return fail(ErrorCode::MESSAGE_TOO_LARGE,
                "record of " + std::to_string(size) + " bytes; see max.request.size and buffer.memory");
  int64_t granted = 0;
  for (;;) {
    if (closing_) break;
    if (core_.fatal_error()) break;
    int64_t used = 0;
    const auto appended = core_.append(record, input, delivery, env_.now(), granted, used);
    if (appended.wake_sender) wake();
    if (appended.done) {
      memory_.release(granted - used);
      return {};
    }
    memory_.release(granted);
    granted = 0;
    ++memory_waiters_;
    wake();  // memory exhausted makes every batch ready
    const bool got = memory_.acquire(appended.memory_needed, deadline);
    --memory_waiters_;
    if (!got) return fail(ErrorCode::REQUEST_TIMED_OUT, "no buffer.memory within max.block.ms");
    granted = appended.memory_needed;
    // The topic can have been deleted while this fiber waited.
    if (Result<void> known = await_topic(record.topic, record.partition, deadline); !known.ok()) {
      memory_.release(granted);
      return known;
    }
  }
  memory_.release(granted);
  if (core_.fatal_error()) return fail(*core_.fatal_error());
  return fail(ErrorCode::NETWORK_EXCEPTION, "the producer is closed");
}

Result<void> Producer::await_topic(std::string_view topic, std::optional<int32_t> partition,
                                   Deadline deadline) {
  if (topic.empty()) return fail(ErrorCode::INVALID_TOPIC_EXCEPTION, "no topic");
  if (partition && *partition < 0) return fail(ErrorCode::INVALID_PARTITIONS, "negative partition");
  MetadataCache& metadata = network_.metadata();
  for (;;) {
    if (closing_) return fail(ErrorCode::NETWORK_EXCEPTION, "the producer is closed");
    if (core_.fatal_error()) return fail(*core_.fatal_error());
    const bool asked_before = metadata.is_wanted(topic);
    metadata.want_topic(topic, env_.now());
    const int32_t count = metadata.partition_count(topic);
    if (count > 0 && (!partition || *partition < count)) return {};
    const ErrorCode error = metadata.topic_error(topic);
    if (asked_before &&
        (error == ErrorCode::INVALID_TOPIC_EXCEPTION || error == ErrorCode::TOPIC_AUTHORIZATION_FAILED))
      return fail(error, std::string(topic));
    network_.request_metadata();
    if (!network_.changed().wait(deadline, "topic metadata"))
      return fail(ErrorCode::REQUEST_TIMED_OUT,
                  std::string(topic) + " is not in the metadata within max.block.ms");
  }
}

Result<int32_t> Producer::partition_count(std::string_view topic) {
  TRY(await_topic(topic, std::nullopt, env_.after(milliseconds(config_.max_block_ms))));
  return network_.metadata().partition_count(topic);
}

bool Producer::flush(Deadline deadline) {
  const uint64_t last = core_.last_serial();
  core_.begin_flush();
  struct End {
    ProducerCore& core;
    ~End() { core.end_flush(); }
  } end{core_};
  wake();
  while (!core_.done_up_to(last) || core_.has_completions())
    if (!delivered_.wait(deadline, "flush")) return core_.done_up_to(last) && !core_.has_completions();
  return true;
}

void Producer::close(Deadline deadline) {
  if (closed_) return;
  closing_ = true;
  core_.begin_close();
  wake();
  while (!core_.all_done() && !core_.fatal_error())
    if (!delivered_.wait(deadline, "close")) break;
  closed_ = true;
  {
    const Shield shield(env_.scheduler);
    scope_.close();
  }
  core_.abort_all({ErrorCode::NETWORK_EXCEPTION, "the producer was closed"});
  network_.close();
  deliver();
}

// ---- the sender's fiber ----

void Producer::run() {
  for (;;) {
    woken_ = false;
    const Instant now = env_.now();
    const ProducerIdAndEpoch before = core_.producer();
    core_.begin_round(now);
    if (before.is_valid() && before != core_.producer())
      env_.reached(Mark::producer_epoch_bumped, config_.client_id);
    deliver();
    Deadline next_check = core_.next_expiry();
    ask_producer_id(now, next_check);
    const bool sent = send_ready(now, next_check);
    if (core_.take_metadata_wish()) network_.request_metadata();
    deliver();
    if (!sent && !woken_) static_cast<void>(work_.wait(next_check, "nothing to send"));
  }
}

// One request to each node that has something to take and is free. True: there may be more at once.
bool Producer::send_ready(Instant now, Deadline& next_check) {
  Accumulator::Ready ready = core_.ready(now, memory_waiters_ > 0);
  next_check = std::min(next_check, ready.next_check);
  if (!ready.unknown_leader_topics.empty()) {
    for (const std::string& topic : ready.unknown_leader_topics) network_.metadata().want_topic(topic, now);
    network_.request_metadata();
  }
  bool sent = false;
  const auto most = static_cast<size_t>(config_.max_in_flight_requests_per_connection);
  for (const int32_t node : ready.nodes) {
    const ConnectionPtr connection = network_.usable(node);
    if (connection == nullptr) {
      network_.connect(node);
      const Instant attempt = network_.next_attempt(node);
      if (attempt > now) next_check = std::min(next_check, attempt);
    }
    const bool free = connection != nullptr && connection->in_flight() < most;
    core_.note_node(node, now, free);
    if (!free) continue;
    std::weak_ptr<rpc::RpcConnection>& known = drained_over_[node];
    if (known.lock() != connection) {
      core_.reconnected(node);
      known = connection;
    }
    std::vector<ProduceAttempt> attempts = core_.drain(node, now);
    if (attempts.empty()) continue;
    sent = true;
    if (config_.acks == 0)
      send_unanswered(node, connection, attempts);
    else
      send_request(node, connection, std::move(attempts));
  }
  return sent;
}

namespace {

ProduceAnswer lost(const Error& error) {
  ProduceAnswer answer;
  answer.error = error.io == IoError::timed_out ? ErrorCode::REQUEST_TIMED_OUT : error.code;
  answer.message = error.message;
  // A version that the broker does not have was never sent.
  answer.answered = error.code == ErrorCode::UNSUPPORTED_VERSION;
  return answer;
}

}  // namespace

void Producer::send_request(int32_t node, const ConnectionPtr& connection,
                            std::vector<ProduceAttempt> attempts) {
  wire::Arena arena;
  const wire::ProduceRequest request = make_produce_request(attempts, config_, arena);
  TopicIds asked;
  for (const wire::TopicProduceData& topic : request.topic_data)
    asked[std::string(topic.name)] = network_.metadata().topic_id(topic.name);
  auto shared = std::make_shared<std::vector<ProduceAttempt>>(std::move(attempts));
  connection->send(
      request, network_.request_deadline(),
      [this, node, shared, asked = std::move(asked)](Result<rpc::Reply<wire::ProduceResponse>> reply) {
        const Instant now = env_.now();
        if (reply.ok()) {
          const auto answers = read_produce_response(reply->message, *shared);
          for (size_t i = 0; i < shared->size(); ++i) core_.handle((*shared)[i], answers[i], now);
          take_leaders(reply->message, asked, network_.metadata());
          network_.throttle(node, reply->message.throttle_time_ms);
        } else {
          for (const ProduceAttempt& attempt : *shared) core_.handle(attempt, lost(reply.error()), now);
          network_.connection_failed(node);
        }
        wake();
      });
}

// Rule G23: done as soon as the network has taken it.
void Producer::send_unanswered(int32_t node, const ConnectionPtr& connection,
                               const std::vector<ProduceAttempt>& attempts) {
  wire::Arena arena;
  const wire::ProduceRequest request = make_produce_request(attempts, config_, arena);
  const Result<void> sent = connection->send_unanswered(request, network_.request_deadline());
  const ProduceAnswer answer = sent.ok() ? ProduceAnswer{} : lost(sent.error());
  for (const ProduceAttempt& attempt : attempts) core_.handle(attempt, answer, env_.now());
  if (!sent.ok()) network_.connection_failed(node);
}

void Producer::ask_producer_id(Instant now, Deadline& next_check) {
  if (!core_.needs_producer_id() || asking_producer_id_ || core_.all_done()) return;
  if (now < producer_id_not_before_) {
    next_check = std::min(next_check, producer_id_not_before_);
    return;
  }
  const int32_t node = network_.least_loaded();
  const ConnectionPtr connection = node == kNoNode ? nullptr : network_.usable(node);
  if (connection == nullptr) {
    if (node != kNoNode) network_.connect(node);
    next_check = std::min(next_check, now + milliseconds(std::max<int64_t>(config_.reconnect_backoff_ms, 1)));
    return;
  }
  wire::InitProducerIdRequest request;
  request.transactional_id.reset();
  request.transaction_timeout_ms = std::numeric_limits<int32_t>::max();
  asking_producer_id_ = true;
  connection->send(
      request, network_.request_deadline(),
      [this, node](Result<rpc::Reply<wire::InitProducerIdResponse>> reply) {
        asking_producer_id_ = false;
        const ErrorCode error = reply.ok() ? error_code_of(reply->message.error_code) : reply.error().code;
        if (error == ErrorCode::NONE) {
          producer_id_failures_ = 0;
          core_.set_producer_id({reply->message.producer_id, reply->message.producer_epoch});
        } else if (!is_retriable(error) && error != ErrorCode::UNKNOWN_SERVER_ERROR) {
          core_.producer_id_failed({error, "InitProducerId was refused"});
        } else {
          const ExponentialBackoff backoff{config_.retry_backoff_ms, config_.retry_backoff_max_ms};
          const uint64_t draw = network_.jitter();
          producer_id_not_before_ = env_.after(backoff.after(producer_id_failures_++, draw));
        }
        if (!reply.ok()) network_.connection_failed(node);
        wake();
      });
}

void Producer::deliver() {
  const int64_t released = core_.take_released_memory();
  if (released > 0) memory_.release(released);
  for (const ProducerCore::Completion& done : core_.take_completions()) done.delivery->complete(done.result);
  delivered_.notify_all();
}

}  // namespace ksim::client
