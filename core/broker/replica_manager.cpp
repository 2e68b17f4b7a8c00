// Metadata and partitions; what requests do is in replica_requests.cpp.

#include "core/broker/replica_manager.h"

#include <algorithm>

#include "core/metadata/server_config.h"

namespace ksim::broker {
namespace {

// For what the disk takes to make the files of new partitions; a directory that hangs keeps nobody longer.
constexpr Duration kLeadershipPatience = seconds(1);

}  // namespace

std::optional<BrokerStanding> ReplicaManager::ImageBrokers::standing(int32_t broker_id) const {
  const BrokerRegistration* broker = image_->broker(broker_id);
  if (broker == nullptr) return std::nullopt;
  return BrokerStanding{broker->epoch, broker->fenced, broker->in_controlled_shutdown};
}

ReplicaManager::ReplicaManager(const Env& env, Options options, const ServerConfig& server, ReplicaLogs& logs,
                               IsrProposals& proposals, FollowerFetching& fetching)
    : env_(env),
      options_(options),
      server_(server),
      logs_(logs),
      proposals_(proposals),
      fetching_(fetching),
      image_(empty_image()),
      leaderships_taken_(env.scheduler),
      duty_(env, {&produces_, &fetches_, &deletes_}),
      scope_(env) {}

ReplicaManager::~ReplicaManager() {
  for (const auto& [key, partition] : partitions_) partition->log()->on_flushed({});
}

void ReplicaManager::start() {
  duty_.start();
  scope_.spawn("isr-lag", [this] { lag_loop(); });
}

void ReplicaManager::stop() {
  scope_.close();
  duty_.stop();
  produces_.drop_all();
  fetches_.drop_all();
  deletes_.drop_all();
}

void ReplicaManager::lag_loop() {
  for (;;) {
    env_.sleep(options_.replica_lag_time_max / 2);
    check_lag();
  }
}

void ReplicaManager::check_lag() {
  for (const auto& [key, partition] : partitions_) partition->check_lag();
  run_actions();
}

void ReplicaManager::logs_failed() {
  for (const auto& [key, partition] : partitions_) {
    if (partition->online()) continue;
    env_.reached(Mark::replica_offline, partition->name());
    moved(*partition);
  }
  run_actions();
}

void ReplicaManager::set_image(MetadataImageRef image) { image_ = std::move(image); }

void ReplicaManager::set_coming_leaderships(std::shared_ptr<const PartitionKeys> keys) {
  coming_leaderships_ = std::move(keys);
  leaderships_taken_.notify_all();
}

void ReplicaManager::await_leadership(const PartitionKey& key) {
  const Instant deadline = env_.after(kLeadershipPatience);
  while (coming_leaderships_ != nullptr && coming_leaderships_->count(key) > 0) {
    if (!leaderships_taken_.wait(deadline, "leadership")) return;
  }
}

void ReplicaManager::apply(const ReplicaChanges& changes) {
  set_image(changes.image);
  stop_removed(changes);
  reconfigure(changes);
  // Leaders first, as Kafka does: what can be led is not kept waiting by what must be followed.
  for (const ReplicaChange& change : changes.assigned) {
    if (change.state->leader == options_.own_id) lead(change);
  }
  for (const ReplicaChange& change : changes.assigned) {
    if (change.state->leader != options_.own_id) follow(change);
  }
  if (changes.brokers_changed) {
    for (const auto& [key, partition] : partitions_) {
      if (partition->is_leader()) {
        partition->brokers_changed();
      } else {
        // A leader that was not alive when its followers learned of it, or came back elsewhere.
        start_fetching(partition);
      }
    }
  }
  fetching_.end_idle();
  run_actions();
}

void ReplicaManager::stop_removed(const ReplicaChanges& changes) {
  for (const PartitionKey& key : changes.removed) remove(key);
}

void ReplicaManager::begin_controlled_shutdown() { stopping_ = true; }

void ReplicaManager::reconfigure(const ReplicaChanges& changes) {
  if (!changes.all_reconfigured && changes.reconfigured.empty()) return;
  for (const auto& [key, partition] : partitions_) {
    const bool named = std::find(changes.reconfigured.begin(), changes.reconfigured.end(),
                                 partition->topic()) != changes.reconfigured.end();
    if (changes.all_reconfigured || named)
      partition->set_settings(topic_settings(*image_, server_, partition->topic()));
  }
}

void ReplicaManager::remove(const PartitionKey& key) {
  offline_.erase(key);
  fetching_.unfollow(key);
  const auto found = partitions_.find(key);
  if (found == partitions_.end()) return;
  const std::shared_ptr<Partition> partition = found->second;
  partitions_.erase(found);
  partition->retire();
  partition->log()->on_flushed({});
  run_actions();
  env_.reached(Mark::replica_removed, partition->name());
  const auto removed = logs_.remove(partition->log());
  if (!removed.ok()) env_.emit(LogLine{3, "replica", removed.error().message});
}

std::shared_ptr<Partition> ReplicaManager::open(const ReplicaChange& change) {
  if (const auto found = partitions_.find(change.key); found != partitions_.end()) return found->second;
  TopicSettings settings = topic_settings(*image_, server_, change.topic);
  auto log = logs_.open({change.topic, change.key.index}, change.key.topic_id,
                        change.state->directory_of(options_.own_id), settings.log);
  if (!log.ok()) {
    env_.emit(LogLine{3, "replica", log.error().message});
    offline_[change.key] = ErrorCode::KAFKA_STORAGE_ERROR;
    return nullptr;
  }
  offline_.erase(change.key);
  (*log)->update_high_watermark(logs_.checkpointed_high_watermark(**log));
  Partition::Options options;
  options.topic = change.topic;
  options.key = change.key;
  options.own_id = options_.own_id;
  options.replica_lag_time_max = options_.replica_lag_time_max;
  auto partition = std::make_shared<Partition>(env_, *this, std::move(options), std::move(log).value(),
                                               std::move(settings));
  partitions_.emplace(change.key, partition);
  partition->log()->on_flushed([this, key = change.key] { log_flushed(key); });
  return partition;
}

void ReplicaManager::log_flushed(const PartitionKey& key) {
  const auto found = partitions_.find(key);
  if (found == partitions_.end()) return;
  found->second->log_flushed();
  run_actions();
}

void ReplicaManager::lead(const ReplicaChange& change) {
  const std::shared_ptr<Partition> partition = open(change);
  if (partition == nullptr) return;
  fetching_.unfollow(change.key);
  const auto made = partition->make_leader(*change.state);
  if (!made.ok()) env_.emit(LogLine{3, "replica", made.error().message});
  run_actions();
}

// Rule W17: appends stop, what waits is told, and only then the fetcher of the new epoch begins.
void ReplicaManager::follow(const ReplicaChange& change) {
  const std::shared_ptr<Partition> partition = open(change);
  if (partition == nullptr) return;
  const auto made = partition->make_follower(*change.state);
  run_actions();
  if (!made.ok()) {
    env_.emit(LogLine{3, "replica", made.error().message});
    return;
  }
  if (*made) fetching_.unfollow(change.key);
  start_fetching(partition);
}

void ReplicaManager::start_fetching(const std::shared_ptr<Partition>& partition) {
  if (partition->isr().is_leader()) return;
  const BrokerRegistration* leader = image_->broker(partition->leader_id());
  const auto isr = partition->isr().committed_isr();
  const bool left = stopping_ && std::find(isr.begin(), isr.end(), options_.own_id) == isr.end();
  if (leader == nullptr || leader->fenced || left || !partition->online()) {
    fetching_.unfollow(partition->key());
    return;
  }
  fetching_.follow(partition, *leader);
}

Result<std::shared_ptr<Partition>, ErrorCode> ReplicaManager::find(const PartitionKey& key) const {
  if (const auto found = partitions_.find(key); found != partitions_.end()) return found->second;
  if (const auto found = offline_.find(key); found != offline_.end())
    return Failure<ErrorCode>{found->second};
  return Failure<ErrorCode>{image_->partition(key.topic_id, key.index) != nullptr
                                ? ErrorCode::NOT_LEADER_OR_FOLLOWER
                                : ErrorCode::UNKNOWN_TOPIC_OR_PARTITION};
}

std::vector<CheckpointEntry> ReplicaManager::high_watermarks() const {
  std::vector<CheckpointEntry> entries;
  for (const auto& [key, partition] : partitions_) {
    if (partition->online()) entries.push_back({partition->log(), partition->log()->high_watermark()});
  }
  return entries;
}

void ReplicaManager::propose(Partition& partition, const IsrProposal& proposal) {
  proposals_.submit(partition.key(), proposal);
}

void ReplicaManager::proposal_answered(const PartitionKey& key, const IsrAnswer& answer) {
  const auto found = partitions_.find(key);
  if (found == partitions_.end()) return;
  const size_t before = found->second->isr().committed_isr().size();
  found->second->proposal_answered(answer);
  const size_t after = found->second->isr().committed_isr().size();
  if (after < before) ++isr_shrinks_;
  if (after > before) ++isr_expands_;
  run_actions();
}

void ReplicaManager::moved(const Partition& partition) {
  produces_.touch(partition.key());
  fetches_.touch(partition.key());
  deletes_.touch(partition.key());
}

void ReplicaManager::run_actions() {
  static_cast<void>(produces_.drain());
  static_cast<void>(fetches_.drain());
  static_cast<void>(deletes_.drain());
}

LeaderHint ReplicaManager::hint(const PartitionKey& key) const {
  const PartitionRef state = image_->partition(key.topic_id, key.index);
  return state == nullptr ? LeaderHint{} : LeaderHint{state->leader, state->leader_epoch};
}

}  // namespace ksim::broker
