// The same server and client over real sockets and files.

#include <filesystem>

#include <gtest/gtest.h>

#include "core/io/linux/linux_env.h"
#include "core/rpc/api_versions.h"
#include "core/rpc/connection.h"
#include "core/rpc/server.h"
#include "core/wire/messages/fetch.h"
#include "core/wire/messages/metadata.h"

namespace ksim::rpc {
namespace {

class RpcLinuxTest : public testing::Test {
 protected:
  RpcLinuxTest() {
    std::string name = (std::filesystem::temp_directory_path() / "ksim-rpc-XXXXXX").string();
    root = ::mkdtemp(name.data());
  }
  ~RpcLinuxTest() override { std::filesystem::remove_all(root); }

  template <class Body>
  void run(Body body) {
    LinuxOptions options;
    options.root = root.string();
    options.file_threads = 2;
    options.on_failure = [](const Fiber& fiber, std::string_view what) {
      ADD_FAILURE() << "fiber " << fiber.name() << ": " << what;
    };
    LinuxNode::create(std::move(options)).value()->run([&](Env& env) { body(env); });
  }
  std::filesystem::path root;
};

TEST_F(RpcLinuxTest, CallsAndFilesOverLoopback) {
  run([](Env& env) {
    const FileRef file = env.disk.open("segment", Open::create_new).value();
    ByteBuffer content(3'000'000);
    for (size_t i = 0; i < content.size(); ++i) content[i] = static_cast<uint8_t>(i * 31 + i / 251);
    ASSERT_TRUE(write_fully(*file, 0, content).ok());
    HandlerTable handlers;
    handlers.on<wire::ApiVersionsRequest>(
        [&](const wire::ApiVersionsRequest&, IncomingRequest& request, ResponseSlot slot) {
          wire::ApiVersionsResponse response;
          response.api_keys = served_versions(handlers, ListenerKind::broker, request.arena);
          slot.respond(response);
        });
    handlers.on<wire::FetchRequest>([&](const wire::FetchRequest&, IncomingRequest&, ResponseSlot slot) {
      FileTable files;
      wire::FetchResponsePartitionData partition;
      partition.records = files.add({{file, 1000, 2'000'000}, {file, 5, 10}});
      wire::FetchableTopicResponse topic;
      topic.partitions = {&partition, 1};
      wire::FetchResponse response;
      response.responses = {&topic, 1};
      slot.respond(response, std::move(files));
    });
    handlers.on<wire::MetadataRequest>(
        [](const wire::MetadataRequest& message, IncomingRequest&, ResponseSlot slot) {
          wire::MetadataResponse response;
          response.controller_id = static_cast<int32_t>(message.topics->size());
          slot.respond(response);
        });
    RpcServerConfig config;
    config.bind = {"127.0.0.1", 0};
    RpcServer server(env, config, handlers);
    ASSERT_TRUE(server.start().ok());
    const auto client = RpcConnection::open(env, server.local(), {}, env.after(seconds(20))).value();

    const auto fetched = client->call(wire::FetchRequest{}, env.after(seconds(20)));
    ASSERT_TRUE(fetched.ok()) << to_string(fetched.error());
    ByteBuffer expected(2'000'010);
    std::copy_n(content.begin() + 1000, 2'000'000, expected.begin());
    std::copy_n(content.begin() + 5, 10, expected.begin() + 2'000'000);
    EXPECT_TRUE(equal((*fetched)->responses[0].partitions[0].records.bytes, expected));

    std::vector<int32_t> answers;
    Condition answered(env.scheduler);
    const std::string name(1000, 'n');
    for (size_t i = 0; i < 50; ++i) {
      std::vector<wire::MetadataRequestTopic> topics(i * 10);
      for (auto& topic : topics) topic.name = name;
      wire::MetadataRequest request;
      request.topics = topics;
      client->send(request, env.after(seconds(20)), [&](Result<Reply<wire::MetadataResponse>> reply) {
        ASSERT_TRUE(reply.ok()) << to_string(reply.error());
        answers.push_back((*reply)->controller_id);
        answered.notify_all();
      });
    }
    while (answers.size() < 50) ASSERT_TRUE(answered.wait(env.after(seconds(20))));
    for (size_t i = 0; i < 50; ++i) EXPECT_EQ(answers[i], static_cast<int32_t>(i * 10));
    client->close();
    server.stop();
  });
}

}  // namespace
}  // namespace ksim::rpc
