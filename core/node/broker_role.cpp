#include "core/node/broker_role.h"

#include <algorithm>

#include "core/broker/replica_changes.h"
#include "core/metadata/features.h"

namespace ksim::node {
namespace {

// How long a controlled shutdown waits for the controller (rule W11).
constexpr Duration kShutdownPatience = seconds(300);

broker::ControllerChannel::Options channel(const ServerConfig& server, std::string_view purpose) {
  return {purpose, "broker-" + std::to_string(server.node_id())};
}

broker::LifecycleOptions lifecycle_options(const ServerConfig& server) {
  broker::LifecycleOptions options;
  options.heartbeat_interval = milliseconds(server.integer("broker.heartbeat.interval.ms"));
  options.session_timeout = milliseconds(server.integer("broker.session.timeout.ms"));
  options.registration_timeout = milliseconds(server.integer("initial.broker.registration.timeout.ms"));
  options.directory_failure_timeout = milliseconds(server.integer("log.dir.failure.timeout.ms"));
  return options;
}

}  // namespace

BrokerRole::BrokerRole(Parts parts)
    : parts_(std::move(parts)),
      common_{parts_.server, parts_.log_dirs.cluster_id(), parts_.log_dirs.infos(), {}},
      active_(parts_.env.scheduler),
      lifecycle_channel_(parts_.env, active_, channel(parts_.server, "heartbeat")),
      isr_channel_(parts_.env, active_, channel(parts_.server, "alter-partition")),
      ids_channel_(parts_.env, active_, channel(parts_.server, "producer-ids")),
      directories_channel_(parts_.env, active_, channel(parts_.server, "directories")),
      changed_(parts_.env.scheduler),
      scope_(parts_.env) {
  producer_ids_ = std::make_unique<broker::ProducerIdSource>(parts_.env, ids_channel_,
                                                             parts_.server.node_id(), broker_epoch_);
  isr_ = std::make_unique<broker::AlterPartitionManager>(
      parts_.env, isr_channel_,
      broker::AlterPartitionManager::Identity{parts_.server.node_id(), [this] { return broker_epoch_; }},
      [this](const broker::PartitionKey& key, const broker::IsrAnswer& answer) {
        const size_t shard = broker::shard_of(key, parts_.shards.size());
        BrokerShard* there = parts_.shards[shard]->broker.get();
        parts_.shards[0]->executor.post(shard, Task([there, key, answer] {
                                          there->replicas().proposal_answered(key, answer);
                                          there->replicas().run_actions();
                                        }));
      });
  assignments_ = std::make_unique<broker::DirectoryAssignments>(
      parts_.env, directories_channel_,
      broker::DirectoryAssignments::Identity{parts_.server.node_id(), [this] { return broker_epoch_; }});
  broker::LifecycleDriver::Callbacks callbacks;
  callbacks.metadata_offset = [this] { return parts_.loader.image()->provenance.last_offset; };
  callbacks.changed = [this] { lifecycle_changed(); };
  callbacks.give_up = [this] { parts_.give_up("the controller could not be reached in time"); };
  lifecycle_ = std::make_unique<broker::LifecycleDriver>(
      parts_.env, lifecycle_channel_, lifecycle_options(parts_.server), std::move(callbacks));
  common_.managers.resize(parts_.shards.size());
  for (size_t k = 0; k < parts_.shards.size(); ++k) {
    NodeShard& shard = *parts_.shards[k];
    shard.broker = std::make_unique<BrokerShard>(shard.env, shard.executor, common_, *this);
    common_.managers[k] = &shard.broker->replicas();
  }
}

BrokerRole::~BrokerRole() {
  for (auto& shard : parts_.shards) shard->broker.reset();
}

template <class F>
void BrokerRole::on_every_shard(F what) {
  std::vector<broker::ShardCall<Unit>> calls;
  broker::ShardExecutor& home = parts_.shards[0]->executor;
  for (size_t k = parts_.shards.size(); k-- > 0;) {
    BrokerShard* shard = parts_.shards[k]->broker.get();
    calls.push_back(home.start_call(k, [shard, k, what] {
      what(*shard, k);
      return Unit{};
    }));
  }
  for (auto& call : calls) static_cast<void>(call.wait());
}

Result<void> BrokerRole::start() {
  TRY_ASSIGN(broker::BrokerRegistrationFacts facts, registration());
  on_every_shard([](BrokerShard& shard, size_t) { shard.start(); });
  TRY(parts_.shards[0]->broker->try_listeners());
  // Those that could not be opened at all: their replicas wait for them, the others are served.
  for (size_t i = 0; i < parts_.log_dirs.infos().size(); ++i) {
    if (parts_.log_dirs.online(i)) continue;
    on_every_shard([i](BrokerShard& shard, size_t) { shard.directory_failed(i); });
  }
  scope_.spawn("active-controller", [this] { watch_controller(); });
  scope_.spawn("broker-lifecycle", [this] { watch_lifecycle(); });
  producer_ids_->start();
  isr_->start();
  assignments_->start();
  lifecycle_->start(std::move(facts));
  return {};
}

Result<broker::BrokerRegistrationFacts> BrokerRole::registration() {
  broker::BrokerRegistrationFacts facts;
  facts.broker_id = parts_.server.node_id();
  facts.cluster_id = common_.cluster_id;
  Dice dice(parts_.env.random, Stream::uuid, hash_text("broker.incarnation"));
  facts.incarnation_id = dice.uuid();
  facts.listeners = parts_.server.advertised_listeners();
  facts.features = supported_features();
  if (const auto rack = parts_.server.given("broker.rack")) facts.rack = std::string(*rack);
  facts.directories = parts_.log_dirs.online_ids();
  std::sort(facts.directories.begin(), facts.directories.end());
  TRY_ASSIGN(facts.previous_broker_epoch, parts_.log_dirs.previous_broker_epoch());
  return facts;
}

// The leader of the quorum is the active controller; every shard has a copy of who that is.
void BrokerRole::watch_controller() {
  std::optional<broker::ControllerNode> known;
  raft::LeaderAndEpoch leader = parts_.raft.leader_and_epoch();
  for (;;) {
    std::optional<broker::ControllerNode> now;
    const auto endpoint = parts_.raft.leader_endpoint();
    if (leader.leader_id && endpoint) now = broker::ControllerNode{*leader.leader_id, *endpoint};
    if (now != known) {
      known = now;
      active_.set(now);
      for (size_t k = 0; k < parts_.shards.size(); ++k) {
        BrokerShard* shard = parts_.shards[k]->broker.get();
        parts_.shards[0]->executor.post(k, Task([shard, now] { shard->active_controller().set(now); }));
      }
    }
    leader = parts_.raft.wait_leader_change(leader, Instant::never());
  }
}

void BrokerRole::lifecycle_changed() {
  if (lifecycle_->broker_epoch() != broker_epoch_) {
    broker_epoch_ = lifecycle_->broker_epoch();
    for (size_t k = 0; k < parts_.shards.size(); ++k) {
      BrokerShard* shard = parts_.shards[k]->broker.get();
      parts_.shards[0]->executor.post(
          k, Task([shard, epoch = broker_epoch_] { shard->set_broker_epoch(epoch); }));
    }
  }
  // The metadata is followed from an image on that has this very registration (rules W4, W5): an older one
  // still names the ISR of the previous incarnation, whose disk may have lost what it held.
  if (!following_ && lifecycle_->lifecycle().caught_up()) {
    following_ = true;
    parts_.loader.add_publisher(*this);
  }
  become_ready();
  changed_.notify_all();
}

// W9: connections are served from the moment the controller has unfenced this broker.
void BrokerRole::watch_lifecycle() {
  while (!serving_) {
    if (lifecycle_->lifecycle().unfenced()) {
      serving_ = true;
      std::vector<broker::ShardCall<Result<void>>> calls;
      for (size_t k = 0; k < parts_.shards.size(); ++k) {
        BrokerShard* shard = parts_.shards[k]->broker.get();
        calls.push_back(parts_.shards[0]->executor.start_call(k, [shard] { return shard->serve(); }));
      }
      for (auto& call : calls) {
        if (Result<void> served = call.wait(); !served.ok()) return parts_.give_up(to_string(served.error()));
      }
      listening_ = true;
      return;
    }
    static_cast<void>(changed_.wait(Instant::never(), "unfenced"));
  }
}

Result<void> BrokerRole::publish(const MetadataDelta& delta, const MetadataImageRef& image) {
  if (stopping_) return {};  // W14: metadata is not applied any more
  applying_ = true;
  struct Applied {
    BrokerRole& role;
    ~Applied() {
      role.applying_ = false;
      role.changed_.notify_all();
    }
  } applied{*this};
  const auto changes = std::make_shared<const std::vector<broker::ReplicaChanges>>(
      broker::replica_changes(delta, image, parts_.server.node_id(), parts_.shards.size()));
  const auto coming = broker::new_leaderships(delta, *changes, parts_.server.node_id());
  on_every_shard([image, coming](BrokerShard& shard, size_t) {
    shard.replicas().set_image(image);
    shard.replicas().set_coming_leaderships(coming);
  });
  if (!loaded_) {
    // Only now logs can be loaded: they need topic ids and configurations.
    TRY(load_logs(image));
    loaded_ = true;
  }
  const bool stops =
      std::any_of(changes->begin(), changes->end(), [](const auto& c) { return !c.removed.empty(); });
  if (stops && changes->size() > 1)
    on_every_shard([changes](BrokerShard& shard, size_t k) { shard.replicas().stop_removed((*changes)[k]); });
  on_every_shard([changes](BrokerShard& shard, size_t k) { shard.apply((*changes)[k]); });
  on_every_shard([](BrokerShard& shard, size_t) { shard.replicas().set_coming_leaderships(nullptr); });
  become_ready();
  return {};
}

Result<void> BrokerRole::load_logs(const MetadataImageRef& image) {
  TRY_ASSIGN(const storage::FoundLogs found, parts_.log_dirs.begin_load());
  const auto by_shard = std::make_shared<std::vector<std::vector<storage::FoundLog>>>(parts_.shards.size());
  for (const storage::FoundLog& log : found.logs) {
    const broker::PartitionKey key{log.topic_id, log.topic_partition.partition};
    (*by_shard)[broker::shard_of(key, parts_.shards.size())].push_back(log);
  }
  for (const auto& [directory, path] : found.doomed) {
    parts_.shards[0]->broker->logs().remove_directory_later(directory, path, 0);
  }
  on_every_shard([by_shard, image](BrokerShard& shard, size_t k) { shard.load((*by_shard)[k], image); });
  parts_.log_dirs.finish_load();
  // A directory may have failed meanwhile, and the node be about to end.
  if (!stopping_) scope_.spawn("log-duties", [this] { run_duties(); });
  return {};
}

void BrokerRole::become_ready() {
  if (ready_ || !loaded_ || !lifecycle_->lifecycle().caught_up()) return;
  ready_ = true;  // before the word, which comes back here
  lifecycle_->ready_to_unfence();
}

// The periodic duties of the logs (rule W8), each at its own interval.
void BrokerRole::run_duties() {
  struct Duty {
    Duration every;
    Instant next;
    void (*run)(BrokerShard&);
  };
  const auto ms = [this](std::string_view name) { return milliseconds(parts_.server.integer(name)); };
  const Instant first = parts_.env.after(ms("log.initial.task.delay.ms"));
  const Duration watermark = ms("replica.high.watermark.checkpoint.interval.ms");
  const Duration expiration = ms("producer.id.expiration.check.interval.ms");
  std::vector<Duty> duties{
      {watermark, parts_.env.after(watermark),
       [](BrokerShard& shard) { shard.checkpoint_high_watermarks(); }},
      {ms("log.flush.offset.checkpoint.interval.ms"), first,
       [](BrokerShard& shard) { shard.logs().checkpoint_recovery_points(); }},
      {ms("log.flush.start.offset.checkpoint.interval.ms"), first,
       [](BrokerShard& shard) { shard.logs().checkpoint_log_starts(); }},
      {ms("log.retention.check.interval.ms"), first, [](BrokerShard& shard) { shard.logs().clean_up(); }},
      {ms("log.flush.scheduler.interval.ms"), first, [](BrokerShard& shard) { shard.logs().flush_due(); }},
      {expiration, parts_.env.after(expiration),
       [](BrokerShard& shard) { shard.logs().remove_expired_producers(); }}};
  for (;;) {
    Duty* due = &duties[0];
    for (Duty& duty : duties) {
      if (duty.next < due->next) due = &duty;
    }
    parts_.env.scheduler.sleep_until(due->next);
    on_every_shard([run = due->run](BrokerShard& shard, size_t) { run(shard); });
    due->next = parts_.env.after(due->every);
  }
}

void BrokerRole::submit_isr(const broker::PartitionKey& key, const broker::IsrProposal& proposal) {
  isr_->submit(key, proposal);
}

void BrokerRole::assign_directory(const broker::PartitionKey& key, const Uuid& directory) {
  assignments_->submit(key, directory);
}

void BrokerRole::directory_failed(size_t directory, const std::string& reason) {
  for (size_t k = 0; k < parts_.shards.size(); ++k) {
    BrokerShard* shard = parts_.shards[k]->broker.get();
    parts_.shards[0]->executor.post(k, Task([shard, directory] { shard->directory_failed(directory); }));
  }
  const bool metadata = directory == parts_.log_dirs.metadata_directory();
  if (metadata || parts_.log_dirs.online_ids().empty()) {
    parts_.give_up("log directory " + parts_.log_dirs.infos()[directory].path + " failed: " + reason);
  } else {
    lifecycle_->directory_failed(parts_.log_dirs.infos()[directory].id);
  }
}

void BrokerRole::collect(MetricsSnapshot& into) const {
  // Kafka's numbers leave a gap.
  const auto state = static_cast<int64_t>(lifecycle_->state());
  const auto pending = static_cast<int64_t>(broker::BrokerState::pending_controlled_shutdown);
  into.gauge("kafka_server_kafkaserver_brokerstate",
             "0 not running, 1 starting, 2 recovery, 3 running, 6 controlled shutdown, 7 shutting down.",
             state < pending ? state : state - pending + 6);
  const size_t online = parts_.log_dirs.online_ids().size();
  into.gauge("kafka_log_logmanager_offlinelogdirectorycount", "Log directories that have failed.",
             static_cast<int64_t>(parts_.log_dirs.infos().size() - online));
  for (size_t i = 0; i < parts_.log_dirs.infos().size(); ++i) {
    into.gauge("kafka_log_logmanager_logdirectoryoffline", "1 if the directory has failed.",
               parts_.log_dirs.online(i) ? 0 : 1, {{"logdirectory", parts_.log_dirs.infos()[i].path}});
  }
  into.gauge("kafka_server_broker_metadata_metrics_last_applied_record_offset", "Of the metadata log.",
             parts_.loader.image()->provenance.last_offset);
}

void BrokerRole::stop() {
  if (loaded_ && lifecycle_->lifecycle().unfenced()) {
    lifecycle_->begin_controlled_shutdown();
    on_every_shard([](BrokerShard& shard, size_t) { shard.replicas().begin_controlled_shutdown(); });
    static_cast<void>(lifecycle_->wait_until(
        [](const broker::Lifecycle& life) { return life.state() == broker::BrokerState::shutting_down; },
        parts_.env.after(kShutdownPatience)));
  }
  stopping_ = true;
  lifecycle_->stop();
  scope_.close();
  // It may be making logs: whatever is appended to them must be closed below, before the marker that vouches
  // for it.
  while (loaded_ && applying_) static_cast<void>(changed_.wait(Instant::never(), "metadata is applied"));
  on_every_shard([](BrokerShard& shard, size_t) { shard.stop(); });
  isr_->stop();
  assignments_->stop();
  producer_ids_->stop();
  std::vector<bool> in_order(parts_.log_dirs.infos().size(), loaded_);
  std::vector<broker::ShardCall<std::vector<bool>>> calls;
  for (size_t k = 0; k < parts_.shards.size(); ++k) {
    BrokerShard* shard = parts_.shards[k]->broker.get();
    calls.push_back(parts_.shards[0]->executor.start_call(k, [shard] { return shard->close_logs(); }));
  }
  for (auto& call : calls) {
    const std::vector<bool> closed = call.wait();
    for (size_t i = 0; i < in_order.size(); ++i) in_order[i] = in_order[i] && closed[i];
  }
  if (const Result<void> marked = parts_.log_dirs.write_clean_markers(broker_epoch_, in_order);
      !marked.ok()) {
    parts_.env.emit(LogLine{3, "storage", to_string(marked.error())});
  }
}

}  // namespace ksim::node
