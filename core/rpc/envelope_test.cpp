#include "core/rpc/envelope.h"

#include "core/rpc/connection.h"
#include "core/rpc/server.h"
#include "core/rpc/test_world.h"
#include "core/wire/messages/create_topics.h"
#include "core/wire/messages/metadata.h"

namespace ksim::rpc {
namespace {

using wire::CreateTopicsRequest;
using wire::CreateTopicsResponse;
using wire::EnvelopeRequest;
using wire::EnvelopeResponse;

// A client's request goes to a broker, from there in an envelope to a controller.
class EnvelopeTest : public test::RpcWorld {
 protected:
  EnvelopeTest() {
    controller_handlers.on<EnvelopeRequest>(
        [this](const EnvelopeRequest& envelope, IncomingRequest& request, ResponseSlot slot) {
          open_envelope(controller_handlers, request, envelope, std::move(slot));
        });
    controller_handlers.on<CreateTopicsRequest>(
        [this](const CreateTopicsRequest& message, IncomingRequest& request, ResponseSlot slot) {
          seen_principal = request.context.connection->principal;
          seen_host = request.context.connection->peer.host;
          if (!is_active && slot.refuse_envelope(ErrorCode::NOT_CONTROLLER)) return;
          CreateTopicsResponse response;
          response.throttle_time_ms = message.timeout_ms + 1;
          slot.respond(response);
        });
    broker_handlers.on<CreateTopicsRequest>(
        [this](const CreateTopicsRequest&, IncomingRequest& request, ResponseSlot slot) {
          wire::Arena arena;
          const auto reply = to_controller->call(make_envelope(request, arena), env.after(seconds(1)));
          ASSERT_TRUE(reply.ok()) << to_string(reply.error());
          verdict = take_envelope(**reply, slot);
          if (verdict == EnvelopeVerdict::retry) slot.close_connection("retry");
        });
  }

  std::unique_ptr<RpcServer> start(const char* host, ListenerKind kind, Dispatcher& handlers) {
    RpcServerConfig config;
    config.bind = {host, 0};
    config.kind = kind;
    auto server = std::make_unique<RpcServer>(env, config, handlers);
    EXPECT_TRUE(server->start().ok());
    return server;
  }
  std::unique_ptr<RpcConnection> connect(const RpcServer& server) {
    RpcClientConfig config;
    config.ask_versions = false;
    return RpcConnection::open(env, server.local(), config, env.after(seconds(1))).value();
  }

  HandlerTable controller_handlers;
  HandlerTable broker_handlers;
  std::unique_ptr<RpcConnection> to_controller;
  std::string seen_principal;
  std::string seen_host;
  bool is_active = true;
  EnvelopeVerdict verdict = EnvelopeVerdict::closed;
};

TEST_F(EnvelopeTest, TheClientGetsTheControllersAnswerInItsOwnVersion) {
  run([&] {
    const auto controller = start("controller", ListenerKind::controller, controller_handlers);
    const auto broker = start("broker", ListenerKind::broker, broker_handlers);
    to_controller = connect(*controller);
    const auto client = connect(*broker);
    CreateTopicsRequest request;
    request.timeout_ms = 41;
    for (int16_t version = CreateTopicsRequest::kMinVersion; version <= CreateTopicsRequest::kMaxVersion;
         ++version) {
      const auto reply = client->call(request, env.after(seconds(1)), version);
      ASSERT_TRUE(reply.ok()) << to_string(reply.error());
      EXPECT_EQ((*reply)->throttle_time_ms, 42);
      EXPECT_EQ(verdict, EnvelopeVerdict::answered);
    }
    EXPECT_EQ(seen_principal, "User:ANONYMOUS");
    EXPECT_EQ(seen_host, "0.0.0.0");
    is_active = false;
    EXPECT_FALSE(client->call(request, env.after(seconds(1))).ok());
    EXPECT_EQ(verdict, EnvelopeVerdict::retry);
    broker->stop();
    controller->stop();
  });
}

TEST_F(EnvelopeTest, WhatMayNotBeForwardedIsRefused) {
  controller_handlers.on<wire::MetadataRequest>(
      [](const wire::MetadataRequest&, IncomingRequest&, ResponseSlot) { ADD_FAILURE() << "must not run"; });
  run([&] {
    const auto controller = start("controller", ListenerKind::controller, controller_handlers);
    to_controller = connect(*controller);
    const ByteBuffer principal = encode_principal("User:alice");
    const uint8_t address[4] = {10, 0, 0, 255};
    const auto ask = [&](int16_t api_key, int16_t version, Bytes principal_bytes) {
      wire::Writer w;
      w.i16(api_key);
      w.i16(version);
      w.i32(1);
      w.i16(-1);
      EnvelopeRequest envelope;
      envelope.request_data = w.bytes();
      envelope.request_principal = principal_bytes;
      envelope.client_host_address = address;
      const auto reply = to_controller->call(envelope, env.after(seconds(1)));
      EXPECT_TRUE(reply.ok());
      EXPECT_FALSE((*reply)->response_data.has_value());
      return error_code_of((*reply)->error_code);
    };
    EXPECT_EQ(ask(3, 4, principal), ErrorCode::INVALID_REQUEST);
    EXPECT_EQ(ask(19, 99, principal), ErrorCode::UNSUPPORTED_VERSION);
    EXPECT_EQ(ask(4, 0, principal), ErrorCode::UNSUPPORTED_VERSION);
    EXPECT_EQ(ask(19, 2, principal), ErrorCode::UNSUPPORTED_VERSION);  // its body is missing
    EXPECT_EQ(ask(19, 2, as_bytes("?")), ErrorCode::PRINCIPAL_DESERIALIZATION_FAILURE);
    controller->stop();
  });
}

TEST(Principal, IsKafkasDefaultPrincipalDataBehindItsVersion) {
  const ByteBuffer bytes = encode_principal("User:al");
  EXPECT_EQ(to_hex(bytes),
            "0000"
            "0555736572"
            "03616c"
            "00"
            "00");
  EXPECT_EQ(decode_principal(bytes), "User:al");
  EXPECT_FALSE(decode_principal(Bytes(bytes).first(6)).has_value());
}

}  // namespace
}  // namespace ksim::rpc
