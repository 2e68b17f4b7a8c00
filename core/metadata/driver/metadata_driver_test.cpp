// Loader and controller on a real quorum in the simulated world: three controllers, and one node that plays
// brokers towards whoever is the active controller.

#include <map>
#include <set>

#include <gtest/gtest.h>

#include "core/base/repetitions.h"
#include "core/metadata/driver/controller_driver.h"
#include "core/metadata/driver/loader.h"
#include "core/metadata/image_writer.h"
#include "core/rpc/api_versions.h"
#include "core/rpc/connection.h"
#include "core/rpc/server.h"
#include "sim/test_world.h"

namespace ksim {
namespace {

constexpr int32_t kVoters = 3;
std::string voter_name(int32_t id) { return "c" + std::to_string(id); }

// What everybody has seen, outside the nodes.
struct Ledger {
  std::map<int64_t, uint64_t> images;  // hash by offset, from whoever published it first (rule M4)
  std::set<std::string> acknowledged;  // topics
  std::set<std::string> refused;
  std::vector<std::string> violations;
  std::map<int32_t, int32_t> active_in;  // epoch -> node
  size_t registrations = 0;
  bool quiet = false;
};

class ControllerNode final : public sim::Process, public MetadataPublisher {
 public:
  ControllerNode(const std::vector<Env*>& shards, int32_t id, int64_t snapshot_every, Ledger& ledger)
      : env_(*shards[0]),
        id_(id),
        snapshot_every_(snapshot_every),
        ledger_(ledger),
        stopped_(env_.scheduler) {}

  void run(size_t) override {
    std::vector<std::string> warnings;
    auto parsed =
        ServerConfig::parse_text("process.roles=controller\nnode.id=" + std::to_string(id_) +
                                     "\ncontroller.quorum.voters=1@c1:9093,2@c2:9093,3@c3:9093\n"
                                     "listeners=CONTROLLER://:9093\ncontroller.listener.names=CONTROLLER\n",
                                 warnings);
    ASSERT_TRUE(parsed.ok());
    config_ = std::move(*parsed);
    const auto made = env_.disk.make_dir("meta");
    ASSERT_TRUE(made.ok() || made.error() == IoError::exists);
    ASSERT_TRUE(env_.disk.sync_dir("").ok());
    auto opened = raft::RaftClient::open(env_, raft_options());
    ASSERT_TRUE(opened.ok()) << to_string(opened.error());
    raft_ = std::move(opened).value();
    MetadataLoaderOptions options;
    options.snapshot_every_bytes = snapshot_every_;
    loader_ = std::make_unique<MetadataLoader>(env_, *raft_, options);
    loader_->add_publisher(*this);
    ControllerSettings settings;
    settings.cluster_id = "test-cluster";
    for (int32_t id = 1; id <= kVoters; ++id) settings.voters.push_back(id);
    controller_ = std::make_unique<ControllerDriver>(env_, *raft_, config_, settings);
    controller_->register_handlers(table_);
    raft_->register_handlers(table_);
    table_.on<wire::ApiVersionsRequest>(
        [this](const wire::ApiVersionsRequest&, rpc::IncomingRequest& in, rpc::ResponseSlot slot) {
          wire::ApiVersionsResponse response;
          response.api_keys = rpc::served_versions(table_, rpc::ListenerKind::controller, in.arena);
          slot.respond(response);
        });
    rpc::RpcServerConfig bind;
    bind.bind = Endpoint{"", 9093};
    bind.listener = "CONTROLLER";
    bind.kind = rpc::ListenerKind::controller;
    rpc::RpcServer server(env_, bind, table_);
    ASSERT_TRUE(server.start().ok());
    loader_->start();
    controller_->start();
    raft_->start();
    while (!stop_) static_cast<void>(stopped_.wait(Instant::never(), "stop"));
    raft_->shutdown(seconds(5));
    raft_->close();
    controller_->stop();
    loader_->stop();
    server.stop();
  }
  void stop() override {
    stop_ = true;
    stopped_.notify_all();
  }

  // ---- MetadataPublisher ----
  std::string_view name() const override { return "ledger"; }
  Result<void> publish(const MetadataDelta& delta, const MetadataImageRef& image) override {
    const int64_t offset = image->provenance.last_offset;
    if (offset < last_published_)
      complain("published offset " + std::to_string(offset) + " after a later one");
    last_published_ = offset;
    const uint64_t hash = image_hash(*image);
    const auto [it, first] = ledger_.images.emplace(offset, hash);
    if (it->second != hash) complain("another image at offset " + std::to_string(offset));
    // What the delta tells, applied to the image before, must be all that is different.
    const bool first_one = previous_->empty();
    if (first_one ? !delta.base()->empty() : delta.base() != previous_)
      complain("a delta that does not start from the last image");
    for (const auto& [id, topic] : image->topics.by_id) {
      const TopicRef before = previous_->topic(id);
      if (before != topic && delta.changed_topics().count(id) == 0)
        complain("an untold change of " + topic->name);
    }
    previous_ = image;
    return {};
  }

  bool ready() const { return controller_ != nullptr; }
  const ControllerDriver& controller() const { return *controller_; }
  MetadataLoader& loader() { return *loader_; }
  const raft::RaftClient& raft() const { return *raft_; }

 private:
  raft::RaftOptions raft_options() const {
    raft::RaftOptions options;
    std::vector<raft::ReplicaKey> voters;
    for (int32_t id = 1; id <= kVoters; ++id) {
      voters.push_back({id, kZeroUuid});
      options.quorum.voters[id] = Endpoint{voter_name(id), 9093};
    }
    options.node.local = {id_, Uuid{7, static_cast<uint64_t>(id_) + 1000}};
    options.node.voters = raft::VoterSet(voters);
    options.quorum.cluster_id = "test-cluster";
    options.quorum.listener = "CONTROLLER";
    options.log.log_dir = "meta";
    return options;
  }
  void complain(const std::string& what) { ledger_.violations.push_back(voter_name(id_) + ": " + what); }

  Env& env_;
  int32_t id_;
  int64_t snapshot_every_;
  Ledger& ledger_;
  Condition stopped_;
  bool stop_ = false;
  ServerConfig config_;
  std::unique_ptr<raft::RaftClient> raft_;
  std::unique_ptr<MetadataLoader> loader_;
  std::unique_ptr<ControllerDriver> controller_;
  rpc::HandlerTable table_;
  MetadataImageRef previous_ = empty_image();
  int64_t last_published_ = -1;
};

// Registers broker 11, keeps it alive and creates topics, asking every controller in turn.
class FakeBroker {
 public:
  FakeBroker(Env& env, Ledger& ledger) : env_(env), ledger_(ledger) {}

  void run() {
    for (int round = 0; !ledger_.quiet; ++round) {
      env_.sleep(milliseconds(100));
      if (epoch_ < 0) {
        do_register();
        continue;
      }
      heartbeat();
      if (round % 5 == 0) create_topic("t" + std::to_string(round));
    }
    connection_.reset();
  }

 private:
  // The answer of whoever is the active controller.
  template <class Request, class Check>
  bool ask(const Request& request, Check check) {
    for (int tries = 0; tries < 2 * kVoters; ++tries) {
      if (connection_ == nullptr) {
        rpc::RpcClientConfig config;
        config.client_id = "broker";
        auto opened = rpc::RpcConnection::open(env_, Endpoint{voter_name(target_), 9093}, config,
                                               env_.after(seconds(1)));
        if (opened.ok()) connection_ = std::move(*opened);
      }
      if (connection_ != nullptr) {
        auto reply = connection_->call(request, env_.after(seconds(2)));
        if (reply.ok() && check(reply->message)) return true;
      }
      connection_.reset();
      target_ = target_ % kVoters + 1;
    }
    return false;
  }
  static bool from_active(int16_t code) { return error_code_of(code) != ErrorCode::NOT_CONTROLLER; }

  void do_register() {
    std::vector<wire::BrokerRegistrationRequestFeature> features;
    const FeatureRanges ranges = supported_features();
    for (const auto& [name, range] : ranges) features.push_back({name, range.min, range.max});
    std::vector<wire::BrokerRegistrationRequestListener> listeners(1);
    listeners[0].name = "PLAINTEXT";
    listeners[0].host = "b";
    listeners[0].port = 9092;
    std::vector<Uuid> dirs{Uuid{9, 999}};
    wire::BrokerRegistrationRequest request;
    request.broker_id = 11;
    request.cluster_id = "test-cluster";
    request.incarnation_id = Uuid{6, 666};
    request.listeners = listeners;
    request.features = features;
    request.rack = std::nullopt;
    request.log_dirs = dirs;
    static_cast<void>(ask(request, [&](const wire::BrokerRegistrationResponse& response) {
      if (!from_active(response.error_code)) return false;
      EXPECT_EQ(response.error_code, 0);
      epoch_ = response.broker_epoch;
      ++ledger_.registrations;
      return true;
    }));
  }
  void heartbeat() {
    wire::BrokerHeartbeatRequest request;
    request.broker_id = 11;
    request.broker_epoch = epoch_;
    request.current_metadata_offset = INT64_MAX;
    static_cast<void>(ask(request, [&](const wire::BrokerHeartbeatResponse& response) {
      // An acknowledged registration is never forgotten.
      if (error_code_of(response.error_code) == ErrorCode::STALE_BROKER_EPOCH) {
        ledger_.violations.push_back("a registration was lost");
      }
      return from_active(response.error_code);
    }));
  }
  void create_topic(const std::string& name) {
    std::vector<wire::CreatableTopic> topics(1);
    topics[0].name = name;
    topics[0].num_partitions = 2;
    topics[0].replication_factor = 1;
    wire::CreateTopicsRequest request;
    request.topics = topics;
    static_cast<void>(ask(request, [&](const wire::CreateTopicsResponse& response) {
      const int16_t code = response.topics[0].error_code;
      if (!from_active(code)) return false;
      // TOPIC_ALREADY_EXISTS: an earlier try got through although its answer was lost.
      const bool there = code == 0 || error_code_of(code) == ErrorCode::TOPIC_ALREADY_EXISTS;
      (there ? ledger_.acknowledged : ledger_.refused).insert(name);
      return true;
    }));
  }

  Env& env_;
  Ledger& ledger_;
  int32_t target_ = 1;
  int64_t epoch_ = -1;
  std::unique_ptr<rpc::RpcConnection> connection_;
};

class Cluster {
 public:
  explicit Cluster(uint64_t seed, int64_t snapshot_every = 20 << 20)
      : world(seed), snapshot_every_(snapshot_every) {
    world.on_event = [this](sim::SimNode&, const Event& event) {
      ++events[std::string(event_name(event))];
      if (const auto* activated = std::get_if<ControllerActivated>(&event)) epochs.insert(activated->epoch);
    };
  }
  void start(int32_t id) {
    world.node(voter_name(id)).start([this, id](const std::vector<Env*>& shards) {
      return std::make_unique<ControllerNode>(shards, id, snapshot_every_, ledger);
    });
  }
  void start_all() {
    for (int32_t id = 1; id <= kVoters; ++id) start(id);
  }
  void start_broker() {
    world.start("b", [this](Env& env) { FakeBroker(env, ledger).run(); });
  }
  ControllerNode* process(int32_t id) {
    sim::SimNode& node = world.node(voter_name(id));
    if (!node.running()) return nullptr;
    auto* process = static_cast<ControllerNode*>(node.process());
    return process != nullptr && process->ready() ? process : nullptr;
  }
  std::optional<int32_t> active() {
    for (int32_t id = 1; id <= kVoters; ++id) {
      ControllerNode* one = process(id);
      if (one != nullptr && one->controller().active() && one->raft().node().is_leader()) return id;
    }
    return std::nullopt;
  }
  void run(Duration time) { world.run(time); }
  // Every controller has the same image, with all that was acknowledged.
  void expect_sound() {
    EXPECT_EQ(world.failures(), std::vector<std::string>{});
    EXPECT_EQ(ledger.violations, std::vector<std::string>{});
    for (int32_t id = 1; id <= kVoters; ++id) {
      ControllerNode* one = process(id);
      ASSERT_NE(one, nullptr) << id;
      const MetadataImageRef image = one->loader().image();
      for (const std::string& topic : ledger.acknowledged) {
        EXPECT_NE(image->topic(topic), nullptr) << topic << " was acknowledged and is not at " << id;
      }
      EXPECT_EQ(image->features.metadata_version, 25);
    }
  }

  Ledger ledger;
  sim::TestWorld world;
  std::map<std::string, size_t> events;
  std::set<int32_t> epochs;

 private:
  int64_t snapshot_every_;
};

TEST(MetadataDriver, BrokersRegisterAndTopicsAreCreated) {
  Cluster cluster(1);
  cluster.start_all();
  cluster.start_broker();
  cluster.run(seconds(20));
  ASSERT_TRUE(cluster.active().has_value());
  EXPECT_EQ(cluster.ledger.registrations, 1u);
  EXPECT_GT(cluster.ledger.acknowledged.size(), 10u);
  EXPECT_TRUE(cluster.ledger.refused.empty());
  EXPECT_EQ(cluster.epochs.size(), 1u);
  EXPECT_EQ(cluster.events["broker.registered"], 1u);
  EXPECT_EQ(cluster.events["broker.unfenced"], 1u);
  EXPECT_GE(cluster.events["partition.changed"], cluster.ledger.acknowledged.size());
  // Rule C7: offsets advance while nothing else happens.
  cluster.ledger.quiet = true;
  cluster.run(seconds(1));
  const int64_t before = cluster.process(1)->loader().image()->provenance.last_offset;
  cluster.run(seconds(3));
  EXPECT_GE(cluster.process(1)->loader().image()->provenance.last_offset, before + 4);
  // Rule C16: the silent broker is fenced.
  cluster.run(seconds(10));
  EXPECT_EQ(cluster.events["broker.fenced"], 1u);
  EXPECT_TRUE(cluster.process(2)->loader().image()->broker(11)->fenced);
  cluster.expect_sound();
}

// A broker that has just been registered must not wait for the next record before it is shown the metadata.
TEST(MetadataDriver, APublisherThatComesLateIsGivenTheImageAtOnce) {
  class Late final : public MetadataPublisher {
   public:
    std::string_view name() const override { return "late"; }
    Result<void> publish(const MetadataDelta& delta, const MetadataImageRef& image) override {
      EXPECT_TRUE(given.empty() ? delta.base()->empty() : delta.base() == given.back());
      given.push_back(image);
      return {};
    }
    std::vector<MetadataImageRef> given;
  } late;
  Cluster cluster(4);
  cluster.start_all();
  cluster.run(seconds(10));
  MetadataLoader& loader = cluster.process(2)->loader();
  const MetadataImageRef published = loader.image();
  loader.add_publisher(late);
  cluster.run(microseconds(10));
  ASSERT_EQ(late.given.size(), 1u);
  EXPECT_EQ(late.given[0], published);
  cluster.run(seconds(2));  // records that show that time passes
  EXPECT_GT(late.given.size(), 1u);
  cluster.expect_sound();
}

TEST(MetadataDriver, WhatWasAcknowledgedSurvivesTheActiveController) {
  Cluster cluster(2);
  cluster.start_all();
  cluster.start_broker();
  for (int round = 0; round < 4; ++round) {
    cluster.run(seconds(8));
    const std::optional<int32_t> victim = cluster.active();
    ASSERT_TRUE(victim.has_value());
    cluster.world.node(voter_name(*victim)).power_loss();
    cluster.run(seconds(6));
    cluster.start(*victim);
  }
  cluster.run(seconds(10));
  cluster.ledger.quiet = true;
  cluster.run(seconds(5));
  EXPECT_GT(cluster.epochs.size(), 4u);
  EXPECT_GT(cluster.ledger.acknowledged.size(), 20u);
  cluster.expect_sound();
}

TEST(MetadataDriver, WhoBecomesActiveTellsAtOnceOfWhatWasCommittedBefore) {
  Cluster cluster(5);
  Instant activated;
  size_t told_then = 0;
  const auto count = cluster.world.on_event;
  cluster.world.on_event = [&](sim::SimNode& node, const Event& event) {
    count(node, event);
    if (std::holds_alternative<ControllerActivated>(event))
      activated = cluster.world.world().now(), told_then = 0;
    told_then += std::holds_alternative<PartitionChanged>(event) && cluster.world.world().now() == activated;
  };
  cluster.start_all();
  cluster.start_broker();
  cluster.run(seconds(8));
  const std::optional<int32_t> victim = cluster.active();
  ASSERT_TRUE(victim.has_value());
  EXPECT_EQ(told_then, 0u) << "there was nothing yet";
  cluster.world.node(voter_name(*victim)).power_loss();
  cluster.run(seconds(6));
  EXPECT_EQ(cluster.epochs.size(), 2u);
  EXPECT_GT(told_then, 5u);
  cluster.start(*victim);
  cluster.ledger.quiet = true;
  cluster.run(seconds(5));
  cluster.expect_sound();
}

TEST(MetadataDriver, RuleB42SnapshotsAndStartingFromOne) {
  Cluster cluster(3, 2000);
  cluster.start_all();
  cluster.start_broker();
  cluster.run(seconds(20));
  EXPECT_GT(cluster.events["raft.snapshot"], 3u);
  for (int32_t id = 1; id <= kVoters; ++id) {
    EXPECT_TRUE(cluster.process(id)->raft().latest_snapshot().has_value()) << id;
    cluster.world.node(voter_name(id)).power_loss();
    cluster.run(milliseconds(10));
    cluster.start(id);
  }
  cluster.run(seconds(10));
  cluster.ledger.quiet = true;
  cluster.run(seconds(5));
  cluster.expect_sound();
}

TEST(MetadataDriver, ManySchedules) {
  for (uint64_t seed = 100; seed < 100 + repetitions(12); ++seed) {
    Cluster cluster(seed, 4000);
    cluster.start_all();
    cluster.start_broker();
    cluster.run(seconds(5));
    const auto victim = static_cast<int32_t>(seed % kVoters + 1);
    cluster.world.node(voter_name(victim)).power_loss();
    cluster.run(seconds(4));
    cluster.start(victim);
    cluster.run(seconds(10));
    cluster.ledger.quiet = true;
    cluster.run(seconds(4));
    cluster.expect_sound();
    EXPECT_GT(cluster.ledger.acknowledged.size(), 5u) << seed;
  }
}

}  // namespace
}  // namespace ksim
