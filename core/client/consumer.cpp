#include "core/client/consumer.h"

#include <algorithm>

#include "core/client/fetch_codec.h"

namespace ksim::client {

Result<std::unique_ptr<Consumer>> Consumer::create(const Env& env, ConsumerConfig config) {
  TRY(config.validate());
  return std::unique_ptr<Consumer>(new Consumer(env, std::move(config)));
}

Consumer::Consumer(const Env& env, ConsumerConfig config)
    : config_(std::move(config)),
      env_(env),
      network_(env, config_, {config_.allow_auto_create_topics, std::numeric_limits<int64_t>::max()}),
      core_(config_, network_.metadata(), env.random, network_.entity()),
      work_(env.scheduler),
      arrived_(env.scheduler),
      scope_(env) {
  network_.on_change([this] { wake(); });
  network_.start();
  scope_.spawn(
      "consumer.fetcher", [this] { run(); }, network_.entity());
}

Consumer::~Consumer() = default;

void Consumer::wake() {
  woken_ = true;
  work_.notify_all();
}

void Consumer::answered() {
  arrived_.notify_all();
  wake();
}

// ---- the application's side ----

void Consumer::assign(const std::vector<TopicPartition>& partitions) {
  core_.assign(partitions, env_.now());
  network_.wake();
  wake();
}

Result<void> Consumer::seek(const TopicPartition& partition, int64_t offset, std::optional<int32_t> epoch) {
  if (offset < 0) return fail(ErrorCode::INVALID_REQUEST, "negative offset");
  if (!core_.seek(partition, offset, epoch))
    return fail(ErrorCode::INVALID_REQUEST, partition.to_string() + " is not assigned");
  wake();
  return {};
}

Result<void> Consumer::request_reset(const std::vector<TopicPartition>& partitions, AutoOffsetReset to) {
  for (const TopicPartition& partition : partitions)
    if (core_.subscriptions().find(partition) == nullptr)
      return fail(ErrorCode::INVALID_REQUEST, partition.to_string() + " is not assigned");
  for (const TopicPartition& partition : partitions) core_.subscriptions().find(partition)->request_reset(to);
  wake();
  return {};
}

Result<void> Consumer::seek_to_beginning(const std::vector<TopicPartition>& partitions) {
  return request_reset(partitions, AutoOffsetReset::earliest);
}
Result<void> Consumer::seek_to_end(const std::vector<TopicPartition>& partitions) {
  return request_reset(partitions, AutoOffsetReset::latest);
}

void Consumer::pause(const std::vector<TopicPartition>& partitions) {
  for (const TopicPartition& partition : partitions)
    if (PartitionPosition* const position = core_.subscriptions().find(partition)) position->paused = true;
}

void Consumer::resume(const std::vector<TopicPartition>& partitions) {
  for (const TopicPartition& partition : partitions)
    if (PartitionPosition* const position = core_.subscriptions().find(partition)) position->paused = false;
  answered();
}

void Consumer::wakeup() {
  wakeup_ = true;
  arrived_.notify_all();
}

Result<int64_t, ConsumerError> Consumer::position(const TopicPartition& partition, Deadline deadline) {
  for (;;) {
    if (closed_) return Failure<ConsumerError>{{ConsumerFault::closed, partition, "closed", {}}};
    const PartitionPosition* const state = core_.subscriptions().find(partition);
    if (state == nullptr)
      return Failure<ConsumerError>{{ConsumerFault::unexpected, partition, "not assigned", {}}};
    if (state->position()) return state->position()->offset;
    if (state->state() == FetchState::initializing && !core_.subscriptions().has_policy())
      return Failure<ConsumerError>{{ConsumerFault::no_offset, partition, "no position and no policy", {}}};
    if (std::exchange(wakeup_, false))
      return Failure<ConsumerError>{{ConsumerFault::wakeup, partition, "wakeup", {}}};
    if (!arrived_.wait(deadline, "position"))
      return Failure<ConsumerError>{{ConsumerFault::unexpected, partition, "no position in time", {}}};
  }
}

Result<ConsumerRecords, ConsumerError> Consumer::poll(Deadline deadline) {
  for (;;) {
    if (closed_) return Failure<ConsumerError>{{ConsumerFault::closed, {}, "closed", {}}};
    if (std::exchange(wakeup_, false))
      return Failure<ConsumerError>{{ConsumerFault::wakeup, {}, "wakeup", {}}};
    ConsumerRecords records;
    const auto collected = core_.collect(records, config_.max_poll_records, env_.now());
    // What was taken out of the buffer makes room for the next fetch, which goes out while the application
    // works. Nothing can interrupt between taking records and returning them.
    wake();
    if (!collected.ok()) return Failure<ConsumerError>{collected.error()};
    if (*collected || !records.empty()) return records;
    if (!arrived_.wait(deadline, "records")) return ConsumerRecords{};
  }
}

Result<std::map<TopicPartition, OffsetAndTimestamp>> Consumer::offsets_for_times(
    const std::map<TopicPartition, int64_t>& timestamps_ms, Deadline deadline) {
  return look_up_offsets(network_, timestamps_ms, config_.isolation_level, deadline);
}

Result<std::map<TopicPartition, int64_t>> Consumer::offsets_at(const std::vector<TopicPartition>& partitions,
                                                               int64_t timestamp_ms, Deadline deadline) {
  std::map<TopicPartition, int64_t> asked;
  for (const TopicPartition& partition : partitions) asked[partition] = timestamp_ms;
  TRY_ASSIGN(const auto found, look_up_offsets(network_, asked, config_.isolation_level, deadline));
  std::map<TopicPartition, int64_t> offsets;
  for (const auto& [partition, offset] : found) offsets[partition] = offset.offset;
  return offsets;
}

Result<std::map<TopicPartition, int64_t>> Consumer::beginning_offsets(
    const std::vector<TopicPartition>& partitions, Deadline deadline) {
  return offsets_at(partitions, kEarliestOffset, deadline);
}
Result<std::map<TopicPartition, int64_t>> Consumer::end_offsets(const std::vector<TopicPartition>& partitions,
                                                                Deadline deadline) {
  return offsets_at(partitions, kLatestOffset, deadline);
}

Result<int32_t> Consumer::partition_count(std::string_view topic, Deadline deadline) {
  return await_partition_count(network_, topic, deadline);
}

void Consumer::close() {
  if (closed_) return;
  closed_ = true;
  {
    const Shield shield(env_.scheduler);
    scope_.close();
  }
  close_sessions();
  network_.close();
  arrived_.notify_all();
}

// Not waited for: a broker that does not hear of it drops the session when it needs the room.
void Consumer::close_sessions() {
  for (const int32_t node : core_.session_nodes()) {
    const auto request = core_.session(node).build_close();
    const ConnectionPtr connection = network_.usable(node);
    if (!request || connection == nullptr) continue;
    wire::Arena arena;
    connection->send(make_fetch_request(*request, config_, arena), network_.request_deadline(),
                     [](const Result<rpc::Reply<wire::FetchResponse>>&) {});
  }
}

// ---- the consumer's fiber ----

void Consumer::run() {
  for (;;) {
    woken_ = false;
    const Instant now = env_.now();
    core_.begin_round([this](int32_t node) { return can_validate(node); });
    Deadline next_check = core_.next_due(now);
    const bool sent = send_ready(now, next_check);
    if (core_.take_metadata_wish()) network_.request_metadata();
    if (!sent && !woken_) static_cast<void>(work_.wait(next_check, "nothing to fetch"));
  }
}

// A broker whose versions are not known yet is taken to be able to.
bool Consumer::can_validate(int32_t node) {
  constexpr int16_t kForConsumersFrom = 3;
  const ConnectionPtr connection = network_.usable(node);
  if (connection == nullptr) return true;
  const auto version = connection->version_for<wire::OffsetForLeaderEpochRequest>();
  return version.ok() && *version >= kForConsumersFrom;
}

bool Consumer::send_ready(Instant now, Deadline& next_check) {
  const auto can_send = [&](int32_t node) {
    if (network_.usable(node) != nullptr) return true;
    network_.connect(node);
    const Instant attempt = network_.next_attempt(node);
    if (attempt > now) next_check = std::min(next_check, attempt);
    return false;
  };
  bool sent = false;
  for (ConsumerCore::OffsetQuery& query : core_.resets(can_send, now)) {
    sent = true;
    send_reset(std::move(query));
  }
  for (ConsumerCore::EpochQuery& query : core_.validations(can_send, now)) {
    sent = true;
    send_validation(std::move(query));
  }
  for (ConsumerCore::Fetch& fetch : core_.fetches(can_send, now)) {
    sent = true;
    send_fetch(std::move(fetch));
  }
  return sent;
}

void Consumer::send_fetch(ConsumerCore::Fetch fetch) {
  const int32_t node = fetch.node;
  const ConnectionPtr connection = network_.usable(node);
  if (connection == nullptr) return core_.fetch_failed(node);
  wire::Arena arena;
  connection->send(make_fetch_request(fetch.request, config_, arena), network_.request_deadline(),
                   [this, node](Result<rpc::Reply<wire::FetchResponse>> reply) {
                     if (reply.ok()) {
                       // The records point into the frame, which lives as long as one of them is unread.
                       auto kept =
                           std::make_shared<rpc::Reply<wire::FetchResponse>>(std::move(reply).value());
                       network_.throttle(node, kept->message.throttle_time_ms);
                       core_.fetch_answered(node, kept->message, kept, env_.now());
                     } else {
                       core_.fetch_failed(node);
                       network_.connection_failed(node);
                     }
                     answered();
                   });
}

void Consumer::send_reset(ConsumerCore::OffsetQuery query) {
  const ConnectionPtr connection = network_.usable(query.node);
  if (connection == nullptr) return core_.reset_failed(query, env_.now());
  wire::Arena arena;
  const auto request = make_list_offsets_request(query, config_, arena);
  connection->send(request, network_.request_deadline(),
                   [this, query = std::move(query)](Result<rpc::Reply<wire::ListOffsetsResponse>> reply) {
                     if (reply.ok()) {
                       network_.throttle(query.node, reply->message.throttle_time_ms);
                       core_.reset_answered(query, reply->message, env_.now());
                     } else {
                       core_.reset_failed(query, env_.now());
                       network_.connection_failed(query.node);
                     }
                     answered();
                   });
}

void Consumer::send_validation(ConsumerCore::EpochQuery query) {
  const ConnectionPtr connection = network_.usable(query.node);
  if (connection == nullptr) return core_.validation_failed(query, env_.now());
  wire::Arena arena;
  const auto request = make_epoch_request(query, arena);
  connection->send(
      request, network_.request_deadline(),
      [this, query = std::move(query)](Result<rpc::Reply<wire::OffsetForLeaderEpochResponse>> reply) {
        if (reply.ok()) {
          network_.throttle(query.node, reply->message.throttle_time_ms);
          const uint64_t before = core_.truncations();
          core_.validation_answered(query, reply->message, env_.now());
          if (core_.truncations() != before) env_.reached(Mark::consumer_truncated, config_.client_id);
        } else {
          core_.validation_failed(query, env_.now());
          network_.connection_failed(query.node);
        }
        answered();
      });
}

}  // namespace ksim::client
