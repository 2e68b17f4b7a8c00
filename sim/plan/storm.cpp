#include "sim/plan/storm.h"

#include <algorithm>
#include <array>
#include <iterator>

#include <fmt/format.h>

#include "core/base/contains.h"
#include "core/base/hooks.h"
#include "sim/plan/directories.h"
#include "sim/plan/draws.h"
#include "sim/plan/tiny.h"

namespace ksim::sim {
namespace {

using Words = std::vector<std::string>;

constexpr Duration kWorldBegins = seconds(1);
constexpr const char* kImpatient = "1300";  // of consumers

// What a run is mostly about: faults that are spread over everything seldom meet.
// `failovers`: leaders go and come so fast that their logs fork more than once (KIP-279).
// What a batch of one record takes beside its value, at least: header, lengths, offsets and times.
constexpr uint32_t kBatchOverhead = 65;

enum class Focus : uint8_t { everything, partition, failovers, quorum, clients };

// One value of a key that a seed may set.
struct Knob {
  std::string_view key;
  Words values;
};

class Storm {
 public:
  Storm(uint64_t seed, const Vocabulary& words) : words_(words), seed_(seed) { plan_.seed = seed; }

  Plan draw() {
    Draws draws = of("run");
    focus_ =
        draws.of(std::vector<Focus>{Focus::everything, Focus::everything, Focus::partition, Focus::partition,
                                    Focus::failovers, Focus::failovers, Focus::quorum, Focus::clients});
    plan_.duration = draws.duration(seconds(4), seconds(14));
    // A client whose peer has lost power hears of it when its kernel gives the connection up.
    plan_.network.retransmission_timeout = seconds(draws.of(std::vector<int64_t>{5, 20, 60}));
    plan_.network.latency = draws.of(Words{"local", "datacenter", "datacenter", "regional"});
    plan_.disk.latency = draws.of(Words{"none", "ssd", "ssd", "cloud", "spinning"});
    plan_.explore.policy = draws.of(Words{"random", "change_points", "fifo"});
    plan_.explore.change_points = draws.count(8);
    plan_.explore.micro_seed = mix64(seed_, hash_text("storm.micro_seed"));
    if (!draws.one_in(3)) {
      plan_.limits = "tiny";
      plan_.sizes = tiny_limits(seed_);
    }
    draw_sites(draws);
    draw_cluster();
    draw_topics();
    draw_producers();
    draw_consumers();
    draw_others();
    draw_faults();
    return std::move(plan_);
  }

 private:
  Draws of(std::string_view part) const { return Draws(mix64(seed_, hash_text(part, hash_text("storm")))); }

  // Rare paths of one kind ("alter_partition.") often come together: what one begins, another brings to its
  // end.
  void draw_sites(Draws& draws) {
    if (draws.one_in(3)) return;
    const auto kind_of = [](size_t i) {
      const std::string_view name = site_name(static_cast<Site>(i));
      return name.substr(0, name.find('.'));
    };
    const std::string_view favoured = draws.one_in(2) ? kind_of(draws.below(kSiteCount)) : std::string_view();
    for (size_t i = 0; i < kSiteCount; ++i) {
      if (kind_of(i) == favoured || draws.one_in(4))
        plan_.buggify.emplace_back(site_name(static_cast<Site>(i)));
    }
  }

  // Each knob is turned in one of `rarely` runs.
  static void turn(Draws& draws, Properties& config, std::initializer_list<Knob> knobs, uint64_t rarely) {
    for (const Knob& knob : knobs) {
      if (draws.one_in(rarely)) config[std::string(knob.key)] = draws.of(knob.values);
    }
  }

  // ---- the cluster ----

  void draw_cluster() {
    Draws draws = of("cluster");
    const bool quorum = focus_ == Focus::quorum;
    const bool failovers = focus_ == Focus::failovers;
    brokers_ = draws.of(quorum      ? std::vector<int32_t>{1, 1, 2, 3}
                        : failovers ? std::vector<int32_t>{2, 3, 3}
                                    : std::vector<int32_t>{1, 2, 3, 3, 3, 3, 3, 3, 3, 4, 5});
    const auto controllers = draws.of(quorum ? std::vector<int32_t>{3, 3, 5} : std::vector<int32_t>{1, 3, 3});
    combined_ = draws.one_in(4) && controllers <= brokers_;
    const bool racks = draws.one_in(2);
    for (int32_t i = 0; i < brokers_; ++i) {
      NodePlan node;
      node.id = i + 1;
      node.controller = combined_ && i < controllers;
      node.shards = draws.count(4);
      if (racks) node.rack = i % 2 == 0 ? "a" : "b";
      plan_.cluster.nodes.push_back(std::move(node));
    }
    for (int32_t i = 0; i < controllers && !combined_; ++i) {
      NodePlan node;
      node.id = i + 101;
      node.broker = false;
      node.controller = true;
      plan_.cluster.nodes.push_back(std::move(node));
    }
    Properties& config = plan_.cluster.config;
    config["broker.session.timeout.ms"] =
        failovers ? "1000" : draws.of(Words{"1000", "1000", "1500", "3000", "9000"});
    config["broker.heartbeat.interval.ms"] = draws.of(Words{"200", "400"});
    config["replica.lag.time.max.ms"] = draws.of(Words{"400", "1000", "2500", "30000"});
    config["replica.fetch.wait.max.ms"] = draws.of(Words{"20", "100", "300"});
    turn(draws, config,
         {{"controller.quorum.fetch.timeout.ms", {"700", "1500", "4000"}},
          {"controller.quorum.election.timeout.ms", {"300", "600", "2000"}},
          {"controller.quorum.election.backoff.max.ms", {"100", "400"}},
          {"controller.quorum.request.timeout.ms", {"400", "1000"}}},
         quorum ? 1 : 2);
    turn(draws, config,
         {{"replica.fetch.min.bytes", {"1000", "20000"}},
          {"replica.fetch.backoff.ms", {"50", "200"}},
          {"replica.fetch.max.bytes", {"1", "500", "5000"}},
          {"replica.fetch.response.max.bytes", {"300", "2000"}},
          {"replica.high.watermark.checkpoint.interval.ms", {"100", "1000"}},
          {"log.flush.offset.checkpoint.interval.ms", {"100", "1000"}},
          {"log.flush.start.offset.checkpoint.interval.ms", {"100", "1000"}},
          {"replica.socket.timeout.ms", {"800", "2000"}},
          {"num.replica.fetchers", {"2", "4"}},
          {"leader.imbalance.check.interval.seconds", {"1", "3"}},
          {"unclean.leader.election.interval.ms", {"500", "2000"}},
          {"log.initial.task.delay.ms", {"50", "500"}},
          {"log.retention.check.interval.ms", {"300", "900"}},
          {"log.flush.scheduler.interval.ms", {"100", "1000"}},
          {"metadata.log.max.record.bytes.between.snapshots", {"400", "2000"}},
          {"metadata.log.max.snapshot.interval.ms", {"300", "2000"}},
          {"metadata.max.retention.bytes", {"1000", "5000"}},
          {"metadata.max.idle.interval.ms", {"30", "200"}},
          {"max.incremental.fetch.session.cache.slots", {"0", "1", "3"}},
          {"queued.max.requests", {"1", "3"}},
          {"controlled.shutdown.enable", {"false"}},
          {"bootstrap.features",
           {"eligible.leader.replicas.version=0", "eligible.leader.replicas.version=0", "metadata.version=24",
            "metadata.version=20", "metadata.version=13", "metadata.version=7"}},
          {"connections.max.idle.ms", {"500", "2000"}}},
         4);
    // An answer that is lost with its connection is awaited that long: mostly less than a producer's
    // patience.
    if (plan_.network.retransmission_timeout < seconds(30) && !of("lost answers").one_in(4))
      config.try_emplace("replica.socket.timeout.ms", "2000");
    if (plan_.limits == "tiny") add_tiny_settings(seed_, config);
    two_directories_ = give_two_directories(seed_, config);
    await_first_leader(controllers, config);
  }
  // Of several controllers none leads before one has waited for a leader in vain. What comes before that
  // meets neither partitions nor clients.
  void await_first_leader(int32_t controllers, const Properties& config) {
    const auto timeout = config.find("controller.quorum.fetch.timeout.ms");
    const int64_t ms = timeout == config.end() ? 2000 : std::stol(timeout->second);
    up_ = kWorldBegins + milliseconds(controllers == 1 ? 200 : 300 + ms * 3 / 2);
    plan_.duration = plan_.duration + up_;
  }

  // ---- the workload ----

  void draw_topics() {
    Draws draws = of("topics");
    const uint64_t topics = draws.one_in(3) ? 2 : 1;
    for (uint64_t i = 0; i < topics; ++i) {
      TopicPlan topic;
      topic.name = i == 0 ? "orders" : "bills";
      const bool one = focus_ == Focus::partition || focus_ == Focus::failovers;
      topic.partitions = one && i == 0 ? 1 : static_cast<int32_t>(draws.count(6));
      topic.replication = std::min(brokers_, draws.of(std::vector<int32_t>{1, 2, 3, 3, 3, 3, 3, 3, 4}));
      if (focus_ == Focus::failovers) topic.replication = brokers_;
      const auto least = static_cast<int32_t>(draws.below(static_cast<uint64_t>(topic.replication)) + 1);
      topic.config["min.insync.replicas"] = std::to_string(least);
      turn(draws, topic.config,
           {{"segment.ms", {"300", "1000", "2500"}},
            {"retention.ms", {"600", "1500", "4000"}},
            {"retention.bytes", {"1000", "20000"}},
            {"flush.messages", {"1", "1", "3", "20"}},
            {"flush.ms", {"50", "500"}},
            {"unclean.leader.election.enable", {"true"}},
            {"message.timestamp.type", {"LogAppendTime"}},
            {"compression.type", {"lz4", "zstd", "uncompressed", "uncompressed", "gzip"}},
            {"index.interval.bytes", {"0", "200"}},
            {"file.delete.delay.ms", {"0", "300"}},
            {"max.message.bytes", {"2000", "2000", "700"}}},
           5);
      if (focus_ == Focus::failovers && draws.one_in(2))
        topic.config["unclean.leader.election.enable"] = "true";
      plan_.topics.push_back(std::move(topic));
    }
  }

  const std::string& some_topic(Draws& draws) { return draws.of(plan_.topics).name; }

  void draw_producers() {
    Draws draws = of("producers");
    const uint64_t producers =
        focus_ == Focus::quorum ? 1 : 1 + draws.below(focus_ == Focus::clients ? 5 : 3);
    for (uint64_t i = 1; i <= producers; ++i) {
      ProducerPlan producer;
      producer.name = fmt::format("producer-{}", i);
      producer.topic = i == 1 ? "orders" : some_topic(draws);
      producer.starts = draws.one_in(4) ? draws.duration(milliseconds(10), plan_.duration - up_) : Duration{};
      producer.interval = draws.duration(milliseconds(15), milliseconds(150));
      if (focus_ == Focus::failovers) producer.interval = draws.duration(milliseconds(10), milliseconds(40));
      producer.burst = draws.count(8);
      producer.record_bytes = static_cast<uint32_t>(draws.of(std::vector<int>{20, 100, 100, 400, 1500}));
      // Some are longer than a topic may take: what is refused stands among what is not.
      producer.large_every = draws.one_in(4) ? draws.count(20) : 0;
      if (producer.large_every > 0 && draws.one_in(2)) refuse_large(producer);
      producer.keyed = draws.one_in(2);
      // Short-lived ones have a first batch all the time, of which no leader has heard.
      producer.renew_every = draws.one_in(3) ? draws.count(64) : 0;
      Properties& config = producer.config;
      // What only a leader has makes tails that part.
      config["acks"] = draws.of(focus_ == Focus::failovers ? Words{"all", "all", "1", "1", "0"}
                                                           : Words{"all", "all", "all", "1", "0"});
      const bool idempotent = config["acks"] == "all" && !draws.one_in(3);
      config["enable.idempotence"] = idempotent ? "true" : "false";
      config["max.in.flight.requests.per.connection"] = draws.of(Words{"1", "2", "5", "5"});
      // Impatient ones give up what may yet be written.
      const bool impatient = draws.one_in(2);
      config["request.timeout.ms"] = impatient ? draws.of(Words{"150", "300", "600"}) : "1500";
      const bool linger = draws.one_in(3);
      config["linger.ms"] = linger ? draws.of(Words{"2", "20", "60"}) : "0";
      config["delivery.timeout.ms"] = impatient ? draws.of(Words{"700", "1000", "2000"}) : "30000";
      config["retry.backoff.ms"] = draws.of(Words{"5", "20", "100"});
      turn(draws, config,
           {{"retries", {"0", "0", "1", "3"}},
            {"batch.size", {"1", "200", "2000"}},
            {"retry.backoff.max.ms", {"100", "300"}},
            {"reconnect.backoff.ms", {"5", "200"}},
            {"metadata.max.age.ms", {"200", "2000"}},
            {"max.block.ms", {"300", "2000"}},
            {"connections.max.idle.ms", {"400", "2000"}},
            {"compression.type", {"snappy", "lz4", "zstd", "gzip"}}},
           4);
      if (const auto retries = config.find("retries");
          idempotent && retries != config.end() && retries->second == "0")
        config.erase(retries);
      plan_.producers.push_back(std::move(producer));
    }
    for (ProducerPlan& producer : plan_.producers) use_several(producer);
  }

  // Answers, sessions and batches of several topics come together in one client.
  void use_several(auto& client) {
    Draws draws = of("several topics of " + client.name);
    for (const TopicPlan& topic : plan_.topics) {
      if (topic.name != client.topic && !draws.one_in(3)) client.also.push_back(topic.name);
    }
  }

  // Its topic takes what it sends, but for the large ones.
  void refuse_large(const ProducerPlan& producer) {
    for (TopicPlan& topic : plan_.topics) {
      if (topic.name == producer.topic)
        topic.config["max.message.bytes"] = std::to_string(limit_beside(producer));
    }
  }

  // Well below what the large ones take, or so close to it that some are just in it and some are just not.
  uint32_t limit_beside(const ProducerPlan& producer) const {
    Draws draws = of("limit beside " + producer.name);
    const uint32_t large = producer.record_bytes * kLargeTimes;
    if (draws.one_in(2)) return std::max(2000U, large / 3);
    return large + kBatchOverhead + static_cast<uint32_t>(draws.below(16));
  }

  void draw_consumers() {
    Draws draws = of("consumers");
    const uint64_t consumers = focus_ == Focus::quorum ? 1 : 1 + draws.below(3);
    for (uint64_t i = 1; i <= consumers; ++i) {
      ConsumerPlan consumer;
      consumer.name = fmt::format("consumer-{}", i);
      consumer.topic = i == 1 ? "orders" : some_topic(draws);
      consumer.starts = draws.one_in(2) ? draws.duration(milliseconds(10), plan_.duration - up_) : Duration{};
      consumer.interval = draws.duration(milliseconds(1), milliseconds(300));
      consumer.latest_every = draws.one_in(3) ? 0 : 10;
      consumer.seek_every = draws.one_in(3) ? 3 + draws.count(40) : 0;
      Properties& config = consumer.config;
      config["auto.offset.reset"] = draws.of(Words{"earliest", "earliest", "latest"});
      // A broker may keep a fetch for as long as it is asked to: not longer than the consumer waits.
      config["fetch.max.wait.ms"] = draws.of(Words{"10", "200", "500", "1000"});
      config["request.timeout.ms"] = draws.of(Words{kImpatient, "3000", "30000"});
      turn(draws, config,
           {{"fetch.min.bytes", {"300", "5000"}},
            {"fetch.max.bytes", {"500", "3000"}},
            {"max.partition.fetch.bytes", {"100", "1000"}},
            {"max.poll.records", {"1", "3", "20"}},
            {"client.rack", {"a", "b"}},
            {"retry.backoff.ms", {"5", "50"}},
            {"metadata.max.age.ms", {"200", "2000"}},
            {"connections.max.idle.ms", {"400", "2000"}}},
           3);
      plan_.consumers.push_back(std::move(consumer));
    }
    for (ConsumerPlan& consumer : plan_.consumers) use_several(consumer);
  }

  void draw_others() {
    Draws draws = of("others");
    const uint64_t admins = focus_ == Focus::quorum ? 1 + draws.below(3) : draws.below(2);
    for (uint64_t i = 1; i <= admins; ++i) {
      AdminPlan admin;
      admin.name = fmt::format("admin-{}", i);
      admin.topic = some_topic(draws);
      admin.interval = draws.duration(milliseconds(60), seconds(2));
      for (const std::string_view call : kAdminCalls) {
        if (draws.one_in(2)) admin.calls.emplace_back(call);
      }
      if (admin.calls.empty()) admin.calls = {"delete_records", "elect_leaders"};
      // Clients that would have it made live on where a topic is made again.
      if (contains(admin.calls, "delete_topics") && of("no auto topics").one_in(2))
        plan_.cluster.config["auto.create.topics.enable"] = "false";
      plan_.admins.push_back(std::move(admin));
    }
    if (draws.one_in(focus_ == Focus::quorum ? 2 : 8)) {
      for (int i = 1; i <= 2; ++i) {
        WorkloadPlan clerk;
        clerk.kind = "topic_admin";
        clerk.name = fmt::format("clerk-{}", i);
        clerk.interval = draws.duration(milliseconds(30), milliseconds(200));
        clerk.parameters = {{"topics", draws.of(Words{"1", "2"})},
                            {"replication", std::to_string(draws.count(static_cast<uint32_t>(brokers_)))},
                            {"patience", draws.of(Words{"3ms", "40ms", "500ms"})}};
        plan_.workloads.push_back(std::move(clerk));
      }
    }
    if (draws.one_in(4)) {
      RawDriverPlan driver;
      driver.name = "raw-driver";
      driver.topic = some_topic(draws);
      driver.interval = draws.duration(milliseconds(20), milliseconds(200));
      plan_.raw_drivers.push_back(std::move(driver));
    }
  }

  // ---- what goes wrong ----

  // What a kind of fault may strike.
  enum class Strikes : uint8_t { nodes, brokers_disks, nodes_and_clients };
  struct Kind {
    std::string_view name;
    uint32_t weight;
    Strikes strikes;
    std::vector<Knob> parameters;
  };
  static std::vector<Kind> all_kinds() {
    using enum Strikes;
    return {
        {"crash", 12, nodes_and_clients, {}},
        {"power_loss", 12, nodes, {}},
        {"pause", 8, nodes_and_clients, {}},
        {"suspend", 6, nodes_and_clients, {}},
        {"stop", 6, nodes_and_clients, {}},
        {"restart", 2, nodes, {{"set", {"replica.lag.time.max.ms=600", "num.replica.fetchers=3"}}}},
        {"rolling_restart", 2, nodes, {{"down", {"100ms", "900ms"}}, {"gap", {"50ms", "700ms"}}}},
        {"partition", 8, nodes, {}},
        {"partition_one_way", 8, nodes, {{"direction", {"in", "out"}}}},
        {"latency", 2, nodes_and_clients, {{"factor", {"3", "20"}}, {"extra", {"0ms", "30ms", "300ms"}}}},
        {"jitter", 2, nodes_and_clients, {{"up_to", {"5ms", "80ms", "600ms"}}}},
        {"bandwidth", 1, nodes_and_clients, {{"bytes_per_second", {"5000", "60000"}}}},
        {"clog", 4, nodes_and_clients, {}},
        {"flap", 2, nodes, {{"down", {"30ms", "400ms"}}, {"up", {"60ms", "500ms"}}}},
        {"bridge", 1, nodes, {}},
        {"reset", 5, nodes_and_clients, {}},
        {"refuse", 2, nodes, {}},
        {"no_descriptors", 3, nodes_and_clients, {}},
        {"slow_reader", 1, nodes_and_clients, {{"pause", {"50ms", "400ms"}}}},
        {"slow_cpu", 1, nodes_and_clients, {{"factor", {"10", "200"}}}},
        {"slow_timer", 1, nodes_and_clients, {{"up_to", {"50ms", "900ms"}}}},
        {"slow_disk", 2, nodes, {{"factor", {"20", "300"}}}},
        {"disk_bandwidth", 1, nodes, {{"bytes_per_second", {"20000", "200000"}}}},
        {"stall_disk", 4, nodes, {}},
        {"full_disk", 2, nodes, {{"room", {"0", "3000", "30000"}}}},
        {"disk_error", 3, nodes, {{"what", {"read", "write", "sync"}}}},
        {"latent_sector", 1, nodes, {}},
        {"bit_rot", 2, nodes, {{"batches", {"1", "2"}}}},
        {"misdirected_write", 2, nodes, {}},
        {"wipe_disk", 2, brokers_disks, {}},
        {"restore_disk", 4, brokers_disks, {}},
        {"clock_step", 2, nodes_and_clients, {{"by", {"1h", "-10s", "-1h", "2s"}}}},
        {"clock_drift", 1, nodes_and_clients, {{"ppm", {"-50000", "50000"}}}},
        {"new_address", 1, nodes, {}},
        {"late_bytes", 4, nodes_and_clients, {{"extra", {"200ms", "1s", "3s"}}}},
    };
  }

  void draw_faults() {
    Draws draws = of("faults");
    std::vector<const Kind*> on;
    const bool failovers = focus_ == Focus::failovers;
    const bool in_a_row = (failovers || focus_ == Focus::quorum) && draws.one_in(2);
    for (uint64_t wanted = 1 + draws.below(6); on.size() < wanted;) {
      const Kind& kind = weighted(draws);
      const bool fits = kind.strikes != Strikes::brokers_disks || !combined_;
      if (fits && (!failovers || takes_leaders(kind) || draws.one_in(4))) on.push_back(&kind);
    }
    const uint64_t faults = failovers                    ? 10 + draws.below(20)
                            : focus_ == Focus::partition ? 6 + draws.below(19)
                                                         : 2 + draws.below(15);
    for (uint64_t i = 0; i < faults; ++i) {
      const Kind& kind = *draws.of(on);
      FaultPlan fault = fault_of(draws, kind);
      place(draws, fault);
      fault.target = target(draws, kind, fault);
      if (kind.name.starts_with("partition")) part_from_some(fault, i);
      // Half of them longer than a session may be silent.
      fault.lasts = draws.duration(draws.one_in(2) ? milliseconds(20) : milliseconds(900),
                                   failovers ? seconds(2) : seconds(5));
      // Who is replaced and hears nothing may believe for long that it leads.
      if (focus_ == Focus::quorum && draws.one_in(6)) fault.lasts = draws.duration(seconds(5), seconds(12));
      if (fault.kind == "restore_disk" && fault.trigger.at) stop_before(fault);
      const bool in_one = two_directories_ && fault.kind == "disk_error";
      if (in_one && of(fmt::format("directory of fault {}", i)).one_in(2))
        fault.parameters["path"] = kSecondDirectory;
      plan_.faults.push_back(std::move(fault));
    }
    if (in_a_row) draw_row(draws, on);
    if (two_directories_) lose_directory(seed_, up_, plan_);
  }
  // Half of them from some of the others only: who is out of reach of one may be well in reach of the rest.
  void part_from_some(FaultPlan& fault, uint64_t number) {
    Draws draws = of(fmt::format("peer of fault {}", number));
    if (draws.one_in(2)) return;
    fault.parameters["peer"] =
        draws.of(Words{"controllers", "controllers", "any broker", "any controller", "controller", "clients",
                       fmt::format("leader({})", some_partition(draws))});
  }
  // Leaders in a row, each struck when it has led for a moment and has a little that nobody else has: logs
  // that fork more than once need more than one question to find where they part (KIP-279).
  void draw_row(Draws& draws, const std::vector<const Kind*>& on) {
    std::vector<const Kind*> strikes;
    std::copy_if(on.begin(), on.end(), std::back_inserter(strikes),
                 [](const Kind* k) { return takes_leaders(*k); });
    if (strikes.empty()) return;
    const uint64_t first = 1 + draws.below(2);
    const uint64_t leaders = 2 + draws.below(5);
    for (uint64_t i = 0; i < leaders; ++i) {
      FaultPlan fault = fault_of(draws, *draws.of(strikes));
      fault.target = kHere;
      const bool quorum = focus_ == Focus::quorum;
      fault.trigger.when = mark_name(quorum ? Mark::raft_leader_elected : Mark::leader_became);
      if (!quorum) fault.trigger.subject = "orders-0";
      fault.trigger.nth = static_cast<uint32_t>(first + i);
      fault.trigger.delay = draws.duration(milliseconds(1), milliseconds(600));
      fault.trigger.at_latest = some_time(draws);
      fault.lasts = draws.duration(milliseconds(50), seconds(4));
      plan_.faults.push_back(std::move(fault));
    }
  }
  static FaultPlan fault_of(Draws& draws, const Kind& kind) {
    FaultPlan fault;
    fault.kind = kind.name;
    for (const Knob& parameter : kind.parameters)
      fault.parameters[std::string(parameter.key)] = draws.of(parameter.values);
    return fault;
  }
  static bool takes_leaders(const Kind& kind) {
    constexpr std::array<std::string_view, 8> kTake{
        "crash", "power_loss", "pause", "suspend", "stop", "partition", "partition_one_way", "clog"};
    return std::find(kTake.begin(), kTake.end(), kind.name) != kTake.end();
  }
  const Kind& weighted(Draws& draws) const {
    uint64_t sum = 0;
    for (const Kind& kind : kinds_) sum += kind.weight;
    uint64_t left = draws.below(sum);
    for (const Kind& kind : kinds_) {
      if (left < kind.weight) return kind;
      left -= kind.weight;
    }
    return kinds_.front();
  }
  // On its own, soon after the one before, at a delicate moment, or in a state of the whole cluster.
  void place(Draws& draws, FaultPlan& fault) {
    const FaultPlan* const before = plan_.faults.empty() ? nullptr : &plan_.faults.back();
    if (before != nullptr && draws.one_in(4)) {
      fault.trigger = before->trigger;
      if (fault.trigger.at) {
        fault.trigger.at = *fault.trigger.at + draws.duration(milliseconds(1), seconds(2));
      } else {
        const Duration later = draws.duration(milliseconds(1), seconds(1));
        fault.trigger.delay = fault.trigger.delay + later;
        fault.trigger.at_latest = *fault.trigger.at_latest + later;
      }
    } else if (draws.one_in(2)) {
      fault.trigger.at = some_time(draws);
    } else {
      const bool predicate = !words_.predicates.empty() && draws.one_in(3);
      fault.trigger.when = predicate ? draws.of(words_.predicates) : some_moment(draws);
      fault.trigger.nth = draws.count(predicate || of_quorum(fault.trigger.when) ? 8 : 64);
      if (draws.one_in(2)) fault.trigger.delay = draws.duration(milliseconds(1), milliseconds(500));
      // A moment may be too delicate to come: a fault that waits for ever is none.
      fault.trigger.at_latest = some_time(draws);
    }
  }
  // Elections are few: of theirs there are some in a run that is about them, and else hardly any.
  static bool of_quorum(std::string_view moment) {
    return moment.starts_with("raft.") || moment.starts_with("vote.") || moment.starts_with("controller.");
  }
  std::string some_moment(Draws& draws) const {
    const bool quorum = focus_ == Focus::quorum && draws.one_in(2);
    for (;;) {
      const std::string_view moment = mark_name(static_cast<Mark>(draws.below(kMarkCount)));
      if (!quorum || of_quorum(moment)) return std::string(moment);
    }
  }
  Duration some_time(Draws& draws) const {
    const Duration from = draws.one_in(10) ? Duration{} : up_;
    return from + milliseconds(
                      static_cast<int64_t>(draws.below(static_cast<uint64_t>((plan_.duration - from).ms()))));
  }
  // What is put back is often the disk of a machine that had been stopped in order.
  void stop_before(FaultPlan& fault) {
    FaultPlan stop;
    stop.kind = "stop";
    stop.target = fault.target;
    stop.trigger.at = *fault.trigger.at;
    stop.lasts = milliseconds(1500);
    fault.trigger.at = *fault.trigger.at + milliseconds(1200);
    plan_.faults.push_back(std::move(stop));
  }
  std::string target(Draws& draws, const Kind& kind, const FaultPlan& fault) {
    const std::string leader = fmt::format("leader({})", some_partition(draws));
    const std::string follower = fmt::format("follower({})", some_partition(draws));
    Words targets = {leader, leader, leader, follower, follower};
    if (focus_ == Focus::failovers && draws.one_in(2)) return leader;
    if (kind.strikes != Strikes::brokers_disks) {
      targets.insert(targets.end(), {"controller", "any", "all"});
      if (focus_ == Focus::quorum)
        targets.insert(targets.end(), {"controller", "any controller", "controller"});
      if (kind.strikes == Strikes::nodes_and_clients) {
        for (int i = 0; i < (focus_ == Focus::clients ? 4 : 1); ++i) {
          targets.push_back(draws.of(plan_.producers).name);
          targets.push_back(draws.of(plan_.consumers).name);
        }
      }
      if (!fault.trigger.when.empty())
        targets.insert(targets.end(), {"here", "here", "here", "here", "here", "leader(here)",
                                       "follower(here)", "outsider(here)", "outsider(here)"});
    }
    return draws.of(targets);
  }
  std::string some_partition(Draws& draws) {
    const TopicPlan& topic = focus_ == Focus::partition ? plan_.topics.front() : draws.of(plan_.topics);
    return fmt::format("{}-{}", topic.name, draws.below(static_cast<uint64_t>(topic.partitions)));
  }

  const std::vector<Kind> kinds_ = all_kinds();
  const Vocabulary& words_;
  uint64_t seed_;
  Focus focus_ = Focus::everything;
  int32_t brokers_ = 0;
  Duration up_{0};  // by then a cluster without faults takes records
  bool combined_ = false;
  bool two_directories_ = false;  // of each node
  Plan plan_;
};

}  // namespace

Plan draw_storm(uint64_t seed, const Vocabulary& words) {
  Plan plan = Storm(seed, words).draw();
  outwait_slow_reads(plan);
  return plan;
}

void outwait_slow_reads(Plan& plan) {
  if (!contains(plan.buggify, site_name(Site::fetch_slow_read))) return;
  for (ConsumerPlan& consumer : plan.consumers) {
    const auto given = consumer.config.find("request.timeout.ms");
    // A slow read takes 1.5 s, and the longest fetch.max.wait.ms that is drawn is 1 s.
    if (given != consumer.config.end() && given->second == kImpatient) given->second = "3000";
  }
}

}  // namespace ksim::sim
