#include "core/broker/replica_fetcher.h"

#include <algorithm>

#include "core/wire/messages/list_offsets.h"

namespace ksim::broker {
namespace {

constexpr Duration kLate = milliseconds(600);  // where replica.append_late is active

}  // namespace

// ---- all fetchers ----

void ReplicaFetchers::follow(const std::shared_ptr<Partition>& partition, const BrokerRegistration& leader) {
  const ListenerEndpoint* listener = leader.listener(options_.listener);
  if (listener == nullptr) return unfollow(partition->key());
  const auto fetchers = static_cast<uint64_t>(std::max(1, options_.fetchers));
  const Place place{leader.id, partition->key().hash() / 1024 % fetchers, {listener->host, listener->port}};
  if (const auto known = places_.find(partition->key()); known != places_.end() && !(known->second == place))
    unfollow(partition->key());
  places_[partition->key()] = place;
  auto& fetcher = fetchers_[place];
  if (fetcher == nullptr) {
    fetcher = std::make_unique<ReplicaFetcher>(env_, options_, place.endpoint, broker_epoch_, bytes_in_);
    fetcher->start(mix64(static_cast<uint64_t>(leader.id), place.index));
  }
  fetcher->add(partition);
}

void ReplicaFetchers::unfollow(const PartitionKey& key) {
  const auto known = places_.find(key);
  if (known == places_.end()) return;
  fetchers_.at(known->second)->remove(key);
  places_.erase(known);
}

// As Apache Kafka ends idle fetcher threads. A leader whose machine has died is waited for as long as
// replica.socket.timeout.ms; if it leads again by then it is asked on a new connection.
void ReplicaFetchers::end_idle() {
  std::erase_if(retired_, [](const auto& fetcher) { return fetcher->ended(); });
  for (auto next = fetchers_.begin(); next != fetchers_.end();) {
    const auto at = next++;
    if (at->second->size() > 0) continue;
    at->second->retire();
    retired_.push_back(std::move(at->second));
    fetchers_.erase(at);
  }
}

void ReplicaFetchers::stop() {
  for (const auto& [place, fetcher] : fetchers_) fetcher->cancel();
  for (const auto& fetcher : retired_) fetcher->cancel();
  for (const auto& [place, fetcher] : fetchers_) fetcher->join();
  for (const auto& fetcher : retired_) fetcher->join();
}

// ---- one fetcher ----

ReplicaFetcher::ReplicaFetcher(const Env& env, const FetcherOptions& options, Endpoint leader,
                               const int64_t& own_broker_epoch, uint64_t& bytes_in)
    : env_(env),
      options_(options),
      leader_(std::move(leader)),
      own_broker_epoch_(own_broker_epoch),
      bytes_in_(bytes_in),
      changed_(env.scheduler),
      scope_(env) {}

void ReplicaFetcher::start(uint64_t entity) {
  scope_.spawn(
      "replica-fetcher", [this] { loop(); }, entity);
}

void ReplicaFetcher::add(const std::shared_ptr<Partition>& partition) {
  Followed& followed = followed_[partition->key()];
  if (followed.partition == partition && followed.leader_epoch == partition->leader_epoch()) return;
  followed = {};
  followed.partition = partition;
  followed.leader_epoch = partition->leader_epoch();
  changed_.notify_one();
}

void ReplicaFetcher::remove(const PartitionKey& key) { followed_.erase(key); }

void ReplicaFetcher::retire() {
  retired_ = true;
  if (asking_) scope_.cancel();
  changed_.notify_one();
}

void ReplicaFetcher::loop() {
  struct Leave {
    std::unique_ptr<rpc::RpcConnection>& connection;
    ~Leave() { connection.reset(); }
  } leave{connection_};
  while (!retired_) {
    Instant next = Instant::never();
    std::vector<PartitionKey> blank;
    std::vector<PartitionKey> unsettled;
    const Wanted wants = wanted(next, blank, unsettled);
    if (!unsettled.empty()) {
      settle(unsettled);
    } else if (!blank.empty()) {
      find_starts(blank);
    } else if (!wants.empty()) {
      fetch(wants);
    } else {
      static_cast<void>(changed_.wait(next, "nothing to fetch"));
    }
  }
}

void ReplicaFetcher::settle(const std::vector<PartitionKey>& unsettled) {
  for (const PartitionKey& key : unsettled) {
    const auto found = followed_.find(key);
    if (found == followed_.end()) continue;
    const std::shared_ptr<Partition> partition = found->second.partition;
    if (!partition->log()->flush(partition->log()->log_end_offset()).ok()) delay(key);
  }
}

void ReplicaFetcher::find_starts(const std::vector<PartitionKey>& blank) {
  if (!connect()) return delay_all();
  for (const PartitionKey& key : blank) find_start(key);
}

void ReplicaFetcher::find_start(const PartitionKey& key) {
  const auto found = followed_.find(key);
  if (found == followed_.end()) return;
  const std::shared_ptr<Partition> partition = found->second.partition;
  const int32_t epoch = found->second.leader_epoch;
  const Result<int64_t> start = leader_offset(*partition, epoch, kEarliestTimestamp);
  if (start.ok() && !partition->begin_at(epoch, *start).ok()) return delay(key);
  const auto still = followed_.find(key);
  if (still == followed_.end() || still->second.leader_epoch != epoch) return;
  if (!start.ok()) return delay_refused(still->second);
  still->second.start_known = true;
}

ReplicaFetcher::Wanted ReplicaFetcher::wanted(Instant& next, std::vector<PartitionKey>& blank,
                                              std::vector<PartitionKey>& unsettled) {
  Wanted wants;
  const Instant now = env_.now();
  for (const auto& [key, followed] : followed_) {
    if (followed.parked || !followed.partition->follows(followed.leader_epoch)) continue;
    if (followed.ready_at > now) {
      next = std::min(next, followed.ready_at);
      continue;
    }
    if (!followed.start_known && followed.partition->is_blank()) {
      blank.push_back(key);
      continue;
    }
    const storage::Log& log = *followed.partition->log();
    if (log.settled_end() < log.log_end_offset()) {
      unsettled.push_back(key);
      continue;
    }
    FetchAsk ask;
    ask.fetch_offset = log.log_end_offset();
    ask.log_start_offset = log.log_start_offset();
    ask.max_bytes = options_.max_bytes;
    ask.current_leader_epoch = followed.leader_epoch;
    ask.last_fetched_epoch = log.latest_epoch();
    wants.emplace(FetchKey{key.topic_id, {}, key.index}, ask);
  }
  return wants;
}

bool ReplicaFetcher::connect() {
  if (connection_ != nullptr && connection_->is_usable()) return true;
  connection_.reset();
  session_.lost();
  rpc::RpcClientConfig config;
  config.client_id = "broker-" + std::to_string(options_.own_id) + "-fetcher";
  config.purpose = "fetch";
  const Asking asking(asking_);
  auto opened = rpc::RpcConnection::open(env_, leader_, config, env_.after(options_.socket_timeout));
  if (!opened.ok()) return false;
  connection_ = std::move(opened).value();
  return true;
}

template <class Request>
auto ReplicaFetcher::call(const Request& request, Duration patience) {
  const Asking asking(asking_);
  return connection_->call(request, env_.after(patience));
}

namespace {

// Runs of equal topics in items or forgotten keys, which come in the order of keys.
template <class T, class Topic>
size_t run_length(const std::vector<T>& list, size_t from, Topic topic_of) {
  size_t end = from;
  while (end < list.size() && topic_of(list[end]) == topic_of(list[from])) ++end;
  return end - from;
}

template <class T, class Topic>
size_t run_count(const std::vector<T>& list, Topic topic_of) {
  size_t runs = 0;
  for (size_t at = 0; at < list.size(); at += run_length(list, at, topic_of)) ++runs;
  return runs;
}

void name_partitions(const FetchSessionClient::Request& session, wire::FetchRequest& request,
                     wire::Arena& arena) {
  const auto of_item = [](const FetchItem& item) { return item.key.topic_id; };
  const auto of_key = [](const FetchKey& key) { return key.topic_id; };
  request.topics = arena.make_array<wire::FetchTopic>(run_count(session.items, of_item));
  size_t at = 0;
  for (wire::FetchTopic& topic : request.topics) {
    topic.topic_id = session.items[at].key.topic_id;
    topic.partitions = arena.make_array<wire::FetchPartition>(run_length(session.items, at, of_item));
    for (wire::FetchPartition& partition : topic.partitions) {
      const FetchItem& item = session.items[at++];
      partition.partition = item.key.partition;
      partition.fetch_offset = item.ask.fetch_offset;
      partition.log_start_offset = item.ask.log_start_offset;
      partition.partition_max_bytes = item.ask.max_bytes;
      partition.current_leader_epoch = item.ask.current_leader_epoch.value_or(-1);
      partition.last_fetched_epoch = item.ask.last_fetched_epoch.value_or(-1);
    }
  }
  request.forgotten_topics_data =
      arena.make_array<wire::ForgottenTopic>(run_count(session.forgotten, of_key));
  at = 0;
  for (wire::ForgottenTopic& topic : request.forgotten_topics_data) {
    topic.topic_id = session.forgotten[at].topic_id;
    topic.partitions = arena.make_array<int32_t>(run_length(session.forgotten, at, of_key));
    for (int32_t& partition : topic.partitions) partition = session.forgotten[at++].partition;
  }
}

}  // namespace

wire::FetchRequest ReplicaFetcher::make_request(const FetchSessionClient::Request& session, int16_t version,
                                                wire::Arena& arena) const {
  wire::FetchRequest request;
  if (version >= 15) {
    request.replica_state.replica_id = options_.own_id;
    request.replica_state.replica_epoch = own_broker_epoch_;
  } else {
    request.replica_id = options_.own_id;
  }
  request.max_wait_ms = static_cast<int32_t>(options_.wait_max.ms());
  request.min_bytes = options_.min_bytes;
  request.max_bytes = options_.response_max_bytes;
  request.session_id = session.session_id;
  request.session_epoch = session.session_epoch;
  name_partitions(session, request, arena);
  return request;
}

void ReplicaFetcher::fetch(const Wanted& wants) {
  if (!connect()) return delay_all();
  const Result<int16_t> version = connection_->version_for<wire::FetchRequest>();
  if (!version.ok() || *version < 13) {  // topics are named by id
    connection_.reset();
    return delay_all();
  }
  wire::Arena arena;
  const wire::FetchRequest request = make_request(session_.next(wants, served_), *version, arena);
  auto reply = call(request, options_.wait_max + options_.socket_timeout);
  if (!reply.ok()) {
    env_.reached(Mark::replica_fetch_lost, to_string(leader_));
    connection_.reset();
    session_.lost();
    return delay_all();
  }
  if (!session_.answered(error_code_of((*reply)->error_code), (*reply)->session_id)) {
    env_.reached(Mark::fetch_session_refused, to_string(leader_));
    return;  // at once again, as a full fetch
  }
  take(**reply, wants);
}

void ReplicaFetcher::take(const wire::FetchResponse& response, const Wanted& wants) {
  for (const auto& topic : response.responses) {
    for (const auto& data : topic.partitions) {
      const auto asked = wants.find(FetchKey{topic.topic_id, {}, data.partition_index});
      if (asked != wants.end()) take_partition(asked->first, asked->second, data);
    }
  }
}

void ReplicaFetcher::take_partition(const FetchKey& name, const FetchAsk& ask,
                                    const wire::FetchResponsePartitionData& data) {
  const PartitionKey key{name.topic_id, name.partition};
  const auto found = followed_.find(key);
  // Rule D51: only for the partition, the epoch and the offset that were asked for.
  if (found == followed_.end() || found->second.leader_epoch != *ask.current_leader_epoch) return;
  const std::shared_ptr<Partition> partition = found->second.partition;
  switch (error_code_of(data.error_code)) {
    case ErrorCode::NONE: {
      found->second.refused_for = {};
      const Result<void> taken = append(*partition, ask, data);
      bytes_in_ += data.records.bytes.size();
      if (!data.records.bytes.empty()) served_ = name;
      // The append may have waited: the partition may be gone from here.
      if (const auto still = followed_.find(key); still != followed_.end()) {
        still->second.lag = std::max<int64_t>(0, data.high_watermark - partition->log()->log_end_offset());
      }
      if (taken.ok()) return;
      env_.reached(Mark::replica_append_failed, partition->name());
      env_.emit(LogLine{2, "replica", taken.error().message});
      return delay(key);
    }
    case ErrorCode::OFFSET_OUT_OF_RANGE:
      return out_of_range(partition, ask);
    case ErrorCode::FENCED_LEADER_EPOCH:
      env_.reached(Mark::replica_fetch_fenced, partition->name());
      found->second.parked = true;
      return;
    default:
      return delay_refused(found->second);
  }
}

Result<void> ReplicaFetcher::append(Partition& partition, const FetchAsk& ask,
                                    const wire::FetchResponsePartitionData& data) {
  env_.dawdle(Site::replica_append_late, 20, kLate);
  if (data.diverging_epoch.epoch >= 0 || data.diverging_epoch.end_offset >= 0) {
    TRY(partition.truncate_to_divergence(*ask.current_leader_epoch,
                                         {data.diverging_epoch.epoch, data.diverging_epoch.end_offset}));
    return {};
  }
  Partition::Fetched fetched;
  fetched.records = data.records.bytes;
  fetched.fetch_offset = ask.fetch_offset;
  fetched.leader_epoch = *ask.current_leader_epoch;
  fetched.leader_high_watermark = data.high_watermark;
  fetched.leader_log_start = data.log_start_offset;
  TRY(partition.append_fetched(fetched));
  return {};
}

void ReplicaFetcher::out_of_range(const std::shared_ptr<Partition>& partition, const FetchAsk& ask) {
  const int32_t epoch = *ask.current_leader_epoch;
  const Result<int64_t> end = leader_offset(*partition, epoch, kLatestTimestamp);
  const Result<int64_t> start = end.ok() ? leader_offset(*partition, epoch, kEarliestTimestamp) : end;
  if (!end.ok() || !start.ok()) return delay(partition->key());
  const Result<bool> done = partition->out_of_range(epoch, *start, *end);
  if (!done.ok()) delay(partition->key());
}

Result<int64_t> ReplicaFetcher::leader_offset(const Partition& partition, int32_t leader_epoch,
                                              int64_t timestamp) {
  wire::Arena arena;
  wire::ListOffsetsRequest request;
  request.replica_id = options_.own_id;
  request.topics = arena.make_array<wire::ListOffsetsTopic>(1);
  request.topics[0].name = partition.topic();
  request.topics[0].partitions = arena.make_array<wire::ListOffsetsPartition>(1);
  request.topics[0].partitions[0].partition_index = partition.index();
  request.topics[0].partitions[0].current_leader_epoch = leader_epoch;
  request.topics[0].partitions[0].timestamp = timestamp;
  if (connection_ == nullptr) return fail(ErrorCode::NETWORK_EXCEPTION, "not connected");
  TRY_ASSIGN(auto reply, call(request, options_.socket_timeout));
  for (const auto& topic : reply->topics) {
    for (const auto& answer : topic.partitions) {
      const ErrorCode error = error_code_of(answer.error_code);
      if (error != ErrorCode::NONE) return fail(error, partition.name());
      return answer.offset;
    }
  }
  return fail(ErrorCode::UNKNOWN_SERVER_ERROR, "an empty answer to ListOffsets");
}

void ReplicaFetcher::delay(const PartitionKey& key) {
  const auto found = followed_.find(key);
  if (found != followed_.end()) found->second.ready_at = env_.after(options_.backoff);
}

void ReplicaFetcher::delay_refused(Followed& followed) {
  followed.refused_for = std::clamp(followed.refused_for * 2, options_.backoff / 16, options_.backoff);
  followed.ready_at = env_.after(followed.refused_for);
}

void ReplicaFetcher::delay_all() {
  const Instant ready_at = env_.after(options_.backoff);
  for (auto& [key, followed] : followed_) followed.ready_at = ready_at;
}

int64_t ReplicaFetcher::max_lag() const {
  int64_t largest = 0;
  for (const auto& [key, followed] : followed_) largest = std::max(largest, followed.lag);
  return largest;
}

int64_t ReplicaFetchers::max_lag() const {
  int64_t largest = 0;
  for (const auto& [place, fetcher] : fetchers_) largest = std::max(largest, fetcher->max_lag());
  return largest;
}

}  // namespace ksim::broker
