// Server and client together.

#include "core/rpc/api_versions.h"
#include "core/rpc/connection.h"
#include "core/rpc/server.h"
#include "core/rpc/test_world.h"
#include "core/wire/messages/fetch.h"
#include "core/wire/messages/metadata.h"
#include "core/wire/messages/produce.h"

namespace ksim::rpc {
namespace {

using wire::ApiVersionsRequest;
using wire::ApiVersionsResponse;
using wire::FetchRequest;
using wire::FetchResponse;
using wire::MetadataRequest;
using wire::MetadataResponse;
using wire::ProduceRequest;

class RpcTest : public test::RpcWorld {
 protected:
  RpcTest() {
    handlers.on<ApiVersionsRequest>(
        [this](const ApiVersionsRequest&, IncomingRequest& request, ResponseSlot slot) {
          ApiVersionsResponse response;
          response.api_keys = served_versions(handlers, ListenerKind::broker, request.arena);
          slot.respond(response);
        });
    // Answers the number of topics asked for, in `controller_id`.
    handlers.on<MetadataRequest>(
        [this](const MetadataRequest& message, IncomingRequest& request, ResponseSlot slot) {
          seen_client_id = request.context.client_id;
          MetadataResponse response;
          response.controller_id = static_cast<int32_t>(message.topics->size());
          if (answer_later) {
            waiting.push_back({std::move(slot), response.controller_id});
            return;
          }
          slot.mute_for(throttle);
          slot.respond(response);
        });
    config.bind = {"server", 0};
  }

  void start() {
    server = std::make_unique<RpcServer>(env, config, handlers);
    ASSERT_TRUE(server->start().ok());
  }
  std::unique_ptr<RpcConnection> connect() {
    RpcClientConfig client;
    client.client_id = "tester";
    auto connection = RpcConnection::open(env, server->local(), client, env.after(seconds(1)));
    EXPECT_TRUE(connection.ok()) << (connection.ok() ? "" : to_string(connection.error()));
    return std::move(connection).value();
  }
  // A connection that sends what it likes.
  ConnectionRef connect_raw() { return network.connect(server->local(), "raw", Instant::never()).value(); }
  void answer_waiting(size_t index) {
    MetadataResponse response;
    response.controller_id = waiting[index].topics;
    waiting[index].slot.respond(response);
  }
  std::span<wire::MetadataRequestTopic> topics(size_t count) {
    names.assign(count, wire::MetadataRequestTopic{});
    for (auto& topic : names) topic.name = "t";
    return names;
  }
  Deadline soon() { return env.after(seconds(5)); }

  struct Waiting {
    ResponseSlot slot;
    int32_t topics;
  };
  HandlerTable handlers;
  RpcServerConfig config;
  std::unique_ptr<RpcServer> server;
  std::vector<Waiting> waiting;
  std::vector<wire::MetadataRequestTopic> names;
  bool answer_later = false;
  Duration throttle;
  std::string seen_client_id;
};

TEST_F(RpcTest, ACallIsAnsweredInTheNewestCommonVersion) {
  run([&] {
    start();
    const auto client = connect();
    EXPECT_EQ(client->version_for<MetadataRequest>().value(), MetadataRequest::kMaxVersion);
    EXPECT_FALSE(client->version_for<FetchRequest>().ok());  // no handler, so not offered
    MetadataRequest request;
    request.topics = topics(3);
    const auto reply = client->call(request, soon());
    ASSERT_TRUE(reply.ok()) << to_string(reply.error());
    EXPECT_EQ((*reply)->controller_id, 3);
    EXPECT_EQ(reply->version, MetadataRequest::kMaxVersion);
    EXPECT_EQ(seen_client_id, "tester");
    EXPECT_EQ(client->call(request, soon(), 4)->version, 4);
    EXPECT_EQ(client->call(FetchRequest{}, soon()).error().code, ErrorCode::UNSUPPORTED_VERSION);
    server->stop();
    EXPECT_EQ(server->connection_count(), 0U);
  });
}

TEST_F(RpcTest, AnswersLeaveInTheOrderOfTheRequests) {
  run([&] {
    answer_later = true;
    start();
    const auto client = connect();
    std::vector<int32_t> answered;
    for (size_t i = 0; i < 5; ++i) {
      MetadataRequest request;
      request.topics = topics(i);
      client->send(request, soon(), [&](Result<Reply<MetadataResponse>> reply) {
        answered.push_back(reply.ok() ? (*reply)->controller_id : -1);
      });
    }
    env.sleep(milliseconds(1));
    ASSERT_EQ(waiting.size(), 5U);  // the next one starts although none is answered
    for (const size_t i : {4u, 2u, 1u}) answer_waiting(i);
    env.sleep(milliseconds(1));
    EXPECT_TRUE(answered.empty());
    answer_waiting(0);
    env.sleep(milliseconds(1));
    EXPECT_EQ(answered, (std::vector<int32_t>{0, 1, 2}));
    answer_waiting(3);
    env.sleep(milliseconds(1));
    EXPECT_EQ(answered, (std::vector<int32_t>{0, 1, 2, 3, 4}));
    client->close();
    server->stop();
  });
}

TEST_F(RpcTest, FibersMayShareAConnection) {
  run([&] {
    start();
    const auto client = connect();
    Scope callers(env);
    int done = 0;
    for (size_t i = 0; i < 20; ++i) {
      callers.spawn("caller", [&, i] {
        std::vector<wire::MetadataRequestTopic> mine(i * 200);
        for (auto& topic : mine) topic.name = "topic";
        MetadataRequest request;
        request.topics = mine;
        const auto reply = client->call(request, soon());
        ASSERT_TRUE(reply.ok()) << to_string(reply.error());
        EXPECT_EQ((*reply)->controller_id, static_cast<int32_t>(i * 200));
        ++done;
      });
    }
    callers.join();
    EXPECT_EQ(done, 20);
    server->stop();
  });
}

TEST_F(RpcTest, RequestsWithoutAnswerLeaveNoGap) {
  int produced = 0;
  handlers.on<ProduceRequest>([&](const ProduceRequest& message, IncomingRequest&, ResponseSlot slot) {
    EXPECT_EQ(message.acks, 0);
    ++produced;
    slot.respond_nothing();
  });
  run([&] {
    start();
    const auto client = connect();
    for (int i = 0; i < 3; ++i) {
      EXPECT_TRUE(client->send_unanswered(ProduceRequest{}, soon()).ok());
      EXPECT_TRUE(client->call(MetadataRequest{}, soon()).ok());
    }
    EXPECT_EQ(produced, 3);
    server->stop();
  });
}

// A producer with acks=0 takes what was written for sent.
TEST_F(RpcTest, WhatWasWrittenArrivesAlthoughTheConnectionIsClosed) {
  int produced = 0;
  handlers.on<ProduceRequest>([&](const ProduceRequest&, IncomingRequest&, ResponseSlot slot) {
    ++produced;
    slot.respond_nothing();
  });
  run([&] {
    start();
    const auto client = connect();
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(client->send_unanswered(ProduceRequest{}, soon()).ok());
    client->close();
    EXPECT_FALSE(client->is_usable());
    env.sleep(milliseconds(10));
    EXPECT_EQ(produced, 3);
    server->stop();
  });
}

TEST_F(RpcTest, AnswersCarryRangesOfFiles) {
  ByteBuffer content(50'000);
  for (size_t i = 0; i < content.size(); ++i) content[i] = static_cast<uint8_t>(mix64(1, i));
  const auto file = std::make_shared<test::MemoryFile>(content);
  handlers.on<FetchRequest>([&](const FetchRequest&, IncomingRequest&, ResponseSlot slot) {
    FileTable files;
    wire::FetchResponsePartitionData partitions[3];
    partitions[0].records = files.add({{file, 100, 20'000}, {file, 30'000, 7}});
    partitions[1].records = files.add({});
    partitions[2].records = files.add({{file, 0, 50'000}});
    wire::FetchableTopicResponse topic;
    topic.partitions = partitions;
    FetchResponse response;
    response.responses = {&topic, 1};
    slot.respond(response, std::move(files));
  });
  run([&] {
    start();
    const auto client = connect();
    for (const int16_t version : {int16_t{4}, int16_t{17}}) {
      const auto reply = client->call(FetchRequest{}, soon(), version);
      ASSERT_TRUE(reply.ok()) << to_string(reply.error());
      const auto partitions = (*reply)->responses[0].partitions;
      ByteBuffer joined(content.begin() + 100, content.begin() + 20'100);
      joined.insert(joined.end(), content.begin() + 30'000, content.begin() + 30'007);
      EXPECT_TRUE(equal(partitions[0].records.bytes, joined));
      EXPECT_FALSE(partitions[1].records.is_null);
      EXPECT_EQ(partitions[1].records.bytes.size(), 0U);
      EXPECT_TRUE(equal(partitions[2].records.bytes, content));
    }
    // A file that was cut after the promise: nothing false may be sent in its place.
    file->content.resize(40'000);
    const auto cut = client->call(FetchRequest{}, soon());
    ASSERT_FALSE(cut.ok());
    EXPECT_EQ(cut.error().code, ErrorCode::NETWORK_EXCEPTION);
    server->stop();
  });
}

TEST_F(RpcTest, ADeadlineEndsTheConnectionAndEverythingOnIt) {
  run([&] {
    answer_later = true;
    start();
    const auto client = connect();
    std::vector<IoError> failures;
    for (const int64_t timeout_ms : {10'000, 200, 10'000})
      client->send(MetadataRequest{}, env.after(milliseconds(timeout_ms)),
                   [&](Result<Reply<MetadataResponse>> reply) {
                     ASSERT_FALSE(reply.ok());
                     EXPECT_EQ(reply.error().code, ErrorCode::NETWORK_EXCEPTION);
                     failures.push_back(reply.error().io);
                   });
    const Instant begin = env.now();
    const auto blocked = client->call(MetadataRequest{}, env.after(seconds(60)));
    EXPECT_FALSE(blocked.ok());
    EXPECT_EQ((env.now() - begin).ms(), 200);
    env.sleep(milliseconds(1));
    EXPECT_EQ(failures, std::vector<IoError>(3, IoError::timed_out));
    EXPECT_FALSE(client->is_usable());
    EXPECT_EQ(client->call(MetadataRequest{}, soon()).error().code, ErrorCode::NETWORK_EXCEPTION);
    client->close();
    server->stop();
  });
}

TEST_F(RpcTest, ACancelledCallerLeavesTheConnectionUsable) {
  run([&] {
    answer_later = true;
    start();
    const auto client = connect();
    Scope callers(env);
    callers.spawn("caller", [&] {
      static_cast<void>(client->call(MetadataRequest{}, soon()));
      ADD_FAILURE() << "was cancelled";
    });
    env.sleep(milliseconds(1));
    callers.close();
    answer_waiting(0);
    answer_later = false;
    MetadataRequest request;
    request.topics = topics(9);
    const auto reply = client->call(request, soon());
    ASSERT_TRUE(reply.ok());
    EXPECT_EQ((*reply)->controller_id, 9);
    server->stop();
  });
}

TEST_F(RpcTest, AServerThatGoesAwayFailsTheCall) {
  run([&] {
    answer_later = true;
    start();
    const auto client = connect();
    Scope helpers(env);
    helpers.spawn("stop", [&] {
      env.sleep(milliseconds(50));
      server->stop();
    });
    const auto reply = client->call(MetadataRequest{}, soon());
    ASSERT_FALSE(reply.ok());
    EXPECT_EQ(reply.error().io, IoError::closed);
    helpers.join();
    RpcClientConfig config_again;
    const auto again = RpcConnection::open(env, server->local(), config_again, soon());
    ASSERT_FALSE(again.ok());
    EXPECT_EQ(again.error().io, IoError::refused);
  });
}

TEST_F(RpcTest, AnOpenSlotDroppedClosesTheConnection) {
  run([&] {
    answer_later = true;
    start();
    const auto client = connect();
    Scope helpers(env);
    helpers.spawn("drop", [&] {
      env.sleep(milliseconds(50));
      waiting.clear();
    });
    const Instant begin = env.now();
    EXPECT_FALSE(client->call(MetadataRequest{}, soon()).ok());
    EXPECT_EQ((env.now() - begin).ms(), 50);
    helpers.join();
    server->stop();
  });
}

TEST_F(RpcTest, ThrottlingHoldsTheNextRequestBack) {
  run([&] {
    start();
    const auto client = connect();
    throttle = milliseconds(300);
    EXPECT_TRUE(client->call(MetadataRequest{}, soon()).ok());
    throttle = {};
    const Instant begin = env.now();
    EXPECT_TRUE(client->call(MetadataRequest{}, soon()).ok());
    EXPECT_EQ((env.now() - begin).ms(), 300);
    server->stop();
  });
}

TEST_F(RpcTest, UnansweredRequestsOfAConnectionAreBounded) {
  run([&] {
    answer_later = true;
    config.max_in_flight = 3;
    start();
    const auto client = connect();
    int answered = 0;
    for (int i = 0; i < 5; ++i)
      client->send(MetadataRequest{}, soon(),
                   [&](Result<Reply<MetadataResponse>> reply) { answered += reply.ok(); });
    env.sleep(milliseconds(1));
    EXPECT_EQ(waiting.size(), 3U);
    answer_waiting(0);
    env.sleep(milliseconds(1));
    EXPECT_EQ(waiting.size(), 4U);
    for (const size_t i : {1u, 2u, 3u}) answer_waiting(i);
    env.sleep(milliseconds(1));
    answer_waiting(4);
    env.sleep(milliseconds(1));
    EXPECT_EQ(answered, 5);
    client->close();
    server->stop();
  });
}

TEST_F(RpcTest, AnIdleConnectionIsClosedAnOwedOneIsNot) {
  run([&] {
    answer_later = true;
    config.max_idle = seconds(2);
    start();
    const auto client = connect();
    Scope helpers(env);
    helpers.spawn("answer", [&] {
      env.sleep(seconds(7));
      answer_waiting(0);
    });
    EXPECT_TRUE(client->call(MetadataRequest{}, env.after(seconds(10))).ok());
    helpers.join();
    EXPECT_EQ(server->connection_count(), 1U);
    env.sleep(seconds(5));
    EXPECT_EQ(server->connection_count(), 0U);
    EXPECT_FALSE(client->call(MetadataRequest{}, soon()).ok());
    server->stop();
  });
}

// Rule D2.
TEST_F(RpcTest, WhatBreaksTheProtocolClosesTheConnection) {
  const auto frame = [](int16_t api_key, int16_t version, std::string_view body) {
    wire::Writer w;
    w.i32(0);
    const wire::ApiInfo* const api = wire::find_api(api_key);
    wire::encode(w, wire::RequestHeader{api_key, version, 1, "raw"},
                 api != nullptr && api->flexible_request_header(version));
    w.raw(as_bytes(body));
    w.patch_i32(0, static_cast<int32_t>(w.size() - 4));
    return w.take();
  };
  config.max_request_bytes = 1000;
  const ByteBuffer bad[] = {
      ByteBuffer{0xff, 0xff, 0xff, 0xff},                   // a negative size
      ByteBuffer{0, 0, 0x03, 0xe9},                         // one byte over the limit
      ByteBuffer{0, 0, 0, 2, 0, 3},                         // no whole header
      frame(4, 0, ""),                                      // an api that is gone
      frame(1, 12, ""),                                     // an api without a handler
      frame(52, 0, ""),                                     // an api of controllers
      frame(3, 99, std::string_view("\0\0\0\0", 4)),        // a version from the future
      frame(3, 1, std::string_view("\x7f\xff\xff\xff", 4))  // an array that cannot be
  };
  run([&] {
    start();
    for (const ByteBuffer& bytes : bad) {
      const ConnectionRef raw = connect_raw();
      ASSERT_TRUE(write_all(*raw, bytes, soon()).ok());
      uint8_t answer[1];
      const IoResult<size_t> read = raw->read_some(answer, soon());
      ASSERT_TRUE(read.ok()) << to_hex(bytes);
      EXPECT_EQ(*read, 0U) << to_hex(bytes);
    }
    EXPECT_EQ(events.lines.size(), std::size(bad));
    server->stop();
  });
}

TEST_F(RpcTest, ApiVersionsOfAnUnknownVersionIsAnsweredInVersionZero) {
  run([&] {
    start();
    const ConnectionRef raw = connect_raw();
    wire::Writer w;
    w.i32(0);
    wire::encode(w, wire::RequestHeader{18, 77, 5, "raw"}, true);
    w.patch_i32(0, static_cast<int32_t>(w.size() - 4));
    ASSERT_TRUE(write_all(*raw, w.bytes(), soon()).ok());
    FrameReader frames(*raw, 10'000, nullptr);
    const IoResult<Frame> frame = frames.next(soon());
    ASSERT_TRUE(frame.ok());
    wire::Arena arena;
    wire::Reader reader(frame->bytes.view(), arena);
    wire::ResponseHeader header;
    ASSERT_TRUE(wire::decode(reader, header, false).ok());
    EXPECT_EQ(header.correlation_id, 5);
    ApiVersionsResponse response;
    ASSERT_TRUE(decode(reader, response, 0).ok());
    EXPECT_EQ(response.error_code, static_cast<int16_t>(ErrorCode::UNSUPPORTED_VERSION));
    EXPECT_EQ(response.api_keys.size(), 2U);
    server->stop();
  });
}

TEST_F(RpcTest, LimitsOfConnections) {
  run([&] {
    config.max_connections = 3;
    config.max_connections_per_host = 2;
    start();
    const ConnectionRef first = connect_raw();
    const ConnectionRef second = connect_raw();
    const ConnectionRef third = connect_raw();
    uint8_t byte[1];
    const IoResult<size_t> refused = third->read_some(byte, soon());
    ASSERT_TRUE(refused.ok());
    EXPECT_EQ(*refused, 0U);
    EXPECT_EQ(server->connection_count(), 2U);
    first->close();
    env.sleep(milliseconds(1));
    const ConnectionRef fourth = connect_raw();
    EXPECT_EQ(fourth->read_some(byte, env.after(milliseconds(10))).error(), IoError::timed_out);
    EXPECT_EQ(server->connection_count(), 2U);
    server->stop();
  });
}

// A crash: fibers end where they are, then the objects go, with requests on the way on both sides.
TEST_F(RpcTest, AKilledNodeComesApartInAnyOrder) {
  answer_later = true;
  std::unique_ptr<RpcConnection> client;
  scope.spawn("test", [&] {
    start();
    client = connect();
    for (int i = 0; i < 3; ++i)
      client->send(MetadataRequest{}, soon(),
                   [](Result<Reply<MetadataResponse>>) { ADD_FAILURE() << "answered"; });
    const ConnectionRef half = connect_raw();
    const uint8_t bytes[] = {0, 0, 0, 9, 1};
    ASSERT_TRUE(write_all(*half, bytes, soon()).ok());
    static_cast<void>(client->call(MetadataRequest{}, soon()));
    ADD_FAILURE() << "went on";
  });
  const Instant end = env.after(milliseconds(10));
  scope.spawn("end", [&] { env.sleep(milliseconds(20)); });
  scheduler.run([&] { return env.now() >= end; });
  ASSERT_EQ(waiting.size(), 4U);
  ASSERT_EQ(server->connection_count(), 2U);
  scheduler.kill(group);
  EXPECT_TRUE(group.empty());
  EXPECT_EQ(server->connection_count(), 0U);
  waiting.erase(waiting.begin());
  server.reset();
  waiting.clear();
  client.reset();
}

}  // namespace
}  // namespace ksim::rpc
