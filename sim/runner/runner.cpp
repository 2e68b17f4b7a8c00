#include "sim/runner/runner.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "core/base/contains.h"
#include "core/base/properties.h"
#include "core/metadata/config.h"
#include "core/metadata/config_def.h"
#include "core/metadata/server_config.h"
#include "core/wire/api_table.h"
#include "sim/faults/schedule.h"
#include "sim/faults/settings.h"
#include "sim/observer/run_watcher.h"
#include "sim/plan/words.h"
#include "sim/runner/cluster.h"
#include "sim/runner/kafka_process.h"
#include "sim/runner/message_tap.h"
#include "sim/runner/request_watch.h"
#include "sim/workloads/client_config.h"
#include "sim/workloads/workload.h"

namespace ksim::sim {
namespace {

constexpr Duration kQuietStep = milliseconds(500);

WorldSetup world_setup(const Plan& plan) {
  WorldSetup setup;
  setup.seed = plan.explore.micro_seed;
  setup.exploration.order = plan.explore.policy == "fifo"            ? Order::fifo
                            : plan.explore.policy == "change_points" ? Order::few_changes
                                                                     : Order::random;
  setup.exploration.change_points = plan.explore.change_points;
  setup.net = NetProfile::named(plan.network.latency).value_or(NetProfile::rack());
  setup.net.give_up = plan.network.retransmission_timeout;
  setup.active_sites.resize(kSiteCount);
  for (size_t i = 0; i < kSiteCount; ++i) {
    const auto name = site_name(static_cast<Site>(i));
    setup.active_sites[i] = std::find(plan.buggify.begin(), plan.buggify.end(), name) != plan.buggify.end();
  }
  return setup;
}

// What is in force for a topic: its own configuration, else what all nodes are given, else the default.
TopicPromise promise_of(const Plan& plan, const ServerConfig& server, const TopicPlan& topic) {
  TopicPromise promise;
  promise.replication = topic.replication;
  const ConfigMap own(topic.config.begin(), topic.config.end());
  const ConfigsImage nothing_dynamic;
  const TopicConfig config = effective_topic_config({nothing_dynamic, server}, &own);
  promise.min_insync = config.min_insync_replicas;
  promise.unclean_election = config.unclean_leader_election;
  promise.retention_ms = config.retention_ms;
  promise.retention_bytes = config.retention_bytes;
  promise.flush_each = config.flush_messages == 1;
  promise.append_time = config.timestamp_type == TimestampType::log_append_time;
  promise.segment_bytes = std::min<int64_t>(config.segment_bytes, plan.sizes.segment_bytes);
  const auto alters = [&](const AdminPlan& admin) {
    return admin.topic == topic.name &&
           std::find(admin.calls.begin(), admin.calls.end(), "alter_configs") != admin.calls.end();
  };
  if (std::any_of(plan.admins.begin(), plan.admins.end(), alters)) {
    promise.raised_min_insync = promise.replication;
  } else {
    promise.max_message_bytes = config.max_message_bytes;
    promise.segment_ms = config.segment_ms;
    promise.flush_ms = config.flush_ms;
    promise.flush_messages = config.flush_messages;
  }
  return promise;
}

class Run final : private FaultTeller {
 public:
  Run(const Plan& plan, const RunRequest& options, RunMemory& memory)
      : plan_(plan),
        options_(options),
        world_(world_setup(plan), memory),
        observer_(peek_, {options.checkers, options.record || options.watcher != nullptr}),
        cluster_(world_, plan_, observer_, peek_, make_kafka_process),
        workload_(cluster_, observer_, plan_),
        faults_(cluster_, plan_.faults, *this) {
    if (options.trace != nullptr) world_.trace(options.trace);
    if (Recorder* recorder = observer_.recorder()) {
      tap_.emplace(*recorder);
      request_watch_.next = &*tap_;
    }
    if (options.checkers || tap_) {
      request_watch_.on_request = [this](const RequestSeen& request) { observer_.on_request(request); };
      request_watch_.minds = [this](const Conn& conn) { return cluster_.is_for_quorum(conn.address(1)); };
      request_watch_.on_arrived = [this](const Conn& conn, int16_t api) { quorum_asked(conn, api); };
      world_.fabric().tap(&request_watch_);
    }
    if (options.watcher != nullptr) watch(*options.watcher);
    note_promises();
    cluster_.on_death = [this](SimNode& node) {
      workload_.died(node);
      faults_.died(node);
    };
    cluster_.on_mark = [this](Mark mark, SimNode& node, std::string_view subject) {
      if (options_.on_mark) options_.on_mark(mark_name(mark), node.name(), world_.now());
      if (options_.watcher != nullptr) options_.watcher->on_mark(mark, node.name(), subject, world_.now());
      if (options_.faults) faults_.reached(mark, node, subject);
    };
    observer_.predicates().on_true = [this](Predicate predicate, int32_t node, std::string_view subject) {
      if (options_.watcher != nullptr) options_.watcher->on_predicate(predicate, node, subject, world_.now());
      if (options_.faults) faults_.became_true(predicate, cluster_.by_id(node), subject);
    };
  }
  void quorum_asked(const Conn& conn, int16_t api) {
    const auto key = wire::ApiKey{api};
    if (key != wire::ApiKey::fetch && key != wire::ApiKey::fetch_snapshot) return;
    const std::optional<int32_t> voter = cluster_.voter_of(conn.address(0).host);
    const std::optional<int32_t> leader = cluster_.voter_of(conn.address(1).host);
    if (voter && leader) observer_.on_quorum_fetch({*voter, *leader, world_.now()});
  }
  void note_promises() {
    std::vector<std::string> warnings;
    const auto server =
        ServerConfig::parse_text(server_properties(plan_, plan_.cluster.nodes.front()), warnings);
    if (!server.ok()) return;
    ClusterView& view = observer_.view();
    view.quorum_fetch_timeout = milliseconds(server->integer("controller.quorum.fetch.timeout.ms"));
    view.clients_keep_time = clients_keep_time();
    if (lone_workers_read_slowly()) view.on_trouble_began();
    const std::vector<ServerConfig> configs = all_configs();
    const auto range_of = [&](std::string_view key) { return range_in(configs, key); };
    view.replica_lag_time_max = milliseconds(range_of("replica.lag.time.max.ms").second);
    view.retention_check_interval = milliseconds(range_of("log.retention.check.interval.ms").second);
    view.initial_task_delay = milliseconds(range_of("log.initial.task.delay.ms").second);
    view.flush_check_interval = milliseconds(range_of("log.flush.scheduler.interval.ms").second);
    const Duration socket_timeout = milliseconds(range_of("replica.socket.timeout.ms").second);
    if (plan_.network.retransmission_timeout < socket_timeout) view.lost_answer_wait = socket_timeout;
    if (range_of("replica.fetch.min.bytes").second > range_of("replica.fetch.max.bytes").first)
      followers_wait_ = milliseconds(range_of("replica.fetch.wait.max.ms").second);
    const auto session = range_of("broker.session.timeout.ms");
    view.session_timeout_min = milliseconds(session.first);
    view.session_timeout_max = milliseconds(session.second);
    if (range_of("auto.leader.rebalance.enable").first != 0)
      view.rebalance_interval_max = seconds(range_of("leader.imbalance.check.interval.seconds").second);
    const FeatureLevels features = server->bootstrap_features();
    const auto is_elr = [](const auto& feature) { return feature.first == kElrFeature; };
    if (std::none_of(features.begin(), features.end(), is_elr)) view.on_elr_off();
    for (const TopicPlan& topic : plan_.topics) {
      TopicPromise promise = promise_of(plan_, *server, topic);
      for (const ServerConfig& config : configs) {
        const TopicPromise other = promise_of(plan_, config, topic);
        promise.max_message_bytes = std::max(promise.max_message_bytes, other.max_message_bytes);
        promise.segment_bytes = std::max(promise.segment_bytes, other.segment_bytes);
        promise.segment_ms = std::max(promise.segment_ms, other.segment_ms);
        promise.flush_ms = std::max(promise.flush_ms, other.flush_ms);
        promise.flush_messages = std::max(promise.flush_messages, other.flush_messages);
      }
      view.promise(topic.name, promise);
    }
  }
  // The least and the most that any node has.
  static std::pair<int64_t, int64_t> range_in(const std::vector<ServerConfig>& configs,
                                              std::string_view key) {
    std::pair<int64_t, int64_t> range{INT64_MAX, 0};
    for (const ServerConfig& config : configs) {
      const std::string_view text = config.text(key);
      const int64_t value = text == "true" ? 1 : text == "false" ? 0 : config.integer(key);
      range = {std::min(range.first, value), std::max(range.second, value)};
    }
    return range;
  }
  // Whatever else is to be done on a shard whose only worker reads slowly waits as long as requests come.
  bool lone_workers_read_slowly() const {
    const auto several_shards = [](const NodePlan& node) { return node.broker && node.shards > 1; };
    return plan_.sizes.shard_workers == 1 && contains(plan_.buggify, site_name(Site::fetch_slow_read)) &&
           std::any_of(plan_.cluster.nodes.begin(), plan_.cluster.nodes.end(), several_shards);
  }
  // Networks and brokers may be as slow as they like.
  bool clients_keep_time() const {
    std::set<std::string_view> clients{"clients",    "producers",    "consumers",
                                       "any client", "any producer", "any consumer"};
    for (const ProducerPlan& producer : plan_.producers) clients.insert(producer.name);
    for (const ConsumerPlan& consumer : plan_.consumers) clients.insert(consumer.name);
    return std::none_of(plan_.faults.begin(), plan_.faults.end(), [&](const FaultPlan& fault) {
      const std::string_view moment = fault.trigger.when;
      const bool of_client = moment.starts_with("producer.") || moment.starts_with("consumer.");
      return clients.contains(fault.target) || (of_client && is_here(fault.target));
    });
  }
  // Of every node, and what each may be started again with.
  std::vector<ServerConfig> all_configs() const {
    std::vector<std::string> texts;
    for (const NodePlan& node : plan_.cluster.nodes) {
      if (!texts.empty() && node.config.empty()) continue;
      texts.push_back(server_properties(plan_, node));
    }
    const size_t first = texts.size();
    for (const FaultPlan& fault : plan_.faults) {
      const auto set = fault.parameters.find("set");
      if (set == fault.parameters.end()) continue;
      const Result<Properties> settings = parse_settings(set->second);
      if (!settings.ok()) continue;
      std::string more;
      for (const auto& [key, value] : *settings) more += fmt::format("{}={}\n", key, value);
      for (size_t i = 0; i < first; ++i) texts.push_back(texts[i] + more);
    }
    std::vector<ServerConfig> configs;
    for (const std::string& text : texts) {
      std::vector<std::string> warnings;
      auto config = ServerConfig::parse_text(text, warnings);
      if (config.ok()) configs.push_back(std::move(*config));
    }
    return configs;
  }
  ~Run() override { world_.fabric().tap(nullptr); }

  RunSummary play() {
    cluster_.start_all();
    workload_.start();
    if (options_.faults) faults_.start();
    run_until(Instant{} + plan_.duration);
    if (!ended_) {
      workload_.finish();
      heal();
      settle();
    }
    if (!ended_) {
      workload_.stop_readers();
      step();
    }
    // It was quiet only because nobody had noticed yet, of a follower that waits for an answer of a machine
    // long gone.
    if (!ended_ && unrest(false)) settle();
    return ended_ ? cut_short() : sum_up();
  }

 private:
  // ---- FaultTeller ----
  int64_t fault_began(const FaultPlan& plan, const std::string& target, const std::string& cause,
                      const std::string& effect) override {
    return observer_.on_fault(plan.kind, target, world_.now(), cause, effect);
  }
  void fault_missed(const FaultPlan& plan, const std::string& target, const std::string& cause,
                    const std::string& why) override {
    observer_.on_fault_missed(plan.kind, target, world_.now(), cause, why);
  }
  void fault_ended(int64_t row, const std::string& what) override {
    observer_.on_fault_ended(row, world_.now(), what);
  }

  void heal() {
    faults_.heal();
    cluster_.revive();
    observer_.on_healed(world_.now());
  }

  void watch(RunWatcher& watcher) {
    observer_.watch(&watcher);
    watcher.halt = [this] {
      ended_ = true;
      world_.halt();
    };
    tap_->on_settled = [&watcher](const MessageRow& row) { watcher.on_message(row); };
    watcher.on_begin(observer_.view());
  }

  // Not beyond the moment at which who watches wants it to end.
  void run_until(Instant end) {
    const Instant last = options_.watcher == nullptr ? Instant::never() : options_.watcher->until();
    world_.run_until(std::min(end, last));
    if (last < end) ended_ = true;
  }

  void step() { run_until(world_.now() + kQuietStep); }

  // Ended by who watches: nothing of it is judged.
  RunSummary cut_short() {
    RunSummary summary;
    summary.ended = world_.now();
    summary.digest = world_.digest().value();
    summary.events = world_.resumes();
    options_.watcher->on_end(summary.ended, summary.events, summary.digest);
    return summary;
  }

  // What keeps the run from being quiet.
  struct Unrest {
    std::string subject;
    std::string what;
  };

  // Every partition has its leader and full ISR, and all their logs end where the leader's does.
  std::optional<Unrest> unrest_of(PartitionId id) const {
    const ClusterView& view = observer_.view();
    const PartitionTruth& truth = *view.partition(id);
    const PartitionClaim& claim = truth.claim;
    const auto amiss = [&](std::string what) {
      return Unrest{to_string(view.names().name(id)), std::move(what)};
    };
    if (claim.leader < 0) return amiss("it has no leader");
    if (static_cast<int32_t>(claim.isr.size()) < view.promise_of(id).replication)
      return amiss(fmt::format("its ISR is [{}]", fmt::join(claim.isr, ",")));
    const auto leader = truth.replicas.find(claim.leader);
    if (leader == truth.replicas.end() || leader->second == nullptr) return std::nullopt;
    const int64_t end = leader->second->end_offset();
    for (const auto& [node, log] : truth.replicas) {
      if (log != nullptr && log->end_offset() != end)
        return amiss(fmt::format("leader {} ends at {} and replica {} at {}", claim.leader, end, node,
                                 log->end_offset()));
    }
    if (truth.committed_end() < end)
      return amiss(fmt::format("leader {} ends at {}, but only {} is committed", claim.leader, end,
                               truth.committed_end()));
    return std::nullopt;
  }

  // `for_good`: what the contract lets stay as it is, is none.
  std::optional<Unrest> unrest(bool for_good) const {
    const ClusterView& view = observer_.view();
    if (const std::string down = cluster_.first_down(); !down.empty()) return Unrest{down, "it is down"};
    if (view.active_controller() < 0 && !view.voters().empty())
      return Unrest{"controller", "no controller is active"};
    if (!workload_.topics_ready()) return Unrest{"admin", "the topics were not created"};
    for (PartitionId id : view.partitions()) {
      if (for_good && view.offline_permitted(id)) continue;
      if (auto amiss = unrest_of(id)) return amiss;
    }
    if (!workload_.producers_done()) {
      const std::string waits = workload_.producer_waits();
      return Unrest{"producers", waits.empty() ? "a producer has not ended" : waits};
    }
    if (observer_.sends_pending()) return Unrest{"producers", "sends are open"};
    if (const auto behind = workload_.reader_behind(for_good))
      return Unrest{to_string(view.names().name(behind->partition)), behind->text};
    return std::nullopt;
  }

  // To readers and into logs.
  uint64_t records_come() const {
    uint64_t come = workload_.records_read();
    for (PartitionId id : observer_.view().partitions()) {
      for (const auto& [node, log] : observer_.view().partition(id)->replicas)
        come += log == nullptr ? 0 : static_cast<uint64_t>(log->end_offset());
    }
    return come;
  }

  // Where a fetch is to wait for more than it may bring, it waits for all of its time, and brings a batch at
  // the least (rules D29, D30): one after the other, to followers and from there to readers.
  Duration time_of_small_fetches() const {
    int64_t batches = 0;
    for (PartitionId id : observer_.view().partitions())
      batches += static_cast<int64_t>(observer_.view().partition(id)->committed.size());
    int64_t readers_wait_ms = 0;
    for (const ConsumerPlan& consumer : plan_.consumers) {
      const auto config = consumer_config(consumer.config, "");
      if (config.ok() && config->fetch_min_bytes > config->max_partition_fetch_bytes)
        readers_wait_ms = std::max<int64_t>(readers_wait_ms, config->fetch_max_wait_ms);
    }
    return (followers_wait_ + milliseconds(readers_wait_ms)) * batches;
  }

  void settle() {
    // A reader or a follower of small fetches may need long for much, the more so where answers are lost: it
    // may take its time as long as it comes on. Not for ever: it may come by the same again and again.
    constexpr Duration kPatience = seconds(30);
    constexpr int64_t kMostSettles = 10;
    Instant limit = world_.now() + plan_.settle;
    const Instant most = world_.now() + plan_.settle * kMostSettles;
    uint64_t come = records_come();
    while (!world_.halted()) {
      step();
      if (ended_) return;
      cluster_.revive();
      if (!unrest(false)) return;
      if (world_.now() < limit) continue;
      const uint64_t come_now = records_come();
      if (come_now == come || world_.now() >= most + time_of_small_fetches()) break;
      come = come_now;
      limit = world_.now() + kPatience;
    }
    // What the contract lets stay as it is never comes to rest. Beside it all must be well, at one moment. So
    // it must without rare paths, which may hold up what has the time of one of them alone: a broker whose
    // heartbeats are late again and again is not in sync for long.
    const ClusterView& view = observer_.view();
    const std::vector<PartitionId> all = view.partitions();
    const bool hindered = !plan_.buggify.empty() && unrest(true);
    if (hindered) world_.calm_sites();
    const bool beside =
        std::any_of(all.begin(), all.end(), [&](PartitionId id) { return view.offline_permitted(id); });
    const Duration more = std::max(hindered ? plan_.settle : Duration{}, beside ? kPatience : Duration{});
    for (const Instant last = world_.now() + more;
         !world_.halted() && world_.now() < last && unrest(true).has_value();) {
      step();
      if (ended_) return;
      cluster_.revive();
    }
    if (world_.halted()) return;  // by what is told already
    if (const auto left = unrest(true)) observer_.on_unrest(left->subject, left->what, world_.now());
  }

  void record_configurations(Recorder& recorder) const {
    const auto all = [&](const std::string& scope, const Properties& config) {
      for (const auto& [key, value] : config) recorder.config(scope, key, value);
    };
    for (const NodePlan& node : plan_.cluster.nodes) {
      const Result<PropertyMap> properties = parse_properties(cluster_.properties_of(node));
      for (const auto& [key, value] : properties.ok() ? *properties : PropertyMap{})
        recorder.config(machine_name(node), key, value);
    }
    for (const TopicPlan& topic : plan_.topics) {
      all("topic " + topic.name, topic.config);
      const TopicPromise promise = observer_.view().promise_of(topic.name);
      all("in force for " + topic.name,
          {{"replication", std::to_string(promise.replication)},
           {"min.insync.replicas", std::to_string(promise.min_insync)},
           {"unclean.leader.election.enable", promise.unclean_election ? "true" : "false"},
           {"flush.messages", promise.flush_each ? "1" : "never"}});
    }
    for (const ProducerPlan& producer : plan_.producers) all(producer.name, producer.config);
    for (const ConsumerPlan& consumer : plan_.consumers) all(consumer.name, consumer.config);
  }

  RunSummary sum_up() {
    if (!world_.livelock().empty()) {
      observer_.on_violation("LIVELOCK", world_.now(), "world", world_.livelock());
    }
    if (options_.at_end) options_.at_end(observer_.view());
    world_.digest().fold(Fold::run_end, 0, static_cast<uint64_t>(world_.now().ns));
    RunSummary summary = observer_.finish(world_.now());
    summary.scenario = plan_.scenario;
    summary.seed = plan_.seed;
    summary.digest = world_.digest().value();
    summary.events = world_.resumes();
    if (options_.watcher != nullptr) options_.watcher->on_end(summary.ended, summary.events, summary.digest);
    if (Recorder* recorder = observer_.recorder(); recorder != nullptr && options_.record) {
      record_configurations(*recorder);
      Plan played = plan_;
      if (!options_.faults) played.faults.clear();
      const RunHeader header{summary.scenario, summary.seed,    print_plan(played), summary.digest,
                             summary.ended,    summary.holds(), KSIM_VERSION,       options_.checkers};
      Result<std::string> image = recorder->image(header);
      if (image.ok()) {
        summary.recording = std::move(image).value();
      } else {
        summary.simulator_fault = image.error().message;
      }
    }
    return summary;
  }

  const Plan& plan_;
  const RunRequest& options_;
  bool ended_ = false;       // by who watches
  Duration followers_wait_;  // each fetch of theirs, where it never brings what it waits for
  WorldPeek peek_;
  World world_;
  RunObserver observer_;
  std::optional<MessageTap> tap_;
  RequestWatch request_watch_;
  Cluster cluster_;
  Workload workload_;
  FaultSchedule faults_;
};

}  // namespace

RunSummary run_plan(const Plan& plan, const RunRequest& options, RunMemory& memory) {
  Run run(plan, options, memory);
  return run.play();
}

}  // namespace ksim::sim
