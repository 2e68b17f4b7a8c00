// A whole broker and its controller, fed with requests of anybody's on their listeners: several in a row, in pieces,
// on connections that come and go. What is answered is an answer to what was asked; memory stays bounded; afterwards
// the broker serves a good client.

#include <algorithm>
#include <deque>

#include <fmt/format.h>

#include "core/node/node.h"
#include "core/record/builder.h"
#include "core/rpc/connection.h"
#include "core/wire/messages/create_topics.h"
#include "core/wire/messages/fetch.h"
#include "core/wire/messages/metadata.h"
#include "core/wire/messages/produce.h"
#include "fuzz/memory.h"
#include "fuzz/one_node.h"
#include "fuzz/requests.h"
#include "fuzz/target.h"

namespace ksim::fuzz {
namespace {

// The pieces of an input: "f" is a frame, "r" are bytes as they are, "x" ends the connection. Behind it may stand "c",
// which is for the controller's listener, and the size of fragments as a letter, "a" is one byte.
constexpr const char* kProperties =
    "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@broker:9093\n"
    "listeners=PLAINTEXT://broker:9092,CONTROLLER://broker:9093\ncontroller.listener.names=CONTROLLER\n"
    "log.dirs=data\nsocket.request.max.bytes=100000\nfetch.max.bytes=1000000\n";
constexpr uint16_t kBrokerPort = 9092;
constexpr uint16_t kControllerPort = 9093;
constexpr size_t kMostPieces = 40;
constexpr size_t kMostMemory = 96 << 20;  // more than before the first byte came, at any time
constexpr Duration kStep = milliseconds(100);

class NodeProcess final : public sim::Process {
 public:
  explicit NodeProcess(const std::vector<Env*>& shards) : node_({server(), {}, {}, kTinyLimits}, shards) {}
  void run(size_t shard) override { node_.run(shard); }
  void stop() override { node_.stop(); }

 private:
  static ServerConfig server() {
    std::vector<std::string> warnings;
    auto parsed = ServerConfig::parse_text(kProperties, warnings);
    must(parsed.ok(), "the target's server.properties");
    return std::move(*parsed);
  }
  node::Node node_;
};

using RpcRef = std::unique_ptr<rpc::RpcConnection>;

// ---- the good client ----

RpcRef connect(Env& env) {
  rpc::RpcClientConfig config;
  config.client_id = "good";
  for (int i = 0; i < 100; ++i) {
    auto opened = rpc::RpcConnection::open(env, {"broker", kBrokerPort}, config, env.after(seconds(5)));
    if (opened.ok()) return std::move(*opened);
    env.sleep(milliseconds(100));
  }
  must(false, "the broker takes no connection");
  return nullptr;
}

// In the same words as before, whatever became the default meanwhile.
void create_topic(Env& env, rpc::RpcConnection& link, std::string_view name) {
  std::vector<wire::CreatableTopicConfig> configs;
  const auto set = [&](std::string_view key, std::string_view value) {
    wire::CreatableTopicConfig& config = configs.emplace_back();
    config.name = key;
    config.value = value;
  };
  set("max.message.bytes", "1000000");
  set("min.insync.replicas", "1");
  set("retention.ms", "-1");
  set("retention.bytes", "-1");
  set("cleanup.policy", "delete");
  wire::CreatableTopic topic;
  topic.name = name;
  topic.num_partitions = 2;
  topic.replication_factor = 1;
  topic.configs = configs;
  wire::CreateTopicsRequest request;
  request.topics = std::span(&topic, 1);
  for (int i = 0; i < 100; ++i) {
    const auto reply = link.call(request, env.after(seconds(70)));
    must(reply.ok() && (*reply)->topics.size() == 1, "CreateTopics is not answered");
    const ErrorCode error = error_code_of((*reply)->topics[0].error_code);
    if (error == ErrorCode::NONE || error == ErrorCode::TOPIC_ALREADY_EXISTS) return;
    must(is_retriable(error), "a topic cannot be created: " + std::string(to_string(error)));
    env.sleep(milliseconds(100));
  }
  must(false, "a topic is never created");
}

Uuid topic_id(Env& env, rpc::RpcConnection& link, std::string_view name) {
  wire::MetadataRequestTopic topic;
  topic.name = name;
  wire::MetadataRequest request;
  request.topics = std::span(&topic, 1);
  const auto reply = link.call(request, env.after(seconds(30)));
  must(reply.ok() && (*reply)->topics.size() == 1, "Metadata is not answered");
  return (*reply)->topics[0].topic_id;
}

void produce(Env& env, rpc::RpcConnection& link, std::string_view topic_name) {
  RecordInput record;
  record.timestamp_ms = env.clock.wall().ms();
  record.key = as_bytes("key");
  record.value = as_bytes("a good record");
  const ByteBuffer batch = build_batch({}, std::span(&record, 1));
  wire::PartitionProduceData data;
  data.records = {false, batch, 0, 0};
  wire::TopicProduceData topic;
  topic.name = topic_name;
  topic.partition_data = std::span(&data, 1);
  wire::ProduceRequest request;
  request.acks = -1;
  request.timeout_ms = 10'000;
  request.topic_data = std::span(&topic, 1);
  for (int i = 0; i < 100; ++i) {
    const auto reply = link.call(request, env.after(seconds(30)));
    must(reply.ok() && (*reply)->responses.size() == 1, "Produce is not answered");
    const ErrorCode error = error_code_of((*reply)->responses[0].partition_responses[0].error_code);
    if (error == ErrorCode::NONE) return;
    must(is_retriable(error), "a record cannot be produced: " + std::string(to_string(error)));
    env.sleep(milliseconds(100));
  }
  must(false, "a record is never taken");
}

void fetch(Env& env, rpc::RpcConnection& link, const Uuid& id) {
  wire::FetchPartition partition;
  partition.partition_max_bytes = 1 << 20;
  wire::FetchTopic topic;
  topic.topic_id = id;
  topic.partitions = std::span(&partition, 1);
  wire::FetchRequest request;
  request.max_wait_ms = 1000;
  request.min_bytes = 1;
  request.topics = std::span(&topic, 1);
  const auto reply = link.call(request, env.after(seconds(30)));
  must(reply.ok() && (*reply)->responses.size() == 1, "Fetch is not answered");
  const wire::FetchResponsePartitionData& data = (*reply)->responses[0].partitions[0];
  must(data.error_code == 0, "a record cannot be fetched");
  BatchCursor batches(data.records.bytes);
  BatchView batch;
  const auto any = batches.next(batch);
  must(any.ok() && *any && batch.check().ok(), "what is fetched is no batch");
  RecordCursor records(batch);
  RecordView record;
  const auto first = records.next(record);
  must(first.ok() && *first && record.value && as_text(*record.value) == "a good record", "another record is fetched");
}

void be_served(Env& env) {
  const RpcRef link = connect(env);
  constexpr std::string_view kName = "after-the-storm";
  create_topic(env, *link, kName);
  produce(env, *link, kName);
  fetch(env, *link, topic_id(env, *link, kName));
}

// ---- the other one ----

class Peer {
 public:
  Peer(Env& env, uint16_t port) : env_(env), port_(port) {}

  void play(const Piece& piece, size_t fragment) {
    if (piece.name[0] == 'x') return hang_up(piece.bytes.empty());
    const bool is_frame = piece.name[0] == 'f';
    if (is_frame && !is_harmless(piece.bytes)) return;
    ByteBuffer bytes;
    if (is_frame) {
      bytes.resize(4);
      store_be(bytes.data(), static_cast<int32_t>(piece.bytes.size()));
      if (const auto read = read_header(piece.bytes)) asked_.push_back({*read, may_stay_unanswered(piece.bytes)});
    } else {
      unknown_ = true;
    }
    bytes.insert(bytes.end(), piece.bytes.begin(), piece.bytes.end());
    send(bytes, fragment);
  }

  void hang_up(bool orderly) {
    if (connection_ != nullptr) orderly ? connection_->close() : connection_->abort();
    connection_.reset();
    asked_.clear();
    received_.clear();
    unknown_ = false;
  }

 private:
  struct Asked {
    ReadHeader read;
    bool optional;
  };

  void send(Bytes bytes, size_t fragment) {
    if (connection_ == nullptr) {
      auto connected = env_.network.connect({"broker", port_}, "fuzz", env_.after(seconds(5)));
      must(connected.ok(), "a connection is refused");
      connection_ = std::move(*connected);
    }
    while (!bytes.empty()) {
      const Bytes some = bytes.first(std::min(bytes.size(), fragment));
      bytes = bytes.subspan(some.size());
      if (!write_all(*connection_, some, env_.after(milliseconds(500))).ok()) return hang_up(false);
      if (!bytes.empty() && fragment < 8) env_.sleep(microseconds(200));
    }
    take_answers();
  }

  void take_answers() {
    uint8_t buffer[4096];
    for (;;) {
      const auto read = connection_->read_some(buffer, env_.after(milliseconds(20)));
      if (!read.ok() && read.error() == IoError::timed_out) return check_answers();
      if (!read.ok() || *read == 0) {
        check_answers();
        return hang_up(true);
      }
      received_.insert(received_.end(), buffer, buffer + *read);
    }
  }

  // Frames come whole and in the order of the requests. Bytes of which nobody knows whether they are requests may have
  // answers too.
  void check_answers() {
    Bytes rest(received_);
    while (rest.size() >= 4) {
      const auto size = load_be<int32_t>(rest.data());
      must(size >= 4, "an answer without a header");
      if (rest.size() - 4 < static_cast<size_t>(size)) break;
      check_answer(rest.subspan(4, static_cast<size_t>(size)));
      rest = rest.subspan(4 + static_cast<size_t>(size));
    }
    received_ = ByteBuffer(rest.begin(), rest.end());
  }

  void check_answer(Bytes answer) {
    if (unknown_) return;
    const auto correlation = load_be<int32_t>(answer.data());
    while (!asked_.empty() && asked_.front().optional && asked_.front().read.header.correlation_id != correlation)
      asked_.pop_front();
    // One with acks=0 looks like what follows it, if that has its number.
    const auto fits = std::find_if(asked_.begin(), asked_.end(),
                                   [&](const Asked& asked) { return !asked.optional || is_answer(asked.read, answer); });
    must(fits != asked_.end(), "an answer to nothing");
    must(is_answer(fits->read, answer),
         fmt::format("{} of version {} has an answer that is none", fits->read.api->name, fits->read.header.api_version));
    asked_.erase(asked_.begin(), fits + 1);
  }

  Env& env_;
  uint16_t port_;
  ConnectionRef connection_;
  std::deque<Asked> asked_;
  ByteBuffer received_;
  bool unknown_ = false;
};

size_t fragment_of(const std::string& name) {
  const char size = name.back();
  return size >= 'a' && size <= 'p' ? size_t{1} << (size - 'a') : SIZE_MAX;
}

// ---- the run ----

class BrokerTarget final : public FuzzTarget {
 public:
  Bounds bounds() const override {
    Bounds bounds;
    bounds.input_bytes = 6000;
    bounds.allocation_mib = 192;  // a stream of zstd may ask for a window of 128
    bounds.memory_mib = 2048;
    bounds.seconds = 30;
    bounds.smoke_mutations = 60;
    return bounds;
  }

  void run(Bytes input) override {
    std::vector<Piece> pieces = split_pieces(input);
    std::erase_if(pieces, [](const Piece& p) { return p.name.empty() || std::string_view("frx").find(p.name[0]) == std::string_view::npos; });
    if (pieces.size() > kMostPieces) pieces.resize(kMostPieces);
    bool controller = false;
    play([&](Env& env, size_t& before) {
      Peer to_broker(env, kBrokerPort);
      Peer to_controller(env, kControllerPort);
      before = allocated_bytes();
      for (const Piece& piece : pieces) {
        const bool is_for_controller = piece.name.size() > 1 && piece.name[1] == 'c';
        controller = controller || is_for_controller;
        (is_for_controller ? to_controller : to_broker).play(piece, fragment_of(piece.name));
      }
      env.sleep(seconds(1));
      to_broker.hang_up(true);
      to_controller.hang_up(false);
      env.sleep(seconds(1));
      // Whoever speaks to a controller is trusted (there is no authorizer): it may have been told to fence the broker.
      if (controller)
        connect(env);
      else
        be_served(env);
    });
  }

  std::vector<ByteBuffer> corpus() override {
    Uuid id;
    play([&](Env& env, size_t&) { id = topic_id(env, *connect(env), kTopic); });
    std::vector<ByteBuffer> inputs;
    std::vector<Piece> all;
    for (const wire::ApiInfo& api : wire::api_table()) {
      if (api.key == wire::ApiKey::unregister_broker) continue;
      const std::string name = api.on_broker ? "f" : "fc";
      std::vector<Piece> pieces;
      for (const int16_t version : {api.highest, api.lowest})
        pieces.push_back({name, sensible_request(api, version, id)});
      inputs.push_back(join_pieces(pieces));
      if (api.on_broker) all.push_back(pieces[0]);
      if (api.on_broker && api.on_controller) inputs.push_back(join_pieces({{"fc", pieces[0].bytes}}));
    }
    inputs.push_back(join_pieces(all));
    for (Piece& piece : all) piece.name = "f_c";  // fragments of 4 bytes
    all.insert(all.begin() + 5, {"x", {}});
    inputs.push_back(join_pieces(all));
    inputs.push_back(join_pieces({{"r", {0xff, 0xff, 0xff, 0xff}}, {"r", {0x7f, 0, 0, 0, 1}}, {"r", {0, 0, 0, 0}}}));
    return inputs;
  }

  void mutate(ByteBuffer& input, size_t most, Mutation& mutation) override {
    mutate_pieces(input, most, mutation, [&](Piece& piece, size_t room) {
      if (mutation.one_in(12) && piece.name.size() < 3) {
        piece.name.resize(1);
        piece.name += mutation.one_in(4) ? "c" : "_";
        piece.name += static_cast<char>('a' + mutation.below(16));
      } else if (piece.name.starts_with("f")) {
        mutate_request(piece.bytes, room, mutation);
      } else {
        mutation.bytes(piece.bytes, room);
      }
    });
  }

 private:
  // A broker that serves and has a topic; `body` is what its peer does then, and says from when on memory counts.
  void play(const std::function<void(Env&, size_t& before)>& body) {
    size_t before = SIZE_MAX;
    bool done = false;
    SmallWorld world(memory_);
    const sim::SimNode& broker = world.start("broker", [](const std::vector<Env*>& shards) {
      return std::make_unique<NodeProcess>(shards);
    });
    const sim::SimNode& peer = world.start("peer", [&](Env& env) {
      const RpcRef link = connect(env);
      create_topic(env, *link, kTopic);
      produce(env, *link, kTopic);
      body(env, before);
      done = true;
    });
    constexpr int kMostSteps = 20'000;
    for (int i = 0; i < kMostSteps && peer.running() && broker.running(); ++i) {
      world.run_for(kStep);
      must(before == SIZE_MAX || allocated_bytes() < before + kMostMemory, "the broker holds too much memory");
    }
    world.check();
    must(broker.running(), "the broker has given up: " + world.last_words());
    must(done, "the good client waits for ever");
  }

  sim::RunMemory memory_;
};

}  // namespace

std::unique_ptr<FuzzTarget> make_broker_target() { return std::make_unique<BrokerTarget>(); }

}  // namespace ksim::fuzz
