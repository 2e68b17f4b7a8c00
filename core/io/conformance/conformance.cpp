#include "core/io/conformance/conformance.h"

#include <gtest/gtest.h>

namespace ksim::conformance {
namespace {

class PromiseTest : public testing::Test {
 public:
  PromiseTest(Promise promise, WorldFactory factory)
      : promise_(std::move(promise)), factory_(std::move(factory)) {}
  void TestBody() override {
    const std::unique_ptr<World> world = factory_();
    ASSERT_NE(world, nullptr);
    promise_.check(*world);
  }

 private:
  Promise promise_;
  WorldFactory factory_;
};

}  // namespace

void register_promises(const std::string& suite, const WorldFactory& factory) {
  std::vector<Promise> all;
  for (auto promises : {disk_promises(), network_promises(), shard_promises()}) {
    all.insert(all.end(), promises.begin(), promises.end());
  }
  for (const Promise& promise : all) {
    testing::RegisterTest(
        suite.c_str(), promise.name.c_str(), nullptr, nullptr, __FILE__, __LINE__,
        [promise, factory]() -> testing::Test* { return new PromiseTest(promise, factory); });
  }
}

std::function<void(World&)> on_one_node(std::function<void(Env&)> body) {
  return [body = std::move(body)](World& world) { world.run({body}); };
}

std::function<void(World&)> connected(EndBody server, EndBody client) {
  return [server = std::move(server), client = std::move(client)](World& world) {
    uint16_t port = 0;
    bool ran[2] = {false, false};
    world.run({[&](Env& env) {
                 auto listener = env.network.listen({world.host(0), 0});
                 ASSERT_TRUE(listener.ok()) << to_string(listener.error());
                 port = (*listener)->local().port;
                 auto connection = (*listener)->accept(eventually(env));
                 ASSERT_TRUE(connection.ok()) << to_string(connection.error());
                 server(env, **connection);
                 (*connection)->close();
                 ran[0] = true;
               },
               [&](Env& env) {
                 while (port == 0) env.sleep(milliseconds(1));
                 auto connection = env.network.connect({world.host(0), port}, "test", eventually(env));
                 ASSERT_TRUE(connection.ok()) << to_string(connection.error());
                 client(env, **connection);
                 (*connection)->close();
                 ran[1] = true;
               }});
    EXPECT_TRUE(ran[0] && ran[1]);
  };
}

ByteBuffer pattern(size_t size_bytes, uint32_t seed) {
  ByteBuffer bytes(size_bytes);
  uint32_t state = seed * 2654435761U + 1;
  for (uint8_t& byte : bytes) {
    state = state * 1664525U + 1013904223U;
    byte = static_cast<uint8_t>(state >> 24);
  }
  return bytes;
}

ByteBuffer read_to_end(Env& env, Connection& connection, IoError* error) {
  ByteBuffer all;
  ByteBuffer part(5000);
  for (;;) {
    const IoResult<size_t> n = connection.read_some(part, eventually(env));
    if (!n.ok()) {
      if (error != nullptr) {
        *error = n.error();
      } else {
        ADD_FAILURE() << "reading to the end: " << to_string(n.error());
      }
      return all;
    }
    if (*n == 0) return all;
    all.insert(all.end(), part.begin(), part.begin() + static_cast<std::ptrdiff_t>(*n));
  }
}

}  // namespace ksim::conformance
